/** Drivers and merchants change after they were registered, with their audit entries. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { type ApiWorld, createApiWorld, driver, merchant, ops } from '../support/apiWorld';
import { CITY } from '../support/dispatchWorld';

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
});
afterAll(() => world.close());

const all = (): ReturnType<ApiWorld['as']> => world.as(ops('*'));
const newDriver = (more: object = {}) => ({
  driverId: newId(),
  cityId: CITY,
  name: 'Sam',
  phone: '020 123 4567',
  vehicleKind: 'BICYCLE',
  ...more,
});
async function registered(more: object = {}): Promise<string> {
  const body = newDriver(more);
  await all().post('/v2/drivers', body).expect(201);
  return body.driverId;
}

describe('PATCH /v2/drivers/:id', () => {
  test('changes what it names and nothing else, is audited without name and phone, and reaches the map', async () => {
    const driverId = await registered();
    const { body } = await all()
      .patch(`/v2/drivers/${driverId}`, { name: 'Sami Secret', vehicleKind: 'VAN', capacity: 3 })
      .expect(200);
    expect(body).toMatchObject({
      name: 'Sami Secret',
      phone: '020 123 4567',
      vehicleKind: 'VAN',
      capacity: 3,
    });
    const entry = await world.db.auditEntry.findFirstOrThrow({ where: { driverId, kind: 'driver_changed' } });
    expect(entry.detail).toEqual({
      changed: ['name', 'vehicleKind', 'capacity'],
      from: { vehicleKind: 'BICYCLE', capacity: 1 },
      to: { vehicleKind: 'VAN', capacity: 3 },
    });
    const vehicles = await world.db.vehicle.findMany({ where: { driverId }, orderBy: { id: 'asc' } });
    expect(vehicles.map(({ kind, retiredAt }) => [kind, retiredAt === null])).toEqual([
      ['BICYCLE', false],
      ['VAN', true],
    ]);
    const messages = await world.db.outboxMessage.findMany({ where: { key: driverId } });
    expect(messages.map(({ kind }) => kind).sort()).toEqual(['driverFree', 'syncDriver']);
    await all().patch(`/v2/drivers/${driverId}`, { capacity: 3 }).expect(200);
    expect(await world.db.auditEntry.count({ where: { driverId, kind: 'driver_changed' } })).toBe(1);
  });

  test('moves a driver to another city, and normalises the phone by it', async () => {
    const cityId = await world.addCity();
    const driverId = await registered();
    await all().patch(`/v2/drivers/${driverId}`, { cityId, phone: null }).expect(200);
    expect(await world.db.driver.findUniqueOrThrow({ where: { id: driverId } })).toMatchObject({
      cityId,
      phone: null,
      phoneE164: null,
    });
    await all().patch(`/v2/drivers/${driverId}`, { cityId: 'nowhere' }).expect(422);
    await world
      .as(ops([CITY]))
      .patch(`/v2/drivers/${driverId}`, { name: 'X' })
      .expect(404);
    const mine = await registered();
    const { body } = await world
      .as(ops([CITY]))
      .patch(`/v2/drivers/${mine}`, { cityId })
      .expect(422);
    expect(body).toMatchObject({ code: 'UNKNOWN_CITY' });
  });

  test('of a driver on a job is refused where it would contradict the job', async () => {
    const driverId = await registered();
    await world.db.driver.update({
      where: { id: driverId },
      data: { activeAssignments: 1, availability: 'BUSY' },
    });
    const { body } = await all().patch(`/v2/drivers/${driverId}`, { vehicleKind: 'VAN' }).expect(409);
    expect(body).toMatchObject({ code: 'DRIVER_HAS_WORK' });
    await all().patch(`/v2/drivers/${driverId}`, { name: 'Sami' }).expect(200);
  });

  test('lets an app report that it updated itself, and change nothing else', async () => {
    const driverId = await registered();
    const own = world.as(driver(driverId));
    const { body } = await own.patch(`/v2/drivers/${driverId}`, { offerVersion: 2 }).expect(200);
    expect(body).toMatchObject({ offerVersion: 2 });
    await own.patch(`/v2/drivers/${driverId}`, { offerVersion: 3, name: 'X' }).expect(403);
    await own.patch(`/v2/drivers/${await registered()}`, { offerVersion: 2 }).expect(404);
    await world.as(merchant('bakery')).patch(`/v2/drivers/${driverId}`, { name: 'X' }).expect(403);
  });
});

describe('REQUIRE_V2_FROM', () => {
  test('refuses new drivers with an app of v1 from that day on, but no retry of an earlier one', async () => {
    const known = newDriver();
    const times = { from: Date.now() + 60_000 };
    const strict = await createApiWorld(({ settings }) => ({
      settings: {
        ...settings,
        get requireV2From() {
          return times.from;
        },
      },
    }));
    try {
      const desk = strict.as(ops('*'));
      await desk.post('/v2/drivers', known).expect(201);
      times.from = Date.now() - 1;
      const { body } = await desk.post('/v2/drivers', newDriver()).expect(422);
      expect(body).toMatchObject({ code: 'V2_REQUIRED' });
      await desk.post('/v2/drivers', newDriver({ offerVersion: 1 })).expect(422);
      await desk.post('/v2/drivers', newDriver({ offerVersion: 2 })).expect(201);
      await desk.post('/v2/drivers', known).expect(200);
    } finally {
      await strict.close();
    }
  });
});

describe('merchants', () => {
  test('are listed, read and changed by ops, and read by themselves', async () => {
    const ids = ['aa-shop', 'ab-shop', 'ac-shop'];
    for (const merchantId of ids) await all().post('/v2/merchants', { merchantId, name: merchantId });
    const { body: first } = await all().get('/v2/merchants?limit=2').expect(200);
    expect(first).toEqual({
      merchants: ids.slice(0, 2).map((merchantId) => ({ merchantId, name: merchantId })),
      nextCursor: 'ab-shop',
    });
    const { body: rest } = await all().get('/v2/merchants?cursor=ab-shop').expect(200);
    expect(rest).toMatchObject({ merchants: [{ merchantId: 'ac-shop' }, { merchantId: 'bakery' }] });
    await all().patch('/v2/merchants/aa-shop', { name: 'The New Shop' }).expect(200);
    const { body } = await world.as(merchant('aa-shop')).get('/v2/merchants/aa-shop').expect(200);
    expect(body).toEqual({ merchantId: 'aa-shop', name: 'The New Shop' });
    await world.as(merchant('aa-shop')).get('/v2/merchants/ab-shop').expect(404);
    await world.as(merchant('aa-shop')).patch('/v2/merchants/aa-shop', { name: 'X' }).expect(403);
    await all().patch('/v2/merchants/nowhere', { name: 'X' }).expect(404);
    expect(await world.db.auditEntry.count({ where: { kind: 'merchant_changed' } })).toBeGreaterThan(0);
  });
});
