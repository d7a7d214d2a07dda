/** Which times an order may have, and when its search begins (docs/behaviour.md#deliveries). */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TRAVEL_MODEL } from '../../domain/geo/places';
import {
  impossibleTimes,
  type OrderTimes,
  pickupDueAt,
  searchBeginsAt,
  wayTimes,
} from '../../domain/orders/orderTimes';

const NOW = Date.UTC(2026, 10, 29, 12);
const MINUTE = 60_000;
const DAY = 86_400_000;
const HORIZON = 30 * DAY;
const NONE: OrderTimes = { readyAt: null, windowFrom: null, windowTo: null };
const wrongIn = (times: Partial<OrderTimes>) => impossibleTimes({ ...NONE, ...times }, NOW, HORIZON);

describe('the times of an order', () => {
  it.each<[string, Partial<OrderTimes>]>([
    ['none', {}],
    ['goods that have been ready for an hour', { readyAt: NOW - 60 * MINUTE }],
    ['goods that are ready on the last day', { readyAt: NOW + HORIZON }],
    ['a window that has begun', { windowFrom: NOW - 60 * MINUTE, windowTo: NOW + MINUTE }],
    ['an end without a beginning', { windowTo: NOW + 1 }],
    ['a beginning without an end', { windowFrom: NOW + HORIZON }],
    ['goods that are ready within the window', { readyAt: NOW + 5, windowFrom: NOW, windowTo: NOW + 6 }],
  ])('may be %s', (_what, times) => {
    expect(wrongIn(times)).toEqual([]);
  });

  it.each<[string, Partial<OrderTimes>, keyof OrderTimes, RegExp]>([
    ['ready in 2001', { readyAt: Date.UTC(2001, 0, 1) }, 'readyAt', /at least 2026-10-30T12:00:00/],
    ['ready in 2099', { readyAt: Date.UTC(2099, 0, 1) }, 'readyAt', /at most 2026-12-29T12:00:00/],
    ['ready after the horizon', { readyAt: NOW + HORIZON + 1 }, 'readyAt', /at most/],
    ['a window from 2099', { windowFrom: Date.UTC(2099, 0, 1) }, 'windowFrom', /at most/],
    ['a window from 2001', { windowFrom: Date.UTC(2001, 0, 1) }, 'windowFrom', /at least/],
    ['a window to 2099', { windowTo: Date.UTC(2099, 0, 1) }, 'windowTo', /at most/],
    ['a window that was over yesterday', { windowTo: NOW - DAY }, 'windowTo', /is now: the window is over/],
    ['a window that ends now', { windowTo: NOW }, 'windowTo', /the window is over/],
    ['a window to 2001', { windowTo: Date.UTC(2001, 0, 1) }, 'windowTo', /at least/],
    ['an inverted window', { windowFrom: NOW + 2, windowTo: NOW + 1 }, 'windowTo', /after windowFrom/],
    ['an empty window', { windowFrom: NOW + 1, windowTo: NOW + 1 }, 'windowTo', /after windowFrom/],
    [
      'an end before the goods are ready',
      { readyAt: NOW + 2, windowTo: NOW + 1 },
      'windowTo',
      /after readyAt/,
    ],
    ['an end as the goods are ready', { readyAt: NOW + 2, windowTo: NOW + 2 }, 'windowTo', /after readyAt/],
  ])('may not be %s', (_what, times, field, rule) => {
    expect(wrongIn(times)).toEqual([{ field, rule: expect.stringMatching(rule) }]);
  });

  it('are each named where several are impossible', () => {
    const far = Date.UTC(2099, 0, 1);
    expect(wrongIn({ readyAt: far, windowFrom: far, windowTo: far }).map(({ field }) => field)).toEqual([
      'readyAt',
      'windowFrom',
      'windowTo',
    ]);
  });
});

const way = wayTimes(5_000, 'SMALL', TRAVEL_MODEL, 1); // 16.25 minutes by car, 26 by bicycle

describe('the way between the stops', () => {
  it('takes as long as the fastest and the slowest vehicle that carries the parcel', () => {
    expect(way).toEqual({ fastestMs: 16.25 * MINUTE, slowestMs: 26 * MINUTE });
    const byVan = wayTimes(5_000, 'XLARGE', TRAVEL_MODEL, 1);
    expect(byVan.fastestMs).toBe(byVan.slowestMs);
  });

  it('is divided by the time scale', () => {
    expect(wayTimes(5_000, 'SMALL', TRAVEL_MODEL, 10)).toEqual({ fastestMs: 97_500, slowestMs: 156_000 });
  });
});

describe('the pickup', () => {
  const dueAt = (times: Partial<OrderTimes> & { readyAt: number }): number =>
    (pickupDueAt({ ...NONE, ...times }, way) - NOW) / MINUTE;

  it('is due when the goods are ready, where there is no beginning of a window', () => {
    expect(dueAt({ readyAt: NOW })).toBe(0);
    expect(dueAt({ readyAt: NOW, windowTo: NOW + 600 * MINUTE })).toBe(0);
  });

  it('is due so late that the fastest driver does not stand before a closed door', () => {
    expect(dueAt({ readyAt: NOW, windowFrom: NOW + 120 * MINUTE })).toBe(120 - 16.25);
    expect(dueAt({ readyAt: NOW, windowFrom: NOW + 120 * MINUTE, windowTo: NOW + 180 * MINUTE })).toBe(
      103.75,
    );
  });

  it('is due so early that the slowest driver arrives before a narrow window ends', () => {
    expect(dueAt({ readyAt: NOW, windowFrom: NOW + 120 * MINUTE, windowTo: NOW + 125 * MINUTE })).toBe(99);
  });

  it('is never due before the goods are ready', () => {
    fc.assert(
      fc.property(fc.integer({ min: -500, max: 500 }), fc.integer({ min: 1, max: 500 }), (from, lasts) => {
        const windowFrom = NOW + from * MINUTE;
        const due = dueAt({ readyAt: NOW, windowFrom, windowTo: windowFrom + lasts * MINUTE });
        expect(due).toBeGreaterThanOrEqual(0);
        expect(due).toBeLessThanOrEqual(Math.max(0, from - 16.25));
      }),
    );
  });
});

describe('the search', () => {
  it('begins the lead before the pickup is due, and not in the past', () => {
    expect(searchBeginsAt(NOW + 30 * MINUTE, NOW, 10 * MINUTE)).toBe(NOW + 20 * MINUTE);
    expect(searchBeginsAt(NOW + 5 * MINUTE, NOW, 10 * MINUTE)).toBe(NOW);
  });
});
