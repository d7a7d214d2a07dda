import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Point } from '../../domain/geo/places';
import {
  contains,
  MAX_ZONE_POINTS,
  zoneFinder,
  zoneOf,
  zoneProblem,
  zoneSquareMeters,
  type Zone,
  type ZoneArea,
} from '../../domain/zones/zones';

type Box = { west: number; south: number; east: number; north: number };
const ring = ({ west, south, east, north }: Box): number[][] => [
  [west, south],
  [east, south],
  [east, north],
  [west, north],
  [west, south],
];
const polygon = (...boxes: Box[]): ZoneArea => ({ type: 'Polygon', coordinates: boxes.map(ring) });
const polygonRings = (...boxes: Box[]): number[][][] => boxes.map(ring);
const multi = (...boxes: Box[]): ZoneArea => ({
  type: 'MultiPolygon',
  coordinates: boxes.map((box) => [ring(box)]),
});
const zone = (zoneId: string, area: ZoneArea, priority = 0): Zone => ({ zoneId, area, priority });

const CITY: Box = { west: 13, south: 52, east: 14, north: 53 };
const INNER: Box = { west: 13.4, south: 52.4, east: 13.6, north: 52.6 };
const CENTRE: Point = { lat: 52.5, lng: 13.5 };
const EDGE: Point = { lat: 52.1, lng: 13.1 };

const near = fc.record({
  lat: fc.double({ min: 51.5, max: 53.5, noNaN: true }),
  lng: fc.double({ min: 12.5, max: 14.5, noNaN: true }),
});
const within = (box: Box, { lat, lng }: Point): boolean =>
  lng >= box.west && lng <= box.east && lat >= box.south && lat <= box.north;
const box: fc.Arbitrary<Box> = fc
  .record({
    west: fc.double({ min: 12.5, max: 14, noNaN: true }),
    south: fc.double({ min: 51.5, max: 53, noNaN: true }),
    size: fc.double({ min: 0.01, max: 0.5, noNaN: true }),
  })
  .map(({ west, south, size }) => ({ west, south, east: west + size, north: south + size }));

describe('contains', () => {
  it('agrees with plain arithmetic on boxes', () => {
    fc.assert(
      fc.property(box, near, (given, place) =>
        expect(contains(polygon(given), place)).toBe(within(given, place)),
      ),
    );
  });

  it('includes the border and excludes holes', () => {
    expect(contains(polygon(CITY), { lat: 52, lng: 13.5 })).toBe(true);
    expect(contains(polygon(CITY, INNER), CENTRE)).toBe(false);
    expect(contains(polygon(CITY, INNER), EDGE)).toBe(true);
  });

  it('includes every part of a multipolygon and nothing between', () => {
    const parts = multi({ west: 13, south: 52, east: 13.2, north: 52.2 }, INNER);
    expect([CENTRE, EDGE, { lat: 52.3, lng: 13.3 }].map((place) => contains(parts, place))).toEqual([
      true,
      true,
      false,
    ]);
  });
});

describe('zoneOf', () => {
  it('returns the smaller of two zones that contain the place', () => {
    const zones = [zone('city', polygon(CITY)), zone('inner', polygon(INNER))];
    expect(zoneOf(CENTRE, zones)?.zoneId).toBe('inner');
    expect(zoneOf(EDGE, zones)?.zoneId).toBe('city');
  });

  it('returns the zone of higher priority, whatever its size', () => {
    expect(zoneOf(CENTRE, [zone('inner', polygon(INNER)), zone('city', polygon(CITY), 1)])?.zoneId).toBe(
      'city',
    );
  });

  it('returns null outside all zones and in a city without zones', () => {
    expect(zoneOf({ lat: 0, lng: 0 }, [zone('city', polygon(CITY))])).toBeNull();
    expect(zoneOf(CENTRE, [])).toBeNull();
  });

  it('does not depend on the order of the zones, and returns one that contains the place', () => {
    const zones = fc
      .array(fc.tuple(box, fc.integer({ min: 0, max: 2 })), { maxLength: 6 })
      .map((all) => all.map(([area, priority], i) => zone(`z${i}`, polygon(area), priority)));
    fc.assert(
      fc.property(zones, near, (all, place) => {
        const found = zoneOf(place, all);
        expect(zoneOf(place, [...all].reverse())).toEqual(found);
        expect(found === null).toBe(!all.some((each) => contains(each.area, place)));
        if (found) expect(contains(found.area, place)).toBe(true);
      }),
    );
  });

  it('assigns a place on a common border to exactly one of two equal zones', () => {
    const twins = [
      zone('west', polygon({ ...CITY, east: 13.5 })),
      zone('east', polygon({ ...CITY, west: 13.5 })),
    ];
    expect(zoneOf(CENTRE, twins)).toEqual(zoneOf(CENTRE, [...twins].reverse()));
  });
});

describe('zoneFinder', () => {
  it('returns the same zone as zoneOf', () => {
    const area = fc.oneof(
      box.map((each) => polygon(each)),
      fc.array(box, { minLength: 1, maxLength: 3 }).map((boxes) => multi(...boxes)),
    );
    const zones = fc
      .array(fc.tuple(area, fc.integer({ min: 0, max: 2 })), { maxLength: 6 })
      .map((all) => all.map(([each, priority], i) => zone(`z${i}`, each, priority)));
    fc.assert(
      fc.property(zones, fc.array(near, { maxLength: 5 }), (all, places) => {
        const find = zoneFinder(all);
        expect(places.map(find)).toEqual(places.map((place) => zoneOf(place, all)));
      }),
    );
  });
});

describe('zoneSquareMeters', () => {
  it('measures a degree at the equator, within a percent', () => {
    const square = zoneSquareMeters(polygon({ west: 0, south: 0, east: 1, north: 1 }));
    expect(Math.abs(square / 12_364e6 - 1)).toBeLessThan(0.01);
  });

  it('subtracts holes and adds parts', () => {
    const whole = zoneSquareMeters(polygon(CITY));
    const hole = zoneSquareMeters(polygon(INNER));
    expect(zoneSquareMeters(polygon(CITY, INNER))).toBeCloseTo(whole - hole, 0);
    expect(zoneSquareMeters(multi(CITY, INNER))).toBeCloseTo(whole + hole, 0);
  });
});

describe('zoneProblem', () => {
  it('accepts valid areas', () => {
    fc.assert(fc.property(box, (given) => expect(zoneProblem(polygon(given))).toBeNull()));
    expect(zoneProblem(multi(CITY, INNER))).toBeNull();
  });

  it.each<[string, ZoneArea]>([
    ['at least one ring', { type: 'Polygon', coordinates: [] }],
    ['at least one ring', { type: 'MultiPolygon', coordinates: [[]] }],
    [
      'at least four points',
      {
        type: 'Polygon',
        coordinates: [
          [
            [0, 0],
            [1, 1],
            [0, 0],
          ],
        ],
      },
    ],
    [
      'first and last point',
      {
        type: 'Polygon',
        coordinates: [
          [
            [0, 0],
            [1, 0],
            [1, 1],
            [0, 1],
          ],
        ],
      },
    ],
    [
      'must be [lng, lat]',
      {
        type: 'Polygon',
        coordinates: [
          [
            [0, 0],
            [181, 0],
            [1, 1],
            [0, 0],
          ],
        ],
      },
    ],
    ['must be [lng, lat]', { type: 'Polygon', coordinates: [[[0, 0], [1], [1, 1], [0, 0]]] }],
    [
      'must not cross or touch itself',
      {
        type: 'Polygon',
        coordinates: [
          [
            [0, 0],
            [4, 4],
            [4, 0],
            [0, 3],
            [0, 0],
          ],
        ],
      },
    ],
    [
      'must not cross or touch itself',
      {
        type: 'Polygon',
        coordinates: [
          [
            [0, 0],
            [4, 0],
            [4, 4],
            [2, 0],
            [0, 4],
            [0, 0],
          ],
        ],
      },
    ],
    ['must not cross or touch itself', polygon(INNER, { ...INNER, east: INNER.east + 1 })],
    [
      'must not cross or touch itself',
      {
        type: 'MultiPolygon',
        coordinates: [
          polygonRings(CITY),
          [
            [
              [0, 0],
              [4, 4],
              [4, 0],
              [0, 3],
              [0, 0],
            ],
          ],
        ],
      },
    ],
    [
      'must not be empty',
      {
        type: 'Polygon',
        coordinates: [
          [
            [0, 0],
            [1, 1],
            [2, 2],
            [0, 0],
          ],
        ],
      },
    ],
    [
      'at most 10000 points',
      { type: 'Polygon', coordinates: [Array.from({ length: MAX_ZONE_POINTS + 1 }, () => [0, 0])] },
    ],
  ])('requires of an area: "%s"', (words, area) => {
    expect(zoneProblem(area)).toContain(words);
  });
});
