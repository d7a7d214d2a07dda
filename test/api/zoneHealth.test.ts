import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { NO_FIGURES } from '../../domain/zones/zoneHealth';
import { type ApiWorld, createApiWorld, driver, merchant, ops } from '../support/apiWorld';
import { CITY } from '../support/dispatchWorld';

const box = {
  type: 'Polygon',
  coordinates: [
    [
      [4.8, 52.3],
      [4.9, 52.3],
      [4.9, 52.4],
      [4.8, 52.4],
      [4.8, 52.3],
    ],
  ],
};
const NOW = Date.now();
const MINUTE = 60_000;

let world: ApiWorld;
let owner: Client;
let other: string;
beforeAll(async () => {
  world = await createApiWorld();
  owner = new Client({ connectionString: world.ownerUrl });
  await owner.connect();
  other = await world.addCity();
  await world.db.zone.createMany({
    data: [
      ['north', CITY],
      ['harbour', other],
    ].map(([id = '', cityId = '']) => ({ id, cityId, name: `The ${id}`, polygon: box })),
  });
  await world.db.zoneHealth.createMany({
    data: [
      row(CITY, 'north', 3, 'OK'),
      row(CITY, 'north', 2, 'CRITICAL', ['NO_FREE_DRIVERS']),
      row(CITY, null, 2, 'OK'),
      row(other, 'harbour', 5, 'STRAINED', ['DRIVERS_SHORT']),
    ],
  });
});
afterAll(async () => {
  await owner.end();
  await world.close();
});

/** As if what is stored had been computed then. The service's login may not change it. */
const computedAt = (cityId: string, at: number) =>
  owner.query('UPDATE zone_health SET at = $2 WHERE city_id = $1', [cityId, new Date(at)]);

function row(
  cityId: string,
  zoneId: string | null,
  minutesAgo: number,
  state: string,
  reasons: string[] = [],
) {
  return {
    cityId,
    zoneId,
    at: new Date(NOW - minutesAgo * MINUTE),
    state,
    reasons,
    figures: { ...NO_FIGURES, searching: 3, freeDrivers: 1 },
  };
}

const read = (path: string, cities?: string[]) => world.as(ops(cities)).get(path);

describe('the health of zones', () => {
  it('is listed as last computed, worst first, with reasons and age', async () => {
    const { body } = await read('/v2/ops/zones/health').expect(200);
    expect(body.zones).toMatchObject([
      { cityId: CITY, zoneId: 'north', state: 'CRITICAL' },
      { cityId: other, zoneId: 'harbour', state: 'STRAINED' },
      { cityId: CITY, zoneId: null, state: 'OK' },
    ]);
    expect(body.zones[0]).toMatchObject({
      zoneName: 'The north',
      reasons: [{ code: 'NO_FREE_DRIVERS', words: '3 deliveries searched for, no driver free' }],
      figures: { searching: 3 },
      computedAt: new Date(NOW - 2 * MINUTE).toISOString(),
    });
    expect(body.zones[0].ageMs).toBeGreaterThanOrEqual(2 * MINUTE);
  });

  it('is visible only to ops of the city', async () => {
    expect((await read('/v2/ops/zones/health', [other]).expect(200)).body.zones).toHaveLength(1);
    expect((await read(`/v2/ops/zones/health?cityId=${other}`).expect(200)).body.zones).toHaveLength(1);
    await read(`/v2/ops/zones/health?cityId=${CITY}`, [other]).expect(404);
    await read(`/v2/ops/zones/health?cityId=${CITY}&fresh=true`, [other]).expect(404);
    await read('/v2/ops/zones/health?cityId=atlantis').expect(404);
    await read('/v2/ops/zones/north/health/history', [other]).expect(404);
    await read(`/v2/ops/cities/${CITY}/health/history`, [other]).expect(404);
    for (const caller of [driver('0198c1de-0000-7000-8000-000000000000'), merchant('bakery')])
      await world.as(caller).get('/v2/ops/zones/health').expect(403);
  });

  it('ignores results with a timestamp in the future', async () => {
    const city = await world.addCity();
    await world.db.zoneHealth.createMany({
      data: [row(city, null, 2, 'CRITICAL', ['NO_FREE_DRIVERS']), row(city, null, -60, 'OK')],
    });
    expect((await read(`/v2/ops/zones/health?cityId=${city}`).expect(200)).body.zones).toMatchObject([
      { state: 'CRITICAL' },
    ]);
    expect(
      (await read(`/v2/ops/zones/health?cityId=${city}&fresh=true`).expect(200)).body.zones,
    ).toMatchObject([{ state: 'OK', figures: { searching: 0 } }]);
  });

  it('is computed on demand', async () => {
    const city = await world.addCity();
    await world.addDelivery({ cityId: city });
    expect((await read(`/v2/ops/zones/health?cityId=${city}`).expect(200)).body.zones).toEqual([]);
    const { body } = await read(`/v2/ops/zones/health?cityId=${city}&fresh=true`, [city]).expect(200);
    expect(body.zones).toMatchObject([
      { cityId: city, zoneId: null, zoneName: null, figures: { openDeliveries: 1, freeDrivers: 0 } },
    ]);
    expect(body.zones[0].ageMs).toBeLessThan(MINUTE);
  });

  it('is computed on demand only for the cities of the caller, and once within 5 s', async () => {
    const [own, theirs] = [await world.addCity(), await world.addCity()];
    const fresh = () => read('/v2/ops/zones/health?fresh=true', [own, 'atlantis']).expect(200);
    expect((await fresh()).body.zones).toMatchObject([{ cityId: own, figures: { openDeliveries: 0 } }]);
    expect(await world.db.zoneHealth.count({ where: { cityId: theirs } })).toBe(0);
    await computedAt(own, Date.now() + 3_000); // so that the test may be slow
    await world.addDelivery({ cityId: own });
    expect((await fresh()).body.zones).toMatchObject([{ cityId: own, figures: { openDeliveries: 0 } }]);
    await computedAt(own, Date.now() - 5_001);
    expect((await fresh()).body.zones).toMatchObject([{ cityId: own, figures: { openDeliveries: 1 } }]);
  });

  it('is refused for an invalid request', async () => {
    await read('/v2/ops/zones/health?fresh=maybe').expect(400);
    await read('/v2/ops/zones/health?color=red').expect(400);
    await read('/v2/ops/zones/north/health/history?since=yesterday').expect(400);
  });
});

describe('the history of a zone', () => {
  it('covers the last day, or the requested range, newest first', async () => {
    const { body } = await read('/v2/ops/zones/north/health/history', [CITY]).expect(200);
    expect(body).toMatchObject({
      cityId: CITY,
      zoneId: 'north',
      history: [{ state: 'CRITICAL' }, { state: 'OK', reasons: [] }],
      hasMore: false,
    });
    const until = new Date(NOW - 2.5 * MINUTE).toISOString();
    expect(
      (await read(`/v2/ops/zones/north/health/history?until=${until}`).expect(200)).body.history,
    ).toMatchObject([{ state: 'OK' }]);
    expect(
      (await read(`/v2/ops/zones/north/health/history?since=${until}`).expect(200)).body.history,
    ).toMatchObject([{ state: 'CRITICAL' }]);
    await read('/v2/ops/zones/nowhere/health/history').expect(404);
  });

  it('exists for the area in no zone', async () => {
    const { body } = await read(`/v2/ops/cities/${CITY}/health/history`).expect(200);
    expect(body).toMatchObject({ cityId: CITY, zoneId: null, history: [{ state: 'OK' }] });
  });

  it('has at most 1,500 rows per reply', async () => {
    const city = await world.addCity();
    await world.db.zone.create({ data: { id: 'busy', cityId: city, name: 'Busy', polygon: box } });
    await world.db.zoneHealth.createMany({
      data: Array.from({ length: 1_501 }, (_, index) => row(city, 'busy', index / 2, 'OK')),
    });
    const { body } = await read('/v2/ops/zones/busy/health/history').expect(200);
    expect([body.history.length, body.hasMore]).toEqual([1_500, true]);
    const before = new Date(NOW - 749.6 * MINUTE).toISOString();
    const rest = await read(`/v2/ops/zones/busy/health/history?until=${before}`).expect(200);
    expect([rest.body.history.length, rest.body.hasMore]).toEqual([1, false]);
  });
});
