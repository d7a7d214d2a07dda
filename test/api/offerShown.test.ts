import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiWorld, createApiWorld, driver, ops } from '../support/apiWorld';

let world: ApiWorld;
let isBroken = false;
beforeAll(async () => {
  world = await createApiWorld(({ driverStates }) => ({
    driverStates: {
      ...driverStates,
      offerSeen: async (...offer) => {
        if (isBroken) throw new Error('PostgreSQL takes no writes');
        return driverStates.offerSeen(...offer);
      },
    },
  }));
});
afterAll(() => world.close());

/** An offer that was just made to the one driver of its city, and that no app has seen. */
async function offered(): Promise<{ driverId: string; deliveryId: string; offerId: string }> {
  const cityId = await world.addCity();
  const driverId = await world.addDriver({ cityId });
  const { deliveryId } = await world.addDelivery({ cityId });
  const event = { kind: 'lookForDriver', freed: null } as const;
  await world.activities.lookForDriver({ deliveryId, correlationId: 'test', at: Date.now(), event });
  const { id: offerId } = await world.db.offer.findFirstOrThrow({ where: { deliveryId } });
  return { driverId, deliveryId, offerId };
}

const reachedAt = async (offerId: string): Promise<Date | null> =>
  (await world.db.offer.findUniqueOrThrow({ where: { id: offerId } })).reachedAt;

describe('an offer that the driver’s app reads by REST', () => {
  it.each([
    ['/v2/offers/mine', () => '/v2/offers/mine'],
    ['/v2/me', () => '/v2/me'],
    ['/v2/drivers/:id/state', (driverId: string) => `/v2/drivers/${driverId}/state`],
  ])('from %s counts as shown, and its lapse counts against the driver', async (_route, path) => {
    const { driverId, deliveryId, offerId } = await offered();
    await world.as(driver(driverId)).get(path(driverId)).expect(200);
    const first = await reachedAt(offerId);
    expect(first).not.toBeNull();
    await world.as(driver(driverId)).get(path(driverId)).expect(200);
    expect(await reachedAt(offerId)).toEqual(first);
    const { expiresAt } = await world.db.offer.findUniqueOrThrow({ where: { id: offerId } });
    await world.activities.lapseOffer({
      deliveryId,
      correlationId: 'test',
      at: expiresAt.getTime() + 1,
      event: { kind: 'lapseOffer', offerId },
    });
    expect(await world.db.driver.findUniqueOrThrow({ where: { id: driverId } })).toMatchObject({
      lapsesInRow: 1,
    });
  });

  it('is not shown by what ops read, nor by what other drivers read', async () => {
    const { driverId, offerId } = await offered();
    const { driverId: other } = await offered();
    await world.as(ops()).get(`/v2/drivers/${driverId}/state`).expect(200);
    await world.as(driver(other)).get(`/v2/drivers/${driverId}/state`).expect(404);
    await world.as(driver(other)).get('/v2/offers/mine').expect(200);
    await world.as(driver(driverId)).get(`/v2/drivers/${driverId}`).expect(200);
    expect(await reachedAt(offerId)).toBeNull();
  });

  it('is shown all the same where that cannot be recorded', async () => {
    const { driverId, offerId } = await offered();
    isBroken = true;
    const { body } = await world.as(driver(driverId)).get('/v2/offers/mine').expect(200);
    isBroken = false;
    expect(body.live).toMatchObject({ offerId });
  });
});
