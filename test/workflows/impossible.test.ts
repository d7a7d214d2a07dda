/**
 * An event that always fails must not block later events, and an attempt after its time-out must not undo
 * newer work.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import type { Answer } from '../../domain/delivery/deliveryState';
import { beginAttempt } from '../../worker/attempts';
import { ATTEMPT_MS, COMMANDS, driverLeft } from '../../workflows/contract';
import { asOwner } from '../support/database';
import { eventually } from '../support/eventually';
import { createRealTemporalWorld, type RealTemporalWorld } from '../support/realTemporalWorld';
import type { RunningDelivery } from '../support/temporalWorld';

const correlationId = 'test';
const OPS = { kind: 'ops', id: 'olga' } as const;

let world: RealTemporalWorld;
beforeAll(async () => {
  world = await createRealTemporalWorld();
}, 120_000);
afterAll(() => world.close());

const cancel = ({ handle }: RunningDelivery): Promise<Answer> =>
  handle.executeUpdate(COMMANDS.cancelDelivery.update, {
    args: [{ by: OPS, reason: 'OPS_CANCELLED', correlationId }],
  });
const eventsOf = async ({ handle }: RunningDelivery): Promise<number> =>
  (await handle.fetchHistory()).events?.length ?? 0;

/**
 * Start, one task with one transaction, one timer; then the timer, one task with one transaction, one timer.
 */
const WAITING = 6;

describe('an event that always fails', () => {
  test('is refused to its caller, and the delivery processes the next one', async () => {
    const delivery = await world.dispatch({ cityId: await world.addCity() });
    const asked = delivery.handle.executeUpdate(COMMANDS.assignDriver.update, {
      args: [{ driverId: 'not-an-id', by: OPS, override: false, why: 'typed by hand', correlationId }],
    });
    await expect(asked).rejects.toBeInstanceOf(WorkflowUpdateFailedError);
    expect(await cancel(delivery)).toMatchObject({ status: 'CANCELLED' });
    expect(await delivery.handle.result()).toBe('CANCELLED');
  });

  test('is dropped if it has no caller', async () => {
    const delivery = await world.dispatch({ cityId: await world.addCity() });
    await delivery.handle.signal(driverLeft, {
      driverId: 'nobody',
      offerId: 'not-an-id',
      assignmentId: null,
      why: 'typed by hand',
      correlationId,
    });
    expect(await cancel(delivery)).toMatchObject({ status: 'CANCELLED' });
  });

  test('and is a deadline is not retried for ever, and a cancel is processed', async () => {
    const delivery = await world.dispatch({
      cityId: await world.addCity(),
      searchAt: new Date(Date.now() + 3_000),
    });
    await eventually('it waits for its search', async () => (await eventsOf(delivery)) === WAITING);
    await asOwner(world, 'DELETE FROM stops WHERE delivery_id = $1', [delivery.deliveryId]);
    await eventually('the search was tried', async () => (await eventsOf(delivery)) >= 2 * WAITING);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await eventsOf(delivery)).toBe(2 * WAITING);
    expect(await cancel(delivery)).toMatchObject({ status: 'CANCELLED' });
  });
});

test('a delivery whose first search always fails still processes its inbox', async () => {
  const delivery = world.runningOf(await world.addDelivery({ cityId: await world.addCity() }));
  await asOwner(world, 'DELETE FROM stops WHERE delivery_id = $1', [delivery.deliveryId]);
  await world.dispatcher.signalOfferWithdrawn(delivery.deliveryId, { offerId: '', correlationId });
  expect(await cancel(delivery)).toMatchObject({ status: 'CANCELLED' });
});

describe('an attempt after its time-out', () => {
  test('writes nothing: a search whose candidate look-up took too long makes no offer', async () => {
    const cityId = await world.addCity();
    await world.addDriver({ cityId });
    const { near } = world.deps.map;
    const ends: string[] = [];
    world.deps.beginAttempt = beginAttempt;
    // The first look-up takes too long and finds the driver. The second one finds nobody.
    world.deps.map.near = async (query) => {
      world.deps.map.near = async () => [];
      await new Promise((resolve) => setTimeout(resolve, ATTEMPT_MS + 600));
      ends.push('the slow look is over');
      return near(query);
    };
    const delivery = await world.dispatch({ cityId });
    const row = () => world.db.delivery.findUniqueOrThrow({ where: { id: delivery.deliveryId } });
    await eventually('the second attempt found nobody', async () => (await row()).searchRound === 1);
    await eventually('the first attempt goes on', async () => ends.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 500));
    world.deps.map.near = near;
    delete world.deps.beginAttempt;
    expect(await world.db.offer.count({ where: { deliveryId: delivery.deliveryId } })).toBe(0);
    expect(await row()).toMatchObject({ status: 'SEARCHING', searchRound: 1 });
    expect(await cancel(delivery)).toMatchObject({ status: 'CANCELLED' });
  });
});
