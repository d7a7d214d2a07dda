/** A trip of the matcher in the route of a driver with work. docs/behaviour.md#matching. */

import { insertDelivery, timeRoute, type TimedStop } from './insertion';
import { promisedStops } from './promise';
import type { MatchDriver, MatchRoute, Travel } from './round';
import type { Trip } from './trips';
import type { MatchWeights } from './weights';

/** What the trip does to the route. Instants are epoch ms, durations ms. */
export type TripInRoute = {
  /** When the driver is at the pickup, and when they have the first parcel of it. */
  arriveAt: number;
  pickAt: number;
  /** When the customers of the trip have theirs after that, in its order. */
  dropAfterMs: readonly number[];
  /** By how much later the route ends. */
  extraMs: number;
  /** By how much later the other customers of the route have theirs, together. */
  othersLaterMs: number;
};

/**
 * Puts the deliveries of a trip into the route one after another, where each costs the least; null where they do not
 * fit, or somebody would get theirs too late.
 */
export function tripInRoute<Place>(
  { deliveries }: Trip<Place>,
  driver: MatchDriver<Place>,
  { stops: planned, capacity, maxExtraMs }: MatchRoute<Place>,
  { now, travel, weights }: { now: number; travel: Travel<Place>; weights: MatchWeights },
): TripInRoute | null {
  const travelMs = (from: Place, to: Place): number => travel(from, to, driver.vehicle);
  const start = { place: driver.place, freeAt: Math.max(now, driver.freeAt), capacity };
  const before = timeRoute({ ...start, stops: planned }, travelMs);
  let stops: readonly TimedStop<Place>[] = before;
  let extraMs = 0;
  for (const delivery of deliveries) {
    const inserted = promisedStops(delivery, start, { ...weights, travelMs, maxExtraMs });
    const found = insertDelivery({ ...start, stops }, inserted, travelMs, maxExtraMs);
    if ('refused' in found) return null;
    stops = found.stops;
    extraMs += found.extraMs;
  }
  const first = deliveries[0]?.deliveryId;
  const pick = stops.find(({ kind, deliveryId }) => kind === 'PICKUP' && deliveryId === first);
  if (!pick) return null;
  const dropAt = new Map(
    stops.flatMap(({ kind, deliveryId, doneAt }) => (kind === 'DROPOFF' ? [[deliveryId, doneAt]] : [])),
  );
  const laterMs = ({ kind, deliveryId, doneAt }: TimedStop<Place>): number =>
    kind === 'DROPOFF' ? (dropAt.get(deliveryId) ?? doneAt) - doneAt : 0;
  return {
    arriveAt: pick.arrivesAt,
    pickAt: pick.doneAt,
    dropAfterMs: deliveries.map(({ deliveryId }) => (dropAt.get(deliveryId) ?? Infinity) - pick.doneAt),
    extraMs,
    othersLaterMs: before.reduce((sum, stop) => sum + laterMs(stop), 0),
  };
}
