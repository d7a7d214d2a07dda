/**
 * One real assignment of the system: minute of the day, courier and order.
 */
export type PlanRow = { assignedMinute: number; courierId: string; orderId: string };

/** The plan in the format of mdrp_evaluate.py, sorted by time. */
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
 * Rounds up to a hundredth, as in the plan, so an assignment never precedes its cause.
 */
export function planMinute(minute: number): number {
  return Math.ceil(minute * 100) / 100;
}
