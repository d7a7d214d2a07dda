import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { type ApiWorld, createApiWorld, driver, merchant, ops } from '../support/apiWorld';
import { CITY, MERCHANT } from '../support/dispatchWorld';

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
});
afterAll(() => world.close());

const act = (path: string, claims = ops(), why = 'fraud') => world.as(claims).post(path, { why });

describe('suspending a driver', () => {
  it('answers their requests 403, old routes and new, until it is lifted', async () => {
    const driverId = await world.addDriver();
    const { body } = await act(`/v2/ops/drivers/${driverId}/suspend`).expect(200);
    expect(body).toMatchObject({
      kind: 'driver',
      id: driverId,
      suspended: { by: 'olga', why: 'fraud', since: expect.any(String) },
    });
    const sent = [
      world.as(driver(driverId)).get('/v2/me'),
      world.as(driver(driverId)).get('/v2/offers/mine'),
      world.as(driver(driverId)).post(`/drivers/${driverId}/location`, { lat: 52.3, lng: 4.9 }),
      world.as(driver(driverId)).post(`/drivers/${driverId}/availability`, { availability: 'AVAILABLE' }),
      world.as(driver(driverId)).post(`/v2/deliveries/${newId()}/steps`, { step: 'pickUp' }),
    ];
    for (const request of sent) {
      const refused = await request.expect(403);
      expect(refused.body).toMatchObject({ type: '/problems/suspended', code: 'SUSPENDED' });
    }
    // Nobody else.
    await world
      .as(driver(await world.addDriver()))
      .get('/v2/me')
      .expect(200);
    const again = await act(`/v2/ops/drivers/${driverId}/suspend`, ops(), 'another reason').expect(200);
    expect(again.body).toEqual(body);
    await act(`/v2/ops/drivers/${driverId}/lift-suspension`).expect(200);
    await world.as(driver(driverId)).get('/v2/me').expect(200);
    await world
      .as(driver(driverId))
      .post(`/drivers/${driverId}/availability`, { availability: 'AVAILABLE' })
      .expect(200);
  });

  it('lets nobody bring them on duty', async () => {
    const driverId = await world.addDriver();
    await act(`/v2/ops/drivers/${driverId}/suspend`).expect(200);
    const path = `/v2/drivers/${driverId}/availability`;
    const { body } = await world.as(ops()).post(path, { availability: 'AVAILABLE' }).expect(409);
    expect(body.code).toBe('DRIVER_SUSPENDED');
    await world.as(ops()).post(path, { availability: 'OFFLINE' }).expect(200);
  });

  it('is for ops of their city', async () => {
    const driverId = await world.addDriver();
    for (const verb of ['suspend', 'lift-suspension']) {
      await act(`/v2/ops/drivers/${driverId}/${verb}`, ops(['paris'])).expect(404);
      await act(`/v2/ops/drivers/${newId()}/${verb}`).expect(404);
      await act(`/v2/ops/drivers/${driverId}/${verb}`, driver(driverId)).expect(403);
      await act(`/v2/ops/drivers/${driverId}/${verb}`, ops([CITY])).expect(200);
      await world.as(ops()).post(`/v2/ops/drivers/${driverId}/${verb}`, {}).expect(400);
    }
  });
});

describe('suspending a merchant', () => {
  it('answers the requests of all their subjects 403, and takes no order for them', async () => {
    await act(`/v2/ops/merchants/${MERCHANT}/suspend`).expect(200);
    for (const sub of ['ann', 'ben']) {
      const { body } = await world
        .as({ ...merchant(MERCHANT), sub })
        .get('/v2/deliveries')
        .expect(403);
      expect(body.code).toBe('SUSPENDED');
    }
    const stop = { address: 'Street 1', point: { lat: 52.37, lng: 4.9 } };
    const order = {
      sellerOrderId: newId(),
      merchantId: MERCHANT,
      cityId: CITY,
      pickup: stop,
      dropoff: stop,
      parcelSize: 'SMALL',
      feeCents: 500,
    };
    const { body } = await world.as(ops()).post('/v2/deliveries', order).expect(409);
    expect(body.code).toBe('MERCHANT_SUSPENDED');
    await world.as(merchant('florist')).get('/v2/deliveries').expect(200);
    await act(`/v2/ops/merchants/${MERCHANT}/lift-suspension`).expect(200);
    await world.as(merchant(MERCHANT)).get('/v2/deliveries').expect(200);
    await world.as(ops()).post('/v2/deliveries', order).expect(201);
  });

  it('is for ops of all cities', async () => {
    for (const verb of ['suspend', 'lift-suspension']) {
      await act(`/v2/ops/merchants/${MERCHANT}/${verb}`, ops([CITY])).expect(403);
      await act(`/v2/ops/merchants/nobody/${verb}`).expect(404);
    }
  });
});

describe('the list of suspensions', () => {
  it('shows drivers of my cities, and merchants to ops of all', async () => {
    const driverId = await world.addDriver();
    await act(`/v2/ops/drivers/${driverId}/suspend`).expect(200);
    await act(`/v2/ops/merchants/${MERCHANT}/suspend`).expect(200);
    const seenBy = async (cities: string[] | '*'): Promise<string[]> => {
      const { body } = await world.as(ops(cities)).get('/v2/ops/suspensions').expect(200);
      const { suspensions } = body as { suspensions: { kind: string; id: string }[] };
      return suspensions.map(({ kind, id }) => `${kind} ${id}`);
    };
    expect(await seenBy('*')).toEqual(expect.arrayContaining([`driver ${driverId}`, `merchant ${MERCHANT}`]));
    expect(await seenBy([CITY])).toContain(`driver ${driverId}`);
    expect(await seenBy([CITY])).not.toContain(`merchant ${MERCHANT}`);
    expect(await seenBy(['paris'])).toEqual([]);
    await act(`/v2/ops/merchants/${MERCHANT}/lift-suspension`).expect(200);
    expect(await seenBy('*')).not.toContain(`merchant ${MERCHANT}`);
  });
});
