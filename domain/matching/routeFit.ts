/** How one more delivery fits into the route of a driver with work. docs/behaviour.md#routes. */

import { planRoute, type RouteModel, type WorkingDriver } from '../driver/route';
import type { Point } from '../geo/places';
import { insertDelivery, type RouteStop } from './insertion';
import { type MoreWork, promisedStops } from './promise';

/** Where and when a driver can turn to other stops: those where they have arrived come first. */
export type OpenRoute = {
  place: Point;
  freeAt: number;
  capacity: number;
  /** How many stops are begun. */
  begun: number;
  stops: readonly RouteStop<Point>[];
};

/**
 * The time until the driver is at the pickup, and how many stops of theirs come before; or why it does not fit:
 * `TOO_LATE` = a customer, of theirs or of this delivery, would get it later than the limit allows.
 */
export type RouteFit = { toPickupMs: number; stopsBefore: number } | 'NO_ROOM' | 'TOO_LATE';

/** The route of a driver with work, from where they are free to choose. */
export function openRoute(driver: WorkingDriver, model: RouteModel): OpenRoute {
  const planned = planRoute(driver, model);
  const begunStops = planned.filter(({ isBegun }) => isBegun);
  const begun = begunStops.at(-1);
  return {
    begun: begunStops.length,
    place: begun?.place ?? driver.place ?? planned[0]?.place ?? { lat: 0, lng: 0 },
    freeAt: begun?.leavesAt ?? model.now,
    capacity: driver.capacity,
    stops: planned.filter(({ isBegun }) => !isBegun),
  };
}

export function fitIntoRoute(driver: WorkingDriver, delivery: MoreWork<Point>, model: RouteModel): RouteFit {
  const { travelMs, visitMs, maxExtraMs, now } = model;
  const route = openRoute(driver, model);
  const pace = { travelMs, pickupStopMs: visitMs, dropoffStopMs: visitMs, maxExtraMs };
  const found = insertDelivery(route, promisedStops(delivery, route, pace), travelMs, maxExtraMs);
  if ('refused' in found) return found.refused;
  const at = found.stops.findIndex(({ deliveryId }) => deliveryId === delivery.deliveryId);
  return { toPickupMs: (found.stops[at]?.arrivesAt ?? now) - now, stopsBefore: at + route.begun };
}
