/** Why a driver is not asked for a delivery. docs/behaviour.md#offers. */

import { carries } from '../driver/vehicles';
import { answersOffers, type Candidate, RANKING_LIMITS, type RankingLimits, type Wanted } from './candidate';

/** The reason. `LAPSED_RECENTLY` is checked last, so it means that nothing else excludes the driver. */
export type Exclusion =
  | 'LOST'
  | 'NOT_AVAILABLE'
  | 'LEAVES_AFTER_WORK'
  | 'WRONG_VEHICLE'
  | 'HAS_LIVE_OFFER'
  | 'NO_ROOM'
  | 'ROUTE_TOO_LATE'
  | 'OLD_APP'
  | 'ASKED_BY_BROADCAST'
  | 'STALE_POSITION'
  | 'SHIFT_ENDS_BEFORE_PICKUP'
  | 'REJECTED'
  | 'LAPSED_RECENTLY';

/** An excluded driver. `until`: when the exclusion ends by itself (epoch ms); null = it does not. */
export type Excluded = { driverId: string; reason: Exclusion; until: number | null };

/** The first reason not to ask this driver; null = there is none. */
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

/** The record of a driver who is excluded for this reason. */
export function toExcluded(candidate: Candidate, reason: Exclusion, limits: RankingLimits): Excluded {
  const { driverId, lastLapseAt } = candidate;
  const isTimed = reason === 'LAPSED_RECENTLY' && lastLapseAt !== null;
  return { driverId, reason, until: isTimed ? lastLapseAt + limits.lapseExclusionMs : null };
}

/**
 * When (epoch ms) the first of these exclusions ends by itself, so that a search can be made then; null =
 * none.
 */
export function nextExclusionEndsAt(all: readonly Excluded[]): number | null {
  const ends = all.flatMap(({ until }) => (until === null ? [] : [until]));
  return ends.length === 0 ? null : Math.min(...ends);
}

/** Exclusions that do not depend on time. */
function standingExclusion(candidate: Candidate, wanted: Wanted): Exclusion | null {
  if (candidate.lost) return 'LOST';
  if (candidate.availability !== 'AVAILABLE' && candidate.availability !== 'BUSY') return 'NOT_AVAILABLE';
  if (candidate.leavesAfterWork) return 'LEAVES_AFTER_WORK';
  if (!carries(candidate.vehicle, wanted.parcelSize)) return 'WRONG_VEHICLE';
  if (candidate.liveOffers > 0) return 'HAS_LIVE_OFFER';
  if (candidate.room <= 0 && candidate.nextAfter === undefined) return 'NO_ROOM';
  if (candidate.isTooLate) return 'ROUTE_TOO_LATE';
  const mustAnswer = wanted.kind === 'BROADCAST' || candidate.nextAfter !== undefined;
  if (mustAnswer && !answersOffers(candidate.offerVersion)) return 'OLD_APP';
  if (wanted.kind === 'BROADCAST' && candidate.askedByBroadcast) return 'ASKED_BY_BROADCAST';
  return null;
}

/** Exclusions that depend on time. */
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

/** Exclusions by earlier offers of this delivery to the driver. */
function historyExclusion(candidate: Candidate, wanted: Wanted, limits: RankingLimits): Exclusion | null {
  const { rejected, lastLapseAt } = candidate;
  if (wanted.kind !== 'SINGLE') return null;
  if (rejected !== null && wanted.payCents <= rejected.payCents && wanted.level <= rejected.level)
    return 'REJECTED';
  if (lastLapseAt !== null && wanted.now < lastLapseAt + limits.lapseExclusionMs) return 'LAPSED_RECENTLY';
  return null;
}
