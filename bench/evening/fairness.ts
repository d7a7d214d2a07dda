import { percentileOf } from '../../simulator/client/latencies';
import type { AssignmentRow, DeliveryRow, Rows } from './record';

/** How long the orders of the bad minutes waited for their first driver, or in vain, in seconds. */
export type Fairness = {
  orders: number;
  medianWaitS: number | null;
  p90WaitS: number | null;
  longestWaitS: number | null;
  /** The longest wait divided by the median. */
  longestByMedian: number | null;
  /** Orders by the highest escalation level that they reached. */
  byLevel: Record<0 | 1 | 2 | 3, number>;
  noDriver: number;
  /** Without a driver when the run ended. */
  leftWaiting: number;
};

/**
 * @param before only of orders placed before (epoch ms)
 * @param endedAt the end of the run, epoch ms
 */
export function fairnessOf(
  { deliveries, assignments }: Pick<Rows, 'deliveries' | 'assignments'>,
  { before, endedAt }: { before: number; endedAt: number },
): Fairness {
  const orders = deliveries.filter(({ createdAt }) => createdAt < before);
  const found = firstDriverAt(assignments);
  const waits = orders.map(
    ({ deliveryId, createdAt, closedAt }) => (found.get(deliveryId) ?? closedAt ?? endedAt) - createdAt,
  );
  const [median, longest] = [percentileOf(waits, 50), percentileOf(waits, 100)];
  const level = (wanted: number): number => orders.filter((order) => order.level === wanted).length;
  return {
    orders: orders.length,
    medianWaitS: seconds(median),
    p90WaitS: seconds(percentileOf(waits, 90)),
    longestWaitS: seconds(longest),
    longestByMedian: median === null || longest === null || median === 0 ? null : rounded(longest / median),
    byLevel: { 0: level(0), 1: level(1), 2: level(2), 3: level(3) },
    noDriver: orders.filter(({ reason }) => reason === 'NO_DRIVER').length,
    leftWaiting: orders.filter((order) => isLeftWaiting(order, found)).length,
  };
}

function firstDriverAt(assignments: readonly AssignmentRow[]): Map<string, number> {
  const first = new Map<string, number>();
  for (const { deliveryId, startedAt } of assignments)
    first.set(deliveryId, Math.min(startedAt, first.get(deliveryId) ?? Infinity));
  return first;
}

function isLeftWaiting({ deliveryId, closedAt }: DeliveryRow, found: ReadonlyMap<string, number>): boolean {
  return closedAt === null && !found.has(deliveryId);
}

const rounded = (value: number): number => Math.round(value * 10) / 10;
const seconds = (ms: number | null): number | null => (ms === null ? null : rounded(ms / 1_000));
