/** The matcher of a city: which driver is asked for which deliveries, and when. docs/behaviour.md#matching. */

import { assignmentSteps } from './assignment';
import { joinSteps, type PlannedTrip } from './bundles';
import { isBarred, PairCosts, type Scene } from './costTerms';
import { latestSafeAt } from './holding';
import { type Option, optionsOf } from './options';
import type { MatchDelivery, MatchDriver, MatchPair, Round, RoundInput, UnmatchedReason } from './round';
import { tripOf } from './trips';
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
    plan.push({
      trip,
      options: optionsOf(trip, drivers, costs, { kept: weights.pairsKept }),
      taken: null,
    });
    yield;
  }
  plan = yield* assignSteps(plan, drivers, costs);
  for (let pass = 0; pass < MAX_PASSES && weights.maxBundle > 1; pass += 1) {
    const joined = yield* joinSteps(plan, drivers, costs);
    if (!joined) break;
    plan = yield* assignSteps(joined, drivers, costs);
  }
  return toRound(plan, drivers, costs, input);
}

const MAX_PASSES = 3;
const WIDENING = 4;

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
    meanEarnedCents: meanOf(drivers.map(({ earnedCents }) => earnedCents)),
    meanPayCents: meanOf(input.deliveries.map(({ payCents }) => payCents)),
  };
}

/**
 * Gives each trip its driver so that the whole plan costs the least. Only the cheapest drivers of each trip are
 * compared at first; trips for which none of these is left look among the drivers who are.
 */
function* assignSteps<Place>(
  plan: readonly PlannedTrip<Place>[],
  drivers: readonly MatchDriver<Place>[],
  costs: PairCosts<Place>,
): Generator<void, PlannedTrip<Place>[]> {
  const { pairsKept } = costs.scene.weights;
  let current = yield* solveSteps(plan, drivers.length);
  for (let pass = 0; pass < MAX_PASSES; pass += 1) {
    const free = freeDrivers(current, drivers.length);
    const isCutOff = ({ options, taken }: PlannedTrip<Place>): boolean =>
      taken === null && options.length >= pairsKept;
    if (free.size === 0 || !current.some(isCutOff)) break;
    const widened: PlannedTrip<Place>[] = [];
    for (const each of current) {
      if (!isCutOff(each)) widened.push(each);
      else {
        const known = new Set(each.options.map(({ driver }) => driver));
        const among = [...free].filter((driver) => !known.has(driver));
        const more = optionsOf(each.trip, drivers, costs, {
          among,
          kept: pairsKept * WIDENING ** (pass + 1),
        });
        widened.push({ ...each, options: [...each.options, ...more] });
        yield;
      }
    }
    current = yield* solveSteps(widened, drivers.length);
  }
  return current;
}

function freeDrivers<Place>(plan: readonly PlannedTrip<Place>[], count: number): Set<number> {
  const free = new Set(Array.from({ length: count }, (_, driver) => driver));
  for (const { taken } of plan) if (taken) free.delete(taken.driver);
  return free;
}

function* solveSteps<Place>(
  plan: readonly PlannedTrip<Place>[],
  columnCount: number,
): Generator<void, PlannedTrip<Place>[]> {
  const rows = plan.map(({ options }) => ({
    unassignedCost: 0,
    columns: options.map(({ driver }) => driver),
    costs: options.map(({ cost }) => cost),
  }));
  const { columnOfRow } = yield* assignmentSteps(rows, columnCount);
  return plan.map((each, at) => ({
    ...each,
    taken: each.options.find(({ driver }) => driver === columnOfRow[at]) ?? null,
  }));
}

function toRound<Place>(
  plan: readonly PlannedTrip<Place>[],
  drivers: readonly MatchDriver<Place>[],
  costs: PairCosts<Place>,
  input: RoundInput<Place>,
): Round {
  const offers: MatchPair[] = [];
  const held: (MatchPair & { until: number })[] = [];
  const unmatched: { deliveryId: string; why: UnmatchedReason }[] = [];
  for (const { trip, options, taken } of plan) {
    const driver = taken ? drivers[taken.driver] : undefined;
    if (!driver) {
      for (const delivery of trip.deliveries)
        unmatched.push({
          deliveryId: delivery.deliveryId,
          why: whyNobody(delivery, options, drivers, input),
        });
      continue;
    }
    const pair = {
      driverId: driver.driverId,
      deliveryIds: trip.deliveries.map(({ deliveryId }) => deliveryId),
      parts: costs.partsOf(trip, driver),
    };
    const until = latestSafeAt(trip, driver, costs.scene);
    if (until <= input.now) offers.push(pair);
    else held.push({ ...pair, until });
  }
  return { offers, held, unmatched, comeBackAt: comeBackAt(held, input, costs.scene.weights) };
}

function whyNobody<Place>(
  delivery: MatchDelivery<Place>,
  options: readonly Option[],
  drivers: readonly MatchDriver<Place>[],
  { now }: RoundInput<Place>,
): UnmatchedReason {
  if (options.length > 0) return 'OTHERS_FIRST';
  const areAllBarred =
    drivers.length > 0 && drivers.every(({ driverId }) => isBarred(delivery, driverId, now));
  return areAllBarred ? 'ALL_EXCLUDED' : 'NOBODY_IN_REACH';
}

/** When something is decided anew if nothing changes before: a held pair, a driver within sight, a bar that ends. */
function comeBackAt<Place>(
  held: readonly { until: number }[],
  { now, deliveries, drivers }: RoundInput<Place>,
  { lookAheadMs }: MatchWeights,
): number | null {
  const times = [
    ...held.map(({ until }) => until),
    ...drivers.map(({ freeAt }) => freeAt - lookAheadMs),
    ...deliveries.flatMap(({ notBefore }) => Object.values(notBefore)),
  ].filter((at) => at !== null && at > now);
  return times.reduce<number | null>(
    (least, at) => (at !== null && (least === null || at < least) ? at : least),
    null,
  );
}

function meanOf(amounts: readonly number[]): number {
  return amounts.reduce((sum, each) => sum + each, 0) / Math.max(1, amounts.length);
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
