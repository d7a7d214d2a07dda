/** The simplest round of the matching of a city (docs/behaviour.md#matching). */
import { describe, expect, test } from '@jest/globals';
import { closestFirst } from '../../domain/matching/closestFirst';
import type { MatchDelivery, MatchDriver, Round } from '../../domain/matching/round';

const NOW = 1_700_000_000_000;
const MINUTE = 60_000;

/** Places lie on a line, a minute apart. */
const delivery = (
  deliveryId: string,
  at: number,
  set: Partial<MatchDelivery<number>> = {},
): MatchDelivery<number> => ({
  deliveryId,
  pickup: { key: String(at), place: at },
  dropoff: { key: 'door', place: 50 },
  parcelSize: 'SMALL',
  placedAt: NOW,
  readyAt: NOW,
  windowTo: null,
  waitingSince: NOW,
  level: 0,
  payCents: 700,
  notBefore: {},
  ...set,
});
const driver = (
  driverId: string,
  place: number,
  set: Partial<MatchDriver<number>> = {},
): MatchDriver<number> => ({
  driverId,
  vehicle: 'BICYCLE',
  freeAt: NOW,
  place,
  room: 1,
  shiftEndsAt: null,
  idleSince: NOW,
  earnedCents: 0,
  guaranteedCents: null,
  acceptOdds: 1,
  ...set,
});
function decided(deliveries: MatchDelivery<number>[], drivers: MatchDriver<number>[]): Round {
  const travel = (from: number, to: number): number => Math.abs(from - to) * MINUTE;
  const steps = closestFirst({ now: NOW, deliveries, drivers, travel });
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
const pairs = ({ offers }: Round): string[] =>
  offers.map(({ driverId, deliveryIds }) => `${driverId} ${deliveryIds.join()}`).sort();

describe('a round, the closest pair first', () => {
  test('gives each driver one delivery, by the way to the pickup', () => {
    const round = decided(
      [delivery('a', 0), delivery('b', 4), delivery('c', 9)],
      [driver('kim', 5), driver('lee', 1)],
    );
    expect(pairs(round)).toEqual(['kim b', 'lee a']);
    expect(round.unmatched).toEqual([{ deliveryId: 'c', why: 'OTHERS_FIRST' }]);
    expect(round.offers[0]?.parts).toEqual([{ what: 'TIME_TO_PICKUP', costMs: MINUTE }]);
  });

  test('serves a higher level first, however far', () => {
    const round = decided([delivery('near', 0), delivery('urgent', 9, { level: 1 })], [driver('kim', 0)]);
    expect(pairs(round)).toEqual(['kim urgent']);
  });

  test.each<[string, Partial<MatchDriver<number>>]>([
    ['is not free yet', { freeAt: NOW + 1 }],
    ['has no room', { room: 0 }],
    ['ends the shift before the pickup', { shiftEndsAt: NOW + 3 * MINUTE }],
  ])('passes a driver over who %s', (_, set) => {
    const round = decided([delivery('a', 3)], [driver('kim', 0, set)]);
    expect(round).toMatchObject({ offers: [], unmatched: [{ deliveryId: 'a', why: 'NOBODY_IN_REACH' }] });
  });

  test('passes a driver over whose vehicle does not carry the parcel', () => {
    expect(pairs(decided([delivery('a', 3, { parcelSize: 'XLARGE' })], [driver('kim', 3)]))).toEqual([]);
  });

  test('comes back when the first exclusion ends', () => {
    const until = NOW + MINUTE;
    const barred = decided([delivery('a', 3, { notBefore: { kim: until, lee: null } })], [driver('kim', 3)]);
    expect(barred).toMatchObject({ offers: [], comeBackAt: until, unmatched: [{ why: 'ALL_EXCLUDED' }] });
    const over = decided([delivery('a', 3, { notBefore: { kim: NOW } })], [driver('kim', 3)]);
    expect(pairs(over)).toEqual(['kim a']);
  });
});
