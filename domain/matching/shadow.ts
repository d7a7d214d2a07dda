/**
 * What two policies make of the same round, delivery by delivery. Both are measured by the weights of the release, so
 * that neither is judged by its own taste. docs/behaviour.md#policies-of-the-matching.
 */

import { meansOf, owedPay, payToCome, type RoundMeans } from './payToCome';
import type { MatchDelivery, MatchDriver, MatchPair, Round, RoundInput } from './round';
import type { MatchWeights } from './weights';

/** Offered now, meant for a driver but held back, or nobody. */
export type ShadowAct = 'OFFER' | 'HOLD' | 'NOBODY';

/** What one policy does with a delivery, and what is to be expected of it. Money in minor units. */
export type ShadowChoice = {
  act: ShadowAct;
  driverId: string | null;
  /** From now until the driver is at the pickup. */
  toPickupMs: number | null;
  /** Behind the end of the window, or the target; 0 = in time. */
  latenessMs: number | null;
  /** What the job adds to the driver's pay: less than its pay where a guarantee covers it. */
  payToComeCents: number | null;
  /** The driver's earnings today, less the mean of the drivers of the round. */
  earnedOverMeanCents: number | null;
  acceptOdds: number | null;
};

export type ComparedDelivery = { deliveryId: string; live: ShadowChoice; shadow: ShadowChoice };

/** The most deliveries that are kept of one round. */
export const MOST_COMPARED = 200;

/**
 * The deliveries that either of two rounds offers, in the order of their ids. Both have decided the same input.
 * @param askable the drivers who can be asked now: an offer to another one is held until they can
 */
export function compareRounds<Place>(
  input: RoundInput<Place>,
  { live, shadow, askable }: { live: Round; shadow: Round; askable: ReadonlySet<string> },
  yardstick: MatchWeights,
): ComparedDelivery[] {
  const measure = measureOf(input, askable, yardstick);
  const [choices, others] = [choicesOf(live, measure), choicesOf(shadow, measure)];
  const offered = [...live.offers, ...shadow.offers]
    .filter(({ driverId }) => askable.has(driverId))
    .flatMap(({ deliveryIds }) => deliveryIds);
  return [...new Set(offered)]
    .sort()
    .slice(0, MOST_COMPARED)
    .map((deliveryId) => ({
      deliveryId,
      live: choices.get(deliveryId) ?? NOBODY,
      shadow: others.get(deliveryId) ?? NOBODY,
    }));
}

const NOBODY: ShadowChoice = {
  act: 'NOBODY',
  driverId: null,
  toPickupMs: null,
  latenessMs: null,
  payToComeCents: null,
  earnedOverMeanCents: null,
  acceptOdds: null,
};

/** What all choices of a round are measured by. */
type Measure<Place> = RoundInput<Place> &
  RoundMeans & {
    askable: ReadonlySet<string>;
    weights: MatchWeights;
  };

function measureOf<Place>(
  input: RoundInput<Place>,
  askable: ReadonlySet<string>,
  weights: MatchWeights,
): Measure<Place> {
  return {
    ...input,
    askable,
    weights,
    ...meansOf(input),
  };
}

function choicesOf<Place>({ offers, held }: Round, measure: Measure<Place>): Map<string, ShadowChoice> {
  const deliveries = new Map(measure.deliveries.map((each) => [each.deliveryId, each]));
  const drivers = new Map(measure.drivers.map((each) => [each.driverId, each]));
  const found = new Map<string, ShadowChoice>();
  const add = (act: ShadowAct, { driverId, deliveryIds }: MatchPair): void => {
    const driver = drivers.get(driverId);
    const trip = deliveryIds.flatMap((id) => deliveries.get(id) ?? []);
    if (!driver || trip.length === 0) return;
    for (const [deliveryId, choice] of choicesOfTrip(act, trip, driver, measure))
      found.set(deliveryId, choice);
  };
  for (const pair of offers) add(measure.askable.has(pair.driverId) ? 'OFFER' : 'HOLD', pair);
  for (const pair of held) add('HOLD', pair);
  return found;
}

/** All pickups first, then the drop-offs in their order. */
function choicesOfTrip<Place>(
  act: ShadowAct,
  trip: readonly MatchDelivery<Place>[],
  driver: MatchDriver<Place>,
  { now, weights, travel, meanEarnedCents, meanPayCents }: Measure<Place>,
): [string, ShadowChoice][] {
  const leaveAt = Math.max(now, driver.freeAt);
  let [place, at] = [driver.place, leaveAt];
  const goTo = (next: Place): void => void ([place, at] = [next, at + travel(place, next, driver.vehicle)]);
  goTo(trip[0]?.pickup.place ?? place);
  const toPickupMs = Math.round(at - now);
  const readyAt = Math.max(...trip.map((delivery) => delivery.readyAt));
  at = Math.max(at + weights.pickupStopMs / 2, readyAt) + weights.pickupStopMs / 2;
  const leftMs = (driver.shiftEndsAt ?? Infinity) - leaveAt;
  const owed = owedPay(driver, { leftMs, jobsAnHour: weights.jobsAnHour, jobCents: meanPayCents });
  return trip.map(({ deliveryId, dropoff, windowTo, placedAt, payCents }) => {
    goTo(dropoff.place);
    const dropAt = at + weights.dropoffStopMs / 2;
    at += weights.dropoffStopMs;
    return [
      deliveryId,
      {
        act,
        driverId: driver.driverId,
        toPickupMs,
        latenessMs: Math.max(0, Math.round(dropAt - (windowTo ?? placedAt + weights.targetMs))),
        payToComeCents: Math.round(payToCome(owed, payCents)),
        earnedOverMeanCents: Math.round(driver.earnedCents - meanEarnedCents),
        acceptOdds: Math.round(driver.acceptOdds * 1_000) / 1_000,
      },
    ];
  });
}
