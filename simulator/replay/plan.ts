/**
 * One assignment as the system really made it: when (minute of the day), to which courier, of which order.
 */
export type PlanRow = { assignedMinute: number; courierId: string; orderId: string };

/** The plan as mdrp_evaluate.py reads it, by time. */
export function planCsv(rows: readonly PlanRow[]): string {
  const sorted = [...rows].sort(
    (a, b) => a.assignedMinute - b.assignedMinute || (a.orderId < b.orderId ? -1 : 1),
  );
  const lines = sorted.map(
    ({ assignedMinute, courierId, orderId }) => `${assignedMinute.toFixed(2)},${courierId},${orderId}`,
  );
  return ['assigned_at,courier,orders', ...lines, ''].join('\n');
}

/**
 * As the plan tells it: rounded up to a hundredth, so that an assignment never comes before what caused it.
 */
export function planMinute(minute: number): number {
  return Math.ceil(minute * 100) / 100;
}
