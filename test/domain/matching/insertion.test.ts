/** One more delivery in a driver's route, against every order of the stops. Places are points of one street. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type DriverRoute,
  insertDelivery,
  type InsertedDelivery,
  type RouteStop,
  timeRoute,
} from '../../../domain/matching/insertion';

const MINUTE = 60_000;
const VISIT = 2 * MINUTE;
/** A minute from one number to the next. */
const travel = (from: number, to: number): number => Math.abs(from - to) * MINUTE;

const pickup = (deliveryId: string, place: number, readyAt = 0): InsertedDelivery<number>['pickup'] => ({
  kind: 'PICKUP',
  deliveryId,
  key: `p${place}`,
  place,
  visitMs: VISIT,
  readyAt: readyAt * MINUTE,
});
const dropoff = (
  deliveryId: string,
  place: number,
  promisedAt = 60,
): InsertedDelivery<number>['dropoff'] => ({
  kind: 'DROPOFF',
  deliveryId,
  key: `p${place}`,
  place,
  visitMs: VISIT,
  promisedAt: promisedAt * MINUTE,
});
const route = (
  stops: RouteStop<number>[],
  given: Partial<DriverRoute<number>> = {},
): DriverRoute<number> => ({
  place: 0,
  freeAt: 0,
  capacity: 3,
  stops,
  ...given,
});
const namesOf = (stops: readonly RouteStop<number>[]): string[] =>
  stops.map(({ kind, deliveryId }) => `${kind === 'PICKUP' ? '+' : '-'}${deliveryId}`);

type Case = { route: DriverRoute<number>; delivery: InsertedDelivery<number>; maxLatenessMs: number };
const minutes = fc.nat(30);
const place = fc.nat(8);
const stopsOf = (deliveryId: string) =>
  fc
    .record({ from: place, to: place, readyAt: minutes, promisedAt: minutes })
    .map(({ from, to, readyAt, promisedAt }) => ({
      pickup: pickup(deliveryId, from, readyAt),
      dropoff: dropoff(deliveryId, to, promisedAt),
    }));
/** A route of up to two deliveries in any order that can be driven, perhaps with parcels on board. */
const anyStops = fc
  .record({
    deliveries: fc.tuple(stopsOf('a'), stopsOf('b')),
    count: fc.nat(2),
    onBoard: fc.tuple(fc.boolean(), fc.boolean()),
    turns: fc.shuffledSubarray([0, 0, 1, 1], { minLength: 4 }),
  })
  .map(({ deliveries, count, onBoard, turns }) => {
    const left: RouteStop<number>[][] = deliveries
      .slice(0, count)
      .map((each, at) => (onBoard[at] ? [each.dropoff] : [each.pickup, each.dropoff]));
    return turns.flatMap((at) => left[at]?.shift() ?? []);
  });
const anyCase: fc.Arbitrary<Case> = fc.record({
  route: fc
    .record({ stops: anyStops, place, freeAt: minutes, capacity: fc.integer({ min: 1, max: 3 }) })
    .map(({ freeAt, stops, ...rest }) => route(stops, { ...rest, freeAt: freeAt * MINUTE })),
  delivery: stopsOf('new'),
  maxLatenessMs: fc.nat(20).map((late) => late * MINUTE),
});

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]));
}

/** Whether the order can be driven, and leaves the stops of the old route in theirs. */
function isAllowed(stops: RouteStop<number>[], { route: { stops: old, capacity } }: Case): boolean {
  const [picked, dropped] = ['PICKUP', 'DROPOFF'].map((kind) =>
    stops.findIndex((stop) => stop.deliveryId === 'new' && stop.kind === kind),
  ) as [number, number];
  const kept = stops.filter(({ deliveryId }) => deliveryId !== 'new');
  const onBoardAfter = (at: number): number =>
    new Set(
      stops
        .slice(at + 1)
        .filter(({ kind }) => kind === 'DROPOFF')
        .map(({ deliveryId }) => deliveryId),
    ).size - stops.slice(at + 1).filter(({ kind }) => kind === 'PICKUP').length;
  const carrying = stops.map((_, at) => at).filter((at) => at >= picked && at < dropped);
  return (
    picked < dropped &&
    kept.every((stop, at) => stop === old[at]) &&
    carrying.every((at) => onBoardAfter(at) <= capacity)
  );
}

/** When each parcel changes hands, and the end: visit by visit. */
function drive(stops: RouteStop<number>[], { place: start, freeAt }: DriverRoute<number>) {
  const visits: RouteStop<number>[][] = [];
  for (const stop of stops) {
    const here = visits.at(-1);
    if (here?.[0]?.place === stop.place) here.push(stop);
    else visits.push([stop]);
  }
  let [at, clock] = [start, freeAt];
  const doneAt = new Map<RouteStop<number>, number>();
  for (const visit of visits) {
    const { place: there } = visit[0]!;
    clock += travel(at, there) + VISIT / 2;
    for (const stop of visit) {
      if (stop.kind === 'PICKUP') clock = Math.max(clock, stop.readyAt);
      doneAt.set(stop, clock);
    }
    clock += VISIT / 2;
    at = there;
  }
  return { doneAt, end: clock };
}

function latenessIn(
  stops: RouteStop<number>[],
  { doneAt }: ReturnType<typeof drive>,
): Record<string, number> {
  return Object.fromEntries(
    stops.flatMap((stop) =>
      stop.kind === 'DROPOFF' ? [[stop.deliveryId, Math.max(0, doneAt.get(stop)! - stop.promisedAt)]] : [],
    ),
  );
}

/** All orders that can be driven, with their times and by how much the worst-off customer is over the limit. */
function everyOrder(given: Case) {
  const { route: old, delivery, maxLatenessMs } = given;
  const before = latenessIn([...old.stops], drive([...old.stops], old));
  return permutations([...old.stops, delivery.pickup, delivery.dropoff])
    .filter((stops) => isAllowed(stops, given))
    .map((stops) => {
      const driven = drive(stops, old);
      const lateness = latenessIn(stops, driven);
      const over = Object.entries(lateness).map(
        ([id, late]) => late - Math.max(maxLatenessMs, before[id] ?? 0),
      );
      const arrivals = stops.filter(({ kind }) => kind === 'DROPOFF').map((stop) => driven.doneAt.get(stop)!);
      return {
        end: driven.end,
        lateness,
        over: Math.max(...over),
        arrivals: arrivals.reduce((sum, at) => sum + at, 0),
      };
    });
}

const insert = ({ route: into, delivery, maxLatenessMs }: Case) =>
  insertDelivery(into, delivery, travel, maxLatenessMs);

describe('insertDelivery', () => {
  it('finds the order that ends the soonest of all that can be driven and make nobody too late', () => {
    fc.assert(
      fc.property(anyCase, (given) => {
        const orders = everyOrder(given);
        const fitting = orders.filter(({ over }) => over <= 0);
        const found = insert(given);
        if ('refused' in found) return expect(fitting).toEqual([]);
        const { stops, extraMs, latenessMs } = found;
        const end = Math.min(...fitting.map((order) => order.end));
        const arrivals = Math.min(
          ...fitting.filter((order) => order.end === end).map((order) => order.arrivals),
        );
        expect(stops.at(-1)!.leavesAt).toBe(end);
        expect(extraMs).toBe(end - drive([...given.route.stops], given.route).end);
        expect(fitting).toContainEqual(expect.objectContaining({ end, arrivals, lateness: latenessMs }));
        expect(stops.reduce((sum, { kind, doneAt }) => (kind === 'DROPOFF' ? sum + doneAt : sum), 0)).toBe(
          arrivals,
        );
      }),
      { numRuns: 1_000 },
    );
  });

  it('says that there is no room, or by how much the nearest order is too late for whom', () => {
    fc.assert(
      fc.property(anyCase, (given) => {
        const found = insert(given);
        if (!('refused' in found)) return;
        const orders = everyOrder(given);
        if (found.refused === 'NO_ROOM') return expect(orders).toEqual([]);
        expect(found.byMs).toBe(Math.min(...orders.map(({ over }) => over)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('gives a driver without work the plain way', () => {
    const found = insertDelivery(
      route([]),
      { pickup: pickup('a', 3, 10), dropoff: dropoff('a', 5, 12) },
      travel,
      5 * MINUTE,
    );
    expect(found).toMatchObject({
      stops: [
        {
          deliveryId: 'a',
          kind: 'PICKUP',
          arrivesAt: 3 * MINUTE,
          doneAt: 10 * MINUTE,
          leavesAt: 11 * MINUTE,
        },
        {
          deliveryId: 'a',
          kind: 'DROPOFF',
          arrivesAt: 13 * MINUTE,
          doneAt: 14 * MINUTE,
          leavesAt: 15 * MINUTE,
        },
      ],
      extraMs: 15 * MINUTE,
      latenessMs: { a: 2 * MINUTE },
    });
  });

  it('collects a second parcel at the same counter in the same visit', () => {
    const old = route([pickup('a', 2), dropoff('a', 6)]);
    const found = insertDelivery(old, { pickup: pickup('b', 2), dropoff: dropoff('b', 4) }, travel, 0);
    expect(found).toMatchObject({ extraMs: VISIT, latenessMs: { a: 0, b: 0 } });
    expect('stops' in found && namesOf(found.stops)).toEqual(['+b', '+a', '-b', '-a']);
  });

  it('puts the next job behind the dropoff if only one parcel fits', () => {
    const old = route([dropoff('a', 6)], { capacity: 1 });
    const found = insertDelivery(old, { pickup: pickup('b', 2), dropoff: dropoff('b', 4) }, travel, 0);
    expect('stops' in found && namesOf(found.stops)).toEqual(['-a', '+b', '-b']);
  });

  it('does not make a customer later who is already later than the limit', () => {
    const old = route([dropoff('late', 6, 1)]);
    const found = insertDelivery(old, { pickup: pickup('b', 2), dropoff: dropoff('b', 4) }, travel, 0);
    expect('stops' in found && namesOf(found.stops)).toEqual(['-late', '+b', '-b']);
    expect(found).toMatchObject({ latenessMs: { late: 6 * MINUTE, b: 0 } });
  });

  it('refuses where somebody would be too late, and says who and by how much', () => {
    const delivery = { pickup: pickup('b', 6), dropoff: dropoff('b', 8, 5) };
    expect(insertDelivery(route([]), delivery, travel, 2 * MINUTE)).toEqual({
      refused: 'TOO_LATE',
      deliveryId: 'b',
      byMs: 4 * MINUTE,
    });
  });

  it('refuses where no parcel may be carried', () => {
    const delivery = { pickup: pickup('b', 1), dropoff: dropoff('b', 2) };
    expect(insertDelivery(route([], { capacity: 0 }), delivery, travel, 0)).toEqual({ refused: 'NO_ROOM' });
  });
});

describe('timeRoute', () => {
  it('gives each stop its times, as every order is judged by', () => {
    fc.assert(
      fc.property(anyCase, ({ route: given }) => {
        const { doneAt } = drive([...given.stops], given);
        expect(timeRoute(given, travel).map((stop) => stop.doneAt)).toEqual(
          given.stops.map((stop) => doneAt.get(stop)),
        );
      }),
    );
  });
});
