/** Policies of the matching, and what one in shadow is compared by (docs/behaviour.md#policies-of-the-matching). */
import { describe, expect, test } from '@jest/globals';
import { decideRound } from '../../domain/matching/matcher';
import {
  isWithin,
  knownWeights,
  policyInForce,
  STANDARD_POLICY,
  tunableWeights,
  TURN_MS,
  WEIGHT_BOUNDS,
} from '../../domain/matching/policies';
import type { MatchDelivery, MatchDriver, RoundInput } from '../../domain/matching/round';
import { compareRounds } from '../../domain/matching/shadow';
import { MATCH_WEIGHTS, type MatchWeights } from '../../domain/matching/weights';
import { matchDelivery, matchDriver } from '../support/matchedStreet';

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 4, 1, 18);

describe('the weights of a policy', () => {
  test('of the release are within the bounds of a policy', () =>
    expect(tunableWeights().filter((name) => !isWithin(name, MATCH_WEIGHTS[name]))).toEqual([]));

  test.each(tunableWeights())('%s is within its bounds, ends included', (name) => {
    const { min, max } = WEIGHT_BOUNDS[name];
    expect([min - 1, min, max, max + 1].map((value) => isWithin(name, value))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  test('that are unknown, no numbers or out of bounds are left out of what is stored', () =>
    expect(knownWeights({ goodsWait: 2, lateness: 'much', safetyMs: -1, maxBundle: 1.5, taste: 3 })).toEqual({
      goodsWait: 2,
    }));

  test.each([null, 7, 'x', []])('stored as %p change nothing', (stored) =>
    expect(knownWeights(stored)).toEqual({}),
  );
});

describe('the policy in force', () => {
  const bold = { policyId: '1', name: 'bold', version: 1, weights: { goodsWait: 2 } };
  const inForce = (livePercent: number, at: number) =>
    policyInForce({ live: bold, livePercent }, 'ams', { at, turnMs: TURN_MS });
  const turns = Array.from({ length: 2_000 }, (_, turn) => NOW + turn * TURN_MS);

  test.each([0, 30, 100])('decides in %p percent of the turns', (percent) => {
    const share = turns.filter((at) => inForce(percent, at) === bold).length / turns.length;
    expect(Math.abs(share - percent / 100)).toBeLessThan(0.03);
  });

  test('stays the same for a turn, and a raised percent only adds turns', () => {
    const begin = Math.floor(NOW / TURN_MS) * TURN_MS;
    for (const at of turns.slice(0, 100)) {
      const start = begin + (at - NOW);
      expect(inForce(50, start + TURN_MS - 1)).toBe(inForce(50, start));
      if (inForce(20, at) === bold) expect(inForce(60, at)).toBe(bold);
    }
  });

  test('is the standard one outside its turns', () => expect(inForce(0, NOW)).toBe(STANDARD_POLICY));
});

type Place = number;
const delivery = (deliveryId: string, change: Partial<MatchDelivery<Place>> = {}): MatchDelivery<Place> =>
  matchDelivery(NOW, deliveryId, change);
const driver = (driverId: string, change: Partial<MatchDriver<Place>> = {}): MatchDriver<Place> =>
  matchDriver(NOW, driverId, { acceptOdds: 0.9, ...change });

function compared(
  input: Pick<RoundInput<Place>, 'deliveries' | 'drivers'>,
  shadow: Partial<MatchWeights>,
  askable = input.drivers.map(({ driverId }) => driverId),
) {
  const round = { now: NOW, travel: (from: Place, to: Place) => Math.abs(from - to) * MINUTE, ...input };
  return compareRounds(
    round,
    {
      live: decideRound(round),
      shadow: decideRound(round, { ...MATCH_WEIGHTS, ...shadow }),
      askable: new Set(askable),
    },
    MATCH_WEIGHTS,
  );
}

describe('a policy in shadow', () => {
  const near = driver('near', { place: 2, earnedCents: 9_000 });
  const poor = driver('poor', { place: 6, earnedCents: 1_000 });

  test('that weighs the same agrees', () => {
    const [one, ...more] = compared({ deliveries: [delivery('a')], drivers: [near, poor] }, {});
    expect(more).toEqual([]);
    expect(one?.shadow).toEqual(one?.live);
    expect(one?.live).toEqual({
      act: 'OFFER',
      driverId: 'near',
      toPickupMs: 2 * MINUTE,
      latenessMs: 0,
      payToComeCents: 1_000,
      earnedOverMeanCents: 4_000,
      acceptOdds: 0.9,
    });
  });

  test('that weighs fairness takes the driver who earned less, and shows what that costs', () =>
    expect(
      compared({ deliveries: [delivery('a')], drivers: [near, poor] }, { fairnessMsPerCent: 200 }),
    ).toMatchObject([
      {
        live: { driverId: 'near' },
        shadow: { driverId: 'poor', toPickupMs: 6 * MINUTE, earnedOverMeanCents: -4_000 },
      },
    ]));

  test('that finds nobody worth it has nobody, and no figures', () =>
    expect(
      compared(
        { deliveries: [delivery('a')], drivers: [near] },
        { unmatchedMs: 0, waiting: 0, goodsWait: 0 },
      ),
    ).toMatchObject([
      { live: { act: 'OFFER' }, shadow: { act: 'NOBODY', driverId: null, latenessMs: null } },
    ]));

  test('that holds where the other offers is shown as such, with its driver', () =>
    expect(
      compared(
        { deliveries: [delivery('a', { readyAt: NOW + 6 * MINUTE })], drivers: [near] },
        { safetyMs: 0 },
      ),
    ).toMatchObject([{ live: { act: 'OFFER' }, shadow: { act: 'HOLD', driverId: 'near' } }]));

  test('counts an offer to a driver who cannot be asked yet as held', () =>
    expect(compared({ deliveries: [delivery('a')], drivers: [near] }, {}, [])).toEqual([]));

  test('is late by the window where there is one, else by the target of the release', () => {
    const [windowed] = compared(
      { deliveries: [delivery('a', { windowTo: NOW + 5 * MINUTE })], drivers: [near] },
      {},
    );
    // two minutes to the pickup, two stops of four minutes but for the last half, eight to the door
    expect(windowed?.live.latenessMs).toBe((2 + 2 + 2 + 8 + 2 - 5) * MINUTE);
  });
});
