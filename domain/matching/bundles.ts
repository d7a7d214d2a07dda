/** Which trips of one pickup are better made as one. docs/behaviour.md#matching. */

import type { PairCosts } from './costTerms';
import { type Option, optionsOf } from './options';
import type { MatchDriver } from './round';
import { joinTrips, type Trip } from './trips';

/** A trip, who could take it, and who does in the plan so far. */
export type PlannedTrip<Place> = { trip: Trip<Place>; options: readonly Option[]; taken: Option | null };

/** With how many others of its pickup a trip is compared, and how many drivers of each. */
const PARTNERS = 12;
const DRIVERS_TRIED = 20;

type Joint<Place> = {
  parts: readonly [PlannedTrip<Place>, PlannedTrip<Place>];
  joined: PlannedTrip<Place>;
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
  const worth = worthElsewhere(plan);
  const joints: Joint<Place>[] = [];
  const around = { drivers, costs, busy, worth };
  for (const [a, b] of neighbours(plan)) {
    const joint = jointOf(a, b, around);
    if (joint) joints.push(joint);
    yield;
  }
  if (joints.length === 0) return null;
  joints.sort((a, b) => b.gain - a.gain);
  return applyJoints(plan, joints);
}

type Around<Place> = {
  drivers: readonly MatchDriver<Place>[];
  costs: PairCosts<Place>;
  busy: ReadonlySet<number>;
  worth: ReadonlyMap<number, number>;
};

function jointOf<Place>(
  a: PlannedTrip<Place>,
  b: PlannedTrip<Place>,
  { drivers, costs, busy, worth }: Around<Place>,
): Joint<Place> | null {
  const { now, travel, weights } = costs.scene;
  const trip = joinTrips(a.trip, b.trip, {
    travel,
    weights,
    earliestPickAt: now + weights.pickupStopMs / 2,
  });
  if (!trip) return null;
  const among = new Set([...driversOf(a), ...driversOf(b)]);
  const options = optionsOf(trip, drivers, costs, { among, kept: weights.pairsKept });
  const own = [a.taken?.driver, b.taken?.driver];
  const taken = options.find(({ driver }) => own.includes(driver) || !busy.has(driver));
  if (!taken) return null;
  const freed = own.filter((driver) => driver !== undefined && driver !== taken.driver);
  const apart = (a.taken?.cost ?? 0) + (b.taken?.cost ?? 0);
  const elsewhere = freed.reduce<number>((sum, driver) => sum + (worth.get(driver ?? -1) ?? 0), 0);
  const gain = apart - taken.cost + elsewhere;
  if (gain <= 0) return null;
  return { parts: [a, b], joined: { trip, options, taken }, driver: taken.driver, gain };
}

function applyJoints<Place>(
  plan: readonly PlannedTrip<Place>[],
  joints: readonly Joint<Place>[],
): PlannedTrip<Place>[] {
  const gone = new Set<PlannedTrip<Place>>();
  const used = new Set<number>();
  const joined: PlannedTrip<Place>[] = [];
  for (const { parts, joined: trip, driver } of joints) {
    if (gone.has(parts[0]) || gone.has(parts[1]) || used.has(driver)) continue;
    for (const part of parts) gone.add(part);
    used.add(driver);
    joined.push(trip);
  }
  return [...plan.filter((each) => !gone.has(each)), ...joined];
}

/** The cheapest drivers of a trip, and its own. */
function driversOf<Place>({ options, taken }: PlannedTrip<Place>): number[] {
  const drivers = options.slice(0, DRIVERS_TRIED).map(({ driver }) => driver);
  return taken ? [...drivers, taken.driver] : drivers;
}

/** What each driver would be worth to the trips that have nobody. */
function worthElsewhere<Place>(plan: readonly PlannedTrip<Place>[]): Map<number, number> {
  const worth = new Map<number, number>();
  for (const { options, taken } of plan)
    if (!taken)
      for (const { driver, cost } of options) worth.set(driver, Math.max(worth.get(driver) ?? 0, -cost));
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
