/** The route of a driver with several jobs, as their app reads it (docs/behaviour.md#routes). */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { DriverState } from '../../domain/notices/realtimeEvents';
import { type ApiWorld, createApiWorld, driver } from '../support/apiWorld';
import { DROPOFF, PICKUP } from '../support/dispatchWorld';
import { brokenInvariants } from '../support/invariants';

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
});
afterAll(() => world.close());
afterEach(async () => {
  expect(await brokenInvariants(world.db)).toEqual([]);
});

async function routeOf(driverId: string): Promise<DriverState['route']> {
  const { body } = await world.as(driver(driverId)).get('/v2/me').expect(200);
  return (body as DriverState).route;
}

/** The driver gets a delivery by hand, and takes these steps with it. */
async function gets(
  driverId: string,
  cityId: string,
  delivery: Parameters<ApiWorld['addDelivery']>[0],
  steps: readonly ('arriveAtPickup' | 'pickUp' | 'arriveAtDropoff')[] = [],
): Promise<string> {
  const { deliveryId } = await world.addDelivery({ ...delivery, cityId });
  const by = { kind: 'ops', id: 'olga' } as const;
  const common = { deliveryId, correlationId: 'test', at: Date.now() };
  const event = { kind: 'assignDriver', driverId, by, override: false, why: 'test' } as const;
  await world.activities.assignDriver({ ...common, event });
  for (const step of steps)
    await world.activities.takeStep({ ...common, event: { kind: 'takeStep', step, by, deviceAt: null } });
  return deliveryId;
}

test('a driver without work has no route', async () => {
  expect(await routeOf(await world.addDriver())).toEqual([]);
});

test('a driver with goods on board collects the next on the way, with times', async () => {
  const cityId = await world.addCity();
  const driverId = await world.addDriver({ cityId, capacity: 2 });
  const first = await gets(driverId, cityId, {}, ['arriveAtPickup', 'pickUp']);
  const between = { lat: (PICKUP.lat + DROPOFF.lat) / 2, lng: (PICKUP.lng + DROPOFF.lng) / 2 };
  const second = await gets(driverId, cityId, { pickup: between });
  const route = await routeOf(driverId);
  expect(route).toEqual(
    [
      { deliveryId: second, kind: 'PICKUP', address: 'PICKUP street 1', point: between, isBegun: false },
      { deliveryId: first, kind: 'DROPOFF', address: 'DROPOFF street 1', point: DROPOFF, isBegun: false },
      { deliveryId: second, kind: 'DROPOFF', address: 'DROPOFF street 1', point: DROPOFF, isBegun: false },
    ].map((stop) => ({ ...stop, expectedAt: expect.any(String) })),
  );
  const times = route.map(({ expectedAt }) => Date.parse(expectedAt));
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(times[0]).toBeGreaterThan(Date.now());
});

test('a stop where the driver has arrived stays first, and a return goes to the shop', async () => {
  const cityId = await world.addCity();
  const driverId = await world.addDriver({ cityId, capacity: 2 });
  const first = await gets(driverId, cityId, {}, ['arriveAtPickup', 'pickUp', 'arriveAtDropoff']);
  const second = await gets(driverId, cityId, {});
  expect((await routeOf(driverId))[0]).toMatchObject({ deliveryId: first, kind: 'DROPOFF', isBegun: true });
  await world.activities.failDelivery({
    deliveryId: first,
    correlationId: 'test',
    at: Date.now(),
    event: {
      kind: 'failDelivery',
      by: { kind: 'driver', id: driverId },
      reason: 'NOT_AT_HOME',
      goods: 'RETURN',
    },
  });
  const route = await routeOf(driverId);
  expect(route.map(({ kind, deliveryId }) => [kind, deliveryId])).toEqual(
    expect.arrayContaining([
      ['RETURN', first],
      ['PICKUP', second],
      ['DROPOFF', second],
    ]),
  );
  expect(route.find(({ kind }) => kind === 'RETURN')).toMatchObject({
    address: 'PICKUP street 1',
    point: PICKUP,
  });
});
