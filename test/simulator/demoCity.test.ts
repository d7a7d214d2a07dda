import { describe, expect, test } from '@jest/globals';
import { distanceMeters } from '../../domain/geo/places';
import { contains, type Zone, zoneOf, zoneProblem } from '../../domain/zones/zones';
import { DEMO_SHOPS, DEMO_ZONES, demoDriver } from '../../simulator/demo/city';
import { pointIn } from '../../simulator/people/orders';
import { randomFrom } from '../../simulator/kit/random';

const ZONES: Zone[] = DEMO_ZONES.map(({ zoneId, ring }) => ({
  zoneId,
  priority: 0,
  area: { type: 'Polygon', coordinates: [ring.map(([lng, lat]) => [lng, lat])] },
}));

describe('the demo city', () => {
  test('has three valid zones', () => {
    expect(ZONES.map(({ area }) => zoneProblem(area))).toEqual([null, null, null]);
  });

  test('has shops in each zone', () => {
    expect(new Set(DEMO_SHOPS.map(({ point }) => zoneOf(point, ZONES)?.zoneId))).toEqual(
      new Set(ZONES.map(({ zoneId }) => zoneId)),
    );
  });

  test('lies within the widest search radius of every driver', () => {
    const corners = DEMO_ZONES.flatMap(({ ring }) => ring.map(([lng, lat]) => ({ lat, lng })));
    const widest = Math.max(...corners.flatMap((a) => corners.map((b) => distanceMeters(a, b))));
    expect(widest).toBeLessThan(15_000);
  });

  test('has customers inside the zones', () => {
    const random = randomFrom('customers');
    for (const zone of DEMO_ZONES) {
      const area = ZONES.find(({ zoneId }) => zoneId === zone.zoneId)?.area;
      for (let i = 0; i < 100; i++) expect(area && contains(area, pointIn(zone, random))).toBe(true);
    }
  });

  test('has drivers with distinct names, some with the v1 app', () => {
    const drivers = Array.from({ length: 60 }, (_, index) => demoDriver(index));
    expect(new Set(drivers.map(({ name }) => name)).size).toBe(60);
    expect(drivers.filter(({ isV1 }) => isV1)).toHaveLength(10);
  });
});
