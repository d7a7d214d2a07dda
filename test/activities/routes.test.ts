/** Drivers with work and room for more, in the search of a delivery (docs/behaviour.md#routes). */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Point } from '../../domain/geo/places';
import { explainedChoice } from '../../api/views/audit';
import { DeliveryScene } from '../support/deliveryScene';
import { createDispatchWorld, type DispatchWorld, PICKUP } from '../support/dispatchWorld';
import { brokenInvariants } from '../support/invariants';

let world: DispatchWorld;
beforeAll(async () => {
  world = await createDispatchWorld();
});
afterAll(() => world.close());
afterEach(async () => {
  expect(await brokenInvariants(world.db)).toEqual([]);
});

const north = (kilometers: number): Point => ({ lat: PICKUP.lat + kilometers / 111.2, lng: PICKUP.lng });

/** A driver with room for two has goods on board for a door to the north. */
async function carrying(kilometers = 4): Promise<{ first: DeliveryScene; driverId: string }> {
  const first = await DeliveryScene.set(world, [{ capacity: 2 }], { dropoff: north(kilometers) });
  const { driverId } = await first.accepted();
  await first.steps('arriveAtPickup', 'pickUp');
  return { first, driverId };
}

const searched = async (cityId: string, pickup: Point, dropoff: Point): Promise<string> => {
  const { deliveryId } = await world.addDelivery({ cityId, pickup, dropoff });
  await world.activities.lookForDriver({
    deliveryId,
    correlationId: 'test',
    at: Date.now(),
    event: { kind: 'lookForDriver', freed: null },
  });
  return deliveryId;
};
const offerOf = (deliveryId: string) => world.db.offer.findFirst({ where: { deliveryId } });

test('goods on the way of a driver are offered to them, with the time in their route', async () => {
  const { first, driverId } = await carrying();
  const deliveryId = await searched(first.cityId, north(2), north(4.5));
  const offer = await offerOf(deliveryId);
  expect(offer).toMatchObject({ driverId, state: 'LIVE' });
  expect(offer?.choice).toMatchObject({ ranked: [{ driverId, score: { travelMs: expect.any(Number) } }] });
});

test('a driver with goods on board is not sent the other way', async () => {
  const { first, driverId } = await carrying();
  const deliveryId = await searched(first.cityId, north(-2.5), north(-3));
  expect(await offerOf(deliveryId)).toBeNull();
  const free = await world.addDriver({ cityId: first.cityId, at: north(0.1) });
  const other = await searched(first.cityId, north(-2.5), north(-3));
  const offer = await offerOf(other);
  expect(offer).toMatchObject({ driverId: free });
  expect(explainedChoice(offer?.choice, free, 'SINGLE').join(' ')).toContain(
    `since a customer on their route, or of this delivery, would get it too late: ${driverId}`,
  );
});

test('a driver who comes to it later in their route stands behind a nearer one', async () => {
  const { first } = await carrying(2);
  const free = await world.addDriver({ cityId: first.cityId, at: north(1.5) });
  const deliveryId = await searched(first.cityId, north(2.2), north(3));
  const offer = await offerOf(deliveryId);
  expect(offer).toMatchObject({ driverId: free });
  expect(offer?.choice).toMatchObject({
    ranked: [{ driverId: free }, { driverId: first.driver(), score: { stopsBefore: 1 } }],
  });
});
