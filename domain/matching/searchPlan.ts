/**
 * The plan of a search for a driver: its kind, radius and backoff.
 * docs/behaviour.md#offers.
 */

import type { Wanted } from './candidate';

/** Settings of a search. Metres and ms. */
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
 * From 3 km, half as much again after each fruitless round, to 15 km; waits of 5 s to 2 minutes. From level 1
 * on 22.5 km at once, one step beyond (docs/behaviour.md#escalation).
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
 * What a search looks for: with offers off a driver to assign, during a broadcast a wave of drivers to ask,
 * else one driver to ask. docs/behaviour.md#escalation.
 * @param escalates whether escalation is on: with it off there is no broadcast
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
 * The search radius around the pickup, in whole metres, after `round` fruitless rounds (0 = the first search)
 * and at escalation level 0..3.
 * @param widenedToMeters how far searches reach at least there; null = ops have not widened them
 */
export function searchRadiusMeters(
  round: number,
  level: number,
  limits: SearchLimits = SEARCH_LIMITS,
  widenedToMeters: number | null = null,
): number {
  return Math.max(usualRadiusMeters(round, level, limits), widenedToMeters ?? 0);
}

function usualRadiusMeters(round: number, level: number, limits: SearchLimits): number {
  if (level >= 1) return limits.escalatedRadiusMeters;
  return Math.round(
    Math.min(limits.maxRadiusMeters, limits.startRadiusMeters * limits.radiusGrowth ** round),
  );
}

/** The backoff after `round` fruitless rounds, in ms. It doubles up to the limit. */
export function searchBackoffMs(
  round: number,
  limits: Pick<SearchLimits, 'backoffMs' | 'maxBackoffMs'> = SEARCH_LIMITS,
): number {
  return Math.min(limits.maxBackoffMs, limits.backoffMs * 2 ** Math.max(0, round - 1));
}
