import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { type ApiWorld, createApiWorld, driver, merchant, ops } from '../support/apiWorld';
import { DeliveryScene } from '../support/deliveryScene';
import { CITY, MERCHANT } from '../support/dispatchWorld';

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
  await world.db.merchant.create({ data: { id: 'florist', name: 'The Florist' } });
});
afterAll(() => world.close());

const order = (change: object = {}) => ({
  sellerOrderId: newId(),
  cityId: CITY,
  parcelSize: 'SMALL',
  feeCents: 590,
  pickup: {
    address: 'Baker Street 1',
    point: { lat: 52.37, lng: 4.89 },
    contactName: 'Bea',
    contactPhone: '+31 20 1234567',
  },
  dropoff: {
    address: 'Home Lane 2',
    point: { lat: 52.38, lng: 4.91 },
    contactName: 'Cleo',
    notes: 'ring twice\nplease',
  },
  ...change,
});

describe('submitting an order', () => {
  it('creates a delivery with both stops, its audit entry, and the outbox message for its workflow', async () => {
    const readyAt = Date.now() + 86_400_000;
    const body = order({ readyAt: new Date(readyAt + 3_600_000).toISOString().replace('Z', '+01:00') });
    const { headers, body: made } = await world
      .as(merchant(MERCHANT))
      .post('/v2/deliveries', body)
      .set('x-correlation-id', 'order-77')
      .expect(201);
    expect(headers.location).toBe(`/v2/deliveries/${made.deliveryId}`);
    expect(made).toMatchObject({
      sellerOrderId: body.sellerOrderId,
      merchantId: MERCHANT,
      status: 'PENDING',
      feeCents: 590,
      payCents: null,
      currency: 'EUR',
      correlationId: 'order-77',
      readyAt: new Date(readyAt).toISOString(),
      searchAt: new Date(readyAt - 600_000).toISOString(),
      pickup: { contactName: 'Bea' },
      dropoff: { notes: 'ring twice\nplease' },
    });
    const entries = await world.db.auditEntry.findMany({ where: { deliveryId: made.deliveryId } });
    expect(entries).toEqual([
      expect.objectContaining({
        kind: 'delivery_created',
        actorKind: 'merchant',
        actorId: MERCHANT,
        toState: 'PENDING',
        correlationId: 'order-77',
      }),
    ]);
    const messages = await world.db.outboxMessage.findMany({
      where: { key: made.deliveryId },
      orderBy: { id: 'asc' },
    });
    expect(messages.map(({ kind }) => kind)).toEqual(['startDelivery', 'emit']);
    const { payCents } = await world.db.delivery.findUniqueOrThrow({ where: { id: made.deliveryId } });
    expect(payCents).toBeGreaterThan(300);
  });

  it('with the same body again returns the same delivery, regardless of field order', async () => {
    const body = order();
    const first = await world.as(merchant(MERCHANT)).post('/v2/deliveries', body).expect(201);
    const turned = Object.fromEntries(Object.entries({ ...body, windowTo: null }).reverse());
    const again = await world.as(merchant(MERCHANT)).post('/v2/deliveries', turned).expect(200);
    expect(again.body.deliveryId).toBe(first.body.deliveryId);
  });

  it('with another body again is a conflict', async () => {
    const body = order();
    await world.as(merchant(MERCHANT)).post('/v2/deliveries', body).expect(201);
    const { body: problem } = await world
      .as(merchant(MERCHANT))
      .post('/v2/deliveries', { ...body, feeCents: 591 })
      .expect(409);
    expect(problem).toMatchObject({ type: '/problems/idempotency-conflict', code: 'IDEMPOTENCY_CONFLICT' });
  });

  it('twenty times concurrently creates one delivery', async () => {
    const body = order();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => world.as(merchant(MERCHANT)).post('/v2/deliveries', body)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([
      ...Array.from({ length: 19 }, () => 200),
      201,
    ]);
    expect(new Set(answers.map(({ body: made }) => made.deliveryId as string)).size).toBe(1);
    expect(
      await world.db.outboxMessage.count({
        where: { key: answers[0]?.body.deliveryId, kind: 'startDelivery' },
      }),
    ).toBe(1);
  });

  it('with a key that is too long after percent-encoding is refused', async () => {
    const { body: problem } = await world
      .as(merchant(MERCHANT))
      .post('/v2/deliveries', order({ sellerOrderId: '/'.repeat(61) }))
      .expect(400);
    expect(problem).toMatchObject({ code: 'INVALID_REQUEST', errors: [{ path: 'sellerOrderId' }] });
    await world
      .as(merchant(MERCHANT))
      .post('/v2/deliveries', order({ sellerOrderId: '/'.repeat(60) }))
      .expect(201);
  });

  it('with a lone surrogate in the key is refused with 400', async () => {
    await world
      .as(merchant(MERCHANT))
      .post('/v2/deliveries', order({ sellerOrderId: '\ud800' }))
      .expect(400);
  });

  it('returns 400 for a filter by a key with NUL', async () => {
    const { body: problem } = await world.as(ops()).get('/v2/deliveries?sellerOrderId=%00').expect(400);
    expect(problem).toMatchObject({ code: 'INVALID_REQUEST', errors: [{ path: 'sellerOrderId' }] });
  });

  it('with the same key by two merchants creates two deliveries', async () => {
    const body = order();
    const one = await world.as(merchant(MERCHANT)).post('/v2/deliveries', body).expect(201);
    const other = await world.as(merchant('florist')).post('/v2/deliveries', body).expect(201);
    expect(one.body.deliveryId).not.toBe(other.body.deliveryId);
  });

  it('assigns the zone of the pickup', async () => {
    const square = {
      type: 'Polygon',
      coordinates: [
        [
          [4.88, 52.36],
          [4.9, 52.36],
          [4.9, 52.375],
          [4.88, 52.375],
          [4.88, 52.36],
        ],
      ],
    };
    const cityId = await world.addCity();
    await world
      .as(ops())
      .put(`/v2/cities/${cityId}/zones/centre`, { name: 'Centre', area: square })
      .expect(201);
    const { body } = await world.as(merchant(MERCHANT)).post('/v2/deliveries', order({ cityId })).expect(201);
    expect(body.zoneId).toBe('centre');
  });

  it.each([
    ['a city that does not exist', { cityId: 'atlantis' }, 422, 'UNKNOWN_CITY'],
    ['a currency that differs from the city’s', { currency: 'USD' }, 422, 'WRONG_CURRENCY'],
    ['an unknown field', { colour: 'red' }, 400, 'INVALID_REQUEST'],
    [
      'a place off the earth',
      { pickup: { address: 'x', point: { lat: 91, lng: 0 } } },
      400,
      'INVALID_REQUEST',
    ],
    [
      'a window that ends before it begins',
      { windowFrom: new Date(Date.now() + 7_200_000), windowTo: new Date(Date.now() + 3_600_000) },
      422,
      'TIME_NOT_POSSIBLE',
    ],
    ['a negative fee', { feeCents: -1 }, 400, 'INVALID_REQUEST'],
    [
      'a NUL in its address',
      { dropoff: { address: 'a\u0000b', point: { lat: 0, lng: 0 } } },
      400,
      'INVALID_REQUEST',
    ],
    ['the name of another merchant', { merchantId: 'florist' }, 400, 'INVALID_REQUEST'],
  ])('with %s is refused', async (_what, change, status, code) => {
    const { body } = await world.as(merchant(MERCHANT)).post('/v2/deliveries', order(change)).expect(status);
    expect(body.code).toBe(code);
  });

  it('by ops requires an existing merchant', async () => {
    const { body: unnamed } = await world.as(ops()).post('/v2/deliveries', order()).expect(400);
    expect(unnamed.errors).toEqual([{ path: 'merchantId', message: 'is required for ops' }]);
    const { body: unknown } = await world
      .as(ops())
      .post('/v2/deliveries', order({ merchantId: 'nobody' }))
      .expect(422);
    expect(unknown.code).toBe('UNKNOWN_MERCHANT');
    await world
      .as(ops())
      .post('/v2/deliveries', order({ merchantId: MERCHANT }))
      .expect(201);
  });

  it('by ops in another city is refused with UNKNOWN_CITY', async () => {
    const { body } = await world
      .as(ops(['elsewhere']))
      .post('/v2/deliveries', order({ merchantId: MERCHANT }))
      .expect(422);
    expect(body.code).toBe('UNKNOWN_CITY');
  });
});

describe('reading deliveries', () => {
  it('returns 404 to other merchants, other drivers and ops of other cities', async () => {
    const { deliveryId } = await world.addDelivery();
    const path = `/v2/deliveries/${deliveryId}`;
    await world.as(merchant(MERCHANT)).get(path).expect(200);
    await world.as(ops()).get(path).expect(200);
    await world
      .as(ops([CITY]))
      .get(path)
      .expect(200);
    for (const stranger of [merchant('florist'), driver(newId()), ops(['elsewhere'])]) {
      const { body } = await world.as(stranger).get(path).expect(404);
      expect(body.code).toBe('NOT_FOUND');
    }
    await world.as({ role: 'customer', sub: 'cleo' }).get(path).expect(403);
  });

  it('paginates without gaps or repeats, newest first', async () => {
    const cityId = await world.addCity();
    const made: string[] = [];
    for (let i = 0; i < 7; i++) made.push((await world.addDelivery({ cityId })).deliveryId);
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await world
        .as(ops())
        .get(`/v2/deliveries?cityId=${cityId}&limit=3${cursor}`)
        .expect(200);
      seen.push(...(body.deliveries as { deliveryId: string }[]).map(({ deliveryId }) => deliveryId));
      cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`;
    } while (cursor !== '');
    expect(seen).toEqual(made.reverse());
  });

  it('filters by key of the merchant, status and age', async () => {
    const { deliveryId, sellerOrderId } = await world.addDelivery();
    const { createdAt } = await world.db.delivery.findUniqueOrThrow({ where: { id: deliveryId } });
    const idsOf = async (query: string): Promise<string[]> => {
      const { body } = await world
        .as(merchant(MERCHANT))
        .get(`/v2/deliveries?sellerOrderId=${sellerOrderId}&${query}`)
        .expect(200);
      return (body.deliveries as { deliveryId: string }[]).map((each) => each.deliveryId);
    };
    expect(await idsOf('status=PENDING')).toEqual([deliveryId]);
    expect(await idsOf('status=DELIVERED')).toEqual([]);
    expect(await idsOf(`since=${createdAt.toISOString()}`)).toEqual([deliveryId]);
    expect(await idsOf(`since=${new Date(createdAt.getTime() + 1).toISOString()}`)).toEqual([]);
    expect(await idsOf('merchantId=florist')).toEqual([]);
  });

  it.each([
    'limit=0',
    'limit=101',
    'limit=ten',
    'status=LOST',
    'cursor=abc',
    'colour=red',
    'limit=1&limit=2',
    'since=yesterday',
  ])('refuses ?%s', async (query) => {
    await world.as(merchant(MERCHANT)).get(`/v2/deliveries?${query}`).expect(400);
  });

  it('shows ops why the driver was chosen, and shows the driver nothing about other drivers', async () => {
    const { driverId, deliveryId } = await carried();
    const { body: forOps } = await world.as(ops()).get(`/v2/deliveries/${deliveryId}`).expect(200);
    expect(forOps.offers[0].choice).toMatchObject({ ranked: expect.any(Array) });
    expect(forOps.driver).toMatchObject({ driverId, name: 'Sam' });
    expect((forOps.timeline as { kind: string }[]).map(({ kind }) => kind)).toContain('offer_accepted');
    const { body: forMerchant } = await world
      .as(merchant(MERCHANT))
      .get(`/v2/deliveries/${deliveryId}`)
      .expect(200);
    expect(forMerchant).toMatchObject({
      payCents: null,
      offers: [],
      assignments: [{ driverId, payCents: null, choice: null }],
    });
    const { body: forDriver } = await world
      .as(driver(driverId))
      .get(`/v2/deliveries/${deliveryId}`)
      .expect(200);
    expect(forDriver).toMatchObject({ feeCents: null, payCents: 700, status: 'ASSIGNED' });
  });
});

/** A delivery that was offered to a driver and accepted. */
async function carried(): Promise<{ driverId: string; deliveryId: string; cityId: string }> {
  const cityId = await world.addCity();
  const driverId = await world.addDriver({ cityId });
  const { deliveryId } = await world.addDelivery({ cityId });
  await world.activities.lookForDriver({
    deliveryId,
    correlationId: 'test',
    at: Date.now(),
    event: { kind: 'lookForDriver', freed: null },
  });
  const { body } = await world.as(driver(driverId)).get('/v2/offers/mine').expect(200);
  await world.as(driver(driverId)).post(`/v2/offers/${body.live.offerId}/accept`).expect(200);
  return { driverId, deliveryId, cityId };
}

describe('the steps of a delivery', () => {
  it('lead to the dropoff, and a repeated step gets its first answer', async () => {
    const { driverId, deliveryId } = await carried();
    const take = (step: string) =>
      world
        .as(driver(driverId))
        .post(`/v2/deliveries/${deliveryId}/steps`, { step, deviceAt: '2026-01-31T12:00:00Z' });
    for (const [step, status] of [
      ['arriveAtPickup', 'AT_PICKUP'],
      ['pickUp', 'PICKED_UP'],
      ['arriveAtDropoff', 'AT_DROPOFF'],
      ['deliver', 'DELIVERED'],
    ] as const) {
      const { body: first } = await take(step).expect(200);
      expect(first).toMatchObject({ outcome: 'moved', status });
      expect((await take(step).expect(200)).body).toEqual(first);
    }
    const { body } = await world.as(driver(driverId)).get(`/v2/deliveries/${deliveryId}`).expect(200);
    expect(body).toMatchObject({
      status: 'DELIVERED',
      pickup: { contactName: null, contactPhone: null, notes: null },
    });
  });

  it('give a repeated step its first answer after the delivery went to another driver', async () => {
    const scene = await DeliveryScene.set(world, [{}, {}]);
    const first = await scene.accepted();
    const step = (driverId: string, name: string) =>
      world.as(driver(driverId)).post(`/v2/deliveries/${scene.deliveryId}/steps`, { step: name });
    const { body: arrived } = await step(first.driverId, 'arriveAtPickup').expect(200);
    await world
      .as(ops())
      .post(`/v2/deliveries/${scene.deliveryId}/assign`, { driverId: scene.driver(1), why: 'nearer' })
      .expect(200);
    expect((await step(first.driverId, 'arriveAtPickup').expect(200)).body).toEqual(arrived);
    expect((await step(first.driverId, 'pickUp').expect(409)).body).toMatchObject({ code: 'GOODS_IN_HAND' });
    expect((await step(scene.driver(1), 'arriveAtPickup').expect(200)).body).toMatchObject({
      status: 'AT_PICKUP',
    });
    await step(scene.driver(1), 'pickUp').expect(200);
    await step(scene.driver(1), 'arriveAtDropoff').expect(200);
    await step(scene.driver(1), 'deliver').expect(200);
    expect((await step(first.driverId, 'deliver').expect(409)).body).toMatchObject({
      code: 'GOODS_NOT_NEEDED',
    });
    expect((await step(first.driverId, 'arriveAtPickup').expect(200)).body).toEqual(arrived);
    await world.as(driver(first.driverId)).get(`/v2/deliveries/${scene.deliveryId}`).expect(404);
  });

  it('give a repeated failure its first answer after a hand-over', async () => {
    const scene = await DeliveryScene.set(world, [{}, {}]);
    const { driverId } = await scene.accepted();
    await scene.steps('arriveAtPickup', 'pickUp', 'arriveAtDropoff');
    const fail = (by: string, reason = 'NOT_AT_HOME', goods = 'RETURN') =>
      world.as(driver(by)).post(`/v2/deliveries/${scene.deliveryId}/fail`, { reason, goods });
    const { body: failed } = await fail(driverId).expect(200);
    await world
      .as(ops())
      .post(`/v2/deliveries/${scene.deliveryId}/hand-over`, { driverId: scene.driver(1), why: 'flat tyre' })
      .expect(200);
    expect((await fail(driverId).expect(200)).body).toEqual(failed);
    expect((await fail(driverId, 'REFUSED').expect(409)).body).toMatchObject({ code: 'GOODS_IN_HAND' });
    await world
      .as(driver(scene.driver(1)))
      .post(`/v2/deliveries/${scene.deliveryId}/steps`, { step: 'returnGoods' })
      .expect(200);
    await fail(scene.driver(1)).expect(409); // not the answer for a failure, since this driver reported none
  });

  it('show a lost driver nothing that happens later, but what to do with the goods', async () => {
    const scene = await DeliveryScene.set(world, [{}, {}]);
    const { driverId } = await scene.accepted();
    const path = `/v2/deliveries/${scene.deliveryId}`;
    await world.as(driver(driverId)).post(`${path}/leave`, { reason: 'TOO_FAR' }).expect(200);
    const step = (name: string) => world.as(driver(driverId)).post(`${path}/steps`, { step: name });
    await step('arriveAtPickup').expect(404);
    await world
      .as(driver(driverId))
      .post(`${path}/fail`, { reason: 'MERCHANT_CLOSED', goods: 'LOST' })
      .expect(404);
    expect((await step('deliver').expect(409)).body).toMatchObject({ code: 'GOODS_IN_HAND' });
    await world.as(ops()).post(`${path}/cancel`, { reason: 'OPS_CANCELLED' }).expect(200);
    await step('arriveAtPickup').expect(409); // they said that they hold the goods
    expect((await step('deliver').expect(409)).body).toMatchObject({ code: 'GOODS_NOT_NEEDED' });
  });

  it('are refused in the wrong state, with the current state', async () => {
    const { driverId, deliveryId } = await carried();
    const { body } = await world
      .as(driver(driverId))
      .post(`/v2/deliveries/${deliveryId}/steps`, { step: 'deliver' })
      .expect(409);
    expect(body).toMatchObject({
      code: 'ILLEGAL_TRANSITION',
      delivery: { deliveryId, status: 'ASSIGNED', driverId },
    });
    await world
      .as(driver(driverId))
      .post(`/v2/deliveries/${deliveryId}/steps`, { step: 'arriveAtPickup' })
      .expect(200);
  });

  it('are refused for other drivers', async () => {
    const { deliveryId } = await carried();
    await world
      .as(driver(newId()))
      .post(`/v2/deliveries/${deliveryId}/steps`, { step: 'arriveAtPickup' })
      .expect(404);
    await world
      .as(merchant(MERCHANT))
      .post(`/v2/deliveries/${deliveryId}/steps`, { step: 'arriveAtPickup' })
      .expect(403);
  });

  it('allow only pickup reasons for a failure at the pickup', async () => {
    const { driverId, deliveryId } = await carried();
    const fail = (reason: string) =>
      world.as(driver(driverId)).post(`/v2/deliveries/${deliveryId}/fail`, { reason, goods: 'LOST' });
    await world
      .as(driver(driverId))
      .post(`/v2/deliveries/${deliveryId}/steps`, { step: 'arriveAtPickup' })
      .expect(200);
    expect((await fail('NOT_AT_HOME').expect(422)).body.code).toBe('REASON_NOT_ALLOWED');
    expect((await fail('MERCHANT_CLOSED').expect(200)).body).toMatchObject({
      outcome: 'moved',
      status: 'FAILED',
    });
    expect((await fail('MERCHANT_CLOSED').expect(200)).body).toMatchObject({ status: 'FAILED' });
  });

  it('allow a cancellation only by the merchant, for merchant reasons', async () => {
    const { deliveryId } = await carried();
    const path = `/v2/deliveries/${deliveryId}/cancel`;
    await world.as(merchant('florist')).post(path).expect(404);
    expect(
      (await world.as(merchant(MERCHANT)).post(path, { reason: 'OPS_CANCELLED' }).expect(422)).body.code,
    ).toBe('REASON_NOT_ALLOWED');
    const { body } = await world
      .as(merchant(MERCHANT))
      .post(path, { reason: 'CUSTOMER_CANCELLED' })
      .set('idempotency-key', 'k-1')
      .expect(200);
    expect(body).toMatchObject({ outcome: 'moved', status: 'CANCELLED' });
    expect((await world.as(merchant(MERCHANT)).post(path).expect(200)).body).toEqual(body);
    await world.as(merchant(MERCHANT)).post(path).set('idempotency-key', 'not one\u00e9').expect(400);
  });
});
