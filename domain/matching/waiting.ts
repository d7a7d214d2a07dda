/**
 * Who looks for the driver of a delivery where the drivers of its city are matched at once: its own search, or the
 * next round. docs/behaviour.md#matching.
 */

import type { DeliveryStatus } from '../delivery/status';

/** Since when it has its status, and when the last round of its city ended; null = none did. Epoch ms. */
export type Waiting = { status: DeliveryStatus; statusSince: number; matchedAt: number | null };

/**
 * IF_PLENTY: it has just begun to wait, so its search takes the best driver at once, unless others want them too.
 * NOT: rounds come. YES: none came for so long that it searches as if there were none.
 */
export type OwnSearch = 'IF_PLENTY' | 'NOT' | 'YES';

/** @param netMs how long a delivery waits for a round */
export function ownSearch(
  { status, statusSince, matchedAt }: Waiting,
  now: number,
  netMs: number,
): OwnSearch {
  if (status === 'PENDING' || now - statusSince < netMs) return 'IF_PLENTY';
  return matchedAt !== null && now - matchedAt < netMs ? 'NOT' : 'YES';
}

/** Fewer drivers may be asked than deliveries want one: who gets whom is for the round. */
export function isScarce(askable: number, othersWaiting: number): boolean {
  return askable > 0 && askable <= othersWaiting;
}
