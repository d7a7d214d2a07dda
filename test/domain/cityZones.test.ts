import { describe, expect, it } from '@jest/globals';
import { cityZonesProblem, MAX_CITY_POINTS, MAX_CITY_ZONES, pointsOf } from '../../domain/zones/cityZones';

const RING = [
  [0, 0],
  [0, 1],
  [1, 1],
  [0, 0],
];

describe('the zones of a city together', () => {
  it('have the points of all rings, holes too', () => {
    expect(pointsOf({ type: 'Polygon', coordinates: [RING, RING] })).toBe(8);
    expect(pointsOf({ type: 'MultiPolygon', coordinates: [[RING], [RING, RING]] })).toBe(12);
  });

  it('are at most so many', () => {
    const others = Array<number>(MAX_CITY_ZONES - 1).fill(4);
    expect(cityZonesProblem(4, { others, before: null })).toBeNull();
    expect(cityZonesProblem(4, { others: [...others, 4], before: null })).toContain(
      `${MAX_CITY_ZONES} zones`,
    );
    expect(cityZonesProblem(4, { others: [...others, 4], before: 4 })).toBeNull();
  });

  it('have at most so many points, and a city with more may only get less', () => {
    const others = [MAX_CITY_POINTS - 10];
    expect(cityZonesProblem(10, { others, before: null })).toBeNull();
    expect(cityZonesProblem(11, { others, before: 10 })).toContain(`${MAX_CITY_POINTS + 1}`);
    expect(cityZonesProblem(11, { others, before: 12 })).toBeNull();
    expect(cityZonesProblem(11, { others, before: 11 })).toBeNull();
  });
});
