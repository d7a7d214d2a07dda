import type { Temper } from '../../simulator/demo/world';
import type { Fate } from '../../simulator/people/driver';

/** A bad evening: ten minutes of business last one. */
export const HOSTILE_TIME_SCALE = 10;

/**
 * Minutes of unassigned time until each level, closer together than by default, so that a run sees all three:
 * 30, 60 and 90 s on the wall.
 */
export const LEVEL_MINUTES = { 1: 5, 2: 10, 3: 15 } as const;

/** How long, on the wall, until level 1. */
export const LEVEL_1_MS = (LEVEL_MINUTES[1] * 60_000) / HOSTILE_TIME_SCALE;

/** Orders from out of town, which only ops can give to a driver; the last ones of those asked for. */
export const FAR_ORDERS = 2;

/**
 * One of ten who accept is never heard again, and of three such ones one has the goods; two of ten offers
 * lapse. At the doors all goes well: this is about drivers.
 */
export const HOSTILE_TEMPER: Temper = {
  odds: { breakAfterJob: 0.05, failAtDoor: 0 },
  answers: [
    'accept',
    'accept',
    'accept',
    'accept',
    'accept',
    'accept',
    'accept',
    'reject',
    'ignore',
    'ignore',
  ],
  fates: [...times<Fate>(27, 'goesOn'), 'vanishes', 'vanishes', 'vanishesWithGoods'],
  // A place counts as fresh for 6 s, and nobody is to be lost who only waits.
  rhythm: { batch: 2, idleMs: 2_000, askMs: 3_000 },
  // Well past the 18 s after which they are lost.
  awayMs: { min: 50_000, max: 80_000 },
};

function times<T>(count: number, card: T): T[] {
  return Array.from({ length: count }, () => card);
}

/**
 * The environment of worker and API on such an evening: all features on, and no limits that a hurried one
 * would run into. What the user has set stays, but for the times.
 */
export function hostileEnvironment(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ENABLE_DRIVER_OFFERS: 'true',
    DRIVER_OFFERS_ROLLOUT: '100',
    ENABLE_AVAILABILITY_STATES: 'true',
    ENABLE_ESCALATION: 'true',
    ENABLE_AUTO_REASSIGNMENT: 'true',
    LAPSES_BEFORE_PAUSE: '2',
    LAPSE_PAUSE_MINUTES: '5',
    LOG_LEVEL: 'warn',
    RATE_LIMIT_PER_MINUTE: '1000000',
    RATE_LIMIT_MERCHANT_PER_MINUTE: '1000000',
    RATE_LIMIT_OPS_PER_MINUTE: '1000000',
    RATE_LIMIT_LOCATION_PER_MINUTE: '1000000',
    RATE_LIMIT_AVAILABILITY_PER_MINUTE: '1000000',
    ...given,
    TIME_SCALE: String(HOSTILE_TIME_SCALE),
    ESCALATION_LEVEL_1_THRESHOLD_MINUTES: String(LEVEL_MINUTES[1]),
    ESCALATION_LEVEL_2_THRESHOLD_MINUTES: String(LEVEL_MINUTES[2]),
    ESCALATION_LEVEL_3_THRESHOLD_MINUTES: String(LEVEL_MINUTES[3]),
  };
}
