import type { AssignmentRow, DeliveryRow, OfferRow, Rows } from './record';
import type { Timed } from './timedLatencies';

export type OfferEvidence = Rows & {
  /** When each order was sent and each offer reached its driver's socket, epoch ms by id. */
  sentAt: ReadonlyMap<string, number>;
  arrivals: ReadonlyMap<string, number>;
};

/**
 * As `bench latency` measures it: from sending an order to its first offer at a driver's socket. An offer
 * after a search that found nobody waited for a driver, not for the service; it is left out and counted.
 */
export function firstOffers({ offers, sentAt, arrivals }: OfferEvidence): { kept: Timed[]; waited: number } {
  const first = new Map<string, OfferRow>();
  for (const offer of offers) {
    const known = first.get(offer.deliveryId);
    if (!known || offer.createdAt < known.createdAt) first.set(offer.deliveryId, offer);
  }
  const kept: Timed[] = [];
  let waited = 0;
  for (const { offerId, deliveryId, round } of first.values()) {
    const [from, at] = [sentAt.get(deliveryId), arrivals.get(offerId)];
    if (round > 0) waited += 1;
    else if (from !== undefined && at !== undefined) kept.push({ at, ms: at - from });
  }
  return { kept, waited };
}

/**
 * From when both were free to the offer at the driver's socket: the delivery waited, and the driver had ended
 * their last offer or job. Left out: the first offer of each driver, and offers to drivers who still carry.
 */
export function offersOnceFree({ deliveries, offers, assignments, arrivals }: OfferEvidence): Timed[] {
  const [byDriver, byDelivery] = [
    grouped([...offers, ...assignments], ({ driverId }) => driverId),
    grouped([...offers, ...assignments], ({ deliveryId }) => deliveryId),
  ];
  const jobs = grouped(assignments, ({ driverId }) => driverId);
  const deliveryOf = new Map(deliveries.map((delivery) => [delivery.deliveryId, delivery]));
  return offers.flatMap(({ offerId, deliveryId, driverId, createdAt }) => {
    const at = arrivals.get(offerId);
    const driverFreeAt = lastEnd(byDriver.get(driverId), createdAt);
    const delivery = deliveryOf.get(deliveryId);
    if (at === undefined || driverFreeAt === null || !delivery) return [];
    if (jobs.get(driverId)?.some((job) => isCarried(job, createdAt))) return [];
    const since = Math.max(driverFreeAt, freeSince(delivery, byDelivery.get(deliveryId), createdAt));
    return [{ at, ms: Math.max(0, at - since) }];
  });
}

type Ending = { endedAt: number | null };

function freeSince(
  { createdAt, searchAt }: DeliveryRow,
  held: readonly Ending[] | undefined,
  before: number,
): number {
  return Math.max(createdAt, searchAt, lastEnd(held, before) ?? 0);
}

function lastEnd(held: readonly Ending[] | undefined, before: number): number | null {
  const ends = (held ?? []).flatMap(({ endedAt }) =>
    endedAt !== null && endedAt <= before ? [endedAt] : [],
  );
  return ends.length === 0 ? null : Math.max(...ends);
}

function isCarried({ startedAt, endedAt }: AssignmentRow, at: number): boolean {
  return startedAt <= at && (endedAt === null || endedAt > at);
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
