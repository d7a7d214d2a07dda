import { describe, expect, test } from '@jest/globals';
import { distanceMeters } from '../../domain/geo/places';
import { readSettings } from '../../settings';
import { DEMO_ZONES } from '../../simulator/demo/city';
import {
  HOSTILE_FLEET_BEHAVIOUR,
  HOSTILE_TIME_SCALE,
  hostileEnvironment,
  LEVEL_1_MS,
} from '../../reliability/hostile/settings';
import { FAR_DEPOT } from '../../simulator/people/orders';

const ENV = {
  DATABASE_URL: 'postgresql://app:secret@127.0.0.1/dispatch',
  REDIS_URL: 'redis://127.0.0.1:6379',
};
const settings = readSettings(hostileEnvironment(ENV));

describe('the settings of a hostile run', () => {
  test('are valid for the service, with all features on but the matching of a city', () => {
    expect(settings.timeScale).toBe(HOSTILE_TIME_SCALE);
    expect(settings.escalation.thresholds).toEqual({ 1: LEVEL_1_MS, 2: 2 * LEVEL_1_MS, 3: 3 * LEVEL_1_MS });
    const off = settings.features.filter(
      ({ state, rolloutPercent }) => state !== 'ON' || rolloutPercent < 100,
    );
    expect(off.map(({ feature }) => feature)).toEqual(['batch_matching']);
  });

  test('keep user settings, except for the time-outs', () => {
    expect(hostileEnvironment({ ...ENV, LAPSES_BEFORE_PAUSE: '0', TIME_SCALE: '3' })).toMatchObject({
      LAPSES_BEFORE_PAUSE: '0',
      TIME_SCALE: String(HOSTILE_TIME_SCALE),
    });
  });

  test('keep active drivers fresh, and silent drivers silent long enough to be lost', () => {
    expect(HOSTILE_FLEET_BEHAVIOUR.rhythm.idleMs).toBeLessThan(settings.ranking.freshPositionMs / 2);
    expect(HOSTILE_FLEET_BEHAVIOUR.rhythm.batch * 1_000).toBeLessThan(settings.ranking.freshPositionMs / 2);
    expect(HOSTILE_FLEET_BEHAVIOUR.awayMs.min).toBeGreaterThan(2 * settings.loss.silentMs);
  });

  test('let 20 of 100 offers expire, and 10 of 100 drivers who accept go silent', () => {
    const { answers, afterAccept } = HOSTILE_FLEET_BEHAVIOUR;
    expect(answers.filter((answer) => answer === 'ignore').length / answers.length).toBe(0.2);
    expect(afterAccept.filter((each) => each !== 'goesOn').length / afterAccept.length).toBe(0.1);
    expect(new Set(afterAccept)).toEqual(new Set(['goesOn', 'vanishes', 'vanishesWithGoods']));
  });

  test('keep out-of-town orders out of reach of every search', () => {
    const corners = DEMO_ZONES.flatMap(({ ring }) => ring.map(([lng, lat]) => ({ lat, lng })));
    expect(Math.min(...corners.map((corner) => distanceMeters(corner, FAR_DEPOT.point)))).toBeGreaterThan(
      settings.search.escalatedRadiusMeters,
    );
  });
});
