import type { ClockSkew, FleetBehaviour } from '../../simulator/demo/world';
import { matchingVariables } from '../../simulator/kit/environment';
import type { AfterAccept } from '../../simulator/people/driver';
import { hostileEnvironment } from '../hostile/settings';

/**
 * One minute of the run is six minutes of business time. Offers expire, drivers fall silent and levels are
 * reached within a run, and a freeze stays under half an hour of business time.
 */
export const CHAOS_TIME_SCALE = 6;
/**
 * Sixty seconds of business time, ten seconds of real time: a driver who was cut off for some seconds can
 * still answer.
 */
const OFFER_SECONDS = 60;

/**
 * Five seconds of real time between searches that found nobody, as in production. At the pace of the run,
 * forty waiting deliveries would keep the machine busy with searches.
 */
const SEARCH_BACKOFF_SECONDS = 5 * CHAOS_TIME_SCALE;

/** How much faster than in reality drivers ride and shops pack. */
export const CHAOS_SPEED = 120;

/** One in ten drivers who accept goes silent for a while, and one in ten offers expires. */
export const CHAOS_FLEET_BEHAVIOUR: FleetBehaviour = {
  odds: { breakAfterJob: 0.05, failAtDoor: 0.02 },
  answers: [
    'accept',
    'accept',
    'accept',
    'accept',
    'accept',
    'accept',
    'accept',
    'accept',
    'reject',
    'ignore',
  ],
  afterAccept: [...times<AfterAccept>(27, 'goesOn'), 'vanishes', 'vanishes', 'vanishesWithGoods'],
  // A position counts as fresh for 10 s.
  rhythm: { batch: 2, idleMs: 3_000, pollMs: 4_000 },
  // Longer than the 30 s after which a driver counts as lost.
  awayMs: { min: 35_000, max: 60_000 },
};

/** One device in four has a clock that is minutes off. */
export const CHAOS_SKEW: ClockSkew = { every: 4, mostMs: 600_000 };

/**
 * The environment of worker and API: settings of a busy evening, at the pace of this run.
 * @param matchingPercent of how many deliveries the city's matching looks for the driver; 0 = it is off
 */
export function chaosEnvironment(given: NodeJS.ProcessEnv, matchingPercent: number): NodeJS.ProcessEnv {
  return {
    ...hostileEnvironment(given),
    ...matchingVariables(matchingPercent),
    TIME_SCALE: String(CHAOS_TIME_SCALE),
    OFFER_EXPIRATION_SECONDS: String(OFFER_SECONDS),
    SEARCH_BACKOFF_SECONDS: String(SEARCH_BACKOFF_SECONDS),
  };
}

function times<T>(count: number, card: T): T[] {
  return Array.from({ length: count }, () => card);
}
