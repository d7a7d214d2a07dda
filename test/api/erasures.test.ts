/** Erasure through the API: who may ask, what is refused, and that an erased driver has no way back. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { type ApiWorld, createApiWorld, driver, merchant, ops } from '../support/apiWorld';

const PATH = '/v2/ops/erasures';
let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
});
afterAll(() => world.close());

describe('POST /v2/ops/erasures', () => {
  it('is for ops, and says what it needs', async () => {
    const customer = { phone: '020-1234567' };
    await world.as().post(PATH, { customer }).expect(401);
    await world.as(merchant('bakery')).post(PATH, { customer }).expect(403);
    for (const body of [{}, { customer: {} }, { customer, driverId: newId() }, { customer: { phone: '' } }])
      await world.as(ops('*')).post(PATH, body).expect(400);
    const short = await world
      .as(ops('*'))
      .post(PATH, { customer: { phone: '11-2' } })
      .expect(422);
    expect(short.body.code).toBe('PHONE_TOO_SHORT');
    await world.as(ops('*')).post(PATH, { driverId: newId() }).expect(404);
  });

  it('begins, and answers where to look', async () => {
    const { body, headers } = await world
      .as(ops('*'))
      .post(PATH, { customer: { phone: '020-1234567', name: 'Zoë' } })
      .expect(202);
    expect(body).toMatchObject({ kind: 'CUSTOMER', deliveriesFound: 0, requestedBy: 'olga' });
    expect(JSON.stringify(body)).not.toMatch(/1234567|Zoë/);
    const found = await world
      .as(ops('*'))
      .get(headers.location ?? '')
      .expect(200);
    expect(found.body.erasureId).toBe(body.erasureId);
    await world
      .as(ops(['testville']))
      .get(headers.location ?? '')
      .expect(404);
    await world.as(ops('*')).get(`${PATH}/${newId()}`).expect(404);
  });

  it('of a driver needs them off duty; then their app is told 404, and their places are gone', async () => {
    const driverId = await world.addDriver({ availability: 'AVAILABLE' });
    const app = world.as(driver(driverId));
    const ping = { lat: 52.37, lng: 4.89, at: new Date().toISOString() };
    await app.post(`/v2/drivers/${driverId}/location`, ping).expect(200);
    const refused = await world.as(ops('*')).post(PATH, { driverId }).expect(409);
    expect(refused.body.code).toBe('DRIVER_AT_WORK');
    await app.post(`/v2/drivers/${driverId}/availability`, { availability: 'OFFLINE' }).expect(200);
    await world.as(ops('*')).post(PATH, { driverId }).expect(202);
    await app.post(`/v2/drivers/${driverId}/location`, ping).expect(404);
    await app.post(`/v2/drivers/${driverId}/availability`, { availability: 'AVAILABLE' }).expect(404);
    await app.get(`/v2/drivers/${driverId}`).expect(404);
    const { body } = await world.as(ops('*')).get(`/v2/drivers/${driverId}`).expect(200);
    expect(body).toMatchObject({ name: '', phone: null });
    expect(await world.db.driver.findUniqueOrThrow({ where: { id: driverId } })).toMatchObject({
      lastLat: null,
      lastLng: null,
      lastFixAt: null,
    });
  });
});
