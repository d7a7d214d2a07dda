import { describe, expect, test } from '@jest/globals';
import { countOf, UsageError, numberOf } from '../../simulator/kit/arguments';
import { readInspectorSettings, readSimulatorSettings } from '../../simulator/kit/environment';
import { placePauseMs, serviceEnvironment } from '../../simulator/replay/settings';
import { readSettings } from '../../settings';

const ENV = {
  API_URL: 'http://127.0.0.1:3001',
  JWT_LOCAL_KEY: 'k'.repeat(32),
  DATABASE_URL: 'postgresql://app:secret@127.0.0.1/dispatch',
  REDIS_URL: 'redis://127.0.0.1:6379',
};

describe("the simulator's settings", () => {
  test('come from the environment', () => {
    expect(readInspectorSettings(ENV)).toEqual({
      apiUrl: ENV.API_URL,
      tokens: { localKey: ENV.JWT_LOCAL_KEY, issuer: 'driver-service', audience: 'driver-service' },
      databaseUrl: ENV.DATABASE_URL,
      redisUrl: ENV.REDIS_URL,
    });
  });

  test('name every missing or wrong variable at once, and show no secret', () => {
    const read = (): unknown =>
      readInspectorSettings({
        API_URL: 'nowhere',
        JWT_LOCAL_KEY: 'short secret',
        DATABASE_URL: 'mysql://app:secret@x/y',
      });
    expect(read).toThrow(
      new RegExp(
        'API_URL is not a URL[^]*JWT_LOCAL_KEY has fewer than 32 bytes' +
          '[^]*DATABASE_URL is not a URL[^]*REDIS_URL is not set',
      ),
    );
    expect(read).not.toThrow(/secret/);
  });

  test('need no database for a run that only plays', () => {
    const { API_URL, JWT_LOCAL_KEY } = ENV;
    expect(readSimulatorSettings({ API_URL, JWT_LOCAL_KEY }).apiUrl).toBe(API_URL);
  });
});

describe('arguments', () => {
  test('are numbers within bounds', () => {
    expect(countOf('--drivers', '12', { min: 1, max: 20 })).toBe(12);
    expect(numberOf('--speed', '0.5', { min: 0.1, max: 20 })).toBe(0.5);
  });

  test.each([['0'], ['21'], ['1.5'], ['-3'], ['ten'], [''], ['1e3']])(
    '--drivers %j is refused by name',
    (text) => {
      expect(() => countOf('--drivers', text, { min: 1, max: 20 })).toThrow(UsageError);
      expect(() => countOf('--drivers', text, { min: 1, max: 20 })).toThrow(
        '--drivers must be a whole number from 1 to 20',
      );
    },
  );

  test('a speed of 0 is refused', () => {
    expect(() => numberOf('--speed', '0', { min: 0.1, max: 20 })).toThrow(
      '--speed must be a number from 0.1 to 20',
    );
  });
});

describe('the environment of a replay', () => {
  const rules = { metersPerMinute: 320, pickupServiceMinutes: 4, dropoffServiceMinutes: 4 };

  test('is valid for the service: the day’s speed, no detour, all durations scaled', () => {
    const settings = readSettings(serviceEnvironment(rules, { speed: 60, isMatching: false }, ENV));
    expect(settings.timeScale).toBe(60);
    expect(settings.travel).toEqual({
      detourFactor: 1,
      metersPerMinute: { BICYCLE: 320, MOPED: 320, CAR: 320, VAN: 320 },
    });
    expect(settings.offerTtlMs).toBeGreaterThanOrEqual(2_000);
    expect(settings.features.find(({ feature }) => feature === 'driver_offers')).toMatchObject({
      state: 'ON',
      rolloutPercent: 100,
    });
  });

  test('has the matching of the city on where asked for', () => {
    const stateOf = (isMatching: boolean) =>
      readSettings(serviceEnvironment(rules, { speed: 60, isMatching }, ENV)).features.find(
        ({ feature }) => feature === 'batch_matching',
      );
    expect(stateOf(true)).toMatchObject({ state: 'ON', rolloutPercent: 100 });
    expect(stateOf(false)).not.toMatchObject({ state: 'ON' });
  });

  test('keeps the user’s settings, except for the time scale', () => {
    const env = serviceEnvironment(
      rules,
      { speed: 10, isMatching: false },
      {
        ...ENV,
        SEARCH_LEAD_MINUTES: '5',
        TRAVEL_DETOUR_FACTOR: '1.4',
        TIME_SCALE: '3',
      },
    );
    expect(env).toMatchObject({ SEARCH_LEAD_MINUTES: '5', TRAVEL_DETOUR_FACTOR: '1.4', TIME_SCALE: '10' });
  });

  test('couriers send positions often enough to stay on the map, at any speed', () => {
    for (const speed of [0.1, 1, 60, 600, 1_000]) {
      const { ranking } = readSettings(serviceEnvironment(rules, { speed, isMatching: false }, ENV));
      expect(placePauseMs(speed)).toBeLessThan(ranking.freshPositionMs / 2);
    }
  });
});
