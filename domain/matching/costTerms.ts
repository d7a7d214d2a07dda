/** What a pair of a driver and a trip costs, term by term. docs/behaviour.md#matching. */

import { carries, type VehicleKind } from '../driver/vehicles';
import { type OwedPay, owedPay, payToCome, type RoundMeans } from './payToCome';
import type { MatchDelivery, MatchDriver, MatchRoute, MatchTerm, RoundInput, ScorePart } from './round';
import { RouteBound } from './routeBound';
import { tripInRoute } from './tripInRoute';
import { type Trip, type TripTimes, tripTimes } from './trips';
import type { MatchWeights } from './weights';

/** The terms in the order in which they are kept. */
export const MATCH_TERMS: readonly MatchTerm[] = [
  'TIME_TO_PICKUP',
  'DRIVER_WAITS',
  'TRIP_TIME',
  'GOODS_WAIT',
  'LATENESS_RISK',
  'PAY_TO_COME',
  'FAIRNESS',
  'ACCEPT_ODDS',
  'URGENCY',
  'OTHERS_LATER',
];

/** What all pairs of a round share. */
export type Scene<Place> = RoundInput<Place> &
  RoundMeans & {
    weights: MatchWeights;
    /** What a minute of a driver at work weighs in this round: more where drivers are few. */
    driverTime: number;
  };

/** When a driver would be where. */
export type PairTimes = { leaveAt: number; toPickupMs: number; arriveAt: number; pickAt: number };

/** Reckons pairs; keeps what it has found out about trips and drivers for the time of a round. */
export class PairCosts<Place> {
  /** The terms of the pair reckoned last, in the order of `MATCH_TERMS`. */
  private readonly terms = new Float64Array(MATCH_TERMS.length);
  private readonly times = new Map<Trip<Place>, Map<VehicleKind, TripTimes>>();
  private readonly bounds = new Map<string, RouteBound<Place>>();
  private readonly owed = new Map<string, OwedPay>();
  private readonly urgency = new Map<MatchDelivery<Place>, number>();

  constructor(readonly scene: Scene<Place>) {}

  /** The cost in ms; infinite = this driver cannot take this trip, or may not. */
  costOf(trip: Trip<Place>, driver: MatchDriver<Place>): number {
    if (!mayTake(trip, driver, this.scene.now)) return Infinity;
    if (driver.route) return this.costInRoute(trip, driver, driver.route);
    const times = pairTimes(trip, driver, this.scene);
    if (isAfterShift(driver, times.pickAt)) return Infinity;
    const way = this.wayOf(trip, driver.vehicle);
    if (isTooLate(trip, way, times, this.scene.weights)) return Infinity;
    this.reckon(trip, driver, times, way);
    return this.sum();
  }

  /** Of a driver with work only what the trip adds counts, and the delay of those who wait for them. */
  private costInRoute(trip: Trip<Place>, driver: MatchDriver<Place>, route: MatchRoute<Place>): number {
    const bound = this.boundOf(driver, route);
    if (!trip.deliveries.every((delivery) => bound.mayFit(delivery))) return Infinity;
    const found = tripInRoute(trip, driver, route, this.scene);
    if (found === null) return Infinity;
    if (isAfterShift(driver, found.pickAt)) return Infinity;
    const { directMs } = this.wayOf(trip, driver.vehicle);
    const { dropAfterMs, extraMs: endAfterMs } = found;
    this.reckon(trip, driver, { toPickupMs: 0, ...found }, { dropAfterMs, directMs, endAfterMs });
    this.terms[9] = this.scene.weights.goodsWait * found.othersLaterMs;
    return this.sum();
  }

  private boundOf(driver: MatchDriver<Place>, route: MatchRoute<Place>): RouteBound<Place> {
    let bound = this.bounds.get(driver.driverId);
    if (!bound) this.bounds.set(driver.driverId, (bound = new RouteBound(driver, route, this.scene)));
    return bound;
  }

  private sum(): number {
    let sum = 0;
    for (const cost of this.terms) sum += cost;
    return sum;
  }

  /** The parts of the cost, those of nothing left out. */
  partsOf(trip: Trip<Place>, driver: MatchDriver<Place>): ScorePart[] {
    this.costOf(trip, driver);
    return MATCH_TERMS.map((what, at) => ({ what, costMs: Math.round(this.terms[at] ?? 0) })).filter(
      ({ costMs }) => costMs !== 0,
    );
  }

  private wayOf(trip: Trip<Place>, vehicle: VehicleKind): TripTimes {
    let ways = this.times.get(trip);
    if (!ways) this.times.set(trip, (ways = new Map<VehicleKind, TripTimes>()));
    let way = ways.get(vehicle);
    if (!way) ways.set(vehicle, (way = tripTimes(trip, vehicle, this.scene.travel, this.scene.weights)));
    return way;
  }

  private reckon(
    trip: Trip<Place>,
    driver: MatchDriver<Place>,
    { toPickupMs, arriveAt, pickAt }: Omit<PairTimes, 'leaveAt'>,
    way: TripTimes,
  ): void {
    const { weights, driverTime, meanEarnedCents } = this.scene;
    const { terms } = this;
    terms.fill(0);
    terms[0] = driverTime * toPickupMs;
    terms[1] = weights.driverWaits * (pickAt - weights.pickupStopMs / 2 - arriveAt);
    terms[2] = driverTime * weights.tripTime * way.endAfterMs;
    terms[5] = weights.payMsPerCent * this.payOf(trip, driver);
    terms[6] = weights.fairnessMsPerCent * (driver.earnedCents - meanEarnedCents);
    const refusals = (1 - driver.acceptOdds) / driver.acceptOdds;
    let [late, delayed, urgent] = [0, 0, 0];
    for (let at = 0; at < trip.deliveries.length; at += 1) {
      const delivery = trip.deliveries[at];
      if (!delivery) continue;
      const dropAt = pickAt + (way.dropAfterMs[at] ?? 0);
      delayed += dropAt - (way.directMs[at] ?? 0) - delivery.readyAt;
      late += Math.max(0, dropAt - dueAt(delivery, weights));
      urgent += this.urgencyOf(delivery);
    }
    terms[3] = weights.goodsWait * delayed;
    terms[4] = weights.lateness * late;
    terms[7] = weights.refusalMs * refusals * trip.deliveries.length;
    terms[8] = -urgent;
  }

  /** What it costs that a delivery has no driver for now; with the lateness of a pickup after the look-ahead. */
  private urgencyOf(delivery: MatchDelivery<Place>): number {
    let urgency = this.urgency.get(delivery);
    if (urgency !== undefined) return urgency;
    const { now, weights, travel } = this.scene;
    const { waitingSince, readyAt, level, pickup, dropoff } = delivery;
    const waitedMs = Math.max(0, now - Math.max(waitingSince, readyAt));
    const stopsMs = (weights.pickupStopMs + weights.dropoffStopMs) / 2;
    const laterDropAt =
      Math.max(now + weights.lookAheadMs, readyAt) + stopsMs + travel(pickup.place, dropoff.place, 'CAR');
    urgency =
      weights.unmatchedMs +
      (weights.goodsWait + weights.waiting) * waitedMs +
      weights.levelMs * level +
      weights.lateness * Math.max(0, laterDropAt - dueAt(delivery, weights));
    this.urgency.set(delivery, urgency);
    return urgency;
  }

  private payOf(trip: Trip<Place>, driver: MatchDriver<Place>): number {
    let payCents = 0;
    for (const delivery of trip.deliveries) payCents += delivery.payCents;
    return payToCome(this.owedTo(driver), payCents);
  }

  private owedTo(driver: MatchDriver<Place>): OwedPay {
    let owed = this.owed.get(driver.driverId);
    if (owed) return owed;
    const { now, weights, meanPayCents } = this.scene;
    const leftMs = (driver.shiftEndsAt ?? Infinity) - Math.max(now, driver.freeAt);
    owed = owedPay(driver, { leftMs, jobsAnHour: weights.jobsAnHour, jobCents: meanPayCents });
    this.owed.set(driver.driverId, owed);
    return owed;
  }
}

/** No pickup comes as the shift ends, or later; a search excludes the same drivers (exclusion.ts). */
function isAfterShift({ shiftEndsAt }: MatchDriver<unknown>, pickAt: number): boolean {
  return shiftEndsAt !== null && pickAt >= shiftEndsAt;
}

/** Times of a pair. The driver leaves as soon as they can; with other work in hand, the pickup is in their route. */
export function pairTimes<Place>(
  trip: Trip<Place>,
  driver: MatchDriver<Place>,
  scene: Scene<Place>,
): PairTimes {
  const { now, travel, weights } = scene;
  const leaveAt = Math.max(now, driver.freeAt);
  const found = driver.route ? tripInRoute(trip, driver, driver.route, scene) : null;
  if (found) return { ...found, leaveAt, toPickupMs: found.arriveAt - leaveAt };
  const pickup = trip.deliveries[0]?.pickup.place ?? driver.place;
  const toPickupMs = travel(driver.place, pickup, driver.vehicle);
  const arriveAt = leaveAt + toPickupMs;
  return {
    leaveAt,
    toPickupMs,
    arriveAt,
    pickAt: Math.max(arriveAt + weights.pickupStopMs / 2, trip.readyAt),
  };
}

/** Whether the driver may be asked for all of it, by vehicle, room and earlier answers. */
export function mayTake<Place>(trip: Trip<Place>, driver: MatchDriver<Place>, now: number): boolean {
  if (driver.room < trip.deliveries.length) return false;
  for (const delivery of trip.deliveries) {
    if (!carries(driver.vehicle, delivery.parcelSize)) return false;
    if (isBarred(delivery, driver.driverId, now)) return false;
  }
  return true;
}

/** Whether the driver may not be asked for this delivery now. */
export function isBarred<Place>({ notBefore }: MatchDelivery<Place>, driverId: string, now: number): boolean {
  if (!Object.hasOwn(notBefore, driverId)) return false;
  const until = notBefore[driverId];
  return until === null || until === undefined || until > now;
}

function dueAt<Place>({ windowTo, placedAt }: MatchDelivery<Place>, weights: MatchWeights): number {
  return (windowTo ?? placedAt + weights.targetMs) - weights.latenessCushionMs;
}

/** Whether a customer would get theirs too much later than if this driver brought it alone. */
function isTooLate<Place>(
  { deliveries }: Trip<Place>,
  { dropAfterMs, directMs }: TripTimes,
  { arriveAt, pickAt }: PairTimes,
  { bundleExtraMs, pickupStopMs }: MatchWeights,
): boolean {
  if (deliveries.length === 1) return false;
  return deliveries.some(({ readyAt }, at) => {
    const alone = Math.max(arriveAt + pickupStopMs / 2, readyAt) + (directMs[at] ?? 0);
    return pickAt + (dropAfterMs[at] ?? 0) - alone > bundleExtraMs;
  });
}
