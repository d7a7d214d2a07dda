import { matchingVariables } from '../kit/environment';
import type { DayRules } from './day';

/** The longest time between two positions of a courier. It is well within the service's freshness limit. */
const FRESH_SECONDS = 3_600;
const TRIES_TO_SHOW_PLACE = 4;
const LONGEST_PLACE_PAUSE_MS = 10_000;
/** Time for the answer to an offer on a slow machine, in real seconds. Couriers answer at once. */
const ANSWER_SECONDS = 2;

/**
 * The environment of worker and API for a replay: the day's own speed, no detours, all durations divided by
 * `speed`, offers on for all, the matching of the city as asked for, and limits high enough for a fast day. The user's
 * own settings stay.
 */
export function serviceEnvironment(
  rules: DayRules,
  { speed, isMatching }: { speed: number; isMatching: boolean },
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
    // A recorded day gives only the start and end of a ride, so silent or still couriers are not lost.
    LOST_AFTER_SILENCE_SECONDS: '86400',
    LOST_AFTER_NO_PROGRESS_MINUTES: '1440',
    STAGE_SLACK_MINUTES: '1440',
    STAGE_AT_PICKUP_MINUTES: '1440',
    STAGE_AT_DROPOFF_MINUTES: '1440',
    OFFER_EXPIRATION_SECONDS: String(Math.min(3_600, Math.max(30, Math.ceil(ANSWER_SECONDS * speed)))),
    RATE_LIMIT_PER_MINUTE: '1000000',
    RATE_LIMIT_MERCHANT_PER_MINUTE: '1000000',
    RATE_LIMIT_OPS_PER_MINUTE: '1000000',
    RATE_LIMIT_LOCATION_PER_MINUTE: '1000000',
    POSITION_FASTEST_METERS_PER_MINUTE: '10000000',
    RATE_LIMIT_AVAILABILITY_PER_MINUTE: '1000000',
    LOG_LEVEL: 'warn',
    ...given,
    ...matchingVariables(isMatching ? 100 : 0),
    TIME_SCALE: String(speed),
  };
}

/** The interval between a courier's positions, in real ms. */
export function placePauseMs(speed: number): number {
  return Math.max(
    250,
    Math.min(LONGEST_PLACE_PAUSE_MS, (FRESH_SECONDS * 1_000) / speed / TRIES_TO_SHOW_PLACE),
  );
}
