/** When matching hurts so much that it switches itself off (docs/operations.md#ramp). */
import { describe, expect, test } from '@jest/globals';
import { effectiveSince, withoutCity } from '../../domain/features/featureInCity';
import { NO_OVERRIDE } from '../../domain/features/featureOverride';
import type { FeatureSetting } from '../../domain/features/rollout';
import {
  breachOf,
  breachWords,
  GUARD_RAILS,
  type GuardRailLimits,
  type Watched,
  type WatchedDelivery,
} from '../../domain/matching/guardRails';

const MINUTE = 60_000;
const LIMITS: GuardRailLimits = { ...GUARD_RAILS, minSample: 30 };
const FINE: WatchedDelivery = {
  isTreated: true,
  turn: null,
  waitedMs: MINUTE,
  isAssigned: true,
  accepted: 1,
  refused: 0,
  isLate: false,
};
const some = (count: number, change: Partial<WatchedDelivery> = {}): WatchedDelivery[] =>
  Array.from({ length: count }, () => ({ ...FINE, ...change }));
const others = (count: number, change: Partial<WatchedDelivery> = {}): WatchedDelivery[] =>
  some(count, { isTreated: false, ...change });
const railOf = (deliveries: WatchedDelivery[], change: Partial<Watched> = {}) =>
  breachOf({ deliveries, rounds: { ended: 0, slow: 0, failed: 0 }, arePlenty: false, ...change }, LIMITS)
    ?.rail ?? null;
const STUCK = { waitedMs: 10 * MINUTE, isAssigned: false, accepted: 0 };

describe('beside others of the same city', () => {
  test('nothing breaks where all fare alike, however badly', () => {
    const bad = { ...STUCK, refused: 5, isLate: true };
    expect(railOf([...some(100), ...others(100)])).toBe(null);
    expect(railOf([...some(100, bad), ...others(100, bad)], { arePlenty: true })).toBe(null);
  });

  test.each<[string, Partial<WatchedDelivery>, string]>([
    ['finds nobody in time', STUCK, 'UNASSIGNED'],
    ['waits for longer', { waitedMs: 5 * MINUTE }, 'TIME_TO_ASSIGN'],
    ['is refused more often', { refused: 2 }, 'REFUSALS'],
    ['comes late', { isLate: true }, 'LATENESS'],
  ])('what %s breaks a rail, and what fares better does not', (_what, change, rail) => {
    expect(railOf([...some(50, change), ...others(50)])).toBe(rail);
    expect(railOf([...some(50), ...others(50, change)])).toBe(null);
  });

  test('a delivery counts as unassigned from the very minute on', () => {
    const waiting = (waitedMs: number) => [...some(20), ...some(20, { ...STUCK, waitedMs }), ...others(50)];
    expect(railOf(waiting(10 * MINUTE - 1))).not.toBe('UNASSIGNED');
    expect(railOf(waiting(10 * MINUTE))).toBe('UNASSIGNED');
  });

  test('a share breaks its rail above both the margin and three standard errors', () => {
    const late = (count: number, of: number) => [...some(count, { isLate: true }), ...some(of - count)];
    expect(railOf([...late(100, 1_000), ...others(1_000)])).toBe(null); // the margin itself
    expect(railOf([...late(101, 1_000), ...others(1_000)])).toBe('LATENESS');
    expect(railOf([...late(7, 30), ...others(30)])).toBe(null); // 23 % of 30 may be chance
    expect(railOf([...late(12, 30), ...others(30)])).toBe('LATENESS');
  });

  test('waits break their rail only if longer by half and by a minute, and not by chance', () => {
    const waits = (of: number, minutes: number) => some(of, { waitedMs: minutes * MINUTE });
    expect(railOf([...waits(50, 2), ...others(50, { waitedMs: MINUTE })])).toBe(null);
    expect(railOf([...waits(50, 2.1), ...others(50, { waitedMs: MINUTE })])).toBe('TIME_TO_ASSIGN');
    expect(railOf([...waits(50, 6), ...others(50, { waitedMs: 4 * MINUTE })])).toBe(null);
    expect(railOf([...waits(50, 6.1), ...others(50, { waitedMs: 4 * MINUTE })])).toBe('TIME_TO_ASSIGN');
    const mixed = (isTreated: boolean, long: number) => [
      ...some(long, { isTreated, waitedMs: 9 * MINUTE }),
      ...some(30 - long, { isTreated, waitedMs: MINUTE }),
    ];
    expect(railOf([...mixed(true, 16), ...mixed(false, 12)])).toBe(null);
  });

  test('too few on either side break nothing but absolute bounds', () => {
    expect(railOf([...some(29, { isLate: true }), ...others(100)], { arePlenty: true })).toBe(null);
    expect(railOf([...some(30, { isLate: true }), ...others(29)])).toBe(null);
    expect(railOf([...some(30, { isLate: true }), ...others(29)], { arePlenty: true })).toBe('LATENESS');
  });

  test('turns are compared only where there are three of each', () => {
    const inTurns = (count: number) => [
      ...some(60, { isLate: true }).map((each, at) => ({ ...each, turn: 2 * (at % count) })),
      ...others(60).map((each, at) => ({ ...each, turn: 1 + 2 * (at % count) })),
    ];
    expect(railOf(inTurns(2))).toBe(null);
    expect(railOf(inTurns(3))).toBe('LATENESS');
  });
});

describe('with nobody to compare with', () => {
  test.each<[string, Partial<WatchedDelivery>, string]>([
    ['that find nobody', STUCK, 'UNASSIGNED'],
    ['that wait', { waitedMs: 10 * MINUTE + 1 }, 'UNASSIGNED'],
    ['that come late', { isLate: true }, 'LATENESS'],
  ])(
    'deliveries %s break a rail only while more drivers are free than deliveries wait',
    (_what, change, rail) => {
      expect(railOf(some(50, change))).toBe(null);
      expect(railOf(some(50, change), { arePlenty: true })).toBe(rail);
    },
  );

  test('refusals break a rail on any evening, above the bound only', () => {
    expect(railOf([...some(40), ...some(30, { accepted: 0, refused: 2 })])).toBe(null); // 60 %
    expect(railOf([...some(39), ...some(30, { accepted: 0, refused: 2 })])).toBe('REFUSALS');
  });

  test('rounds break a rail where more than half fail or are slow, from the sample on', () => {
    expect(railOf([], { rounds: { ended: 15, slow: 8, failed: 7 } })).toBe(null);
    expect(railOf([], { rounds: { ended: 14, slow: 8, failed: 7 } })).toBe(null);
    expect(railOf([], { rounds: { ended: 14, slow: 8, failed: 8 } })).toBe('ROUNDS');
  });
});

test('a breach says which rail, the figures and the sample', () => {
  const breach = breachOf(
    {
      deliveries: [...some(30, STUCK), ...some(10), ...others(50)],
      rounds: { ended: 1, slow: 0, failed: 0 },
      arePlenty: true,
    },
    LIMITS,
  );
  expect(breach && breachWords(breach)).toBe(
    'deliveries that found nobody in time: 75 % of 40; 0 % for 50 others, and at most 30 % is in order',
  );
});

describe('the feature of one city', () => {
  const environment: FeatureSetting = {
    feature: 'batch_matching',
    state: 'OFF',
    rolloutPercent: 100,
    cities: null,
  };
  const change = (id: number, at: number, override: object) => ({
    ...NO_OVERRIDE,
    id: BigInt(id),
    at,
    ...override,
  });

  test('is as it is since the last change that concerned it', () => {
    const changes = [
      change(3, 300, { enabled: true, percent: 50, cities: ['ams'] }),
      change(2, 200, { enabled: true, percent: 50, cities: ['ams', 'rtm'] }),
      change(1, 100, { enabled: false }),
    ];
    expect(effectiveSince(environment, changes, 'ams')).toMatchObject({
      isOn: true,
      since: 200,
      changeId: '3',
    });
    expect(effectiveSince(environment, changes, 'rtm')).toMatchObject({ isOn: false, since: 300 });
    expect(effectiveSince(environment, [], 'ams')).toMatchObject({ isOn: false, since: 0, changeId: null });
  });

  test('is taken out of a list, of all cities, and off where none is left', () => {
    const on = { ...environment, state: 'ON' } as const;
    const override = { ...NO_OVERRIDE, enabled: true, percent: 20 };
    const cityIds = ['ams', 'rtm', 'utr'];
    const without = (cities: string[] | null) =>
      withoutCity({ setting: { ...on, cities }, override }, { cityId: 'ams', cityIds });
    expect(without(['ams', 'rtm'])).toEqual({ ...override, cities: ['rtm'] });
    expect(without(null)).toEqual({ ...override, cities: ['rtm', 'utr'] });
    expect(without(['ams'])).toEqual({ ...override, enabled: false });
  });
});
