/** Candidates for a delivery, and what the ranking compares. docs/behaviour.md#offers. */

import type { OfferKind } from '../delivery/offer';
import type { Availability } from '../driver/availability';
import type { ParcelSize, VehicleKind } from '../driver/vehicles';

/** One driver near a pickup, with all that the ranking reads. Instants are epoch ms, durations ms. */
export type Candidate = {
  driverId: string;
  availability: Availability;
  /** A break, pause or end is pending: no new jobs until the current work ends. */
  leavesAfterWork: boolean;
  vehicle: VehicleKind;
  /** Capacity minus live offers and active assignments. */
  room: number;
  liveOffers: number;
  /** The protocol version of the driver's app; null or 1 = v1, which is assigned without an offer. */
  offerVersion: number | null;
  /** The time of the last known position. */
  fixAt: number | null;
  distanceMeters: number;
  /** Time to the pickup, cached or estimated; of a driver with work, in their route. */
  travelMs: number;
  /** How many stops of their work come before the pickup; absent = they have no work. */
  stopsBefore?: number;
  /** A customer, of theirs or of this delivery, would get it too late if they took it besides their work. */
  isTooLate?: boolean;
  /** The delivery that they are about to finish, where this one may be offered as the next: it needs no room. */
  nextAfter?: string;
  /** The planned end of the shift; null = open. */
  shiftEndsAt: number | null;
  /** Since when the driver has had no work; null = has work. */
  idleSince: number | null;
  earningsTodayCents: number;
  /**
   * Offers of any delivery that this driver rejected or let lapse lately. A lapse while the driver was not
   * connected does not count.
   */
  recentRejections: number;
  /** When this delivery's last offer to this driver lapsed. */
  lastLapseAt: number | null;
  /** What this delivery paid, and its escalation level, when this driver last rejected it. */
  rejected: { payCents: number; level: number } | null;
  /** This driver lost this delivery before. */
  lost: boolean;
  /** The broadcast that runs for this delivery has asked this driver. */
  askedByBroadcast: boolean;
};

/**
 * What a search needs a driver for. `payCents` and `level` (escalation, 0..3) are the current ones; `readyAt` is when
 * the goods are ready. DIRECT is the v1 way, with offers off: the nearest driver by metres is assigned without an
 * offer. In DIRECT and BROADCAST, earlier lapses and rejections exclude nobody.
 */
export type Wanted = {
  kind: OfferKind | 'DIRECT';
  parcelSize: ParcelSize;
  payCents: number;
  level: number;
  readyAt: number;
  now: number;
};

/** Settings of a choice. Durations in ms; a bucket of 0 compares exactly. */
export type RankingLimits = {
  freshPositionMs: number;
  lapseExclusionMs: number;
  /** Times to the pickup within one bucket count as equal, so that the next criterion decides. */
  travelBucketMs: number;
  /** The same for the earnings of the day, in cents. */
  earningsBucketCents: number;
};

/** Positions are fresh for 60 s; a lapse excludes for 5 minutes; buckets of one minute and of 5.00. */
export const RANKING_LIMITS: RankingLimits = {
  freshPositionMs: 60_000,
  lapseExclusionMs: 300_000,
  travelBucketMs: 60_000,
  earningsBucketCents: 500,
};

/** Whether a driver's app answers offers. Drivers with older apps are assigned without an offer. */
export function answersOffers(offerVersion: number | null): boolean {
  return offerVersion !== null && offerVersion >= 2;
}

/** Whether a driver's app can show and answer one offer for several deliveries. */
export function answersTrips(offerVersion: number | null): boolean {
  return offerVersion !== null && offerVersion >= 3;
}
