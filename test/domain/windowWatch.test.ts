/** Whether a delivery is expected within its window (docs/behaviour.md#deliveries). */
import { describe, expect, it } from '@jest/globals';
import { DELIVERY_STATUSES } from '../../domain/delivery/status';
import { TRAVEL_MODEL } from '../../domain/geo/places';
import { expectedAtDropoff, type WindowedDelivery, windowRisk } from '../../domain/orders/windowWatch';

const NOW = Date.UTC(2026, 10, 29, 12);
const MINUTE = 60_000;
const WATCH = { now: NOW, travel: TRAVEL_MODEL, timeScale: 1, warningMs: 5 * MINUTE };
/** 1,000 m of straight line: 3.25 minutes by car or moped, 5.2 by bicycle, 3.9 by van. */
const NORTH_1_KM = 1_000 / 111_195.08;
const at = (km: number) => ({ lat: 52 + km * NORTH_1_KM, lng: 5 });
const delivery = (change: Partial<WindowedDelivery> = {}): WindowedDelivery => ({
  status: 'SEARCHING',
  readyAt: NOW - MINUTE,
  windowTo: NOW + 60 * MINUTE,
  parcelSize: 'SMALL',
  pickup: at(0),
  dropoff: at(4),
  carrier: null,
  ...change,
});
const minutesOf = (change: Partial<WindowedDelivery>, watch = WATCH): number | null => {
  const expectedAt = expectedAtDropoff(delivery(change), watch);
  return expectedAt === null ? null : Math.round(((expectedAt - NOW) / MINUTE) * 100) / 100;
};
const car = { vehicle: 'CAR', place: null, meeting: null } as const;

describe('a delivery is expected at its drop-off', () => {
  it.each(['PENDING', 'SEARCHING', 'OFFERED'] as const)(
    '%s: as if the fastest driver for its parcel left the pickup now, or once it is ready',
    (status) => {
      expect(minutesOf({ status })).toBe(13);
      expect(minutesOf({ status, parcelSize: 'XLARGE' })).toBe(15.62);
      expect(minutesOf({ status, readyAt: NOW + 10 * MINUTE })).toBe(23);
    },
  );

  it('ASSIGNED: by the carrier’s vehicle and place, through the pickup', () => {
    expect(minutesOf({ status: 'ASSIGNED', carrier: { ...car, place: at(-2) } })).toBe(19.5);
    expect(minutesOf({ status: 'ASSIGNED', carrier: { ...car, vehicle: 'BICYCLE', place: at(-2) } })).toBe(
      31.2,
    );
    expect(
      minutesOf({ status: 'ASSIGNED', readyAt: NOW + 30 * MINUTE, carrier: { ...car, place: at(-2) } }),
    ).toBe(43);
  });

  it('ASSIGNED with an unknown place: as if the carrier were at the pickup', () => {
    expect(minutesOf({ status: 'ASSIGNED', carrier: car })).toBe(13);
  });

  it('PICKED_UP: from where the carrier is, or through the meeting point of a hand-over', () => {
    expect(minutesOf({ status: 'PICKED_UP', carrier: { ...car, place: at(3) } })).toBe(3.25);
    expect(minutesOf({ status: 'PICKED_UP', carrier: { ...car, place: at(3), meeting: at(1) } })).toBe(16.25);
    expect(minutesOf({ status: 'PICKED_UP', carrier: car })).toBe(0);
  });

  it('never, once it is there or does not go there any more', () => {
    for (const status of DELIVERY_STATUSES.slice(DELIVERY_STATUSES.indexOf('AT_DROPOFF')))
      expect(minutesOf({ status, carrier: car })).toBeNull();
  });

  it('sooner where time is scaled', () => {
    expect(minutesOf({}, { ...WATCH, timeScale: 10 })).toBe(1.3);
  });
});

describe('a window', () => {
  it('is at risk from the moment at which less than the warning is left', () => {
    const risk = (endsIn: number) => windowRisk(delivery({ windowTo: NOW + endsIn * MINUTE }), WATCH);
    expect(risk(18.01)).toBeNull();
    expect(risk(17.99)).toEqual({ windowTo: NOW + 17.99 * MINUTE, expectedAt: expect.any(Number) });
  });

  it('is at risk before it ends, wherever the carrier is', () => {
    const last = delivery({
      status: 'PICKED_UP',
      carrier: { ...car, place: at(4) },
      windowTo: NOW + 4 * MINUTE,
    });
    expect(windowRisk(last, WATCH)).not.toBeNull();
  });
});
