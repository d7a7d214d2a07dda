/** 'Why this driver?' and 'why nobody yet?' of a round, in plain sentences (docs/behaviour.md#matching). */
import { describe, expect, test } from '@jest/globals';
import { explainRound } from '../../domain/matching/explainRound';
import type { MatchPair, Round, ScorePart } from '../../domain/matching/round';

const MINUTE = 60_000;
const parts = (toPickup: number, waits: number): ScorePart[] => [
  { what: 'TIME_TO_PICKUP', costMs: toPickup * MINUTE },
  { what: 'GOODS_WAIT', costMs: waits * MINUTE },
  { what: 'URGENCY', costMs: -60 * MINUTE },
];
const pair = (driverId: string, deliveryIds: string[], ...costs: [number, number]): MatchPair => ({
  driverId,
  deliveryIds,
  parts: parts(...costs),
});
const round = (change: Partial<Round>): Round => ({
  offers: [],
  held: [],
  unmatched: [],
  comeBackAt: null,
  ...change,
});

describe('the explanation of a round', () => {
  test('names the parts of an offer, and what the next driver would cost more', () =>
    expect(
      explainRound(round({ offers: [pair('kim', ['a'], 4, 1.5)] }), 'a', pair('lee', ['a'], 7, 2)),
    ).toEqual([
      'Driver kim is asked for delivery a now.',
      'It costs as much as 5.5 min of delay: the way to the pickup 4.0 min, the wait of the goods 1.5 min.',
      'Driver lee would cost 3.5 min more, mostly for the way to the pickup.',
    ]));

  test('says that a driver who would cost less does more elsewhere', () =>
    expect(
      explainRound(round({ offers: [pair('kim', ['a'], 4, 0)] }), 'a', pair('lee', ['a'], 3, 0)).at(-1),
    ).toBe('Driver lee would cost 1.0 min less here, and does more for another delivery.'));

  test('says until when a pair is held, and what goes together', () =>
    expect(
      explainRound(
        round({ held: [{ ...pair('kim', ['b', 'a'], 4, 0), until: Date.UTC(2026, 4, 1, 18, 5) }] }),
        'a',
      ),
    ).toEqual([
      'Driver kim is meant for deliveries b and a, and is asked at 18:05 UTC at the latest: ' +
        'until then a better one may turn up.',
      'It costs as much as 4.0 min of delay: the way to the pickup 4.0 min, the wait of the goods 0.0 min.',
      'These have one pickup, and together they cost less than apart.',
    ]));

  test.each([
    ['NOBODY_IN_REACH', /can take it/],
    ['ALL_EXCLUDED', /may be asked/],
    ['OTHERS_FIRST', /does more for another delivery now/],
  ] as const)('says why nobody is asked: %s', (why, words) =>
    expect(explainRound(round({ unmatched: [{ deliveryId: 'a', why }] }), 'a').join()).toMatch(words),
  );

  test('knows what was not in the round', () =>
    expect(explainRound(round({}), 'a')).toEqual(['Delivery a was not in this round.']));
});
