import type { Availability } from '../driver/availability';
import type { OfferKind } from '../delivery/offer';
import { carries, type ParcelSize, type VehicleKind } from '../driver/vehicles';

/** One driver near a pickup and all a choice may look at. Instants are epoch ms, durations ms. spec 2. */
export type Candidate = {
  driverId: string;
  availability: Availability;
  /** A break, pause or end is to begin when the present work ends: no new jobs till then (spec 3). */
  leavesAfterWork: boolean;
  vehicle: VehicleKind;
  /** Capacity less live offers and active assignments. */
  room: number;
  liveOffers: number;
  /** What the driver's app understands; null or 1 = v1, which is assigned without asking. */
  offerVersion: number | null;
  /** The last known position's time. */
  fixAt: number | null;
  distanceMeters: number;
  /** Time to the pickup, cached or estimated. */
  travelMs: number;
  /** The planned end of the shift; null = open. */
  shiftEndsAt: number | null;
  /** Since when the driver has had no work; null = has work. */
  idleSince: number | null;
  earningsTodayCents: number;
  /**
   * Offers this driver refused or let lapse lately, of any delivery; lapses while their connection was down
   * do not count (spec 2).
   */
  recentRejections: number;
  /** When this delivery's last offer to this driver lapsed. */
  lastLapseAt: number | null;
  /** What this delivery paid, and its escalation level, when this driver last rejected it. */
  rejected: { payCents: number; level: number } | null;
  /** This delivery was already lost by this driver. */
  lost: boolean;
  /** The broadcast that runs for this delivery asked this driver already. */
  askedByBroadcast: boolean;
};

/**
 * What is looked for. `payCents` and `level` (escalation, 0..3) are the delivery's now; `readyAt` is when the
 * goods are. DIRECT is v1's way, offers off: the nearest in metres is assigned without asking (spec 2), so,
 * as in a BROADCAST (spec 4), lapses and rejections of earlier offers exclude nobody.
 */
export type Wanted = {
  kind: OfferKind | 'DIRECT';
  parcelSize: ParcelSize;
  payCents: number;
  level: number;
  readyAt: number;
  now: number;
};

/**
 * What a search looks for now: nobody is asked with offers off, and none are asked at once with escalation
 * off (spec 4 and 7).
 */
export function searchKind({
  offersOn,
  escalates,
  broadcastSince,
}: {
  offersOn: boolean;
  escalates: boolean;
  broadcastSince: number | null;
}): Wanted['kind'] {
  if (!offersOn) return 'DIRECT';
  return escalates && broadcastSince !== null ? 'BROADCAST' : 'SINGLE';
}

/**
 * Why a driver is not asked. `LAPSED_RECENTLY` comes last, so where it is given nothing else stands in the
 * way. spec 2.
 */
export type Exclusion =
  | 'LOST'
  | 'NOT_AVAILABLE'
  | 'LEAVES_AFTER_WORK'
  | 'WRONG_VEHICLE'
  | 'HAS_LIVE_OFFER'
  | 'NO_ROOM'
  | 'OLD_APP'
  | 'ASKED_BY_BROADCAST'
  | 'STALE_POSITION'
  | 'SHIFT_ENDS_BEFORE_PICKUP'
  | 'REJECTED'
  | 'LAPSED_RECENTLY';

/** Settings of a wanted. Durations in ms; a bucket of 0 compares exactly. */
export type RankingLimits = {
  freshPositionMs: number;
  lapseExclusionMs: number;
  /** Times to pickup within the same bucket count as equal, so that the next criteria can speak. */
  travelBucketMs: number;
  /** The same for the day's earnings, in cents. */
  earningsBucketCents: number;
};

/** Fresh = 60 s (spec 3); a lapse excludes for 5 minutes (spec 2); buckets of a minute and of 5.00. */
export const RANKING_LIMITS: RankingLimits = {
  freshPositionMs: 60_000,
  lapseExclusionMs: 300_000,
  travelBucketMs: 60_000,
  earningsBucketCents: 500,
};

/**
 * What decided a driver's place, in the order in which it is compared (v1's way: the distance alone). Kept
 * with the offer (spec 2, 'why this driver?').
 */
export type Score = {
  travelBucket: number;
  recentRejections: number;
  earningsBucket: number;
  idleMs: number;
  travelMs: number;
  distanceMeters: number;
};

/** A driver who may be asked. */
export type Ranked = { driverId: string; offerVersion: number | null; score: Score };

/** A driver who may not, why, and till when (epoch ms) where time alone ends it. */
export type Excluded = { driverId: string; reason: Exclusion; until: number | null };

/** The outcome of a choice: best first. Plain data, to be kept with the offer. */
export type Ranking = { ranked: Ranked[]; excluded: Excluded[] };

/**
 * Sorts candidates into those who may be asked, best first, and those who may not. The same whatever the
 * order they come in. spec 2.
 */
export function rankCandidates(
  candidates: readonly Candidate[],
  wanted: Wanted,
  limits: RankingLimits = RANKING_LIMITS,
): Ranking {
  const ranking: Ranking = { ranked: [], excluded: [] };
  for (const candidate of candidates) {
    const reason = exclusionOf(candidate, wanted, limits);
    if (reason === null) ranking.ranked.push(toRanked(candidate, wanted.now, limits));
    else
      ranking.excluded.push({
        driverId: candidate.driverId,
        reason,
        until: untilOf(candidate, reason, limits),
      });
  }
  ranking.ranked.sort(wanted.kind === 'DIRECT' ? byDistance : byScore);
  ranking.excluded.sort((a, b) => compareText(a.driverId, b.driverId));
  return ranking;
}

/** The first reason not to ask this driver, or null. spec 2. */
export function exclusionOf(
  candidate: Candidate,
  wanted: Wanted,
  limits: RankingLimits = RANKING_LIMITS,
): Exclusion | null {
  return (
    standingExclusion(candidate, wanted) ??
    timeExclusion(candidate, wanted, limits) ??
    historyExclusion(candidate, wanted, limits)
  );
}

/**
 * When (epoch ms) the first of these exclusions ends by itself, so that a search can be made just then; null
 * where none does.
 */
export function nextExclusionEndsAt(excluded: readonly Excluded[]): number | null {
  const ends = excluded.flatMap(({ until }) => (until === null ? [] : [until]));
  return ends.length === 0 ? null : Math.min(...ends);
}

/** True for a driver's app that answers offers; the others are assigned without asking. spec 2. */
export function answersOffers(offerVersion: number | null): boolean {
  return offerVersion !== null && offerVersion >= 2;
}

/** How a search widens and waits. Metres and ms. */
export type SearchLimits = {
  startRadiusMeters: number;
  radiusGrowth: number;
  maxRadiusMeters: number;
  /** The radius of every round from escalation level 1 on. */
  escalatedRadiusMeters: number;
  backoffMs: number;
  maxBackoffMs: number;
};

/**
 * 3 km, ×1.5 a fruitless round, to 15 km; waits of 5 s to 2 min (spec 2). Level 1 searches one step beyond,
 * 22.5 km at once (spec 4 says 'widens' only).
 */
export const SEARCH_LIMITS: SearchLimits = {
  startRadiusMeters: 3_000,
  radiusGrowth: 1.5,
  maxRadiusMeters: 15_000,
  escalatedRadiusMeters: 22_500,
  backoffMs: 5_000,
  maxBackoffMs: 120_000,
};

/**
 * How far to look around the pickup after `round` fruitless rounds (0 = the first search), at escalation
 * level 0..3, in whole metres. spec 2 and 4.
 */
export function searchRadiusMeters(
  round: number,
  level: number,
  limits: SearchLimits = SEARCH_LIMITS,
): number {
  if (level >= 1) return limits.escalatedRadiusMeters;
  return Math.round(
    Math.min(limits.maxRadiusMeters, limits.startRadiusMeters * limits.radiusGrowth ** round),
  );
}

/**
 * How long to wait after `round` fruitless rounds (1 = the first just found nobody), in ms: doubling up to
 * the limit. spec 2.
 */
export function searchBackoffMs(
  round: number,
  limits: Pick<SearchLimits, 'backoffMs' | 'maxBackoffMs'> = SEARCH_LIMITS,
): number {
  return Math.min(limits.maxBackoffMs, limits.backoffMs * 2 ** Math.max(0, round - 1));
}

/** What holds whatever the time. */
function standingExclusion(candidate: Candidate, wanted: Wanted): Exclusion | null {
  if (candidate.lost) return 'LOST';
  if (candidate.availability !== 'AVAILABLE' && candidate.availability !== 'BUSY') return 'NOT_AVAILABLE';
  if (candidate.leavesAfterWork) return 'LEAVES_AFTER_WORK';
  if (!carries(candidate.vehicle, wanted.parcelSize)) return 'WRONG_VEHICLE';
  if (candidate.liveOffers > 0) return 'HAS_LIVE_OFFER';
  if (candidate.room <= 0) return 'NO_ROOM';
  if (wanted.kind === 'BROADCAST' && !answersOffers(candidate.offerVersion)) return 'OLD_APP';
  if (wanted.kind === 'BROADCAST' && candidate.askedByBroadcast) return 'ASKED_BY_BROADCAST';
  return null;
}

/** What depends on the clock. */
function timeExclusion(
  candidate: Candidate,
  { now, readyAt }: Wanted,
  limits: RankingLimits,
): Exclusion | null {
  if (candidate.fixAt === null || now - candidate.fixAt > limits.freshPositionMs) return 'STALE_POSITION';
  const pickupAt = Math.max(now + candidate.travelMs, readyAt);
  if (candidate.shiftEndsAt !== null && pickupAt >= candidate.shiftEndsAt) return 'SHIFT_ENDS_BEFORE_PICKUP';
  return null;
}

/** What this driver did with this delivery before. */
function historyExclusion(candidate: Candidate, wanted: Wanted, limits: RankingLimits): Exclusion | null {
  const { rejected, lastLapseAt } = candidate;
  if (wanted.kind !== 'SINGLE') return null;
  if (rejected !== null && wanted.payCents <= rejected.payCents && wanted.level <= rejected.level)
    return 'REJECTED';
  if (lastLapseAt !== null && wanted.now < lastLapseAt + limits.lapseExclusionMs) return 'LAPSED_RECENTLY';
  return null;
}

function untilOf(candidate: Candidate, reason: Exclusion, limits: RankingLimits): number | null {
  return reason === 'LAPSED_RECENTLY' && candidate.lastLapseAt !== null
    ? candidate.lastLapseAt + limits.lapseExclusionMs
    : null;
}

function toRanked(
  { driverId, offerVersion, ...facts }: Candidate,
  now: number,
  limits: RankingLimits,
): Ranked {
  const score: Score = {
    travelBucket: bucketOf(facts.travelMs, limits.travelBucketMs),
    recentRejections: facts.recentRejections,
    earningsBucket: bucketOf(facts.earningsTodayCents, limits.earningsBucketCents),
    idleMs: facts.idleSince === null ? 0 : Math.max(0, now - facts.idleSince),
    travelMs: facts.travelMs,
    distanceMeters: facts.distanceMeters,
  };
  return { driverId, offerVersion, score };
}

/**
 * Nearest in time, then fewest refusals, least earned, longest idle; the rest only makes the order certain.
 */
function byScore({ score: a, driverId: idA }: Ranked, { score: b, driverId: idB }: Ranked): number {
  return (
    a.travelBucket - b.travelBucket ||
    a.recentRejections - b.recentRejections ||
    a.earningsBucket - b.earningsBucket ||
    b.idleMs - a.idleMs ||
    a.travelMs - b.travelMs ||
    compareText(idA, idB)
  );
}

/** v1's order. */
function byDistance(a: Ranked, b: Ranked): number {
  return a.score.distanceMeters - b.score.distanceMeters || compareText(a.driverId, b.driverId);
}

function bucketOf(amount: number, size: number): number {
  return size > 0 ? Math.floor(amount / size) : amount;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
