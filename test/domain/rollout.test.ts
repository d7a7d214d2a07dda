import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  decideFeature,
  defaultRolloutPercent,
  environmentSetting,
  FEATURES,
  featureStateOf,
  isInRollout,
  rolloutDraw,
  type FeatureSetting,
} from '../../domain/features/rollout';

const feature = fc.constantFrom(...FEATURES);
const percent = fc.integer({ min: 0, max: 100 });

const setting = (given: Partial<FeatureSetting>): FeatureSetting => ({
  feature: 'driver_offers',
  state: 'ON',
  rolloutPercent: 100,
  cities: null,
  ...given,
});

/** The number of keys for each of the 100 numbers. */
function spread(keys: string[]): number[] {
  const counts = new Array<number>(100).fill(0);
  for (const key of keys) {
    const draw = rolloutDraw('driver_offers', key);
    counts[draw] = (counts[draw] ?? 0) + 1;
  }
  return counts;
}

const chiSquare = (counts: number[], expected: number): number =>
  counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
const sequence = (name: (i: number) => string): string[] => Array.from({ length: 20_000 }, (_, i) => name(i));

describe('rolloutDraw', () => {
  it('returns an integer from 0 to 99, the same each time', () => {
    fc.assert(
      fc.property(feature, fc.string({ unit: 'binary' }), (name, key) => {
        const draw = rolloutDraw(name, key);
        expect(Number.isInteger(draw) && draw >= 0 && draw <= 99).toBe(true);
        expect(rolloutDraw(name, key)).toBe(draw);
      }),
    );
  });

  it('returns the same as in earlier versions, so that live deliveries stay in or out of a rollout', () => {
    const drawn = ['delivery-1', 'delivery-2', 'delivery-3', '018f2b6e-7c1d-7b1a-9d2e-2f6f5a1c0001'].map(
      (key) => rolloutDraw('driver_offers', key),
    );
    expect(drawn).toEqual([53, 53, 67, 86]);
  });

  // With 99 degrees of freedom chi-square exceeds 149 once in a thousand for truly even draws; these keys are
  // fixed, so the test is too.
  it.each([
    ['numbers', sequence((i) => String(i))],
    ['numbered orders', sequence((i) => `order-${i}`)],
    ['padded numbers', sequence((i) => `M1-${String(i).padStart(8, '0')}`)],
    ['UUIDs of one burst', sequence((i) => `018f2b6e-7c1d-7b1a-9d2e-${i.toString(16).padStart(12, '0')}`)],
  ])('spreads %s evenly', (_, keys) => {
    expect(chiSquare(spread(keys), 200)).toBeLessThan(149);
  });

  it('differs between features', () => {
    const keys = sequence((i) => `order-${i}`);
    const inBoth = keys.filter(
      (key) => isInRollout('driver_offers', key, 50) && isInRollout('escalation', key, 50),
    );
    expect(inBoth.length / keys.length).toBeCloseTo(0.25, 1);
  });
});

describe('isInRollout', () => {
  it('only adds keys as the percent rises', () => {
    fc.assert(
      fc.property(feature, fc.string(), percent, percent, (name, key, a, b) => {
        const [low, high] = a < b ? [a, b] : [b, a];
        if (isInRollout(name, key, low)) expect(isInRollout(name, key, high)).toBe(true);
      }),
    );
  });

  it('includes nobody at 0 and everybody at 100', () => {
    fc.assert(
      fc.property(feature, fc.string(), (name, key) => {
        expect(isInRollout(name, key, 0)).toBe(false);
        expect(isInRollout(name, key, 100)).toBe(true);
      }),
    );
  });
});

describe('decideFeature', () => {
  const subject = { cityId: 'berlin', key: 'delivery-1' };

  it('is on for keys in the rollout, in every city where none is named', () => {
    expect(decideFeature(setting({}), subject)).toEqual({ on: true });
    expect(decideFeature(setting({ cities: ['berlin'] }), subject)).toEqual({ on: true });
  });

  it('gives the reason why it is off', () => {
    expect(decideFeature(setting({ state: 'KILLED' }), subject)).toEqual({ on: false, why: 'KILLED' });
    expect(decideFeature(setting({ state: 'OFF' }), subject)).toEqual({ on: false, why: 'OFF' });
    expect(decideFeature(setting({ cities: [] }), subject)).toEqual({ on: false, why: 'CITY_NOT_LISTED' });
    expect(decideFeature(setting({ rolloutPercent: 0 }), subject)).toEqual({
      on: false,
      why: 'OUTSIDE_ROLLOUT',
    });
  });

  it('is off for all once killed or off, whatever percent and cities say', () => {
    fc.assert(
      fc.property(fc.constantFrom('KILLED', 'OFF'), percent, fc.string(), (state, rolloutPercent, key) => {
        expect(decideFeature(setting({ state, rolloutPercent }), { cityId: 'berlin', key })).toEqual({
          on: false,
          why: state,
        });
      }),
    );
  });
});

describe('a feature in the environment', () => {
  it('is off and switchable when unset, on when true, killed by a literal false, and wrong otherwise', () => {
    expect([undefined, '', 'true', 'false', 'TRUE', 'yes', '0'].map(featureStateOf)).toEqual([
      'OFF',
      'OFF',
      'ON',
      'KILLED',
      null,
      null,
      null,
    ]);
  });

  it('is killed by a percent of 0, whatever the switch says, and not by a percent that is unset', () => {
    const states = (percent: number | null): string[] =>
      (['ON', 'OFF', 'KILLED'] as const).map(
        (state) => environmentSetting('driver_offers', state, percent, null).state,
      );
    expect([states(0), states(null), states(1)]).toEqual([
      ['KILLED', 'KILLED', 'KILLED'],
      ['ON', 'OFF', 'KILLED'],
      ['ON', 'OFF', 'KILLED'],
    ]);
    expect(environmentSetting('driver_offers', 'ON', null, null).rolloutPercent).toBe(0);
    expect(environmentSetting('escalation', 'ON', null, ['rtm'])).toMatchObject({
      rolloutPercent: 100,
      cities: ['rtm'],
    });
  });

  it('starts at 0 percent for offers and at 100 for all others', () => {
    expect(FEATURES.map(defaultRolloutPercent)).toEqual([0, 100, 100, 100, 100, 100]);
  });
});
