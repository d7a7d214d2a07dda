/** Tracking tokens over HTTP: who gets one, and what it opens. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { v7 as newId } from 'uuid';
import { type ApiWorld, createApiWorld, driver, merchant, ops, TRACKING } from '../support/apiWorld';

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
});
afterAll(() => world.close());

type Issued = { token: string; expiresAt: string; deliveryId: string };
const issue = async (deliveryId: string): Promise<Issued> => {
  const { body } = await world
    .as(merchant('bakery'))
    .post(`/v2/deliveries/${deliveryId}/tracking-token`)
    .expect(200);
  return body as Issued;
};
const withToken = (token: string, path: string, method: 'get' | 'post' | 'put' = 'get') =>
  request(world.url)[method](path).set('authorization', `Bearer ${token}`);

describe('a tracking token', () => {
  test('is issued to the merchant of the delivery and to its ops only', async () => {
    const { deliveryId } = await world.addDelivery();
    const path = `/v2/deliveries/${deliveryId}/tracking-token`;
    const { expiresAt } = await issue(deliveryId);
    expect(Date.parse(expiresAt)).toBeGreaterThan(Date.now() + 23 * 3_600_000);
    await world.as(ops()).post(path).expect(200);
    await world.as(merchant('butcher')).post(path).expect(404);
    await world
      .as(ops(['rtm']))
      .post(path)
      .expect(404);
    await world.as(driver(newId())).post(path).expect(403);
    await world.as().post(path).expect(401);
  });

  test('reads its delivery, without names, phones, addresses or the driver', async () => {
    const { deliveryId, sellerOrderId } = await world.addDelivery();
    const { token } = await issue(deliveryId);
    const { body } = await withToken(token, '/v2/tracking').expect(200);
    expect(body).toEqual({
      deliveryId,
      sellerOrderId,
      status: 'PENDING',
      reason: null,
      delayedSince: null,
      at: expect.any(String),
    });
  });

  test('opens nothing else, and changes nothing', async () => {
    const { deliveryId } = await world.addDelivery();
    const { token } = await issue(deliveryId);
    for (const path of [
      '/v2/deliveries',
      `/v2/deliveries/${deliveryId}`,
      '/v2/cities',
      '/v2/drivers',
      '/v2/me',
    ])
      expect((await withToken(token, path)).status).toBe(403);
    for (const path of [`/v2/deliveries/${deliveryId}/cancel`, `/v2/deliveries/${deliveryId}/tracking-token`])
      expect((await withToken(token, path, 'post').send({})).status).toBe(403);
    await world.as(merchant('bakery')).get('/v2/tracking').expect(403);
  });

  test('that is over, forged or altered is refused', async () => {
    const { deliveryId } = await world.addDelivery();
    const over = await TRACKING.issue(deliveryId, Date.now() - 60_000);
    const { token } = await issue(deliveryId);
    const [header, payload, signature] = token.split('.');
    const claims = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString()) as object;
    const other = Buffer.from(JSON.stringify({ ...claims, sub: newId() })).toString('base64url');
    for (const each of [over, `${header}.${other}.${signature}`, `${header}.${payload}.`])
      expect((await withToken(each, '/v2/tracking')).status).toBe(401);
  });

  test('is no longer issued long after the delivery has closed', async () => {
    const { deliveryId } = await world.addDelivery();
    await world.db.delivery.update({
      where: { id: deliveryId },
      data: { status: 'CANCELLED', reasonCode: 'NO_DRIVER', closedAt: new Date(Date.now() - 2 * 86_400_000) },
    });
    const { body } = await world.as(ops()).post(`/v2/deliveries/${deliveryId}/tracking-token`).expect(409);
    expect(body).toMatchObject({ code: 'TRACKING_OVER' });
  });

  test('is off where the service has no key', async () => {
    const off = await createApiWorld(() => ({ tracking: null }));
    try {
      const { deliveryId } = await off.addDelivery();
      const { body } = await off
        .as(merchant('bakery'))
        .post(`/v2/deliveries/${deliveryId}/tracking-token`)
        .expect(404);
      expect(body).toMatchObject({ code: 'TRACKING_OFF' });
    } finally {
      await off.close();
    }
  });
});
