import { describe, expect, it } from '@jest/globals';
import { readApiSettings, readSettings, SettingsError } from '../../settings';

const NEEDED = {
  DATABASE_URL: 'postgresql://app@127.0.0.1:5432/dispatch',
  REDIS_URL: 'redis://127.0.0.1:6379',
  JWT_LOCAL_KEY: 'a-key-of-at-least-thirty-two-bytes',
};

function problemsOf(env: Record<string, string>, read: (env: Record<string, string>) => unknown) {
  try {
    read({ ...NEEDED, ...env });
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

describe('settings that contradict each other', () => {
  it.each<[Record<string, string>, string]>([
    [
      { DATABASE_STATEMENT_TIMEOUT_MS: '1400' },
      'DATABASE_STATEMENT_TIMEOUT_MS is "1400"; allowed: a whole number from 50 to 1399',
    ],
    [
      { SEARCH_MAX_MINUTES: '30' },
      'SEARCH_MAX_MINUTES is 30; allowed: more than ESCALATION_LEVEL_3_THRESHOLD_MINUTES, which is 30',
    ],
    [
      { ESCALATION_LEVEL_3_THRESHOLD_MINUTES: '150' },
      'ESCALATION_LEVEL_3_THRESHOLD_MINUTES is 150; allowed: less than SEARCH_MAX_MINUTES, which is 120',
    ],
    [
      { SEARCH_MAX_MINUTES: '40', OFFER_EXPIRATION_SECONDS: '2400' },
      'SEARCH_MAX_MINUTES is 40; allowed: more than OFFER_EXPIRATION_SECONDS, which is 2400',
    ],
    [
      { SEARCH_MAX_MINUTES: '40', DRIVER_OFFERS_TIMEOUT_SECONDS: '2400' },
      'SEARCH_MAX_MINUTES is 40; allowed: more than DRIVER_OFFERS_TIMEOUT_SECONDS, which is 2400',
    ],
    [
      { SEARCH_MAX_MINUTES: '40', SEARCH_BACKOFF_MAX_SECONDS: '2400' },
      'SEARCH_MAX_MINUTES is 40; allowed: more than SEARCH_BACKOFF_MAX_SECONDS, which is 2400',
    ],
    [
      { POSITION_FRESH_SECONDS: '181' },
      'POSITION_FRESH_SECONDS is 181; allowed: at most LOST_AFTER_SILENCE_SECONDS, which is 180',
    ],
    [
      { LOST_AFTER_SILENCE_SECONDS: '59' },
      'LOST_AFTER_SILENCE_SECONDS is 59; allowed: at least POSITION_FRESH_SECONDS, which is 60',
    ],
    [
      { POSITION_OFFLINE_MINUTES: '1' },
      'POSITION_OFFLINE_MINUTES is 1; allowed: more than POSITION_FRESH_SECONDS, which is 60',
    ],
    [
      { LOST_AFTER_DETOUR_MINUTES: '4' },
      'LOST_AFTER_DETOUR_MINUTES is 4; allowed: at least LOST_AFTER_NO_PROGRESS_MINUTES, which is 5',
    ],
    [
      { LAPSES_BEFORE_PAUSE: '3', LAPSE_PAUSE_MINUTES: '500' },
      'LAPSE_PAUSE_MINUTES is 500; allowed: at most PAUSE_MAX_DURATION_MINUTES, which is 480',
    ],
    [
      { PAY_MAX_CENTS: '1000', ESCALATION_BONUS_CENTS: '1001' },
      'PAY_MAX_CENTS is 1000; allowed: at least ESCALATION_BONUS_CENTS, which is 1001',
    ],
    [
      { POSITION_FASTEST_METERS_PER_MINUTE: '400' },
      'POSITION_FASTEST_METERS_PER_MINUTE is 400; ' +
        'allowed: more than DRIVER_SPEED_MOPED_METERS_PER_MINUTE, which is 400',
    ],
    [
      { WORKER_WORKFLOW_TASK_POLLERS: '41' },
      'WORKER_WORKFLOW_TASK_POLLERS is 41; allowed: at most WORKER_WORKFLOW_TASK_SLOTS, which is 40',
    ],
    [
      { WORKER_ACTIVITY_POLLERS: '5', WORKER_ACTIVITY_SLOTS: '4' },
      'WORKER_ACTIVITY_POLLERS is 5; allowed: at most WORKER_ACTIVITY_SLOTS, which is 4',
    ],
  ])('stop the start: %j', (env, problem) => {
    expect(problemsOf(env, readSettings)).toContain(problem);
    expect(problemsOf(env, readApiSettings)).toContain(problem);
  });

  it.each<[Record<string, string>, string]>([
    [
      { ANSWER_TIMEOUT_MS: '1000' },
      'ANSWER_TIMEOUT_MS is 1000; allowed: more than DATABASE_STATEMENT_TIMEOUT_MS, which is 1000',
    ],
    [
      { SHUTDOWN_GRACE_SECONDS: '5' },
      'SHUTDOWN_GRACE_SECONDS is 5; allowed: at least ANSWER_TIMEOUT_MS, which is 8000',
    ],
    [
      { RATE_LIMIT_LOCATION_PER_MINUTE: '5', POSITION_FRESH_SECONDS: '10' },
      'RATE_LIMIT_LOCATION_PER_MINUTE is 5; allowed: at least 6, since POSITION_FRESH_SECONDS is 10',
    ],
  ])('of the API stop only the API: %j', (env, problem) => {
    expect(problemsOf(env, readApiSettings)).toEqual([problem]);
    expect(problemsOf(env, readSettings)).toEqual([]);
  });

  it.each<[Record<string, string>]>([
    [{ SEARCH_MAX_MINUTES: '0', ESCALATION_LEVEL_3_THRESHOLD_MINUTES: '600' }],
    [{ SEARCH_MAX_MINUTES: '31' }],
    [{ POSITION_FRESH_SECONDS: '180' }],
    [{ LOST_AFTER_NO_PROGRESS_MINUTES: '60' }],
    [{ LAPSE_PAUSE_MINUTES: '500' }],
    [{ WORKER_WORKFLOW_TASK_SLOTS: '4', WORKER_ACTIVITY_SLOTS: '4' }],
    [{ DATABASE_STATEMENT_TIMEOUT_MS: '1399' }],
  ])('are not these: %j', (env) => {
    expect(problemsOf(env, readApiSettings)).toEqual([]);
  });
});
