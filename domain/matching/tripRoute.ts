/** The stops of several deliveries that one driver takes, in the order of the route. docs/behaviour.md#trips. */

import { type RouteStop, timeRoute, type TimedStop } from './insertion';
import { type MatchStop } from './round';

/** A delivery of a trip that is offered. `readyAt`: epoch ms. */
export type TripDelivery<Place> = {
  deliveryId: string;
  pickup: MatchStop<Place>;
  dropoff: MatchStop<Place>;
  readyAt: number;
};

/** Where and when the driver sets out, how long they take from place to place, and how long a visit takes, in ms. */
export type TripStart<Place> = {
  place: Place;
  freeAt: number;
  travelMs: (from: Place, to: Place) => number;
  pickupVisitMs: number;
  dropoffVisitMs: number;
};

/**
 * All pickups first, in the order that ends soonest, then the dropoffs in the order of the deliveries.
 * @param deliveries few: all orders of their pickups are compared
 */
export function tripRoute<Place>(
  deliveries: readonly TripDelivery<Place>[],
  { place, freeAt, travelMs, pickupVisitMs, dropoffVisitMs }: TripStart<Place>,
): TimedStop<Place>[] {
  const dropoffs = deliveries.map(({ deliveryId, dropoff }): RouteStop<Place> => ({
    ...{ deliveryId, kind: 'DROPOFF', ...dropoff, visitMs: dropoffVisitMs },
    promisedAt: Infinity,
  }));
  const pickups = deliveries.map(({ deliveryId, pickup, readyAt }): RouteStop<Place> => ({
    ...{ deliveryId, kind: 'PICKUP', ...pickup, visitMs: pickupVisitMs },
    readyAt,
  }));
  const start = { place, freeAt, capacity: deliveries.length };
  const routes = ordersOf(pickups).map((order) =>
    timeRoute({ ...start, stops: [...order, ...dropoffs] }, travelMs),
  );
  return routes.reduce((best, route) => (endOf(route) < endOf(best) ? route : best), routes[0] ?? []);
}

function endOf(route: readonly TimedStop<unknown>[]): number {
  return route.at(-1)?.leavesAt ?? 0;
}

/** All orders of a few items. */
export function ordersOf<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, at) =>
    ordersOf(items.filter((_, other) => other !== at)).map((rest) => [item, ...rest]),
  );
}
