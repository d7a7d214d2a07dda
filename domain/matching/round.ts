/**
 * What a round of the matcher of a city reads and decides. Plain data: instants are epoch ms, durations ms, and
 * places of any kind that `Travel` knows. docs/behaviour.md#matching.
 */

import type { RouteStop } from './insertion';
import type { ParcelSize, VehicleKind } from '../driver/vehicles';

/** A stop of a delivery. Stops with the same `key` are one place, such as the counter of one shop. */
export type MatchStop<Place> = { key: string; place: Place };

/** A delivery that waits for a driver. */
export type MatchDelivery<Place> = {
  deliveryId: string;
  pickup: MatchStop<Place>;
  dropoff: MatchStop<Place>;
  parcelSize: ParcelSize;
  /** When the order was placed; click to door counts from here. */
  placedAt: number;
  readyAt: number;
  /** The end of the promised window; null = none. */
  windowTo: number | null;
  /** Since when it has been unassigned, and its escalation level, 0..3. */
  waitingSince: number;
  level: number;
  /** Pay with the bonus, in minor units. */
  payCents: number;
  /** Drivers who may not be asked, and until when; null = not until something changes. */
  notBefore: Readonly<Record<string, number | null>>;
};

/** A driver who is free, or soon will be. */
export type MatchDriver<Place> = {
  driverId: string;
  vehicle: VehicleKind;
  /** When and where their current work ends; for a driver without work, now and here. */
  freeAt: number;
  place: Place;
  /** How many more deliveries they can carry at once. */
  room: number;
  /** The planned end of the shift; null = open. No pickup comes after it. */
  shiftEndsAt: number | null;
  idleSince: number | null;
  /** What this shift has earned, in minor units, and what it is guaranteed to pay at least; null = no guarantee. */
  earnedCents: number;
  guaranteedCents: number | null;
  /** The odds that they accept an offer, over 0 and up to 1. */
  acceptOdds: number;
  /** The stops that are left of a driver who has work and room; absent = they have no work by `freeAt`. */
  route?: MatchRoute<Place>;
};

/** The work of a driver who may take more: their stops, how much fits on board, and how late customers may be. */
export type MatchRoute<Place> = { stops: readonly RouteStop<Place>[]; capacity: number; maxExtraMs: number };

/** Travel time in ms between two places. */
export type Travel<Place> = (from: Place, to: Place, vehicle: VehicleKind) => number;

export type RoundInput<Place> = {
  now: number;
  deliveries: readonly MatchDelivery<Place>[];
  drivers: readonly MatchDriver<Place>[];
  travel: Travel<Place>;
};

/** A part of the cost of a pair, in ms of delay that weighs the same; negative = it speaks for the pair. */
export type ScorePart = { what: MatchTerm; costMs: number };

/** The terms of the cost. */
export type MatchTerm =
  | 'TIME_TO_PICKUP'
  | 'GOODS_WAIT'
  | 'DRIVER_WAITS'
  | 'TRIP_TIME'
  | 'LATENESS_RISK'
  | 'PAY_TO_COME'
  | 'FAIRNESS'
  | 'ACCEPT_ODDS'
  | 'URGENCY'
  /** The delay of the customers whom the driver has already. */
  | 'OTHERS_LATER';

/** One driver for one or more deliveries of one trip, in the order of their dropoffs. */
export type MatchPair = { driverId: string; deliveryIds: readonly string[]; parts: readonly ScorePart[] };

/** Why a delivery has nobody yet. */
export type UnmatchedReason = 'NOBODY_IN_REACH' | 'ALL_EXCLUDED' | 'OTHERS_FIRST';

/**
 * What a round decides. `offers` are to be made now; `held` are pairs that may still improve, to be decided again
 * by `until` at the latest; `comeBackAt` is when the next round is due if nothing changes before (null = never).
 */
export type Round = {
  offers: readonly MatchPair[];
  held: readonly (MatchPair & { until: number })[];
  unmatched: readonly { deliveryId: string; why: UnmatchedReason }[];
  comeBackAt: number | null;
};
