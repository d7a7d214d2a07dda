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
  const count = route.stops.length;
  const drive = new Drive(
    route,
    [...route.stops, delivery.pickup, delivery.dropoff],
    travelMs,
    maxLatenessMs,
  );
  const endsBefore = drive.allow(count);
  const loads = loadsOf(route.stops);
  let best: Insert | null = null;
  let nearest: { deliveryId: string; byMs: number } | null = null;
  for (let pickAt = 0; pickAt <= count; pickAt++) {
    for (let dropAt = pickAt; dropAt <= count; dropAt++) {
      if ((loads[dropAt] ?? 0) >= route.capacity) break;
      drive.through(pickAt, dropAt);
      const { excessMs, endsAt, arrivals } = drive;
      if (excessMs > 0) {
        if (nearest === null || excessMs < nearest.byMs)
          nearest = { deliveryId: drive.latest, byMs: excessMs };
      } else if (
        best === null ||
        endsAt < best.endsAt ||
        (endsAt === best.endsAt && arrivals < best.arrivals)
      )
        best = { pickAt, dropAt, endsAt, arrivals };
    }
  }
  if (best === null) return nearest === null ? { refused: 'NO_ROOM' } : { refused: 'TOO_LATE', ...nearest };
  const stops = timed(route, withBoth(route.stops, delivery, best), travelMs);
  return {
    stops,
    extraMs: best.endsAt - endsBefore,
    latenessMs: Object.fromEntries(
      stops.flatMap((stop) =>
        stop.kind === 'DROPOFF' ? [[stop.deliveryId, Math.max(0, stop.doneAt - stop.promisedAt)]] : [],
      ),
    ),
  };
}

/** Where the two stops go, counted in the stops of the old route, and what that gives. */
type Insert = { pickAt: number; dropAt: number; endsAt: number; arrivals: number };

function withBoth<Place>(
  stops: readonly RouteStop<Place>[],
  { pickup, dropoff }: InsertedDelivery<Place>,
  { pickAt, dropAt }: Pick<Insert, 'pickAt' | 'dropAt'>,
): RouteStop<Place>[] {
  return [...stops.slice(0, pickAt), pickup, ...stops.slice(pickAt, dropAt), dropoff, ...stops.slice(dropAt)];
}

/**
 * Drives many orders of the same stops: the last two of them are the pickup and the dropoff that are put in. A round
 * of a city drives millions, so nothing is allocated on the way, and each leg is looked up once.
 */
class Drive<Place> {
  /** Of the order driven last: by how much the latest delivery is over what it is allowed, and which that is. */
  excessMs = 0;
  latest = '';
  endsAt = 0;
  /** The sum of the instants at which the customers have their parcels. */
  arrivals = 0;
  private readonly legs: Float64Array;
  private readonly allowed: Float64Array;
  private last: number;
  private arrivesAt = 0;
  private doneAt = 0;

  constructor(
    private readonly start: DriverRoute<Place>,
    private readonly stops: readonly RouteStop<Place>[],
    private readonly travelMs: TravelMs<Place>,
    maxLatenessMs: number,
  ) {
    this.legs = new Float64Array(stops.length * (stops.length + 1)).fill(-1);
    this.allowed = new Float64Array(stops.length).fill(maxLatenessMs);
    this.last = stops.length;
  }

  /** Drives the first stops alone: a delivery that is later than the limit there may be as late. Returns the end. */
  allow(count: number): number {
    this.begin();
    for (let at = 0; at < count; at++) {
      this.visit(at);
      const stop = this.stops[at];
      if (stop?.kind === 'DROPOFF')
        this.allowed[at] = Math.max(this.allowed[at] ?? 0, this.doneAt - stop.promisedAt);
    }
    return this.endsAt;
  }

  through(pickAt: number, dropAt: number): void {
    const count = this.stops.length - 2;
    this.begin();
    for (let at = 0; at <= count; at++) {
      if (at === pickAt) this.visit(count);
      if (at === dropAt) this.visit(count + 1);
      if (at < count) this.visit(at);
    }
  }

  private begin(): void {
    this.last = this.stops.length;
    this.endsAt = this.start.freeAt;
    this.excessMs = -Infinity;
    this.arrivals = 0;
  }

  private visit(at: number): void {
    const stop = this.stops[at];
    if (!stop) return;
    if (this.stops[this.last]?.key !== stop.key) {
      this.arrivesAt = this.endsAt + this.legMs(this.last, at, stop.place);
      this.doneAt = this.arrivesAt + stop.visitMs / 2;
    }
    if (stop.kind === 'PICKUP') this.doneAt = Math.max(this.doneAt, stop.readyAt);
    else this.note(at, stop.deliveryId, stop.promisedAt);
    this.endsAt = this.doneAt + stop.visitMs / 2;
    this.last = at;
  }

  private note(at: number, deliveryId: string, promisedAt: number): void {
    const byMs = Math.max(0, this.doneAt - promisedAt) - (this.allowed[at] ?? 0);
    this.arrivals += this.doneAt;
    if (byMs <= this.excessMs) return;
    this.excessMs = byMs;
    this.latest = deliveryId;
  }

  /** From a stop, or from the start, which comes after the last of them. */
  private legMs(from: number, to: number, place: Place): number {
    const leg = from * this.stops.length + to;
    const known = this.legs[leg] ?? -1;
    if (known >= 0) return known;
    return (this.legs[leg] = this.travelMs(this.stops[from]?.place ?? this.start.place, place));
  }
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

/** How many parcels are on board before each stop, and after the last. */
function loadsOf(stops: readonly RouteStop<unknown>[]): number[] {
  const ofKind = (kind: RouteStop<unknown>['kind']): number =>
    stops.filter((stop) => stop.kind === kind).length;
  const loads = [ofKind('DROPOFF') - ofKind('PICKUP')];
  for (const { kind } of stops) loads.push((loads.at(-1) ?? 0) + (kind === 'PICKUP' ? 1 : -1));
  return loads;
}
