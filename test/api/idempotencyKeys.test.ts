import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { type ApiWorld, type Claims, createApiWorld, driver, merchant, ops } from '../support/apiWorld';
import { MERCHANT } from '../support/dispatchWorld';

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
});
afterAll(() => world.close());

const send = (claims: Claims, path: string, key: string, body: object) =>
  world.as(claims).post(path, body).set('idempotency-key', key);

type Act = { claims: Claims; path: string; body: object; other: object };

const EVERYWHERE = {
  type: 'Polygon',
  coordinates: [
    [
      [4, 52],
      [5, 52],
      [5, 53],
      [4, 52],
    ],
  ],
};

/** Acts on a zone or a city, each with two bodies. */
const ZONE_ACTS: Record<string, [object, object]> = {
  'stop-orders': [
    { reason: 'WEATHER', minutes: 5 },
    { reason: 'WEATHER', minutes: 9 },
  ],
  widen: [{ minutes: 5 }, { minutes: 9 }],
  'raise-pay': [{ bonusCents: 100 }, { bonusCents: 200 }],
  'cancel-waiting': [
    { reason: 'NO_DRIVER', waitingOverMinutes: 30 },
    { reason: 'NO_DRIVER', waitingOverMinutes: 40 },
  ],
};

/** Every route that takes a key, with two bodies for it. */
const ACTS: Record<string, () => Promise<Act>> = {
  '/v2/deliveries/{id}/cancel': async () => ({
    claims: ops(),
    path: `/v2/deliveries/${(await world.addDelivery()).deliveryId}/cancel`,
    body: { reason: 'OPS_CANCELLED' },
    other: { reason: 'CUSTOMER_CANCELLED' },
  }),
  '/v2/deliveries/{id}/steps': async () => ({
    ...(await carried()),
    body: { step: 'arriveAtPickup' },
    other: { step: 'pickUp' },
  }),
  '/v2/deliveries/{id}/fail': async () => ({
    ...(await carried('fail')),
    body: { reason: 'OTHER', goods: 'LOST' },
    other: { reason: 'OTHER', goods: 'RETURN' },
  }),
  '/v2/deliveries/{id}/leave': async () => ({
    ...(await carried('leave')),
    body: { reason: 'TOO_FAR' },
    other: { reason: 'EMERGENCY' },
  }),
  '/v2/deliveries/{id}/assign': async () => ({
    claims: ops(),
    path: `/v2/deliveries/${(await world.addDelivery()).deliveryId}/assign`,
    body: { driverId: await world.addDriver(), why: 'near' },
    other: { driverId: await world.addDriver(), why: 'near' },
  }),
  '/v2/deliveries/{id}/hand-over': async () => ({
    claims: ops(),
    path: `/v2/deliveries/${(await world.addDelivery()).deliveryId}/hand-over`,
    body: { driverId: await world.addDriver(), why: 'flat tyre' },
    other: { driverId: await world.addDriver(), why: 'flat tyre' },
  }),
  '/v2/deliveries/{id}/raise-pay': async () => ({
    claims: ops(),
    path: `/v2/deliveries/${(await world.addDelivery()).deliveryId}/raise-pay`,
    body: { bonusCents: 100, why: 'rain' },
    other: { bonusCents: 900, why: 'rain' },
  }),
  '/v2/deliveries/{id}/search': async () => ({
    claims: ops(),
    path: `/v2/deliveries/${(await world.addDelivery()).deliveryId}/search`,
    body: { why: 'go on' },
    other: { why: 'now' },
  }),
  '/v2/ops/drivers/{id}/rescue': async () => ({
    claims: ops(),
    path: `/v2/ops/drivers/${await world.addDriver()}/rescue`,
    body: { why: 'bike stolen' },
    other: { why: 'ill' },
  }),
  ...Object.fromEntries(
    (['zones', 'cities'] as const).flatMap((kind) =>
      Object.entries(ZONE_ACTS).map(([verb, bodies]) => [
        `/v2/ops/${kind}/{id}/${verb}`,
        () => onPlace(kind, verb, bodies),
      ]),
    ),
  ),
};

/** In a city of its own, with a zone of its own. */
async function onPlace(
  kind: 'zones' | 'cities',
  verb: string,
  [body, other]: [object, object],
): Promise<Act> {
  const cityId = await world.addCity();
  await world.db.zone.create({ data: { id: `zone-${cityId}`, cityId, name: 'All', polygon: EVERYWHERE } });
  const id = kind === 'zones' ? `zone-${cityId}` : cityId;
  const path = `/v2/ops/${kind}/${id}/${verb}`;
  return { claims: ops(), path, body: { ...body, why: 'storm' }, other: { ...other, why: 'storm' } };
}

async function carried(act = 'steps'): Promise<{ claims: Claims; path: string }> {
  const driverId = await world.addDriver();
  const { deliveryId } = await world.addDelivery();
  await world.as(ops()).post(`/v2/deliveries/${deliveryId}/assign`, { driverId, why: 'test' }).expect(200);
  return { claims: driver(driverId), path: `/v2/deliveries/${deliveryId}/${act}` };
}

describe('an Idempotency-Key', () => {
  it('is taken by the routes of these tests', async () => {
    const { body } = await world.as().get('/openapi.json').expect(200);
    const taking = Object.entries(body.paths as Record<string, { post?: Record<string, unknown> }>).filter(
      ([, { post }]) => post?.['x-idempotent-by'] === 'Idempotency-Key',
    );
    expect(taking.map(([path]) => path).sort()).toEqual(Object.keys(ACTS).sort());
    for (const [path, { post }] of taking)
      expect([path, JSON.stringify(post?.responses)]).toEqual([
        path,
        expect.stringContaining('IDEMPOTENCY_KEY_REUSED'),
      ]);
  });

  it.each(Object.entries(ACTS))('of %s is refused with another body', async (_path, made) => {
    const { claims, path, body, other } = await made();
    const first = await send(claims, path, 'once', body);
    const refused = await send(claims, path, 'once', other).expect(422);
    expect(refused.body).toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
      type: '/problems/idempotency-key-reused',
    });
    // The first request again is still the same one, however its fields are ordered.
    const again = await send(claims, path, 'once', Object.fromEntries(Object.entries(body).reverse()));
    expect([again.status, again.body.code, again.body.outcome]).toEqual([
      first.status,
      first.body.code,
      first.body.outcome,
    ]);
  });

  it('is the same key in another spelling of the URL', async () => {
    const { claims, path } = await carried();
    await send(claims, path, 'k', { step: 'arriveAtPickup' }).expect(200);
    const [, id = ''] = /deliveries\/([^/]+)/.exec(path) ?? [];
    await send(claims, path.replace(id, id.toUpperCase()), 'k', { step: 'pickUp' }).expect(422);
    await send(claims, path, 'k', { step: 'arriveAtPickup', deviceAt: new Date().toISOString() }).expect(422);
  });

  it('of a change of an order is refused with another change, also with one that empties a field', async () => {
    const { deliveryId } = await world.addDelivery();
    const change = (body: object) =>
      world.as(ops()).patch(`/v2/deliveries/${deliveryId}`, body).set('idempotency-key', 'k');
    const first = await change({ dropoff: { notes: 'ring twice' } });
    expect(first.status).not.toBe(422);
    for (const dropoff of [{ notes: null }, { notes: 'knock' }, { notes: 'ring twice', contactName: null }]) {
      const { body } = await change({ dropoff }).expect(422);
      expect(body.code).toBe('IDEMPOTENCY_KEY_REUSED');
    }
    expect((await change({ dropoff: { notes: 'ring twice' } })).status).toBe(first.status);
  });

  it('is one of its caller, its route and its delivery', async () => {
    const [one, two] = [await world.addDelivery(), await world.addDelivery()];
    const raise = (deliveryId: string, bonusCents: number, claims: Claims = ops()) =>
      send(claims, `/v2/deliveries/${deliveryId}/raise-pay`, 'k', { bonusCents, why: 'rain' });
    await raise(one.deliveryId, 100).expect(200);
    await raise(two.deliveryId, 200).expect(200);
    await raise(one.deliveryId, 300, { ...ops(), sub: 'otto' }).expect(200);
    await send(ops(), `/v2/deliveries/${one.deliveryId}/cancel`, 'k', {}).expect(200);
    await raise(one.deliveryId, 400).expect(422);
  });

  it('of a request that was not valid is free for the valid one', async () => {
    const { claims, path } = await carried();
    await send(claims, path, 'k', { step: 'fly' }).expect(400);
    await send(claims, path, 'k', { step: 'arriveAtPickup' }).expect(200);
  });

  it('decides between two bodies that come at once', async () => {
    for (let round = 0; round < 5; round++) {
      const { deliveryId } = await world.addDelivery();
      const statuses = await Promise.all(
        [100, 200, 300, 400].map(
          async (bonusCents) =>
            (await send(ops(), `/v2/deliveries/${deliveryId}/raise-pay`, 'k', { bonusCents, why: 'x' }))
              .status,
        ),
      );
      expect(statuses.sort()).toEqual([200, 422, 422, 422]);
    }
  });

  it('of an older release, without a fingerprint, gets its first outcome', async () => {
    const driverId = await world.addDriver();
    const rescueId = newId();
    await world.db.rescue.create({
      data: {
        id: rescueId,
        driverId,
        key: 'olga/old',
        byId: 'olga',
        why: 'before',
        jobs: [],
        createdAt: new Date(),
      },
    });
    const path = `/v2/ops/drivers/${driverId}/rescue`;
    expect((await send(ops(), path, 'old', { why: 'before' }).expect(200)).body).toMatchObject({ rescueId });
    await send(ops(), path, 'old', { why: 'something else' }).expect(422);
  });

  it('leaves no trace of what was sent', async () => {
    const { deliveryId } = await world.addDelivery();
    const key = `secret-${newId()}`;
    await send(merchant(MERCHANT), `/v2/deliveries/${deliveryId}/cancel`, key, {}).expect(200);
    const rows = await world.db.requestFingerprint.findMany();
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) expect([row.keyHash.length, row.fingerprint.length]).toEqual([32, 32]);
  });
});
