/** Deliveries, drivers, outbox, owner and rounds on a real Temporal (docs/behaviour.md#matching). */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { ownNetMs } from '../../domain/matching/waiting';
import { cityDispatchWorkflowId, COMMANDS, TASK_QUEUE, WORKFLOWS } from '../../workflows/contract';
import { PICKUP, TEST_LIMITS } from '../support/dispatchWorld';
import { eventually } from '../support/eventually';
import { createRealTemporalWorld, type RealTemporalWorld } from '../support/realTemporalWorld';
import type { RunningDelivery } from '../support/temporalWorld';

const MINUTE = 60_000;
const correlationId = 'test';

let world: RealTemporalWorld;
beforeAll(async () => {
  world = await createRealTemporalWorld();
}, 60_000);
afterEach(() => {
  world.switches.batchMatching = false;
  world.deps.limits = TEST_LIMITS;
});
afterAll(() => world.close());

const liveOffers = (cityId: string) =>
  world.db.offer.findMany({ where: { state: 'LIVE', delivery: { cityId } }, orderBy: { createdAt: 'asc' } });
const rowOf = ({ deliveryId }: RunningDelivery) =>
  world.db.delivery.findUniqueOrThrow({ where: { id: deliveryId } });
const waits = (delivery: RunningDelivery) =>
  eventually('it waits for a round', async () => {
    const { status, searchRound } = await rowOf(delivery);
    return status === 'SEARCHING' && searchRound > 0;
  });
const cancel = ({ handle }: RunningDelivery) =>
  handle.executeUpdate(COMMANDS.cancelDelivery.update, {
    args: [{ by: { kind: 'ops', id: 'olga' }, reason: 'OPS_CANCELLED', correlationId }],
  });

/** Its owner runs, but no worker takes its tasks. */
const hangOwner = (cityId: string) =>
  world.env.client.workflow.start(WORKFLOWS.cityDispatch, {
    workflowId: cityDispatchWorkflowId(cityId),
    taskQueue: 'gone',
    args: [{ cityId, correlationId }],
  });

/** Deliveries of a city without drivers. */
async function waiting(
  count: number,
  before: (cityId: string) => Promise<unknown> = async () => undefined,
): Promise<{ cityId: string; deliveries: RunningDelivery[] }> {
  const cityId = await world.addCity();
  await before(cityId);
  const deliveries: RunningDelivery[] = [];
  for (let index = 0; index < count; index++)
    deliveries.push(await world.dispatch({ cityId, searchAt: new Date(Date.now() - MINUTE) }));
  await Promise.all(deliveries.map(waits));
  return { cityId, deliveries };
}

/** A driver comes on duty, and the outbox says so. */
async function comesFree(cityId: string, north = 0): Promise<string> {
  const driverId = await world.addDriver({ cityId, at: { lat: PICKUP.lat + north, lng: PICKUP.lng } });
  await world.db.outboxMessage.create({
    data: {
      kind: 'driverFree',
      key: driverId,
      payload: { driverId, passed: [] },
      correlationId,
    },
  });
  return driverId;
}

describe('with batch matching on', () => {
  test('drivers who come free go to the most urgent of five deliveries, one each', async () => {
    world.switches.batchMatching = true;
    const { cityId, deliveries } = await waiting(5);
    const urgent = [deliveries[1], deliveries[3]].flatMap((each) => each?.deliveryId ?? []);
    await world.db.delivery.updateMany({ where: { id: { in: urgent } }, data: { escalationLevel: 1 } });
    const looked = await world.db.delivery.findMany({ where: { cityId }, select: { searchRound: true } });
    expect(looked.map(({ searchRound }) => searchRound)).toEqual([1, 1, 1, 1, 1]);
    const drivers = [await comesFree(cityId), await comesFree(cityId, 0.002)];
    const offers = await eventually('both are asked', async () => {
      const live = await liveOffers(cityId);
      return live.length === 2 ? live : undefined;
    });
    expect(offers.map(({ driverId }) => driverId).sort()).toEqual([...drivers].sort());
    expect(offers.map(({ deliveryId }) => deliveryId).sort()).toEqual(urgent.sort());
    expect(offers[0]?.choice).toMatchObject({
      kind: 'SINGLE',
      proposal: { pair: { deliveryIds: [offers[0]?.deliveryId] } },
    });
    await Promise.all(deliveries.map(cancel));
  }, 60_000);

  test('a delivery takes its best driver at once where nobody else wants them', async () => {
    world.switches.batchMatching = true;
    const cityId = await world.addCity();
    const driverId = await world.addDriver({ cityId });
    const delivery = await world.dispatch({ cityId });
    const offer = await eventually('the driver is asked', async () => (await liveOffers(cityId))[0]);
    expect(offer).toMatchObject({ driverId, deliveryId: delivery.deliveryId });
    expect(offer.choice).not.toHaveProperty('proposal');
    await cancel(delivery);
  });

  test('a driver whom no round reaches is asked once ops widen the searches', async () => {
    world.switches.batchMatching = true;
    const { cityId, deliveries } = await waiting(2);
    const driverId = await comesFree(cityId, 0.3); // 33 km
    const since = new Date();
    await eventually('a round has looked', async () => {
      const { matchedAt } = await world.db.city.findUniqueOrThrow({ where: { id: cityId } });
      return matchedAt !== null && matchedAt > since;
    });
    expect(await liveOffers(cityId)).toEqual([]);
    await world.zoneActs.widen(
      { cityId, zoneId: null },
      { radiusMeters: 40_000, length: { minutes: 5, untilAt: null } },
      { by: { kind: 'ops', id: 'olga' }, why: 'storm', correlationId, key: cityId },
    );
    const offer = await eventually('the driver is asked', async () => (await liveOffers(cityId))[0]);
    expect(offer).toMatchObject({ driverId, choice: { radiusMeters: 40_000, proposal: {} } });
    await Promise.all(deliveries.map(cancel));
  }, 30_000);

  test('deliveries go on by themselves within the net while the owner of their city hangs', async () => {
    world.switches.batchMatching = true;
    const { cityId, deliveries } = await waiting(2, hangOwner);
    const driverId = await comesFree(cityId);
    const { matchingNetMs } = TEST_LIMITS;
    const since = Date.now() - matchingNetMs;
    await world.db.delivery.updateMany({
      where: { cityId },
      data: { statusChangedAt: new Date(since), searchAgainAt: new Date(since + ownNetMs(matchingNetMs)) },
    });
    await world.env.client.workflow.execute(WORKFLOWS.matchingNetSweep, {
      workflowId: 'net-of-hung-owner',
      taskQueue: TASK_QUEUE,
    });
    const offer = await eventually('the driver is asked', async () => (await liveOffers(cityId))[0], {
      withinMs: 8_000,
    });
    expect(offer).toMatchObject({ driverId });
    expect(offer.choice).not.toHaveProperty('proposal');
    await world.env.client.workflow.getHandle(cityDispatchWorkflowId(cityId)).terminate('for the test');
    await Promise.all(deliveries.map(cancel));
  }, 60_000);

  test('deliveries go on by themselves within the net once it is killed', async () => {
    world.switches.batchMatching = true;
    const {
      cityId,
      deliveries: [delivery],
    } = await waiting(1);
    if (!delivery) throw new Error('no delivery waits');
    world.switches.batchMatching = false;
    const driverId = await world.addDriver({ cityId }); // nobody is told of them
    const args = { workflowId: 'matching-net', taskQueue: TASK_QUEUE };
    await world.env.client.workflow.execute(WORKFLOWS.matchingNetSweep, args);
    const offer = await eventually('the driver is asked', async () => (await liveOffers(cityId))[0], {
      withinMs: 8_000,
    });
    expect(offer).toMatchObject({ driverId });
    expect(offer.choice).not.toHaveProperty('proposal');
    await cancel(delivery);
  });
});
