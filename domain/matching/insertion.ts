/**
 * Puts one more delivery into the route of a driver: its pickup and its dropoff go where they cost the least
 * time, and the stops that the driver already has keep their order. docs/behaviour.md#offers.
 */

/** A stop of a route. Stops with the same `key` are one place, such as the counter of one shop. */
export type RouteStop<Place> = {
  deliveryId: string;
  key: string;
  place: Place;
  /** How long the visit takes from arrival to leaving. The parcel changes hands in the middle. */
  visitMs: number;
} & ({ kind: 'PICKUP'; readyAt: number } | { kind: 'DROPOFF'; promisedAt: number });

/** What a driver has to do. A delivery without a pickup here is on board. */
export type DriverRoute<Place> = {
  /** Where and when the driver can set out for the first stop. */
  place: Place;
  freeAt: number;
  /** How many parcels can be on board at once. */
  capacity: number;
  stops: readonly RouteStop<Place>[];
};

/** A delivery that may be put into a route. */
export type InsertedDelivery<Place> = {
  pickup: Extract<RouteStop<Place>, { kind: 'PICKUP' }>;
  dropoff: Extract<RouteStop<Place>, { kind: 'DROPOFF' }>;
};

/** A stop with its times. `doneAt` is when the parcel changes hands. */
export type TimedStop<Place> = RouteStop<Place> & { arrivesAt: number; doneAt: number; leavesAt: number };

/** The new route, or why there is none. */
export type Insertion<Place> =
  | {
      stops: readonly TimedStop<Place>[];
      /** By how much later the route ends. */
      extraMs: number;
      /** How long after the promised time each delivery arrives; 0 = in time. */
      latenessMs: Readonly<Record<string, number>>;
    }
  | { refused: 'NO_ROOM' }
  /** `byMs` is how far over the limit the delivery would be, in the order of stops that comes nearest to it. */
  | { refused: 'TOO_LATE'; deliveryId: string; byMs: number };

/** Travel time in ms of this driver between two places. */
type TravelMs<Place> = (from: Place, to: Place) => number;
type Lateness = { deliveryId: string; lateMs: number };
type Option<Place> = { stops: readonly TimedStop<Place>[]; latenesses: readonly Lateness[] };
type Excess = { deliveryId: string; byMs: number };

/**
 * Inserts a delivery where the route ends the soonest; of such places, where the customers together wait least.
 * @param maxLatenessMs how late each delivery may be. One that is already later must not get later still
 */
export function insertDelivery<Place>(
  route: DriverRoute<Place>,
  delivery: InsertedDelivery<Place>,
  travelMs: TravelMs<Place>,
  maxLatenessMs: number,
): Insertion<Place> {
  const before = timed(route, route.stops, travelMs);
  const allowed = new Map(
    latenessesOf(before).map(({ deliveryId, lateMs }) => [deliveryId, Math.max(maxLatenessMs, lateMs)]),
  );
  const excessOf = (option: Option<Place>): Excess => greatestExcess(option, allowed, maxLatenessMs);

  const options = ordersWith(route, delivery).map((stops): Option<Place> => {
    const timedStops = timed(route, stops, travelMs);
    return { stops: timedStops, latenesses: latenessesOf(timedStops) };
  });
  const [first, ...others] = options;
  if (first === undefined) return { refused: 'NO_ROOM' };

  const [fitting, ...more] = options.filter((option) => excessOf(option).byMs <= 0);
  if (fitting === undefined) {
    const excesses = others.map(excessOf);
    return { refused: 'TOO_LATE', ...excesses.reduce((a, b) => (b.byMs < a.byMs ? b : a), excessOf(first)) };
  }
  const best = more.reduce((a, b) => (compareOptions(b, a) < 0 ? b : a), fitting);
  return {
    stops: best.stops,
    extraMs: endOf(best.stops, route) - endOf(before, route),
    latenessMs: Object.fromEntries(best.latenesses.map(({ deliveryId, lateMs }) => [deliveryId, lateMs])),
  };
}

/** The stops of a route with their times, as they are driven in this order without a needless wait. */
export function timeRoute<Place>(route: DriverRoute<Place>, travelMs: TravelMs<Place>): TimedStop<Place>[] {
  return timed(route, route.stops, travelMs);
}

function timed<Place>(
  { place, freeAt }: DriverRoute<Place>,
  stops: readonly RouteStop<Place>[],
  travelMs: TravelMs<Place>,
): TimedStop<Place>[] {
  const timedStops: TimedStop<Place>[] = [];
  let last: TimedStop<Place> | undefined;
  for (const stop of stops) {
    last =
      last?.key === stop.key
        ? sameVisit(stop, last)
        : nextVisit(stop, last ?? { place, leavesAt: freeAt }, travelMs);
    timedStops.push(last);
  }
  return timedStops;
}

function nextVisit<Place>(
  stop: RouteStop<Place>,
  from: { place: Place; leavesAt: number },
  travelMs: TravelMs<Place>,
): TimedStop<Place> {
  const arrivesAt = from.leavesAt + travelMs(from.place, stop.place);
  return exchanged(stop, arrivesAt, arrivesAt + stop.visitMs / 2);
}

/** A further parcel at the place where the driver is: no way, and no further time at the door. */
function sameVisit<Place>(stop: RouteStop<Place>, last: TimedStop<Place>): TimedStop<Place> {
  return exchanged(stop, last.arrivesAt, last.doneAt);
}

function exchanged<Place>(stop: RouteStop<Place>, arrivesAt: number, earliest: number): TimedStop<Place> {
  const doneAt = stop.kind === 'PICKUP' ? Math.max(earliest, stop.readyAt) : earliest;
  return { ...stop, arrivesAt, doneAt, leavesAt: doneAt + stop.visitMs / 2 };
}

/** All orders of the stops with the delivery in it, pickup first, that never overload the driver with it. */
function ordersWith<Place>(
  { stops, capacity }: DriverRoute<Place>,
  { pickup, dropoff }: InsertedDelivery<Place>,
): RouteStop<Place>[][] {
  const loads = loadsOf(stops);
  const orders: RouteStop<Place>[][] = [];
  for (let pickAt = 0; pickAt <= stops.length; pickAt++) {
    for (let dropAt = pickAt; dropAt <= stops.length; dropAt++) {
      if (loads.slice(pickAt, dropAt + 1).some((load) => load >= capacity)) break;
      orders.push([
        ...stops.slice(0, pickAt),
        pickup,
        ...stops.slice(pickAt, dropAt),
        dropoff,
        ...stops.slice(dropAt),
      ]);
    }
  }
  return orders;
}

/** How many parcels are on board before each stop, and after the last. */
function loadsOf(stops: readonly RouteStop<unknown>[]): number[] {
  const ofKind = (kind: RouteStop<unknown>['kind']): number =>
    stops.filter((stop) => stop.kind === kind).length;
  const loads = [ofKind('DROPOFF') - ofKind('PICKUP')];
  for (const { kind } of stops) loads.push((loads.at(-1) ?? 0) + (kind === 'PICKUP' ? 1 : -1));
  return loads;
}

function latenessesOf(stops: readonly TimedStop<unknown>[]): Lateness[] {
  return stops.flatMap((stop) =>
    stop.kind === 'DROPOFF'
      ? [{ deliveryId: stop.deliveryId, lateMs: Math.max(0, stop.doneAt - stop.promisedAt) }]
      : [],
  );
}

/** The delivery that is farthest over what it is allowed, or nearest to it. */
function greatestExcess(
  { latenesses }: Pick<Option<unknown>, 'latenesses'>,
  allowed: ReadonlyMap<string, number>,
  maxLatenessMs: number,
): Excess {
  return latenesses
    .map(({ deliveryId, lateMs }) => ({
      deliveryId,
      byMs: lateMs - (allowed.get(deliveryId) ?? maxLatenessMs),
    }))
    .reduce((a, b) => (b.byMs > a.byMs ? b : a));
}

function compareOptions(a: Option<unknown>, b: Option<unknown>): number {
  const ends = (a.stops.at(-1)?.leavesAt ?? 0) - (b.stops.at(-1)?.leavesAt ?? 0);
  return ends || arrivalsOf(a) - arrivalsOf(b);
}

/** The sum of the instants at which the customers have their parcels. */
function arrivalsOf({ stops }: Option<unknown>): number {
  return stops.reduce((sum, { kind, doneAt }) => (kind === 'DROPOFF' ? sum + doneAt : sum), 0);
}

function endOf(stops: readonly TimedStop<unknown>[], { freeAt }: DriverRoute<unknown>): number {
  return stops.at(-1)?.leavesAt ?? freeAt;
}
