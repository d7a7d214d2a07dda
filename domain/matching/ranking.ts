/** In which order drivers are asked for a delivery. docs/behaviour.md#offers. */

import { type Candidate, RANKING_LIMITS, type RankingLimits, type Wanted } from './candidate';
import { type Excluded, exclusionOf, toExcluded } from './exclusion';

/** The criteria of the ranking, in the order of comparison. The v1 way compares only the distance. */
export type Score = {
  travelBucket: number;
  recentRejections: number;
  earningsBucket: number;
  idleMs: number;
  travelMs: number;
  distanceMeters: number;
  /** How many stops of their work come first; absent = none. */
  stopsBefore?: number;
};

/** A driver who may be asked. */
export type Ranked = {
  driverId: string;
  offerVersion: number | null;
  score: Score;
  /** The delivery that they are about to finish: this one would be their next job. */
  nextAfter?: string;
};

/** A choice: who may be asked, best first, and who may not. Plain data, kept with the offer to explain it. */
export type Ranking = { ranked: Ranked[]; excluded: Excluded[] };

/** Ranks candidates. The result does not depend on the order in which they come. */
export function rankCandidates(
  candidates: readonly Candidate[],
  wanted: Wanted,
  limits: RankingLimits = RANKING_LIMITS,
): Ranking {
  const ranking: Ranking = { ranked: [], excluded: [] };
  for (const candidate of candidates) {
    const reason = exclusionOf(candidate, wanted, limits);
    if (reason === null) ranking.ranked.push(toRanked(candidate, wanted.now, limits));
    else ranking.excluded.push(toExcluded(candidate, reason, limits));
  }
  ranking.ranked.sort(wanted.kind === 'DIRECT' ? byDistance : byScore);
  ranking.excluded.sort((a, b) => compareText(a.driverId, b.driverId));
  return ranking;
}

function toRanked(
  { driverId, offerVersion, nextAfter, ...facts }: Candidate,
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
    ...(facts.stopsBefore ? { stopsBefore: facts.stopsBefore } : {}),
  };
  return { driverId, offerVersion, score, ...(nextAfter === undefined ? {} : { nextAfter }) };
}

/**
 * Nearest in time, then fewest refusals, least earned, longest idle. The exact time and the id break ties.
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

/** The v1 order. */
function byDistance(a: Ranked, b: Ranked): number {
  return a.score.distanceMeters - b.score.distanceMeters || compareText(a.driverId, b.driverId);
}

function bucketOf(amount: number, size: number): number {
  return size > 0 ? Math.floor(amount / size) : amount;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
