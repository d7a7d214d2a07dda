import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { type ApiWorld, createApiWorld, driver, merchant } from '../support/apiWorld';
import { MERCHANT } from '../support/dispatchWorld';

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
});
afterAll(() => world.close());

/** A delivery offered to the one driver of its city. */
async function offered(): Promise<{ driverId: string; deliveryId: string; offerId: string }> {
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
  return { driverId, deliveryId, offerId: body.live.offerId };
}

describe('my offers', () => {
  it('show the live offer with its payload, and ended offers without addresses', async () => {
    const { driverId, deliveryId, offerId } = await offered();
    const { body: before } = await world.as(driver(driverId)).get('/v2/offers/mine').expect(200);
    expect(before).toMatchObject({
      live: {
        offerId,
        deliveryId,
        state: 'LIVE',
        payCents: 700,
        offerPayload: { payCents: 700, distanceMeters: 1_700 },
      },
      recent: [],
    });
    await world.as(driver(driverId)).post(`/v2/offers/${offerId}/reject`, { reason: 'TOO_FAR' }).expect(200);
    const { body: after } = await world.as(driver(driverId)).get('/v2/offers/mine').expect(200);
    expect(after).toMatchObject({
      live: null,
      recent: [{ offerId, state: 'REJECTED', endReason: 'TOO_FAR', offerPayload: null }],
    });
  });
});

describe('an answer to an offer', () => {
  it('that accepts assigns the driver; a repeat gets the same outcome', async () => {
    const { driverId, deliveryId, offerId } = await offered();
    const { body } = await world.as(driver(driverId)).post(`/v2/offers/${offerId}/accept`).expect(200);
    expect(body).toMatchObject({ outcome: 'accepted', deliveryId, offerId });
    expect((await world.as(driver(driverId)).post(`/v2/offers/${offerId}/accept`).expect(200)).body).toEqual(
      body,
    );
    const { body: mine } = await world.as(driver(driverId)).get('/v2/me').expect(200);
    expect(mine).toMatchObject({
      driverId,
      offer: null,
      availability: { availability: 'BUSY' },
      deliveries: [{ deliveryId, assignmentId: body.assignmentId, status: 'ASSIGNED' }],
    });
  });

  it('that rejects is repeatable, and the opposite answer is refused', async () => {
    const { driverId, offerId } = await offered();
    const { body } = await world
      .as(driver(driverId))
      .post(`/v2/offers/${offerId}/reject`, { reason: 'PAY_TOO_LOW' })
      .expect(200);
    expect(
      (
        await world
          .as(driver(driverId))
          .post(`/v2/offers/${offerId}/reject`, { reason: 'PAY_TOO_LOW' })
          .expect(200)
      ).body,
    ).toEqual(body);
    expect(
      (await world.as(driver(driverId)).post(`/v2/offers/${offerId}/accept`).expect(409)).body,
    ).toMatchObject({ type: '/problems/already-answered', code: 'ALREADY_ANSWERED' });
  });

  it('after expiry or withdrawal is refused with that code', async () => {
    const expired = await offered();
    await world.activities.lapseOffer({
      deliveryId: expired.deliveryId,
      correlationId: 'test',
      at: Date.now() + 60_000,
      event: { kind: 'lapseOffer', offerId: expired.offerId },
    });
    expect(
      (await world.as(driver(expired.driverId)).post(`/v2/offers/${expired.offerId}/accept`).expect(409)).body
        .code,
    ).toBe('OFFER_EXPIRED');
    const withdrawn = await offered();
    await world.as(merchant(MERCHANT)).post(`/v2/deliveries/${withdrawn.deliveryId}/cancel`).expect(200);
    expect(
      (await world.as(driver(withdrawn.driverId)).post(`/v2/offers/${withdrawn.offerId}/accept`).expect(409))
        .body.code,
    ).toBe('OFFER_WITHDRAWN');
  });

  it('by another driver returns 404', async () => {
    const { offerId } = await offered();
    await world.as(driver(newId())).post(`/v2/offers/${offerId}/accept`).expect(404);
    await world.as(driver(newId())).post(`/v2/offers/${offerId}/reject`, { reason: 'OTHER' }).expect(404);
    await world.as(driver(newId())).post('/v2/offers/mine/accept').expect(404);
    await world.as(merchant(MERCHANT)).post(`/v2/offers/${offerId}/accept`).expect(403);
  });

  it('that rejects requires a known reason', async () => {
    const { driverId, offerId } = await offered();
    await world.as(driver(driverId)).post(`/v2/offers/${offerId}/reject`, {}).expect(400);
    await world.as(driver(driverId)).post(`/v2/offers/${offerId}/reject`, { reason: 'BORED' }).expect(400);
    await world.as(driver(driverId)).post(`/v2/offers/${offerId}/accept`, { really: true }).expect(400);
  });
});

describe('an answer to an offer for several deliveries', () => {
  async function trip(): Promise<{ driverId: string; deliveryIds: string[]; offerId: string }> {
    world.switches.batchMatching = true;
    const cityId = await world.addCity();
    const look = { kind: 'lookForDriver', freed: null } as const;
    const at = { correlationId: 'test', at: Date.now() };
    const deliveryIds: string[] = [];
    for (let count = 0; count < 2; count++) {
      const { deliveryId } = await world.addDelivery({ cityId });
      await world.activities.lookForDriver({ ...at, deliveryId, event: look });
      deliveryIds.push(deliveryId);
    }
    const driverId = await world.addDriver({ cityId, offerVersion: 3, capacity: 2 });
    const [deliveryId = '', ...along] = deliveryIds;
    const proposal = { driverId, roundId: 'round-1', parts: [], along };
    await world.activities.lookForDriver({ ...at, deliveryId, event: { ...look, proposal } });
    const { body } = await world.as(driver(driverId)).get('/v2/offers/mine').expect(200);
    return { driverId, deliveryIds, offerId: body.live.offerId };
  }

  it('takes all of it, and names each; repeats get the same', async () => {
    const { driverId, deliveryIds, offerId } = await trip();
    const { body: me } = await world.as(driver(driverId)).get('/v2/me').expect(200);
    expect(me.offer).toMatchObject({
      offerId,
      deliveryId: deliveryIds[0],
      offerPayload: { trip: { deliveryIds, payCents: 1_400 } },
    });
    const { body } = await world.as(driver(driverId)).post(`/v2/offers/${offerId}/accept`).expect(200);
    expect(body).toMatchObject({
      outcome: 'accepted',
      deliveryId: deliveryIds[0],
      deliveries: deliveryIds.map((deliveryId) => ({ deliveryId })),
    });
    const { body: again } = await world.as(driver(driverId)).post(`/v2/offers/${offerId}/accept`).expect(200);
    expect(again).toEqual(body);
    const { body: work } = await world.as(driver(driverId)).get('/v2/me').expect(200);
    expect(work.deliveries).toHaveLength(2);
  });

  it('that rejects ends it, and the list of offers has it once', async () => {
    const { driverId, offerId } = await trip();
    await world.as(driver(driverId)).post(`/v2/offers/${offerId}/reject`, { reason: 'TOO_FAR' }).expect(200);
    const { body } = await world.as(driver(driverId)).get('/v2/offers/mine').expect(200);
    expect(body).toMatchObject({ live: null, recent: [{ offerId, state: 'REJECTED' }] });
    expect(body.recent).toHaveLength(1);
  });
});
