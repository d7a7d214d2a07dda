import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { type ApiWorld, createApiWorld, driver, merchant, ops } from '../support/apiWorld';
import { CITY } from '../support/dispatchWorld';

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
});
afterAll(() => world.close());

const BERLIN = {
  name: 'Berlin',
  timezone: 'Europe/Berlin',
  currency: 'EUR',
  center: { lat: 52.52, lng: 13.4 },
};
const ring = [
  [13.3, 52.5],
  [13.4, 52.5],
  [13.4, 52.6],
  [13.3, 52.5],
];
const RING_OF_CITY = [
  [4.8, 52.3],
  [4.9, 52.3],
  [4.9, 52.4],
  [4.8, 52.3],
];
const zone = (coordinates: unknown, change: object = {}) => ({
  name: 'North',
  area: { type: 'Polygon', coordinates },
  ...change,
});

describe('a city', () => {
  it('is created, updated and listed, and keeps its currency', async () => {
    expect((await world.as(ops()).put('/v2/cities/berlin', BERLIN).expect(201)).body).toEqual({
      cityId: 'berlin',
      ...BERLIN,
      locale: null,
      pay: null,
      country: null,
      serviceRadiusMeters: null,
      escalationMinutes: null,
    });
    await world
      .as(ops())
      .put('/v2/cities/berlin', { ...BERLIN, name: 'Berlin (West)' })
      .expect(200);
    expect(
      (
        await world
          .as(ops())
          .put('/v2/cities/berlin', { ...BERLIN, currency: 'CHF' })
          .expect(409)
      ).body.code,
    ).toBe('ALREADY_EXISTS');
    const { body } = await world.as(driver(newId())).get('/v2/cities').expect(200);
    expect(body).toMatchObject({
      cities: [{ cityId: 'berlin', name: 'Berlin (West)' }, { cityId: CITY }],
      nextCursor: null,
    });
    const { body: page } = await world.as(merchant('bakery')).get('/v2/cities?limit=1').expect(200);
    expect(page.nextCursor).toBe('berlin');
    expect(
      (await world.as(merchant('bakery')).get('/v2/cities?limit=1&cursor=berlin').expect(200)).body.cities,
    ).toHaveLength(1);
  });

  it.each([
    ['a time zone that does not exist', { ...BERLIN, timezone: 'Europe/Atlantis' }],
    ['an invalid currency', { ...BERLIN, currency: 'eu' }],
    ['no name', { ...BERLIN, name: ' ' }],
    ['no centre', { ...BERLIN, center: undefined }],
  ])('with %s is refused', async (_what, body) => {
    await world.as(ops()).put('/v2/cities/nowhere', body).expect(400);
  });

  it('has escalation times, which older clients do not reset', async () => {
    const put = async (change: object) =>
      (await world.as(ops()).put('/v2/cities/oslo', { ...BERLIN, name: 'Oslo', ...change })).body
        .escalationMinutes as unknown;
    expect(await put({ escalationMinutes: [3, 10, 20] })).toEqual([3, 10, 20]);
    expect(await put({})).toEqual([3, 10, 20]);
    const {
      body: { cities },
    } = await world.as(merchant('bakery')).get('/v2/cities?limit=100').expect(200);
    expect(cities).toContainEqual(
      expect.objectContaining({ cityId: 'oslo', escalationMinutes: [3, 10, 20] }),
    );
    expect(await put({ escalationMinutes: null })).toBeNull();
    expect(await put({})).toBeNull();
  });

  it.each([
    [[5, 5, 30]],
    [[15, 5, 30]],
    [[0, 5, 30]],
    [[5, 15, 1_441]],
    [[5, 15]],
    [[5, 15, 30, 60]],
    [[1.5, 15, 30]],
    [[]],
  ])('with escalation times %p is refused', async (escalationMinutes) => {
    await world
      .as(ops())
      .put('/v2/cities/nowhere', { ...BERLIN, escalationMinutes })
      .expect(400);
  });

  it('is writable only by ops of the city', async () => {
    await world
      .as(ops(['paris']))
      .put('/v2/cities/berlin', BERLIN)
      .expect(404);
    await world.as(driver(newId())).put('/v2/cities/berlin', BERLIN).expect(403);
    await world.as(ops()).put('/v2/cities/No City!', BERLIN).expect(404);
  });
});

describe('a zone', () => {
  beforeAll(() => world.as(ops()).put('/v2/cities/rome', { ...BERLIN, name: 'Rome' }));

  it('is created, updated and listed', async () => {
    const path = '/v2/cities/rome/zones/north';
    expect(
      (
        await world
          .as(ops(['rome']))
          .put(path, zone([ring], { priority: 3, offerTtlSeconds: 20 }))
          .expect(201)
      ).body,
    ).toMatchObject({ zoneId: 'north', cityId: 'rome', priority: 3 });
    await world
      .as(ops())
      .put(path, zone([ring.map((place) => [...place, 30])]))
      .expect(200);
    const { body } = await world.as(merchant('bakery')).get('/v2/cities/rome/zones').expect(200);
    expect(body).toEqual({
      zones: [
        {
          zoneId: 'north',
          cityId: 'rome',
          name: 'North',
          area: { type: 'Polygon', coordinates: [ring] },
          priority: 0,
          offerTtlSeconds: null,
        },
      ],
      nextCursor: null,
    });
    await world
      .as(ops())
      .put('/v2/cities/rome/zones/islands', {
        name: 'Islands',
        area: { type: 'MultiPolygon', coordinates: [[ring], [ring]] },
      })
      .expect(201);
    expect((await world.as(ops()).get('/v2/cities/rome/zones?limit=1').expect(200)).body.nextCursor).toBe(
      'islands',
    );
  });

  it('belongs to one city', async () => {
    await world
      .as(ops())
      .put('/v2/cities/rome/zones/harbour', zone([ring]))
      .expect(201);
    expect(
      (
        await world
          .as(ops())
          .put(`/v2/cities/${CITY}/zones/harbour`, zone([RING_OF_CITY]))
          .expect(409)
      ).body.code,
    ).toBe('ALREADY_EXISTS');
    await world
      .as(ops())
      .put('/v2/cities/atlantis/zones/harbour', zone([ring]))
      .expect(404);
    await world.as(ops()).get('/v2/cities/atlantis/zones').expect(404);
    await world
      .as(ops(['berlin']))
      .put('/v2/cities/rome/zones/harbour', zone([ring]))
      .expect(404);
  });

  it.each([
    [
      'a ring that does not close',
      [
        [
          [13.3, 52.5],
          [13.4, 52.5],
          [13.4, 52.6],
          [13.3, 52.6],
        ],
      ],
      422,
    ],
    [
      'a point off the earth',
      [
        [
          [13.3, 95],
          [13.4, 52.5],
          [13.4, 52.6],
          [13.3, 95],
        ],
      ],
      422,
    ],
    [
      'no extent',
      [
        [
          [13, 52],
          [13, 52],
          [13, 52],
          [13, 52],
        ],
      ],
      422,
    ],
    [
      'three points',
      [
        [
          [13.3, 52.5],
          [13.4, 52.5],
          [13.3, 52.5],
        ],
      ],
      400,
    ],
    [
      'words for numbers',
      [
        [
          ['a', 'b'],
          [13.4, 52.5],
          [13.4, 52.6],
          [13.3, 52.5],
        ],
      ],
      400,
    ],
    ['no rings', [], 400],
  ])('with %s is refused', async (_what, coordinates, status) => {
    const { body } = await world
      .as(ops())
      .put('/v2/cities/rome/zones/wrong', zone(coordinates))
      .expect(status);
    expect(body.code).toBe(status === 422 ? 'INVALID_AREA' : 'INVALID_REQUEST');
  });

  it('is refused where its city has as many as there may be, and may still change', async () => {
    await world.as(ops()).put('/v2/cities/milan', { ...BERLIN, name: 'Milan' });
    await world.db.zone.createMany({
      data: Array.from({ length: 500 }, (_, i) => ({
        id: `milan-${i}`,
        cityId: 'milan',
        name: `${i}`,
        polygon: { type: 'Polygon', coordinates: [ring] },
      })),
    });
    const put = (id: string) => world.as(ops()).put(`/v2/cities/milan/zones/${id}`, zone([ring]));
    const { body } = await put('milan-more').expect(422);
    expect(body).toMatchObject({ code: 'INVALID_AREA', detail: 'a city may have at most 500 zones' });
    await put('milan-7').expect(200);
    expect(await world.db.zone.count({ where: { cityId: 'milan' } })).toBe(500);
  });
});

describe('a merchant', () => {
  it('is registered once', async () => {
    const body = { merchantId: 'dairy', name: 'The Dairy' };
    await world.as(ops()).post('/v2/merchants', body).expect(201);
    await world.as(ops()).post('/v2/merchants', body).expect(200);
    expect(
      (
        await world
          .as(ops())
          .post('/v2/merchants', { ...body, name: 'Another' })
          .expect(409)
      ).body.code,
    ).toBe('ALREADY_EXISTS');
    await world.as(merchant('dairy')).post('/v2/merchants', body).expect(403);
  });
});
