/** The matcher of a city: which driver is asked for which deliveries, and when. docs/behaviour.md#matching. */

import { assignmentSteps } from './assignment';
import { joinSteps, type PlannedTrip } from './bundles';
import { isBarred, PairCosts, type Scene } from './costTerms';
import { latestSafeAt } from './holding';
import { type Options, optionsOf, optionWith } from './options';
import { meansOf } from './payToCome';
import type { MatchDelivery, MatchDriver, MatchPair, Round, RoundInput, UnmatchedReason } from './round';
import { type Trip, tripOf } from './trips';
import { MATCH_WEIGHTS, type MatchWeights } from './weights';

/** Decides a round at once. The order of deliveries and drivers in the input makes no difference. */
export function decideRound<Place>(input: RoundInput<Place>, weights: MatchWeights = MATCH_WEIGHTS): Round {
  const steps = decideRoundInSteps(input, weights);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The same in short steps, so that a process can do other work between them. */
export function* decideRoundInSteps<Place>(
  input: RoundInput<Place>,
  weights: MatchWeights = MATCH_WEIGHTS,
): Generator<void, Round> {
  const deliveries = [...input.deliveries].sort((a, b) => compareText(a.deliveryId, b.deliveryId));
  const drivers = input.drivers
    .filter(({ freeAt }) => freeAt <= input.now + weights.lookAheadMs)
    .sort((a, b) => compareText(a.driverId, b.driverId));
  const costs = new PairCosts(sceneOf({ ...input, deliveries }, drivers, weights));
  let plan: PlannedTrip<Place>[] = [];
  for (const delivery of deliveries) {
    const trip = tripOf([delivery]);
    plan.push({ trip, options: optionsOf(trip, drivers, costs), taken: null });
    yield;
  }
  plan = yield* assignSteps(plan, drivers.length);
  for (let pass = 0; pass < MAX_PASSES && weights.maxBundle > 1; pass += 1) {
    const joined = yield* joinSteps(plan, drivers, costs);
    if (!joined) break;
    plan = yield* assignSteps(joined, drivers.length);
  }
  return yield* toRound(plan, drivers, costs);
}

const MAX_PASSES = 3;

function sceneOf<Place>(
  input: RoundInput<Place>,
  drivers: readonly MatchDriver<Place>[],
  weights: MatchWeights,
): Scene<Place> {
  const pressure = Math.min(weights.maxPressure, input.deliveries.length / Math.max(1, drivers.length));
  return {
    ...input,
    weights,
    driverTime: weights.driverTime + weights.driverTimePressed * pressure,
    ...meansOf({ drivers, deliveries: input.deliveries }),
  };
}

/** Gives each trip its driver so that the whole plan costs the least. */
function* assignSteps<Place>(
  plan: readonly PlannedTrip<Place>[],
  driverCount: number,
): Generator<void, PlannedTrip<Place>[]> {
  const rows = plan.map(({ options: { drivers, costs } }) => ({
    unassignedCost: 0,
    columns: drivers,
    costs,
  }));
  const { columnOfRow } = yield* assignmentSteps(rows, driverCount);
  const assigned: PlannedTrip<Place>[] = [];
  for (const each of plan) {
    const driver = columnOfRow[assigned.length] ?? null;
    assigned.push({ ...each, taken: driver === null ? null : optionWith(each.options, driver) });
  }
  return assigned;
}

/** Whose offer is due, who is held, and who has nobody. */
function* toRound<Place>(
  plan: readonly PlannedTrip<Place>[],
  drivers: readonly MatchDriver<Place>[],
  costs: PairCosts<Place>,
): Generator<void, Round> {
  const { scene } = costs;
  const offers: MatchPair[] = [];
  const held: (MatchPair & { until: number })[] = [];
  const unmatched: { deliveryId: string; why: UnmatchedReason }[] = [];
  for (const { trip, options, taken } of plan) {
    const driver = taken ? drivers[taken.driver] : undefined;
    if (driver) {
      const pair = pairOf(trip, driver, costs);
      const until = latestSafeAt(trip, driver, scene);
      if (until <= scene.now) offers.push(pair);
      else held.push({ ...pair, until });
    } else
      for (const delivery of trip.deliveries)
        unmatched.push({
          deliveryId: delivery.deliveryId,
          why: whyNobody(delivery, options, drivers, scene.now),
        });
    yield;
  }
  return { offers, held, unmatched, comeBackAt: yield* comeBackAt(held, scene) };
}

function pairOf<Place>(trip: Trip<Place>, driver: MatchDriver<Place>, costs: PairCosts<Place>): MatchPair {
  return {
    driverId: driver.driverId,
    deliveryIds: trip.deliveries.map(({ deliveryId }) => deliveryId),
    parts: costs.partsOf(trip, driver),
  };
}

function whyNobody<Place>(
  delivery: MatchDelivery<Place>,
  options: Options,
  drivers: readonly MatchDriver<Place>[],
  now: number,
): UnmatchedReason {
  if (options.drivers.length > 0) return 'OTHERS_FIRST';
  const areAllBarred =
    drivers.length > 0 && drivers.every(({ driverId }) => isBarred(delivery, driverId, now));
  return areAllBarred ? 'ALL_EXCLUDED' : 'NOBODY_IN_REACH';
}

/** When something is decided anew if nothing changes before: a held pair, a driver within sight, a bar that ends. */
function* comeBackAt<Place>(
  held: readonly { until: number }[],
  { now, deliveries, drivers, weights }: Scene<Place>,
): Generator<void, number | null> {
  let first = Infinity;
  const consider = (at: number | null): void => {
    if (at !== null && at > now && at < first) first = at;
  };
  for (const { until } of held) consider(until);
  for (const { freeAt } of drivers) consider(freeAt - weights.lookAheadMs);
  for (const { notBefore } of deliveries) {
    for (const driverId in notBefore) consider(notBefore[driverId] ?? null);
    yield;
  }
  return first === Infinity ? null : first;
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
