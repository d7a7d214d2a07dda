/** A past day of a city, read from its rows and played again (docs/operations.md#try-other-weights). */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { happened } from '../../bench/pastDay/figures';
import { type PastRows, readPastDay, readPolicy } from '../../bench/pastDay/read';
import { dayIn } from '../../domain/money/workday';
import { DeliveryScene } from '../support/deliveryScene';
import { createDispatchWorld, type DispatchWorld, PICKUP } from '../support/dispatchWorld';

const MINUTE = 60_000;

let world: DispatchWorld;
let scene: DeliveryScene;
let rows: PastRows;
let date: string;

/** What the day's drivers did, as the service itself writes it: when they came and went, and where they were. */
async function onDuty(driverId: string, states: readonly { to: string; at: number }[]): Promise<void> {
  for (const { to, at } of states)
    await world.db.$executeRaw`
      INSERT INTO audit_entries (id, at, kind, city_id, driver_id, actor_kind, actor_id, correlation_id, chain,
        to_state, hash)
      VALUES (gen_random_uuid(), ${new Date(at)}, 'availability_changed', ${scene.cityId}, ${driverId}::uuid, 'driver',
        ${driverId}, 'test', ${`driver/${driverId}`}, ${to}, '')`;
  const at = new Date(states[0]?.at ?? 0);
  await world.db.positionFix.create({
    data: { driverId, at, receivedAt: at, lat: PICKUP.lat, lng: PICKUP.lng },
  });
}

/** So that the day does not end while the tests run. */
function whereItIsNoon(): string {
  const hours = new Date().getUTCHours() - 12;
  return `Etc/GMT${hours < 0 ? '-' : '+'}${Math.abs(hours)}`;
}

beforeAll(async () => {
  world = await createDispatchWorld();
  scene = await DeliveryScene.set(world, [{}, {}]);
  const timezone = whereItIsNoon();
  await world.db.city.update({ where: { id: scene.cityId }, data: { timezone } });
  const rejected = await scene.offered(0);
  await scene.answer({ kind: 'rejectOffer', ...rejected, reason: 'OTHER' });
  const { driverId } = await scene.accepted(1);
  for (const step of ['arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver'] as const)
    await scene.step(step, driverId);
  await DeliveryScene.beside(world, scene, {}); // nobody was found for it
  const now = Date.now();
  date = dayIn(timezone, now);
  await onDuty(scene.driver(0), [{ to: 'AVAILABLE', at: now - MINUTE / 60 }]);
  await onDuty(scene.driver(1), [
    { to: 'BUSY', at: now },
    { to: 'AVAILABLE', at: now + 1 },
    { to: 'ON_BREAK', at: now + 10 },
  ]);
  rows = await readPastDay(world.url, { cityId: scene.cityId, date });
});
afterAll(() => world.close());

describe('a past day', () => {
  test('has the orders, what became of them, and how offers were answered', () => {
    expect(rows.orders).toHaveLength(2);
    const done = rows.orders.find(({ id }) => id === scene.deliveryId);
    expect(done).toMatchObject({ driverId: scene.driver(1), earned: expect.any(Number) });
    expect(done?.deliveredMinute ?? 0).toBeGreaterThanOrEqual(done?.pickedMinute ?? Infinity);
    expect(rows.refuse).toBe(0.5);
    expect(rows.lapse).toBe(0);
  });

  test('has a courier for each time on duty, where the driver began', () => {
    const times = rows.couriers.map(({ id, offMinute }) => ({ driver: rows.driverOf.get(id), offMinute }));
    expect(times).toHaveLength(2);
    expect(times.find(({ driver }) => driver === scene.driver(0))?.offMinute).toBe(1_440);
    expect(times.find(({ driver }) => driver === scene.driver(1))?.offMinute).toBeLessThan(1_440);
    const restaurant = [...rows.restaurants.values()][0];
    expect(rows.couriers[0]?.x).toBeCloseTo(restaurant?.x ?? Infinity, 0);
    expect(rows.couriers[0]?.y).toBeCloseTo(restaurant?.y ?? Infinity, 0);
  });

  test('counts an order that nobody brought as late as can be', () => {
    const figures = happened(rows);
    expect(figures).toMatchObject({ policy: 'happened', orders: 2, deliveredPct: 50, ordersPerTrip: 1 });
    expect(figures.clickToDoorAllMin).toBeGreaterThanOrEqual(45);
  });

  test('can be played by the newest version of a policy', async () => {
    for (const version of [1, 2])
      await world.db.matchingPolicy.create({
        data: { name: 'bold', version, weights: { lateness: version }, who: 'olga', why: 'test' },
      });
    expect(await readPolicy(world.url, 'bold')).toEqual({ lateness: 2 });
    await expect(readPolicy(world.url, 'meek')).rejects.toThrow('there is no policy "meek"');
  });

  test('of another city, or without orders, is refused', async () => {
    await expect(readPastDay(world.url, { cityId: 'nowhere', date })).rejects.toThrow(
      'there is no city "nowhere"',
    );
    await expect(readPastDay(world.url, { cityId: scene.cityId, date: '2001-01-01' })).rejects.toThrow(
      'has no orders on 2001-01-01',
    );
  });
});
