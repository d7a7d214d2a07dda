import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  distanceMeters,
  isPoint,
  MAX_LATITUDE,
  TRAVEL_MODEL,
  travelEstimateMs,
  travelMsFor,
  type Point,
} from '../../domain/geo/places';
import { carries, CARRIES, PARCEL_SIZES, VEHICLE_KINDS } from '../../domain/driver/vehicles';

const degrees = (limit: number) => fc.double({ min: -limit, max: limit, noNaN: true });
const point: fc.Arbitrary<Point> = fc.record({ lat: degrees(MAX_LATITUDE), lng: degrees(180) });
const vehicle = fc.constantFrom(...VEHICLE_KINDS);

describe('distanceMeters', () => {
  it('measures Berlin to Paris', () => {
    expect(distanceMeters({ lat: 52.52, lng: 13.405 }, { lat: 48.8566, lng: 2.3522 }) / 1000).toBeCloseTo(
      877.5,
      0,
    );
  });

  it('is symmetric, zero to the same place, and at most half the circumference of the earth', () => {
    fc.assert(
      fc.property(point, point, (a, b) => {
        const meters = distanceMeters(a, b);
        expect(meters).toBeCloseTo(distanceMeters(b, a), 3);
        expect(distanceMeters(a, a)).toBe(0);
        expect(meters).toBeGreaterThanOrEqual(0);
        expect(meters).toBeLessThan(20_016_000);
      }),
    );
  });

  // Within a metre: between opposite ends of the earth rounding is worth some 10 cm.
  it('satisfies the triangle inequality', () => {
    fc.assert(
      fc.property(point, point, point, (a, b, c) => {
        expect(distanceMeters(a, c)).toBeLessThanOrEqual(distanceMeters(a, b) + distanceMeters(b, c) + 1);
      }),
    );
  });

  it('crosses the antimeridian the short way', () => {
    expect(distanceMeters({ lat: 0, lng: 179.999 }, { lat: 0, lng: -179.999 })).toBeLessThan(300);
  });
});

describe('isPoint', () => {
  it('accepts every place on the map and nothing beyond', () => {
    fc.assert(fc.property(point, (place) => expect(isPoint(place)).toBe(true)));
    for (const lat of [85.06, -90, NaN, Infinity]) expect(isPoint({ lat, lng: 0 })).toBe(false);
    for (const lng of [180.01, -181, NaN, -Infinity]) expect(isPoint({ lat: 0, lng })).toBe(false);
  });
});

describe('travel estimate', () => {
  it('is an integer, never negative, and grows with the distance', () => {
    fc.assert(
      fc.property(fc.nat(50_000), fc.nat(50_000), vehicle, (a, b, kind) => {
        const [short, long] = a < b ? [a, b] : [b, a];
        const ms = travelMsFor(short, kind);
        expect(Number.isInteger(ms) && ms >= 0).toBe(true);
        expect(ms).toBeLessThanOrEqual(travelMsFor(long, kind));
      }),
    );
  });

  it('is 3 minutes and a quarter by car for a kilometre of straight line, 1.3 of road', () => {
    expect(travelMsFor(1_000, 'CAR')).toBe(195_000);
  });

  it('follows the given model', () => {
    const straight = { detourFactor: 1, metersPerMinute: { ...TRAVEL_MODEL.metersPerMinute, BICYCLE: 320 } };
    const [from, to] = [
      { lat: 0, lng: 0 },
      { lat: 0, lng: 0.01 },
    ];
    expect(travelEstimateMs(from, to, 'BICYCLE', straight)).toBe(
      Math.ceil((distanceMeters(from, to) / 320) * 60_000),
    );
  });
});

describe('vehicles', () => {
  it('carry everything that a smaller one carries', () => {
    VEHICLE_KINDS.slice(1).forEach((kind, i) => {
      const smaller = VEHICLE_KINDS[i] ?? kind;
      expect(CARRIES[kind]).toEqual(expect.arrayContaining([...CARRIES[smaller]]));
    });
  });

  it('exist for every parcel size', () => {
    expect(PARCEL_SIZES.filter((size) => !VEHICLE_KINDS.some((kind) => carries(kind, size)))).toEqual([]);
    expect(carries('BICYCLE', 'LARGE')).toBe(false);
    expect(carries('VAN', 'XLARGE')).toBe(true);
  });
});
