/** What a delivery leaves to the matching of its city, and what a round is told (docs/behaviour.md#matching). */
import { describe, expect, test } from '@jest/globals';
import type { DeliveryStatus } from '../../domain/delivery/status';
import { TRAVEL_MODEL } from '../../domain/geo/places';
import { expectedFreeAt } from '../../domain/matching/finishing';
import { notBeforeOf, type PastChoice } from '../../domain/matching/refusals';
import { happensAt, meantAt, meantDelivery, meantDriver } from '../../domain/matching/scaledTime';
import { isScarce, needsNet, ownNetMs, ownSearch } from '../../domain/matching/waiting';

const NOW = 1_700_000_000_000;
const MINUTE = 60_000;
const PLACE = { lat: 52.37, lng: 4.89 };

/** The sweep of the net acts after three quarters of it. */
const SWEPT = 45_000;

describe('a delivery whose city is matched', () => {
  const own = (sinceMs: number, matchedMs: number | null, status: DeliveryStatus = 'SEARCHING') =>
    ownSearch(
      { status, statusSince: NOW - sinceMs, matchedAt: matchedMs === null ? null : NOW - matchedMs },
      NOW,
      MINUTE,
    );

  test.each([
    ['that has just begun to wait takes a driver at once where there are plenty', 0, 1_000, 'IF_PLENTY'],
    ['does so whether or not rounds come', SWEPT - 1, null, 'IF_PLENTY'],
    ['that waits is left to the rounds that come', SWEPT, SWEPT - 1, 'NOT'],
    ['searches by itself where the last round is too long ago', SWEPT, SWEPT, 'YES'],
    ['searches by itself where none ever came', MINUTE, null, 'YES'],
  ])('%s', (_, sinceMs, matchedMs, expected) => {
    expect(own(sinceMs, matchedMs)).toBe(expected);
  });

  test('that was placed long ago begins to wait with its search', () => {
    expect(own(60 * MINUTE, null, 'PENDING')).toBe('IF_PLENTY');
  });

  test.each([
    ['is left alone while rounds come', SWEPT, SWEPT - 1, true, false],
    ['is woken where the last round is too long ago', SWEPT, SWEPT, true, true],
    ['is woken where none ever came', SWEPT, null, true, true],
    ['is left alone where it has just searched by itself', SWEPT - 1, null, true, false],
    ['is woken at once where the feature is off for it, though rounds come', 0, 0, false, true],
  ])('that waits %s', (_, waitsMs, matchedMs, isMatched, expected) => {
    const row = {
      searchAgainAt: NOW - waitsMs + ownNetMs(MINUTE),
      matchedAt: matchedMs === null ? null : NOW - matchedMs,
      isMatched,
    };
    expect(needsNet(row, NOW, MINUTE)).toBe(expected);
  });

  test.each([
    [1, 0, false],
    [1, 1, true],
    [3, 2, false],
    [2, 3, true],
    [0, 5, false],
  ])('with %d drivers to ask and %d others waiting: scarce is %s', (askable, others, expected) => {
    expect(isScarce(askable, others)).toBe(expected);
  });
});

describe('whom a round may not propose', () => {
  const past = (end: PastChoice['end'], set: Partial<PastChoice> = {}): PastChoice => ({
    driverId: 'kim',
    end,
    payCents: 700,
    level: 0,
    endedAt: NOW - MINUTE,
    ...set,
  });
  const barred = (choices: PastChoice[], wants = { payCents: 700, level: 0 }) =>
    notBeforeOf(choices, wants, NOW, { lapseExclusionMs: 5 * MINUTE });

  test.each([
    ['rejected it, until pay or level rise', [past('REJECTED')], { kim: null }],
    ['let it lapse lately, until that is over', [past('EXPIRED')], { kim: NOW + 4 * MINUTE }],
    ['lost it, for ever', [past('LOST')], { kim: null }],
    ['rejected and then let lapse', [past('REJECTED'), past('EXPIRED')], { kim: null }],
  ])('who %s', (_, choices, expected) => {
    expect(barred(choices)).toEqual(expected);
  });

  test.each([
    ['a lapse long ago', [past('EXPIRED', { endedAt: NOW - 5 * MINUTE })], { payCents: 700, level: 0 }],
    ['a rejection at a lower pay', [past('REJECTED')], { payCents: 701, level: 0 }],
    ['a rejection at a lower level', [past('REJECTED')], { payCents: 700, level: 1 }],
  ])('%s bars nobody', (_, choices, wants) => {
    expect(barred(choices, wants)).toEqual({});
  });

  test('the last rejection counts', () => {
    const twice = [past('REJECTED'), past('REJECTED', { payCents: 900, endedAt: NOW })];
    expect(barred(twice, { payCents: 800, level: 0 })).toEqual({ kim: null });
  });
});

describe('a driver who is about to finish', () => {
  const dropoff = { lat: PLACE.lat, lng: PLACE.lng + 0.01 };
  const freeIn = (status: 'PICKED_UP' | 'AT_DROPOFF', timeScale = 1): number =>
    expectedFreeAt(
      { vehicle: 'BICYCLE', place: PLACE, status, dropoff },
      { now: NOW, travel: TRAVEL_MODEL, timeScale },
    ) - NOW;

  test('is free after the way to the dropoff and the handing over', () => {
    expect(freeIn('AT_DROPOFF')).toBe(2 * MINUTE);
    expect(freeIn('PICKED_UP')).toBeGreaterThan(5 * MINUTE);
    expect(freeIn('PICKED_UP')).toBeLessThan(6 * MINUTE);
  });

  test('is free sooner where time passes faster', () => {
    expect(freeIn('AT_DROPOFF', 10)).toBe(MINUTE / 5);
  });
});

describe('a round where time passes ten times as fast', () => {
  test('is told of minutes as they are meant, and what it says comes sooner', () => {
    expect(meantAt(NOW + 6_000, NOW, 10)).toBe(NOW + MINUTE);
    expect(happensAt(NOW + MINUTE, NOW, 10)).toBe(NOW + 6_000);
    const stop = { key: 'a', place: PLACE };
    expect(
      meantDelivery(
        {
          deliveryId: 'd',
          pickup: stop,
          dropoff: stop,
          parcelSize: 'SMALL',
          placedAt: NOW - 6_000,
          readyAt: NOW + 6_000,
          windowTo: null,
          waitingSince: NOW - 600,
          level: 0,
          payCents: 700,
          notBefore: { kim: null, lee: NOW + 600 },
        },
        NOW,
        10,
      ),
    ).toMatchObject({
      placedAt: NOW - MINUTE,
      readyAt: NOW + MINUTE,
      windowTo: null,
      waitingSince: NOW - 6_000,
      notBefore: { kim: null, lee: NOW + 6_000 },
    });
    expect(
      meantDriver(
        {
          driverId: 'kim',
          vehicle: 'CAR',
          freeAt: NOW + 600,
          place: PLACE,
          room: 1,
          shiftEndsAt: NOW + 6_000,
          idleSince: null,
          earnedCents: 0,
          guaranteedCents: null,
          acceptOdds: 1,
        },
        NOW,
        10,
      ),
    ).toMatchObject({ freeAt: NOW + 6_000, shiftEndsAt: NOW + MINUTE, idleSince: null });
  });
});
