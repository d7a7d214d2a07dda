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

/** The net of a delivery itself is so many times longer than the time in which the sweep finds that no round comes. */
const OWN_NET_FACTOR = 10;
/** The sweep acts a little early, so that the search begins within the promised time. */
const SWEPT_AFTER = 0.75;

/** @param netMs how long a delivery waits for a round */
export function ownSearch(
  { status, statusSince, matchedAt }: Waiting,
  now: number,
  netMs: number,
): OwnSearch {
  const sweptBefore = now - SWEPT_AFTER * netMs;
  if (status === 'PENDING' || statusSince > sweptBefore) return 'IF_PLENTY';
  return matchedAt !== null && matchedAt > sweptBefore ? 'NOT' : 'YES';
}

/** A delivery that left its search to the matching: when it would search by itself, if nothing else did (epoch ms). */
export type WaitingLong = { searchAgainAt: number; matchedAt: number | null; isMatched: boolean };

/** How long (ms) a delivery waits until it searches by itself, even if no sweep wakes it. */
export function ownNetMs(netMs: number): number {
  return OWN_NET_FACTOR * netMs;
}

/**
 * Whether a waiting delivery must be woken: the feature is off for it, or its city has had no round for most of `netMs`
 * and the delivery has not searched by itself as lately.
 */
export function needsNet(
  { searchAgainAt, matchedAt, isMatched }: WaitingLong,
  now: number,
  netMs: number,
): boolean {
  if (!isMatched) return true;
  const sweptBefore = now - SWEPT_AFTER * netMs;
  const waitsSince = searchAgainAt - ownNetMs(netMs);
  return waitsSince <= sweptBefore && (matchedAt === null || matchedAt <= sweptBefore);
}

/** Fewer drivers may be asked than deliveries want one: who gets whom is for the round. */
export function isScarce(askable: number, othersWaiting: number): boolean {
  return askable > 0 && askable <= othersWaiting;
}
