/** Which trips of one pickup are better made as one. docs/behaviour.md#matching. */

import type { PairCosts } from './costTerms';
import { cheapestOf, type Option, type Options, optionsOf } from './options';
import { valueAt } from './valueAt';
import type { MatchDriver } from './round';
import { joinTrips, type Trip } from './trips';

/** A trip, who could take it, and who does in the plan so far. */
export type PlannedTrip<Place> = { trip: Trip<Place>; options: Options; taken: Option | null };

/** With how many others of its pickup a trip is compared, and how many drivers of each. */
const PARTNERS = 12;
const DRIVERS_TRIED = 20;

type Joint<Place> = {
  parts: readonly [PlannedTrip<Place>, PlannedTrip<Place>];
  trip: Trip<Place>;
  driver: number;
  gain: number;
};

/**
 * Joins trips of one pickup where that makes the plan cheaper; the best joints first, each trip and driver in one of
 * them. Returns null where there is nothing to gain.
 */
export function* joinSteps<Place>(
  plan: readonly PlannedTrip<Place>[],
  drivers: readonly MatchDriver<Place>[],
  costs: PairCosts<Place>,
): Generator<void, PlannedTrip<Place>[] | null> {
  const busy = new Set(plan.flatMap(({ taken }) => (taken ? [taken.driver] : [])));
  const worth = yield* worthElsewhere(plan, drivers.length);
  const tried = new Map<PlannedTrip<Place>, readonly number[]>();
  const around = { drivers, costs, busy, worth, tried };
  const joints: Joint<Place>[] = [];
  for (const [a, b] of neighbours(plan)) {
    const joint = jointOf(a, b, around);
    if (joint) joints.push(joint);
    yield;
  }
  if (joints.length === 0) return null;
  joints.sort((a, b) => b.gain - a.gain);
  return yield* applyJoints(plan, joints, drivers, costs);
}

type Around<Place> = {
  drivers: readonly MatchDriver<Place>[];
  costs: PairCosts<Place>;
  busy: ReadonlySet<number>;
  worth: Float64Array;
  /** The drivers with whom each trip is tried, as far as it was. */
  tried: Map<PlannedTrip<Place>, readonly number[]>;
};

function jointOf<Place>(
  a: PlannedTrip<Place>,
  b: PlannedTrip<Place>,
  around: Around<Place>,
): Joint<Place> | null {
  const { costs, worth } = around;
  const { now, travel, weights } = costs.scene;
  const trip = joinTrips(a.trip, b.trip, {
    travel,
    weights,
    earliestPickAt: now + weights.pickupStopMs / 2,
  });
  if (!trip) return null;
  const own = [a.taken?.driver, b.taken?.driver];
  const taken = cheapestDriver(trip, [...driversOf(a, around), ...driversOf(b, around)], own, around);
  if (!taken) return null;
  const apart = (a.taken?.cost ?? 0) + (b.taken?.cost ?? 0);
  let elsewhere = 0;
  for (const driver of own)
    if (driver !== undefined && driver !== taken.driver) elsewhere += valueAt(worth, driver);
  const gain = apart - taken.cost + elsewhere;
  return gain > 0 ? { parts: [a, b], trip, driver: taken.driver, gain } : null;
}

/** Who of these would take the trip for the least: one of its own drivers, or one who has nothing to do. */
function cheapestDriver<Place>(
  trip: Trip<Place>,
  among: readonly number[],
  own: readonly (number | undefined)[],
  { drivers, costs, busy }: Around<Place>,
): Option | null {
  let best: Option | null = null;
  for (const driver of among) {
    const facts = drivers[driver];
    if (!facts || (busy.has(driver) && !own.includes(driver))) continue;
    const cost = costs.costOf(trip, facts);
    if (cost >= 0 || (best && (cost > best.cost || (cost === best.cost && driver >= best.driver)))) continue;
    best = { driver, cost };
  }
  return best;
}

function* applyJoints<Place>(
  plan: readonly PlannedTrip<Place>[],
  joints: readonly Joint<Place>[],
  drivers: readonly MatchDriver<Place>[],
  costs: PairCosts<Place>,
): Generator<void, PlannedTrip<Place>[]> {
  const gone = new Set<PlannedTrip<Place>>();
  const used = new Set<number>();
  const joined: PlannedTrip<Place>[] = [];
  for (const { parts, trip, driver } of joints) {
    if (gone.has(parts[0]) || gone.has(parts[1]) || used.has(driver)) continue;
    for (const part of parts) gone.add(part);
    used.add(driver);
    joined.push({ trip, options: optionsOf(trip, drivers, costs), taken: null });
    yield;
  }
  return [...plan.filter((each) => !gone.has(each)), ...joined];
}

/** The cheapest drivers of a trip, and its own. */
function driversOf<Place>(planned: PlannedTrip<Place>, { tried }: Around<Place>): readonly number[] {
  let drivers = tried.get(planned);
  if (drivers) return drivers;
  const cheapest = cheapestOf(planned.options, DRIVERS_TRIED);
  drivers = planned.taken ? [...cheapest, planned.taken.driver] : cheapest;
  tried.set(planned, drivers);
  return drivers;
}

/** What each driver would be worth to the trips that have nobody. */
function* worthElsewhere<Place>(
  plan: readonly PlannedTrip<Place>[],
  driverCount: number,
): Generator<void, Float64Array> {
  const worth = new Float64Array(driverCount);
  for (const { options, taken } of plan) {
    if (taken) continue;
    for (let at = 0; at < options.drivers.length; at += 1) {
      const driver = valueAt(options.drivers, at);
      worth[driver] = Math.max(valueAt(worth, driver), -valueAt(options.costs, at));
    }
    yield;
  }
  return worth;
}

/** Trips of one pickup, two and two: each with those that are ready next. */
function* neighbours<Place>(
  plan: readonly PlannedTrip<Place>[],
): Generator<[PlannedTrip<Place>, PlannedTrip<Place>]> {
  const groups = new Map<string, PlannedTrip<Place>[]>();
  for (const each of [...plan].sort((a, b) => a.trip.readyAt - b.trip.readyAt)) {
    const key = each.trip.deliveries[0]?.pickup.key ?? '';
    const group = groups.get(key) ?? [];
    for (const other of group.slice(-PARTNERS)) yield [other, each];
    group.push(each);
    groups.set(key, group);
  }
}
