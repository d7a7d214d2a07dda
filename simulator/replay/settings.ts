import type { DayRules } from './day';

/** How far apart two places of a courier may lie in time: well within what the service calls fresh. */
const FRESH_SECONDS = 3_600;
const TRIES_TO_SHOW_PLACE = 4;
const LONGEST_PLACE_PAUSE_MS = 10_000;
/** An offer is answered at once; this is what the answer may take on a slow machine, in real seconds. */
const ANSWER_SECONDS = 2;

/**
 * The environment of worker and API for a replay: the day's own speed and no detours, all durations divided
 * by `speed`, offers on for all, and no limits that a hurried day would run into. What the user has set stays
 * as it is.
 */
export function serviceEnvironment(
  rules: DayRules,
  speed: number,
  given: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const metersPerMinute = String(Math.round(rules.metersPerMinute));
  return {
    ENABLE_DRIVER_OFFERS: 'true',
    DRIVER_OFFERS_ROLLOUT: '100',
    ENABLE_AVAILABILITY_STATES: 'true',
    ENABLE_AUTO_REASSIGNMENT: 'true',
    DRIVER_SPEED_BICYCLE_METERS_PER_MINUTE: metersPerMinute,
    DRIVER_SPEED_MOPED_METERS_PER_MINUTE: metersPerMinute,
    DRIVER_SPEED_CAR_METERS_PER_MINUTE: metersPerMinute,
    DRIVER_SPEED_VAN_METERS_PER_MINUTE: metersPerMinute,
    TRAVEL_DETOUR_FACTOR: '1',
    POSITION_FRESH_SECONDS: String(FRESH_SECONDS),
    POSITION_OFFLINE_MINUTES: '1440',
    // A recorded day says where a courier set out and arrived, not the way between: nobody is lost for being
    // silent or standing still.
    LOST_AFTER_SILENCE_SECONDS: '86400',
    LOST_AFTER_NO_PROGRESS_MINUTES: '1440',
    OFFER_EXPIRATION_SECONDS: String(Math.min(3_600, Math.max(30, Math.ceil(ANSWER_SECONDS * speed)))),
    RATE_LIMIT_PER_MINUTE: '1000000',
    RATE_LIMIT_MERCHANT_PER_MINUTE: '1000000',
    RATE_LIMIT_OPS_PER_MINUTE: '1000000',
    RATE_LIMIT_LOCATION_PER_MINUTE: '1000000',
    RATE_LIMIT_AVAILABILITY_PER_MINUTE: '1000000',
    LOG_LEVEL: 'warn',
    ...given,
    TIME_SCALE: String(speed),
  };
}

/** How often a courier shows their place, in real ms. */
export function placePauseMs(speed: number): number {
  return Math.max(
    250,
    Math.min(LONGEST_PLACE_PAUSE_MS, (FRESH_SECONDS * 1_000) / speed / TRIES_TO_SHOW_PLACE),
  );
}
