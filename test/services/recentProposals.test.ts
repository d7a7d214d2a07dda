/** A pair that is proposed again and again rests, so that others have their turn (docs/behaviour.md#matching). */
import { describe, expect, test } from '@jest/globals';
import { decideRound } from '../../domain/matching/matcher';
import type { MatchDelivery, MatchDriver } from '../../domain/matching/round';
import { MATCH_WEIGHTS } from '../../domain/matching/weights';
import { RecentProposals } from '../../services/matching/recentProposals';
import { matchDelivery, matchDriver } from '../support/matchedStreet';

const MINUTE = 60_000;
const START = 1_800_000_000_000;

const delivery = (deliveryId: string): MatchDelivery<number> =>
  matchDelivery(START, deliveryId, {
    pickup: { key: deliveryId, place: 0 },
    dropoff: { key: deliveryId, place: 5 },
    readyAt: START - 5 * MINUTE,
  });
const driver = (driverId: string, place: number): MatchDriver<number> =>
  matchDriver(START, driverId, { place });

/** Rounds of a city where each delivery refuses whom it is proposed. */
function city() {
  let now = START;
  const recent = new RecentProposals(() => now);
  const round = (): string[] => {
    const input = {
      now,
      deliveries: [delivery('a')],
      drivers: [driver('near', 1), driver('far', 3)],
      travel: (from: number, to: number) => Math.abs(from - to) * MINUTE,
    };
    const { offers } = decideRound(recent.without(input), MATCH_WEIGHTS);
    for (const { driverId, deliveryIds } of offers)
      for (const each of deliveryIds) recent.note(each, driverId);
    now += 1_000;
    return offers.map(({ driverId }) => driverId);
  };
  return { round, pass: (ms: number) => void (now += ms) };
}

describe('a pair that its delivery does not take', () => {
  test('is proposed twice, and then rests: the next best has a turn', () => {
    const { round } = city();
    expect([round(), round(), round(), round(), round()]).toEqual([['near'], ['near'], ['far'], ['far'], []]);
  });

  test('has another turn half a minute later', () => {
    const { round, pass } = city();
    for (let count = 0; count < 4; count += 1) round();
    pass(30_000);
    expect(round()).toEqual(['near']);
  });
});
