/** Trips that a driver may be asked for: one delivery, or several of one pickup. docs/behaviour.md#matching. */

import type { VehicleKind } from '../driver/vehicles';
import type { MatchDelivery, Travel } from './round';
import { ordersOf } from './tripRoute';
import type { MatchWeights } from './weights';

/** Deliveries of one pickup that one driver takes together, in the order of their dropoffs. */
export type Trip<Place> = {
  deliveries: readonly MatchDelivery<Place>[];
  /** When all of it is ready. */
  readyAt: number;
};

/**
 * The way of a trip with a vehicle, all times counted from the pickup: each dropoff, each dropoff if it were the only
 * one, and the end.
 */
export type TripTimes = { dropAfterMs: readonly number[]; directMs: readonly number[]; endAfterMs: number };

export function tripOf<Place>(deliveries: readonly MatchDelivery<Place>[]): Trip<Place> {
  return { deliveries, readyAt: Math.max(...deliveries.map(({ readyAt }) => readyAt)) };
}

export function tripTimes<Place>(
  { deliveries }: Trip<Place>,
  vehicle: VehicleKind,
  travel: Travel<Place>,
  { pickupStopMs, dropoffStopMs }: MatchWeights,
): TripTimes {
  const dropAfterMs: number[] = [];
  const directMs: number[] = [];
  let after = pickupStopMs / 2;
  let from: Place | undefined;
  for (const { pickup, dropoff } of deliveries) {
    const direct = travel(pickup.place, dropoff.place, vehicle);
    directMs.push(pickupStopMs / 2 + direct + dropoffStopMs / 2);
    after += (from === undefined ? direct : travel(from, dropoff.place, vehicle)) + dropoffStopMs / 2;
    dropAfterMs.push(after);
    after += dropoffStopMs / 2;
    from = dropoff.place;
  }
  return { dropAfterMs, directMs, endAfterMs: after };
}

/**
 * The two trips as one, its dropoffs in the order that is best for the customers together; null where they may not go
 * together: another pickup, too many, or a customer who would wait too long for the sake of the other.
 * @param earliestPickAt no pickup comes before it
 */
export function joinTrips<Place>(
  a: Trip<Place>,
  b: Trip<Place>,
  {
    travel,
    weights,
    earliestPickAt,
  }: { travel: Travel<Place>; weights: MatchWeights; earliestPickAt: number },
): Trip<Place> | null {
  const [first, second] = [a.deliveries[0], b.deliveries[0]];
  if (!first || !second || first.pickup.key !== second.pickup.key) return null;
  const deliveries = [...a.deliveries, ...b.deliveries];
  if (deliveries.length > weights.maxBundle) return null;
  const pickAt = Math.max(earliestPickAt, a.readyAt, b.readyAt);
  let best: { trip: Trip<Place>; sum: number } | null = null;
  for (const order of ordersOf(deliveries)) {
    const trip = tripOf(order);
    const { dropAfterMs, directMs } = tripTimes(trip, 'CAR', travel, weights);
    const extras = order.map(
      ({ readyAt }, at) =>
        pickAt - Math.max(earliestPickAt, readyAt) + (dropAfterMs[at] ?? 0) - (directMs[at] ?? 0),
    );
    if (Math.max(...extras) > weights.bundleExtraMs) continue;
    const sum = extras.reduce((total, each) => total + each, 0);
    if (best === null || sum < best.sum) best = { trip, sum };
  }
  return best?.trip ?? null;
}
