/** Invariant 4 where the drivers of a city are matched at once (ADR 52): rounds come while deliveries wait. Pure. */
import type { Switched } from './featureRules';
import type { OpenDelivery, Snapshot } from './snapshot';
import type { PendingViolation } from './violation';

/** Whether the city's matching looks for the driver. It makes offers, so it needs them to be on. */
export function isMatched(features: Switched, delivery: OpenDelivery): boolean {
  return features.isOn('batch_matching', delivery) && features.isOn('driver_offers', delivery);
}

/** When ops switched one of both last, in epoch ms; -Infinity = never. */
export function matchingSwitchedAt(features: Switched): number {
  return Math.max(features.switchedAt('batch_matching'), features.switchedAt('driver_offers'));
}

/**
 * A delivery that waits for its city's matching has a round within the net, or searches by itself and calls for one:
 * so rounds come again soon, whatever became of their owner.
 */
export function roundViolations(
  { open, cities }: Pick<Snapshot, 'open' | 'cities'>,
  features: Switched,
  netMs: number,
  now: number,
): PendingViolation[] {
  const waiting = open.filter(
    (each) => each.status === 'SEARCHING' && each.heldReason === null && isMatched(features, each),
  );
  return cities.flatMap(({ cityId, matchedAt }) => {
    const [oldest] = waiting
      .filter((each) => each.cityId === cityId)
      .sort((one, other) => one.statusSince - other.statusSince);
    if (!oldest) return [];
    const waitsSince = Math.max(oldest.statusSince, matchingSwitchedAt(features));
    const since = Math.max(waitsSince, matchedAt ?? -Infinity) + netMs;
    if (since > now) return [];
    const last =
      matchedAt === null ? 'has ever ended' : `has ended since ${new Date(matchedAt).toISOString()}`;
    return [
      {
        invariant: 4,
        what: `the delivery waits for the matching of ${cityId}, of which no round ${last}`,
        deliveryId: oldest.deliveryId,
        driverId: null,
        key: `rounds ${cityId} ${matchedAt}`,
        since,
      },
    ];
  });
}
