/** The next job of a driver who is about to finish, beyond their capacity (docs/behaviour.md#next-jobs; ADR 58). */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Point } from '../../domain/geo/places';
import { explainedChoice } from '../../api/views/audit';
import { DeliveryScene } from '../support/deliveryScene';
import { createDispatchWorld, type DispatchWorld, type NewDriver, PICKUP } from '../support/dispatchWorld';
import { brokenInvariants } from '../support/invariants';

let world: DispatchWorld;
beforeAll(async () => {
  world = await createDispatchWorld();
});
beforeEach(() => {
  world.switches.batchMatching = true;
});
afterEach(async () => {
  world.switches.batchMatching = false;
  expect(await brokenInvariants(world.db)).toEqual([]);
});
afterAll(() => world.close());

const north = (kilometers: number): Point => ({ lat: PICKUP.lat + kilometers / 111.2, lng: PICKUP.lng });

/** A driver with room for one has goods on board for a door nearby, and another delivery of the city waits. */
async function finishing(
  driver: NewDriver = {},
  dropoff = north(0.5),
): Promise<{ first: DeliveryScene; next: DeliveryScene; driverId: string }> {
  const first = await DeliveryScene.set(world, [driver], { dropoff });
  const { driverId } = await first.accepted();
  await first.steps('arriveAtPickup', 'pickUp');
  const next = await DeliveryScene.beside(world, first, { pickup: north(1), dropoff: north(2) });
  await next.search();
  return { first, next, driverId };
}

const propose = async (to: DeliveryScene, driverId: string) =>
  (
    await to.send({
      kind: 'lookForDriver',
      freed: null,
      proposal: { driverId, roundId: 'round-1', parts: [{ what: 'TIME_TO_PICKUP', costMs: 60_000 }] },
    })
  ).known.offers;

/** The next job is offered and taken. */
async function taken(driver: NewDriver = {}) {
  const scenes = await finishing(driver);
  const { next, driverId } = scenes;
  const [offer] = await propose(next, driverId);
  expect(await next.answer({ kind: 'acceptOffer', offerId: offer?.offerId ?? '', driverId })).toMatchObject({
    outcome: 'accepted',
  });
  return scenes;
}

const states = async (...scenes: DeliveryScene[]): Promise<string[]> =>
  Promise.all(scenes.map(async (scene) => (await scene.row()).status));

describe('a driver about to finish', () => {
  test('is offered the next job beyond their capacity, and told of the way by the door', async () => {
    const { first, next, driverId } = await finishing();
    expect(await propose(next, driverId)).toMatchObject([{ driverId }]);
    expect(await first.driverRow()).toMatchObject({ liveOffers: 1, activeAssignments: 1, nextSlots: 1 });
    const [offer] = await next.offers();
    expect(offer?.payload).toMatchObject({ afterDeliveryId: first.deliveryId, toPickupMeters: 1_000 });
    expect(explainedChoice(offer?.choice, driverId, 'SINGLE')).toContain(
      `It is their next job, after delivery ${first.deliveryId}.`,
    );
  });

  test('has one next job at most', async () => {
    const { first, next, driverId } = await finishing();
    await propose(next, driverId);
    const third = await DeliveryScene.beside(world, first, { pickup: north(1) });
    await third.search();
    expect(await propose(third, driverId)).toEqual([]);
    await next.answer({ kind: 'acceptOffer', offerId: (await next.offers())[0]?.id ?? '', driverId });
    expect(await propose(third, driverId)).toEqual([]);
  });

  test('is not found by a plain search', async () => {
    const { next } = await finishing();
    world.switches.batchMatching = false;
    expect((await next.search()).known.offers).toEqual([]);
  });

  test.each<[string, NewDriver, (driverId: string, first: DeliveryScene) => Promise<unknown>]>([
    [
      'who asked for a break',
      {},
      (id) =>
        world.db.driver.update({
          where: { id },
          data: { pending: { kind: 'BREAK', minutes: 5, reason: null } },
        }),
    ],
    [
      'whose shift ends before the pickup',
      {},
      (id) =>
        world.db.driver.update({ where: { id }, data: { shiftEndsAt: new Date(Date.now() + 3 * 60_000) } }),
    ],
    [
      'whose app answers no offers',
      {},
      (id) => world.db.driver.update({ where: { id }, data: { offerVersion: 1 } }),
    ],
    [
      'who brings the goods back',
      {},
      async (_, first) => {
        await first.steps('arriveAtDropoff');
        await first.send(first.fail('NOT_AT_HOME'));
      },
    ],
  ])('%s is not asked', async (_what, given, changed) => {
    const { first, next, driverId } = await finishing(given);
    await changed(driverId, first);
    expect(await propose(next, driverId)).toEqual([]);
  });

  test('who is far from the door is not asked, nor is anyone where the setting is 0', async () => {
    const far = await finishing({}, north(3));
    expect(await propose(far.next, far.driverId)).toEqual([]);
    const near = await finishing();
    const { limits } = world.deps;
    world.deps.limits = { ...limits, nextJobAheadMs: 0 };
    expect(await propose(near.next, near.driverId)).toEqual([]);
    world.deps.limits = limits;
  });
});

describe('a next job', () => {
  test('that is taken waits until the one before is done, and the driver stays BUSY', async () => {
    const { first, next } = await taken();
    expect(await first.driverRow()).toMatchObject({
      availability: 'BUSY',
      liveOffers: 0,
      activeAssignments: 2,
      nextSlots: 1,
    });
    await first.steps('arriveAtDropoff', 'deliver');
    expect(await states(first, next)).toEqual(['DELIVERED', 'ASSIGNED']);
    expect(await first.driverRow()).toMatchObject({
      availability: 'BUSY',
      activeAssignments: 1,
      nextSlots: 0,
    });
  });

  test('that is rejected, or lapses, or comes after the door, holds the driver no longer', async () => {
    const rejected = await finishing();
    const [offer] = await propose(rejected.next, rejected.driverId);
    const { driverId } = rejected;
    await rejected.next.answer({
      kind: 'rejectOffer',
      offerId: offer?.offerId ?? '',
      driverId,
      reason: 'TOO_FAR',
    });
    expect(await rejected.first.driverRow()).toMatchObject({
      liveOffers: 0,
      activeAssignments: 1,
      nextSlots: 0,
    });
    const late = await finishing();
    await propose(late.next, late.driverId);
    await late.first.steps('arriveAtDropoff', 'deliver');
    expect(await late.first.driverRow()).toMatchObject({ liveOffers: 1, activeAssignments: 0, nextSlots: 0 });
  });

  test('goes its own way where the one before fails and is brought back', async () => {
    const { first, next, driverId } = await taken();
    await first.steps('arriveAtDropoff');
    await first.send(first.fail('NOT_AT_HOME'));
    expect(await states(first, next)).toEqual(['RETURNING', 'ASSIGNED']);
    await first.steps('returnGoods');
    expect(await next.step('arriveAtPickup', driverId)).toMatchObject({ outcome: 'moved' });
    expect(await states(first, next)).toEqual(['RETURNED', 'AT_PICKUP']);
  });

  test('is searched for anew where its driver is lost, and the goods on board become a case', async () => {
    const { first, next, driverId } = await taken();
    for (const scene of [first, next])
      await scene.send({
        kind: 'releaseDriver',
        driverId,
        offerId: null,
        assignmentId: await scene.jobOf(driverId),
        why: 'FELL_SILENT',
      });
    expect(await states(first, next)).toEqual(['PICKED_UP', 'SEARCHING']);
    expect(await first.cases()).toMatchObject([{ reason: 'CARRIER_SILENT', driverId }]);
    expect(await first.driverRow()).toMatchObject({ activeAssignments: 1, nextSlots: 0 });
  });

  test('can be cancelled, or given up, without the one before', async () => {
    const { first, next, driverId } = await taken();
    await next.send({
      kind: 'leaveDelivery',
      driverId,
      assignmentId: await next.jobOf(driverId),
      reason: 'TOO_FAR',
    });
    expect(await states(first, next)).toEqual(['PICKED_UP', 'SEARCHING']);
    expect(await first.driverRow()).toMatchObject({
      availability: 'BUSY',
      activeAssignments: 1,
      nextSlots: 0,
    });
  });

  test('is no room: ops cannot assign a third by hand', async () => {
    const { first, driverId } = await taken();
    const third = await DeliveryScene.beside(world, first, {});
    expect(
      await third.answer({
        kind: 'assignDriver',
        driverId,
        by: { kind: 'ops', id: 'olga' },
        override: true,
        why: 'test',
      }),
    ).toMatchObject({ refused: 'DRIVER_HAS_NO_ROOM' });
  });
});
