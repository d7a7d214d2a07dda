/**
 * The route of a driver with work: the stops that are left, in the best order, with their times. Pure.
 * Instants are epoch ms, durations ms. docs/behaviour.md#routes.
 */

import type { DeliveryStatus } from '../delivery/status';
import { type Point, stopAt, type TravelModel, travelEstimateMs } from '../geo/places';
import { insertDelivery, type RouteStop, timeRoute, type TimedStop } from '../matching/insertion';
import { withinWindow } from '../matching/promise';
import type { VehicleKind } from './vehicles';

/** What a driver has to do for one of their deliveries. */
export type RouteJob = {
  deliveryId: string;
  status: DeliveryStatus;
  readyAt: number;
  /** The end of the promised window; null = none. */
  windowTo: number | null;
  /** When this driver arrived at the pickup, and when they got the goods there; null = not yet. */
  arrivedAt: number | null;
  pickedUpAt: number | null;
  pickup: Point;
  dropoff: Point;
  /** Where the goods are to be taken over from another driver; null = at the pickup, or they have them. */
  meeting: Point | null;
};

/** Where a driver is, and all that they have to do. `place` null = not known: times count from the first stop. */
export type WorkingDriver = {
  place: Point | null;
  /** How many parcels can be on board at once. */
  capacity: number;
  /** In the order in which they got them. */
  jobs: readonly RouteJob[];
};

/** How time passes on a route. */
export type RouteModel = {
  now: number;
  travelMs: (from: Point, to: Point) => number;
  /** How long a stop takes. */
  visitMs: number;
  /** How much later than alone and straight a customer may get theirs for the sake of another. */
  maxExtraMs: number;
};

/** What routes take from the settings. `timeScale` divides travel times and visits, as it divides all durations. */
export type RouteSettings = { travel: TravelModel; timeScale: number; tripMaxExtraMs: number };

/** How long a driver is at a shop or a door, in real time. */
const VISIT_MS = 240_000;

export function routeModel(
  vehicle: VehicleKind,
  { travel, timeScale, tripMaxExtraMs }: RouteSettings,
  now: number,
): RouteModel {
  return {
    now,
    travelMs: (from, to) => travelEstimateMs(from, to, vehicle, travel) / timeScale,
    visitMs: VISIT_MS / timeScale,
    maxExtraMs: tripMaxExtraMs,
  };
}

/** A stop with its times, and whether the driver has arrived there. */
export type PlannedStop = TimedStop<Point> & { isBegun: boolean };

/** So many stops are compared in every order. Beyond, the jobs got last are put into the best order of the others. */
const EXACT_STOPS = 8;

/**
 * All stops that are left. A stop that was begun stays first; nobody has more on board than fits. Of the orders that
 * keep each customer within the limit, the one that ends the soonest; of those, the one where the customers together
 * wait least; of those, the one that serves first what the driver got first.
 */
export function planRoute(driver: WorkingDriver, model: RouteModel): PlannedStop[] {
  const jobs = driver.jobs.map((job) => ({ job, stops: remainingStops(job, driver.place, model) }));
  const begun = jobs.flatMap(({ job, stops }) => (isAtStop(job) ? stops.slice(0, 1) : []));
  const left = jobs.map(({ job, stops }) => (isAtStop(job) ? stops.slice(1) : stops));
  const start = startOf(driver, begun[0] ?? left[0]?.[0], model);
  const stops = bestOrder(start, begun, left, model);
  return timeRoute({ ...start, stops }, model.travelMs).map((stop, at) => ({
    ...stop,
    isBegun: at < begun.length,
  }));
}

/** The stops of one delivery that are left for its driver: one if they have the goods. */
function remainingStops(job: RouteJob, place: Point | null, model: RouteModel): RouteStop<Point>[] {
  const { deliveryId, status, readyAt, pickup, dropoff, meeting } = job;
  const { visitMs } = model;
  const stop = (at: Point) => ({ deliveryId, ...stopAt(at), visitMs });
  const toDoor = { ...stop(dropoff), kind: 'DROPOFF', promisedAt: promisedAt(job, place, model) } as const;
  switch (status) {
    case 'ASSIGNED':
    case 'AT_PICKUP':
      return [{ ...stop(pickup), kind: 'PICKUP', readyAt }, toDoor];
    case 'PICKED_UP':
      return meeting === null ? [toDoor] : [{ ...stop(meeting), kind: 'PICKUP', readyAt: 0 }, toDoor];
    case 'AT_DROPOFF':
      return [toDoor];
    case 'RETURNING':
      return [{ ...stop(pickup), kind: 'DROPOFF', promisedAt: Infinity }];
    case 'PENDING':
    case 'SEARCHING':
    case 'OFFERED':
    case 'DELIVERED':
    case 'CANCELLED':
    case 'FAILED':
    case 'RETURNED':
      return [];
  }
}

function isAtStop({ status }: RouteJob): boolean {
  return status === 'AT_PICKUP' || status === 'AT_DROPOFF';
}

/**
 * When the customer would get theirs if the driver did nothing else; sooner by the allowed extra where the window ends
 * before that, so that nobody is late for the sake of another.
 */
function promisedAt(job: RouteJob, place: Point | null, model: RouteModel): number {
  return withinWindow(aloneAt(job, place, model), job.windowTo, model.maxExtraMs);
}

function aloneAt(job: RouteJob, place: Point | null, model: RouteModel): number {
  const { status, readyAt, arrivedAt, pickedUpAt, pickup, dropoff, meeting } = job;
  const { now, travelMs, visitMs } = model;
  const way = (to: Point): number => (place === null ? 0 : travelMs(place, to));
  const direct = visitMs + travelMs(pickup, dropoff);
  switch (status) {
    case 'ASSIGNED':
      return Math.max(now + way(pickup) + visitMs / 2, readyAt) + direct;
    case 'AT_PICKUP':
      return Math.max((arrivedAt ?? now) + visitMs / 2, readyAt) + direct;
    default:
      if (pickedUpAt !== null) return pickedUpAt + direct;
      if (meeting !== null) return now + way(meeting) + 1.5 * visitMs + travelMs(meeting, dropoff);
      return now + way(dropoff) + visitMs / 2;
  }
}

type Start = { place: Point; freeAt: number; capacity: number };

function startOf(
  { place, capacity }: WorkingDriver,
  first: RouteStop<Point> | undefined,
  { now }: RouteModel,
): Start {
  return { place: place ?? first?.place ?? { lat: 0, lng: 0 }, freeAt: now, capacity };
}

/** The best order of the stops, those begun first. */
function bestOrder(
  start: Start,
  begun: readonly RouteStop<Point>[],
  left: readonly JobStops[],
  model: RouteModel,
): RouteStop<Point>[] {
  let exact = left;
  while (exact.flat().length > EXACT_STOPS) exact = exact.slice(0, -1);
  const first = exactOrder(start, begun, exact, model).slice(begun.length);
  const last = timeRoute({ ...start, stops: begun }, model.travelMs).at(-1);
  const after = last ? { ...start, place: last.place, freeAt: last.leavesAt } : start;
  return [...begun, ...withMore(after, first, left.slice(exact.length), model)];
}

type JobStops = readonly RouteStop<Point>[];

/** Puts the stops of further jobs into a route. */
function withMore(
  start: Start,
  stops: RouteStop<Point>[],
  more: readonly JobStops[],
  { travelMs }: RouteModel,
): RouteStop<Point>[] {
  return more.reduce<RouteStop<Point>[]>((route, [pickup, dropoff]) => {
    if (pickup?.kind !== 'PICKUP' || dropoff?.kind !== 'DROPOFF') return pickup ? [...route, pickup] : route;
    const found = insertDelivery({ ...start, stops: route }, { pickup, dropoff }, travelMs, Infinity);
    return 'stops' in found ? [...found.stops] : [...route, pickup, dropoff];
  }, stops);
}

type Rated = { stops: RouteStop<Point>[]; excessMs: number; endsAt: number; arrivals: number };

function exactOrder(
  start: Start,
  begun: readonly RouteStop<Point>[],
  left: readonly JobStops[],
  model: RouteModel,
): RouteStop<Point>[] {
  let best: Rated | null = null;
  const onBoard = left.filter(([next]) => next?.kind === 'DROPOFF').length;
  for (const stops of ordersOf(left, onBoard, start.capacity)) {
    const rated = rate([...begun, ...stops], start, model);
    if (best === null || isBetter(rated, best)) best = rated;
  }
  return best?.stops ?? [...begun];
}

/** All orders that never overload the driver. Who has too much on board already goes to the doors first. */
function* ordersOf(
  left: readonly JobStops[],
  onBoard: number,
  capacity: number,
): Generator<RouteStop<Point>[]> {
  if (left.every((stops) => stops.length === 0)) yield [];
  for (const [at, [next, ...rest]] of left.entries()) {
    if (!next || (next.kind === 'PICKUP' && onBoard >= capacity)) continue;
    const others = left.map((stops, other) => (other === at ? rest : stops));
    const load = onBoard + (next.kind === 'PICKUP' ? 1 : -1);
    for (const order of ordersOf(others, load, capacity)) yield [next, ...order];
  }
}

function rate(stops: RouteStop<Point>[], start: Start, { travelMs, maxExtraMs }: RouteModel): Rated {
  let [excessMs, arrivals, endsAt] = [0, 0, start.freeAt];
  for (const stop of timeRoute({ ...start, stops }, travelMs)) {
    endsAt = stop.leavesAt;
    if (stop.kind === 'PICKUP') continue;
    arrivals += stop.doneAt;
    excessMs = Math.max(excessMs, stop.doneAt - stop.promisedAt - maxExtraMs);
  }
  return { stops, excessMs, endsAt, arrivals };
}

function isBetter(a: Rated, b: Rated): boolean {
  return (a.excessMs - b.excessMs || a.endsAt - b.endsAt || a.arrivals - b.arrivals) < 0;
}
