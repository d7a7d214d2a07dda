/** Whether a delivery waits for a driver, and how long it has. docs/behaviour.md#acts-on-a-zone. */

import type { DeliveryFacts } from './deliveryState';
import { unassignedMs } from './unassignedClock';

type Waiting = Pick<DeliveryFacts, 'status' | 'searchAt'>;

/** Its search has begun or is due, and nobody has it. Also while a driver is asked, or ops are to decide. */
export function isWaiting({ status, searchAt }: Waiting, now: number): boolean {
  switch (status) {
    case 'SEARCHING':
    case 'OFFERED':
      return true;
    case 'PENDING':
      return searchAt <= now;
    case 'ASSIGNED':
    case 'AT_PICKUP':
    case 'PICKED_UP':
    case 'AT_DROPOFF':
    case 'DELIVERED':
    case 'CANCELLED':
    case 'FAILED':
    case 'RETURNING':
    case 'RETURNED':
      return false;
  }
}

/** Its search goes on by itself: no driver is asked, and ops are not to decide. */
export function isSearching({ status, heldReason }: Pick<DeliveryFacts, 'status' | 'heldReason'>): boolean {
  return status === 'SEARCHING' && heldReason === null;
}

/** In ms, over all its searches. Before its first search: since that was due. */
export function waitedMs(
  { status, searchAt, clock }: Waiting & Pick<DeliveryFacts, 'clock'>,
  now: number,
): number {
  return status === 'PENDING' ? Math.max(0, now - searchAt) : unassignedMs(clock, now);
}
