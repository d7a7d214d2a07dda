import { describe, expect, it } from '@jest/globals';
import { type OrdersStop, STOP_REASONS, stopFor, stopWords } from '../../domain/zones/ordersStop';
import { type Widening, wideningFor } from '../../domain/zones/widening';
import { DELIVERY_STATUSES } from '../../domain/delivery/status';
import { isWaiting } from '../../domain/delivery/waiting';
import {
  actEndsAt,
  closedOutcome,
  commandOf,
  type HitFacts,
  isHit,
  isOver,
  MAX_ACT_MINUTES,
  partOutcome,
  stopIn,
  wideningIn,
  type ZoneAct,
} from '../../domain/zones/zoneAct';

const NOW = Date.UTC(2031, 4, 5, 18);
const MINUTE = 60_000;
const stop = (zoneId: string | null, minutes: number): OrdersStop => ({
  zoneId,
  reason: 'WEATHER',
  until: NOW + minutes * MINUTE,
});

describe('a stop of orders', () => {
  it.each<[string, OrdersStop[], string | null, number | null]>([
    ['of the zone holds in it', [stop('north', 5)], 'north', 5],
    ['of another zone does not hold', [stop('south', 5)], 'north', null],
    ['of a zone does not hold outside all zones', [stop('north', 5)], null, null],
    ['of the city holds in each zone', [stop(null, 5)], 'north', 5],
    ['of the city holds outside all zones', [stop(null, 5)], null, 5],
    [
      'that ends last is the one that counts',
      [stop(null, 5), stop('north', 9), stop('south', 20)],
      'north',
      9,
    ],
    ['is over at its time', [stop(null, 0)], 'north', null],
  ])('%s', (_name, stops, zoneId, minutes) => {
    expect(stopFor(stops, zoneId, NOW)?.until ?? null).toBe(minutes === null ? null : NOW + minutes * MINUTE);
  });

  it('is told in words that name no person', () => {
    expect(STOP_REASONS.map((reason) => stopWords({ zoneId: 'north', reason, until: NOW }))).toEqual([
      'zone north takes no orders for a time: too few drivers',
      'zone north takes no orders for a time: the weather',
      'zone north takes no orders for a time: an event',
      'zone north takes no orders for a time: a disruption',
      'zone north takes no orders for a time',
    ]);
    expect(stopWords(stop(null, 5))).toMatch(/^the city takes no orders/);
  });
});

describe('a wider search', () => {
  const wide = (zoneId: string | null, radiusMeters: number, minutes = 5): Widening => ({
    zoneId,
    radiusMeters,
    until: NOW + minutes * MINUTE,
  });

  it.each<[string, Widening[], string | null, number | null]>([
    ['of the zone holds in it', [wide('north', 9_000)], 'north', 9_000],
    ['of another zone does not hold', [wide('south', 9_000)], 'north', null],
    ['of a zone does not hold outside all zones', [wide('north', 9_000)], null, null],
    ['of the city holds in each zone', [wide(null, 9_000)], 'north', 9_000],
    ['of the city holds outside all zones', [wide(null, 9_000)], null, 9_000],
    [
      'that is the widest is the one that counts',
      [wide(null, 9_000), wide('north', 8_000, 9)],
      'north',
      9_000,
    ],
    ['is over at its time', [wide(null, 9_000, 0), wide('north', 8_000)], 'north', 8_000],
  ])('%s', (_name, widenings, zoneId, meters) => {
    expect(wideningFor(widenings, zoneId, NOW)?.radiusMeters ?? null).toBe(meters);
  });
});

describe('an act on a zone', () => {
  it.each<[string, { minutes: number | null; untilAt: number | null }, number | null]>([
    ['ends so many minutes from now', { minutes: 30, untilAt: null }, NOW + 30 * MINUTE],
    ['ends at an instant', { minutes: null, untilAt: NOW + 1 }, NOW + 1],
    ['may not end now', { minutes: null, untilAt: NOW }, null],
    ['may last a day', { minutes: MAX_ACT_MINUTES, untilAt: null }, NOW + MAX_ACT_MINUTES * MINUTE],
    ['may not last longer', { minutes: null, untilAt: NOW + MAX_ACT_MINUTES * MINUTE + 1 }, null],
    ['needs an end', { minutes: null, untilAt: null }, null],
  ])('%s', (_name, length, until) => {
    expect(actEndsAt(length, NOW, MINUTE)).toBe(until);
  });
});

describe('an act that reaches deliveries', () => {
  const delivery = (change: Partial<HitFacts> = {}): HitFacts => ({
    deliveryId: 'd',
    status: 'SEARCHING',
    searchAt: NOW - 60 * MINUTE,
    clock: { accumulatedMs: 20 * MINUTE, runningSince: NOW - 11 * MINUTE },
    ...change,
  });
  const stopped = { accumulatedMs: 0, runningSince: null };
  const hit = (waitingOverMinutes: number | null, change: Partial<HitFacts> = {}): boolean =>
    isHit({ waitingOverMinutes }, delivery(change), { now: NOW, minuteMs: MINUTE });

  it('reaches those whose search has begun or is due, and that nobody has', () => {
    const reached = DELIVERY_STATUSES.filter((status) => hit(null, { status }));
    expect(reached).toEqual(['PENDING', 'SEARCHING', 'OFFERED']);
    expect(isWaiting({ status: 'PENDING', searchAt: NOW }, NOW)).toBe(true);
    expect(isWaiting({ status: 'PENDING', searchAt: NOW + 1 }, NOW)).toBe(false);
  });

  it('counts the waiting over all searches, and before the first one since it was due', () => {
    expect(hit(30)).toBe(true);
    expect(hit(31)).toBe(false);
    expect(hit(59, { status: 'PENDING', clock: stopped })).toBe(true);
    expect(hit(60, { status: 'PENDING', clock: stopped })).toBe(false);
  });

  const act: ZoneAct = {
    actId: 'a',
    kind: 'RAISE_PAY',
    cityId: 'c',
    zoneId: null,
    reason: null,
    cancelReason: null,
    bonusCents: 500,
    waitingOverMinutes: null,
    radiusMeters: null,
    until: null,
    byId: 'olga',
    why: 'storm',
    correlationId: 'x',
    createdAt: NOW,
    endedAt: null,
  };
  const widening: ZoneAct = { ...act, kind: 'WIDEN', bonusCents: null, radiusMeters: 9_000, until: NOW + 1 };
  const cancelling: ZoneAct = { ...act, kind: 'CANCEL_WAITING', bonusCents: null, cancelReason: 'NO_DRIVER' };

  it('is over at its time, when ops end it, and else never', () => {
    expect(isOver(widening, NOW)).toBe(false);
    expect(isOver(widening, NOW + 1)).toBe(true);
    expect(isOver({ ...widening, endedAt: NOW }, NOW)).toBe(true);
    expect(isOver(act, NOW)).toBe(false);
  });

  it('holds in its place, by its kind', () => {
    const stopping: ZoneAct = { ...act, kind: 'STOP_ORDERS', reason: 'WEATHER', until: NOW + 1 };
    const acts = [stopping, widening, { ...widening, cityId: 'other', radiusMeters: 12_000 }];
    expect(stopIn(acts, { cityId: 'c', zoneId: 'north' }, NOW)).toEqual(stopping);
    expect(wideningIn(acts, { cityId: 'c', zoneId: 'north' }, NOW)).toEqual(widening);
    expect(wideningIn(acts, { cityId: 'third', zoneId: null }, NOW)).toBeNull();
  });

  it('is a command of the person who acted, for deliveries that still wait', () => {
    const by = { kind: 'ops', id: 'olga' };
    expect(commandOf(widening)).toEqual({ kind: 'searchFarther', radiusMeters: 9_000, by, why: 'storm' });
    expect(commandOf(act)).toEqual({
      kind: 'raisePay',
      bonusCents: 500,
      by,
      why: 'storm',
      onlyWaiting: true,
    });
    expect(commandOf(cancelling)).toEqual({
      kind: 'cancelDelivery',
      reason: 'NO_DRIVER',
      by,
      onlyWaiting: true,
    });
    expect(commandOf({ ...act, kind: 'STOP_ORDERS' })).toBeNull();
  });

  it('has an outcome by delivery, also where the answer was lost and the delivery is closed', () => {
    expect(partOutcome({ outcome: 'payRaised', deliveryId: 'd', payCents: 1 })).toBe('DONE');
    expect(partOutcome({ refused: 'PAY_NOT_RAISED', detail: '' })).toBe('PAY_NOT_RAISED');
    const closed = { status: 'CANCELLED', reasonCode: 'NO_DRIVER' } as const;
    expect(closedOutcome(cancelling, closed)).toBe('DONE');
    expect(closedOutcome(cancelling, { ...closed, reasonCode: 'CUSTOMER_CANCELLED' })).toBe(
      'ILLEGAL_TRANSITION',
    );
    expect(closedOutcome(act, closed)).toBe('ILLEGAL_TRANSITION');
  });
});
