import type { FleetBehaviour } from '../../simulator/demo/world';
import type { AfterAccept } from '../../simulator/people/driver';

/** One minute of the run is ten minutes of business time. */
export const HOSTILE_TIME_SCALE = 10;

/**
 * Minutes of unassigned time until each level. Shorter than the defaults, so that a run reaches all three:
 * 30, 60 and 90 s of real time.
 */
export const LEVEL_MINUTES = { 1: 5, 2: 10, 3: 15 } as const;

/** Real time until level 1. */
export const LEVEL_1_MS = (LEVEL_MINUTES[1] * 60_000) / HOSTILE_TIME_SCALE;

/** Out-of-town orders, which only ops can assign; they come last. */
export const FAR_ORDERS = 3;

/**
 * One in ten drivers who accept goes silent for good; one third of those have the goods. Two in ten offers
 * expire. No customer is absent: this run tests the loss of drivers.
 */
export const HOSTILE_FLEET_BEHAVIOUR: FleetBehaviour = {
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
  afterAccept: [...times<AfterAccept>(27, 'goesOn'), 'vanishes', 'vanishes', 'vanishesWithGoods'],
  // A position counts as fresh for 6 s, and an idle driver must not be lost.
  rhythm: { batch: 2, idleMs: 2_000, pollMs: 3_000 },
  // Well beyond the 18 s after which a driver counts as lost.
  awayMs: { min: 50_000, max: 80_000 },
};

function times<T>(count: number, card: T): T[] {
  return Array.from({ length: count }, () => card);
}

/**
 * The environment of worker and API for this run: all features on, no rate limits. User settings are kept,
 * except for the time-outs.
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
    POSITION_FASTEST_METERS_PER_MINUTE: '10000000',
    RATE_LIMIT_AVAILABILITY_PER_MINUTE: '1000000',
    ...given,
    TIME_SCALE: String(HOSTILE_TIME_SCALE),
    ESCALATION_LEVEL_1_THRESHOLD_MINUTES: String(LEVEL_MINUTES[1]),
    ESCALATION_LEVEL_2_THRESHOLD_MINUTES: String(LEVEL_MINUTES[2]),
    ESCALATION_LEVEL_3_THRESHOLD_MINUTES: String(LEVEL_MINUTES[3]),
  };
}
