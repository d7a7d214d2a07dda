/** 'Why this driver?' in plain sentences (docs/behaviour.md#offers, docs/behaviour.md#audit-trail). */
import { describe, expect, test } from '@jest/globals';
import { explainChoice, isExclusion } from '../../domain/matching/explainChoice';
import type { Ranked, Score } from '../../domain/matching/ranking';

const MINUTE = 60_000;
const score = (change: Partial<Score> = {}): Score => ({
  travelBucket: 4,
  recentRejections: 0,
  earningsBucket: 3,
  idleMs: 12 * MINUTE,
  travelMs: 4 * MINUTE,
  distanceMeters: 1_230,
  ...change,
});
const ranked = (driverId: string, change: Partial<Score> = {}): Ranked => ({
  driverId,
  offerVersion: 2,
  score: score(change),
});
const choice = (...order: Ranked[]) => ({
  radiusMeters: 3_000,
  round: 0,
  looked: order.length,
  ranked: order,
  excluded: [],
});

describe('the explanation of a choice', () => {
  test('of a round of the matching names the round, the driver, and what was weighed', () => {
    const parts = [
      { what: 'TIME_TO_PICKUP', costMs: 4 * MINUTE },
      { what: 'FAIRNESS', costMs: -2 * MINUTE },
    ] as const;
    const proposal = { roundId: 'round-1', pair: { driverId: 'kim', deliveryIds: ['d'], parts } };
    expect(explainChoice({ ...choice(ranked('kim')), proposal }, 'kim', 'SINGLE')).toEqual([
      'Round round-1 of the matching of the city:',
      'Driver kim is asked for delivery d now.',
      expect.stringContaining('the way to the pickup 4.0 min'),
    ]);
  });

  test('names the radius, the driver’s place, the runner-up’s disadvantage, and the exclusions', () => {
    const excluded = [
      { driverId: 'tom', reason: 'NO_ROOM', until: null },
      { driverId: 'uma', reason: 'STALE_POSITION', until: null },
      { driverId: 'vic', reason: 'NO_ROOM', until: null },
    ] as const;
    expect(
      explainChoice(
        {
          ...choice(ranked('kim'), ranked('lee', { travelBucket: 6, travelMs: 6 * MINUTE })),
          excluded,
          looked: 5,
          round: 1,
          radiusMeters: 4_500,
        },
        'kim',
        'SINGLE',
      ),
    ).toEqual([
      '5 drivers within 4.5 km of the pickup, after 1 fruitless round: 2 could be asked.',
      'Driver kim was number 1: 4 min to the pickup, 1.2 km away, 0 recent refusals, idle for 12 min.',
      'Number 2, driver lee, takes longer to the pickup: 6 min against 4 min.',
      'Not asked, since they have no room: tom, vic.',
      'Not asked, since their position is not fresh: uma.',
    ]);
  });

  test.each<[string, Partial<Score>]>([
    [
      'takes longer to the pickup: 9 min against 4 min',
      { travelBucket: 9, travelMs: 9 * MINUTE, recentRejections: 5 },
    ],
    [
      'is as near in time, but has refused more lately: 2 against 0',
      { recentRejections: 2, earningsBucket: 9 },
    ],
    [
      'is as near in time and has refused as little, but has earned more today',
      { earningsBucket: 9, idleMs: 0 },
    ],
    ['is equal in all else, but has been idle for less time: 3 min against 12 min', { idleMs: 3 * MINUTE }],
    ['is equal in all that counts; the exact time to the pickup decided, or the id', {}],
  ])('the runner-up %s', (words, change) => {
    expect(explainChoice(choice(ranked('kim'), ranked('lee', change)), 'kim', 'SINGLE')).toContain(
      `Number 2, driver lee, ${words}.`,
    );
  });

  test('for a driver not ranked first says that those before could not be held; a broadcast skips nobody', () => {
    const three = choice(ranked('kim'), ranked('lee'), ranked('max'));
    expect(explainChoice(three, 'max', 'SINGLE')[1]).toMatch(
      /^Driver max was number 3: .* The 2 before could not be held at that moment\.$/,
    );
    expect(explainChoice(three, 'lee', 'SINGLE')[1]).toMatch(
      / The one before could not be held at that moment\.$/,
    );
    expect(explainChoice(three, 'max', 'BROADCAST')[1]).toMatch(/idle for 12 min\.$/);
  });

  test('of a v1 assignment names the distance only', () => {
    expect(
      explainChoice(
        choice(ranked('kim'), ranked('lee', { distanceMeters: 2_000, travelBucket: 1 })),
        'kim',
        'DIRECT',
      ),
    ).toContain('Number 2, driver lee, is farther away: 2.0 km against 1.2 km.');
  });

  test('says where only the best were kept, or the driver is not among them', () => {
    expect(explainChoice({ ...choice(ranked('kim')), looked: 40 }, 'zoe', 'SINGLE')).toEqual([
      '40 drivers within 3.0 km of the pickup, after 0 fruitless rounds: at least 1 could be asked.',
      'Driver zoe is not among those whose scores were kept.',
    ]);
  });

  test('lists the exclusion reasons', () => {
    expect(['NO_ROOM', 'toString', 'TOO_TALL'].map(isExclusion)).toEqual([true, false, false]);
  });
});
