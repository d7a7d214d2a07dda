import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  effectiveSetting,
  type FeatureOverride,
  isSameOverride,
  isSameSetting,
  NO_OVERRIDE,
  ordered,
  plannedPercent,
} from '../../domain/features/featureOverride';
import { decideFeature, FEATURES, type FeatureSetting } from '../../domain/features/rollout';

const percent = fc.integer({ min: 0, max: 100 });
const cities = fc.option(fc.uniqueArray(fc.constantFrom('berlin', 'paris', 'rome')));
const date = fc
  .date({ min: new Date('2020-01-01'), max: new Date('2030-01-01'), noInvalidDate: true })
  .map((day) => day.toISOString().slice(0, 10));
const plan = fc.option(
  fc.uniqueArray(fc.record({ date, percent }), { selector: ({ date: day }) => day, maxLength: 6 }),
);
const override: fc.Arbitrary<FeatureOverride> = fc.record({
  enabled: fc.option(fc.boolean()),
  percent: fc.option(percent),
  cities,
  plan,
});
const setting: fc.Arbitrary<FeatureSetting> = fc.record({
  feature: fc.constantFrom(...FEATURES),
  state: fc.constantFrom('ON', 'OFF'),
  rolloutPercent: percent,
  cities,
});

const OFF: FeatureSetting = { feature: 'driver_offers', state: 'OFF', rolloutPercent: 0, cities: ['berlin'] };

describe('the effective feature setting', () => {
  it('is that of ops over that of the environment', () => {
    expect(effectiveSetting(OFF, { enabled: true, percent: 25, cities: ['paris'], plan: null })).toEqual({
      feature: 'driver_offers',
      state: 'ON',
      rolloutPercent: 25,
      cities: ['paris'],
    });
    expect(effectiveSetting({ ...OFF, state: 'ON' }, { ...NO_OVERRIDE, enabled: false })).toEqual(OFF);
  });

  it('is that of the environment where ops set nothing', () => {
    fc.assert(
      fc.property(setting, plan, (environment, planned) => {
        expect(effectiveSetting(environment, { ...NO_OVERRIDE, plan: planned })).toEqual(environment);
      }),
    );
  });

  it('covers all cities where ops name none, and those of the environment where ops leave cities unset', () => {
    expect(effectiveSetting(OFF, { ...NO_OVERRIDE, cities: [] }).cities).toBeNull();
    expect(effectiveSetting(OFF, NO_OVERRIDE).cities).toEqual(['berlin']);
  });

  it('is off for all where the environment killed the feature', () => {
    fc.assert(
      fc.property(setting, override, fc.string(), (environment, wish, key) => {
        const holds = effectiveSetting({ ...environment, state: 'KILLED' }, wish);
        expect(decideFeature(holds, { cityId: 'berlin', key })).toEqual({ on: false, why: 'KILLED' });
      }),
    );
  });

  it('keeps every key in the rollout when ops raise the percentage', () => {
    fc.assert(
      fc.property(setting, percent, percent, fc.uuid(), (environment, a, b, key) => {
        const [low, high] = a < b ? [a, b] : [b, a];
        const isOn = (to: number): boolean =>
          decideFeature(
            effectiveSetting(environment, { ...NO_OVERRIDE, enabled: true, percent: to, cities: [] }),
            { cityId: 'berlin', key },
          ).on;
        if (isOn(low)) expect(isOn(high)).toBe(true);
      }),
    );
  });
});

describe('two overrides', () => {
  it('are equal whatever the order of their cities and plan', () => {
    fc.assert(
      fc.property(override, (one) => {
        const turned = {
          ...one,
          cities: one.cities && [...one.cities, ...one.cities].reverse(),
          plan: one.plan && [...one.plan].reverse(),
        };
        expect(isSameOverride(one, turned)).toBe(true);
        expect(ordered(turned)).toEqual(ordered(one));
      }),
    );
  });

  it('differ between no cities and unset cities', () => {
    expect(isSameOverride({ ...NO_OVERRIDE, cities: [] }, NO_OVERRIDE)).toBe(false);
  });
});

describe('two settings', () => {
  it.each([
    ['state', { state: 'ON' }],
    ['percent', { rolloutPercent: 1 }],
    ['cities', { cities: null }],
    ['another city', { cities: ['paris'] }],
    ['more cities', { cities: ['berlin', 'paris'] }],
  ])('differ by their %s', (_what, change) => {
    expect(isSameSetting(OFF, { ...OFF, ...change } as FeatureSetting)).toBe(false);
    expect(isSameSetting(OFF, { ...OFF, cities: ['berlin'] })).toBe(true);
  });
});

describe('a plan', () => {
  const steps = [
    { date: '2026-12-10', percent: 50 },
    { date: '2026-12-01', percent: 5 },
    { date: '2026-12-24', percent: 100 },
  ];

  it.each([
    ['2026-11-30T23:59:59.999Z', null],
    ['2026-12-01T00:00:00Z', 5],
    ['2026-12-09T23:59:59Z', 5],
    ['2026-12-10T12:00:00Z', 50],
    ['2027-06-01T00:00:00Z', 100],
  ])('at %s wants %s percent', (at, wanted) => {
    expect(plannedPercent(steps, Date.parse(at))).toBe(wanted);
  });

  it('without steps wants nothing', () => {
    expect(plannedPercent(null, Date.UTC(2026, 11, 1))).toBeNull();
    expect(plannedPercent([], Date.UTC(2026, 11, 1))).toBeNull();
  });
});
