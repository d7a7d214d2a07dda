/** What phones send as positions, and what the API makes of it. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { PositionArchive } from '../../adapters/redis/positionArchive';
import { type ApiWorld, createApiWorld, driver, ops } from '../support/apiWorld';
import { DeliveryScene } from '../support/deliveryScene';
import { CITY } from '../support/dispatchWorld';

const PLACE = { lat: 52.37, lng: 4.89 };

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
});
afterAll(() => world.close());

async function registered(): Promise<string> {
  const driverId = newId();
  const body = { driverId, cityId: CITY, name: 'Dora', vehicleKind: 'CAR', offerVersion: 2 };
  await world.as(ops()).post('/v2/drivers', body).expect(201);
  return driverId;
}

const post = (driverId: string, body: object) =>
  world.as(driver(driverId)).post(`/v2/drivers/${driverId}/location`, body);

async function history(driverId: string) {
  const { redis, keyPrefix } = world.redis;
  const onError = (error: unknown) => {
    throw error;
  };
  await new PositionArchive({ redis, db: world.db, onError, keyPrefix }).archiveAll();
  return world.db.positionFix.findMany({ where: { driverId }, orderBy: { at: 'asc' } });
}

/** So many seconds ago. */
const ago = (seconds: number) => new Date(Date.now() - seconds * 1_000).toISOString();

describe('a fix of a phone that does not know', () => {
  it.each([
    ['a negative speed', { speedMps: -1 }],
    ['a negative heading', { headingDegrees: -1 }],
    ['a negative accuracy', { accuracyMeters: -1 }],
    ['all three', { speedMps: -1, headingDegrees: -1, accuracyMeters: -1 }],
    ['null', { speedMps: null, headingDegrees: null, accuracyMeters: null }],
    ['a speed that no vehicle has', { speedMps: 340 }],
    ['a heading beyond the circle', { headingDegrees: 360.5 }],
  ])('is recorded with unknown as null: %s', async (_what, motion) => {
    const driverId = await registered();
    await post(driverId, { ...PLACE, at: ago(1), ...motion }).expect(200, { recorded: 1 });
    expect(await history(driverId)).toMatchObject([
      { speedMps: null, headingDegrees: null, accuracyMeters: null },
    ]);
  });

  it('is one of a hundred that iPhones send at once', async () => {
    const driverId = await registered();
    const fixes = Array.from({ length: 100 }, (_, i) => ({
      ...PLACE,
      at: ago(100 - i),
      speedMps: i % 2 === 0 ? -1 : 3,
      headingDegrees: i % 3 === 0 ? -1 : 90,
    }));
    await post(driverId, { fixes }).expect(200, { recorded: 100 });
  });

  it('keeps an accuracy of many kilometres as what it is: vague', async () => {
    const driverId = await registered();
    await post(driverId, { ...PLACE, at: ago(1), accuracyMeters: 9e9 }).expect(200);
    expect(await history(driverId)).toMatchObject([{ accuracyMeters: 100_000 }]);
  });
});

describe('a wrong fix of a batch', () => {
  it.each<[string, unknown, { field: string; reason: unknown }]>([
    ['out of range', { lat: 91, lng: 0, at: ago(2) }, { field: 'lat', reason: expect.any(String) }],
    ['without a time', PLACE, { field: 'at', reason: expect.any(String) }],
    [
      'on a day that is none',
      { ...PLACE, at: '2026-02-30T00:00:00Z' },
      { field: 'at', reason: expect.stringContaining('datetime') },
    ],
    ['without a place', { lat: null, lng: null, at: ago(2) }, { field: 'lat', reason: expect.any(String) }],
    [
      'with a text as speed',
      { ...PLACE, at: ago(2), speedMps: 'fast' },
      { field: 'speedMps', reason: expect.stringContaining('number') },
    ],
    [
      'with an unknown field',
      { ...PLACE, at: ago(2), mood: 'good' },
      { field: '', reason: expect.stringContaining('mood') },
    ],
    ['that is null', null, { field: '', reason: expect.any(String) }],
    ['that is a text', 'here', { field: '', reason: expect.any(String) }],
  ])('costs only itself: %s', async (_what, wrong, refused) => {
    const driverId = await registered();
    const fixes = [{ ...PLACE, at: ago(3) }, wrong, { lat: 52.371, lng: 4.89, at: ago(1) }];
    const { body } = await post(driverId, { fixes }).expect(200);
    expect(body).toEqual({ recorded: 2, refused: [{ index: 1, ...refused }] });
    expect(await history(driverId)).toHaveLength(2);
  });

  it('is named where every fix is wrong, and is no contact with the driver', async () => {
    const driverId = await registered();
    const { body } = await post(driverId, { fixes: [null, {}] }).expect(200);
    expect(body).toMatchObject({ recorded: 0, refused: [{ index: 0 }, { index: 1, field: 'lat' }] });
    expect(await history(driverId)).toEqual([]);
  });

  it.each([
    ['no list', { fixes: 'here' }, 'fixes'],
    ['an empty list', { fixes: [] }, 'fixes'],
    ['too long a list', { fixes: Array.from({ length: 101 }, () => ({ ...PLACE, at: ago(1) })) }, 'fixes'],
    ['a single one out of range', { lat: 91, lng: 0, at: ago(1) }, 'lat'],
    ['a single one without a time', PLACE, 'at'],
  ])('is refused with its path where the request itself is wrong: %s', async (_what, body, path) => {
    const driverId = await registered();
    const { body: problem } = await post(driverId, body).expect(400);
    expect(problem).toMatchObject({ code: 'INVALID_REQUEST', errors: [{ path }] });
    expect(problem.errors[0].message).not.toBe('Invalid input');
  });
});

describe('the time of a device', () => {
  it.each(['1970-01-01T00:00:10Z', '1999-12-31T23:59:59Z', '2099-01-01T00:00:00Z'])(
    'may be years off: %s',
    async (at) => {
      const driverId = await registered();
      await post(driverId, { ...PLACE, at }).expect(200);
    },
  );

  it('of v1 may be missing, null or of either kind, and says what is wrong with it', async () => {
    const driverId = await registered();
    const me = world.as(driver(driverId));
    for (const timestamp of [undefined, null, Date.now(), ago(1)])
      await me.post(`/drivers/${driverId}/location`, { ...PLACE, timestamp }).expect(200, { recorded: 1 });
    const { body } = await me
      .post(`/drivers/${driverId}/location`, { ...PLACE, timestamp: 'yesterday' })
      .expect(400);
    expect(body.errors).toEqual([{ path: 'timestamp', message: expect.stringContaining('datetime') }]);
  });
});

it('corrects the time of a step by the clock that the positions show', async () => {
  const scene = await DeliveryScene.set(world, [{}]);
  const { driverId } = await scene.accepted();
  const behind = (ms: number) => new Date(Date.now() - 3_600_000 - ms).toISOString();
  const key = `${world.redis.keyPrefix}driver:${driverId}`;
  await post(driverId, { ...PLACE, at: behind(0) }).expect(200);
  // as if that was ten seconds ago
  const [lag] = ((await world.redis.redis.hget(key, 'shift')) ?? '').split(':');
  await world.redis.redis.hset(key, 'shift', `${lag}:${Date.now() - 10_000}`);
  await post(driverId, { ...PLACE, at: behind(0) }).expect(200);
  await world
    .as(driver(driverId))
    .post(`/v2/deliveries/${scene.deliveryId}/steps`, { step: 'arriveAtPickup', deviceAt: behind(30_000) })
    .expect(200);
  const { deviceAt } = await world.db.auditEntry.findFirstOrThrow({
    where: { deliveryId: scene.deliveryId, toState: 'AT_PICKUP' },
  });
  const agoMs = Date.now() - (deviceAt?.getTime() ?? 0);
  expect(agoMs).toBeGreaterThan(25_000);
  expect(agoMs).toBeLessThan(60_000);
});

describe('the limit of positions', () => {
  it('counts each fix of a batch, wrong ones too', async () => {
    const tight = await createApiWorld(({ settings }) => ({
      settings: { ...settings, rateLimits: { ...settings.rateLimits, locationPerMinute: 300 } },
    }));
    try {
      const driverId = newId();
      await tight
        .as(ops())
        .post('/v2/drivers', { driverId, cityId: CITY, name: 'Dora', vehicleKind: 'CAR' })
        .expect(201);
      const send = async (fixes: unknown[]) =>
        (await tight.as(driver(driverId)).post(`/v2/drivers/${driverId}/location`, { fixes })).status;
      const fixes = Array.from({ length: 100 }, () => ({ ...PLACE, at: ago(1) }));
      expect([await send(fixes), await send(fixes.map(() => null)), await send(fixes)]).toEqual([
        200, 200, 429,
      ]);
    } finally {
      await tight.close();
    }
  });
});
