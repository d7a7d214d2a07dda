import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { type ApiWorld, createApiWorld, driver, merchant, ops } from '../support/apiWorld';
import { CITY } from '../support/dispatchWorld';

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
});
afterAll(() => world.close());

const PLACE = { lat: 52.37, lng: 4.89 };

async function registered(change: object = {}): Promise<string> {
  const { body } = await world
    .as(ops())
    .post('/v2/drivers', { cityId: CITY, name: 'Dora', vehicleKind: 'BICYCLE', offerVersion: 2, ...change })
    .expect(201);
  return body.driverId as string;
}

describe('registering a driver', () => {
  it('creates an OFFLINE driver with a vehicle and an audit entry', async () => {
    const driverId = newId();
    const body = {
      driverId,
      cityId: CITY,
      name: 'Dora',
      phone: '+31 6 1234',
      vehicleKind: 'BICYCLE',
      offerVersion: 2,
      capacity: 2,
    };
    const { body: made, headers } = await world.as(ops()).post('/v2/drivers', body).expect(201);
    expect(headers.location).toBe(`/v2/drivers/${driverId}`);
    expect(made).toMatchObject({
      ...body,
      availability: 'OFFLINE',
      liveOffers: 0,
      activeAssignments: 0,
      lastFix: null,
    });
    expect(await world.db.vehicle.count({ where: { driverId, kind: 'BICYCLE' } })).toBe(1);
    expect(await world.db.auditEntry.findMany({ where: { driverId } })).toEqual([
      expect.objectContaining({ kind: 'driver_registered', actorId: 'olga', chain: `driver/${driverId}` }),
    ]);
    expect((await world.as(ops()).post('/v2/drivers', body).expect(200)).body).toEqual(made);
    expect(
      (
        await world
          .as(ops())
          .post('/v2/drivers', { ...body, name: 'Diego' })
          .expect(409)
      ).body.code,
    ).toBe('ALREADY_EXISTS');
  });

  it('requires an existing city of the caller', async () => {
    const body = { cityId: 'atlantis', name: 'Dora', vehicleKind: 'CAR' };
    expect((await world.as(ops()).post('/v2/drivers', body).expect(422)).body.code).toBe('UNKNOWN_CITY');
    expect(
      (
        await world
          .as(ops(['elsewhere']))
          .post('/v2/drivers', { ...body, cityId: CITY })
          .expect(422)
      ).body.code,
    ).toBe('UNKNOWN_CITY');
  });
});

describe('reading drivers', () => {
  it('is limited to ops of the city and the driver', async () => {
    const driverId = await registered();
    for (const path of [
      `/v2/drivers/${driverId}`,
      `/v2/drivers/${driverId}/state`,
      `/v2/drivers/${driverId}/availability`,
      `/drivers/${driverId}/availability`,
    ]) {
      await world.as(driver(driverId)).get(path).expect(200);
      await world
        .as(ops([CITY]))
        .get(path)
        .expect(200);
      await world.as(driver(newId())).get(path).expect(404);
      await world
        .as(ops(['elsewhere']))
        .get(path)
        .expect(404);
      await world.as(merchant('bakery')).get(path).expect(403);
    }
    await world.as(driver(newId())).get('/v2/me').expect(404);
  });

  it('paginates', async () => {
    const cityId = await world.addCity();
    const made = [await registered({ cityId }), await registered({ cityId }), await registered({ cityId })];
    const { body: first } = await world.as(ops()).get(`/v2/drivers?cityId=${cityId}&limit=2`).expect(200);
    const { body: second } = await world
      .as(ops())
      .get(`/v2/drivers?cityId=${cityId}&limit=2&cursor=${first.nextCursor}`)
      .expect(200);
    expect(
      [...first.drivers, ...second.drivers].map(({ driverId }: { driverId: string }) => driverId),
    ).toEqual(made.reverse());
    expect(second.nextCursor).toBeNull();
    expect(
      (await world.as(ops()).get(`/v2/drivers?cityId=${cityId}&availability=AVAILABLE`).expect(200)).body
        .drivers,
    ).toEqual([]);
  });
});

describe('availability', () => {
  it('of v1 has three states and shows the others as OFFLINE', async () => {
    const driverId = await registered();
    const me = world.as(driver(driverId));
    expect((await me.get(`/drivers/${driverId}/availability`).expect(200)).body).toEqual({
      driverId,
      availability: 'OFFLINE',
    });
    expect(
      (await me.post(`/drivers/${driverId}/availability`, { availability: 'AVAILABLE' }).expect(200)).body,
    ).toEqual({ driverId, availability: 'AVAILABLE' });
    expect(
      (await me.post(`/drivers/${driverId}/availability/break`, { minutes: 15, reason: 'lunch' }).expect(200))
        .body,
    ).toMatchObject({ availability: 'ON_BREAK', reason: 'lunch' });
    expect((await me.get(`/drivers/${driverId}/availability`).expect(200)).body).toEqual({
      driverId,
      availability: 'OFFLINE',
    });
    expect((await me.get(`/v2/drivers/${driverId}/availability`).expect(200)).body).toMatchObject({
      availability: 'ON_BREAK',
      until: expect.any(String),
    });
    await me.post(`/drivers/${driverId}/availability`, { availability: 'BUSY' }).expect(400);
  });

  it('changes through a shift with a break and a pause', async () => {
    const driverId = await registered();
    const ask = (path: string, body: object = {}) =>
      world.as(driver(driverId)).post(`/v2/drivers/${driverId}/availability${path}`, body);
    const shiftEndsAt = new Date(Date.now() + 3_600_000).toISOString();
    expect((await ask('/shift/start', { shiftEndsAt }).expect(200)).body).toMatchObject({
      availability: 'AVAILABLE',
      shiftEndsAt,
    });
    expect((await ask('/break', { minutes: 3 }).expect(422)).body.code).toBe('INVALID_DURATION');
    expect((await ask('/break', { minutes: 5 }).expect(200)).body.availability).toBe('ON_BREAK');
    expect((await ask('/resume').expect(409)).body.code).toBe('NOT_PAUSED');
    expect((await ask('/break/end').expect(200)).body.availability).toBe('AVAILABLE');
    expect((await ask('/pause').expect(200)).body).toMatchObject({ availability: 'PAUSED', until: null });
    expect((await ask('/break/end').expect(409)).body.code).toBe('NOT_ON_BREAK');
    expect((await ask('/resume').expect(200)).body.availability).toBe('AVAILABLE');
    expect((await ask('', { availability: 'OFFLINE' }).expect(200)).body.availability).toBe('OFFLINE');
    expect((await ask('', { availability: 'AVAILABLE' }).expect(200)).body.availability).toBe('AVAILABLE');
    expect((await ask('/shift/end').expect(200)).body.availability).toBe('SHIFT_ENDED');
  });

  it('has no breaks while the feature is off', async () => {
    const driverId = await registered();
    await world
      .as(driver(driverId))
      .post(`/v2/drivers/${driverId}/availability`, { availability: 'AVAILABLE' })
      .expect(200);
    world.switches.availabilityStates = false;
    const { body } = await world
      .as(driver(driverId))
      .post(`/v2/drivers/${driverId}/availability/break`, { minutes: 10 })
      .expect(409);
    world.switches.availabilityStates = true;
    expect(body.code).toBe('FEATURE_OFF');
  });

  it('can be changed by ops, with an audit entry, but not by other callers', async () => {
    const driverId = await registered();
    const path = `/v2/drivers/${driverId}/availability`;
    await world
      .as(ops([CITY]))
      .post(path, { availability: 'AVAILABLE' })
      .set('x-correlation-id', 'by-hand-1')
      .expect(200);
    expect(
      await world.db.auditEntry.count({
        where: {
          driverId,
          kind: 'availability_changed',
          actorKind: 'ops',
          actorId: 'olga',
          correlationId: 'by-hand-1',
        },
      }),
    ).toBe(1);
    await world
      .as(ops(['elsewhere']))
      .post(path, { availability: 'OFFLINE' })
      .expect(404);
    await world.as(driver(newId())).post(path, { availability: 'OFFLINE' }).expect(404);
    const unknown = newId();
    await world
      .as(driver(unknown))
      .post(`/v2/drivers/${unknown}/availability`, { availability: 'AVAILABLE' })
      .expect(404);
  });
});

describe('a position', () => {
  const at = new Date().toISOString();

  it('is recorded by v1 and v2, single and in batches', async () => {
    const driverId = await registered();
    const me = world.as(driver(driverId));
    expect((await me.post(`/drivers/${driverId}/location`, PLACE).expect(200)).body).toEqual({ recorded: 1 });
    await me.post(`/drivers/${driverId}/location`, { ...PLACE, timestamp: Date.now() }).expect(200);
    await me.post(`/drivers/${driverId}/location`, { ...PLACE, timestamp: at }).expect(200);
    await me
      .post(`/v2/drivers/${driverId}/location`, {
        ...PLACE,
        at,
        accuracyMeters: 5,
        speedMps: 3.5,
        headingDegrees: 270,
      })
      .expect(200);
    expect(
      (
        await me
          .post(`/v2/drivers/${driverId}/location`, {
            fixes: [
              { ...PLACE, at },
              { ...PLACE, at },
            ],
          })
          .expect(200)
      ).body,
    ).toEqual({ recorded: 2 });
    const { redis, keyPrefix } = world.redis;
    expect(await redis.exists(`${keyPrefix}driver:${driverId}`)).toBe(1);
  });

  it('is accepted only from the driver', async () => {
    const driverId = await registered();
    await world
      .as(driver(newId()))
      .post(`/v2/drivers/${driverId}/location`, { ...PLACE, at })
      .expect(404);
    const unknown = newId();
    await world
      .as(driver(unknown))
      .post(`/v2/drivers/${unknown}/location`, { ...PLACE, at })
      .expect(404);
    await world
      .as(ops())
      .post(`/v2/drivers/${driverId}/location`, { ...PLACE, at })
      .expect(403);
  });

  it.each([
    ['out of range', { lat: 90, lng: 0, at }],
    ['without a time', PLACE],
    ['with an invalid date', { ...PLACE, at: '2026-02-30T00:00:00Z' }],
    ['in a batch of 101', { fixes: Array.from({ length: 101 }, () => ({ ...PLACE, at })) }],
    ['in an empty batch', { fixes: [] }],
    ['with an unknown field', { ...PLACE, at, mood: 'good' }],
  ])('%s is refused', async (_what, body) => {
    const driverId = newId();
    await world.as(driver(driverId)).post(`/v2/drivers/${driverId}/location`, body).expect(400);
  });

  it('returns 503 with Retry-After while Redis is unavailable', async () => {
    const lost = await createApiWorld(() => ({
      positions: {
        record: async () => {
          throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
        },
        correctedTime: async (_driverId, deviceAt) => deviceAt,
      },
    }));
    const driverId = newId();
    const { body } = await lost
      .as(driver(driverId))
      .post(`/v2/drivers/${driverId}/location`, { ...PLACE, at })
      .expect(503)
      .expect('retry-after', '1');
    expect(body.code).toBe('UNAVAILABLE');
    await lost.close();
  });
});
