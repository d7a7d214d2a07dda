/** Drivers with several jobs on a real Temporal server (docs/behaviour.md#next-jobs, docs/behaviour.md#routes). */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { LOSS_LIMITS } from '../../domain/driver/loss';
import { COMMANDS, TASK_QUEUE, WORKFLOWS } from '../../workflows/contract';
import { PICKUP } from '../support/dispatchWorld';
import { eventually } from '../support/eventually';
import { brokenInvariants } from '../support/invariants';
import { createRealTemporalWorld, type RealTemporalWorld } from '../support/realTemporalWorld';
import type { RunningDelivery } from '../support/temporalWorld';

const correlationId = 'test';
type Step = 'arriveAtPickup' | 'pickUp' | 'arriveAtDropoff' | 'deliver';

let world: RealTemporalWorld;
beforeAll(async () => {
  world = await createRealTemporalWorld();
}, 60_000);
afterEach(() => {
  world.switches.batchMatching = false;
  world.sweepClock.aheadMs = 0;
});
afterAll(() => world.close());

const offeredTo = ({ deliveryId }: RunningDelivery, driverId: string): Promise<string> =>
  eventually(`${driverId} is asked`, async () => {
    const offer = await world.db.offer.findFirst({ where: { deliveryId, driverId, state: 'LIVE' } });
    return offer?.id;
  });
const accept = async (delivery: RunningDelivery, driverId: string): Promise<unknown> =>
  delivery.handle.executeUpdate(COMMANDS.acceptOffer.update, {
    args: [{ offerId: await offeredTo(delivery, driverId), driverId, correlationId }],
  });
async function steps(delivery: RunningDelivery, driverId: string, ...taken: Step[]): Promise<void> {
  for (const step of taken)
    await delivery.handle.executeUpdate(COMMANDS.takeStep.update, {
      args: [{ step, by: { kind: 'driver', id: driverId }, deviceAt: null, correlationId }],
    });
}
const askedAbout = (deliveries: readonly RunningDelivery[], driverId: string): Promise<RunningDelivery> =>
  eventually(`${driverId} is asked about one of them`, async () => {
    const offer = await world.db.offer.findFirst({ where: { driverId, state: 'LIVE' } });
    return deliveries.find(({ deliveryId }) => deliveryId === offer?.deliveryId);
  });
const statusOf = async ({ deliveryId }: RunningDelivery): Promise<string> =>
  (await world.db.delivery.findUniqueOrThrow({ where: { id: deliveryId } })).status;

test('a round offers the next job at the door, and each delivery goes its own way', async () => {
  world.switches.batchMatching = true;
  const cityId = await world.addCity();
  const driverId = await world.addDriver({ cityId });
  const first = await world.dispatch({ cityId });
  await accept(first, driverId);
  await steps(first, driverId, 'arriveAtPickup', 'pickUp', 'arriveAtDropoff');
  const next = await world.dispatch({ cityId, searchAt: new Date(Date.now() - 60_000) });
  await accept(next, driverId);
  expect(await world.db.driver.findUniqueOrThrow({ where: { id: driverId } })).toMatchObject({
    availability: 'BUSY',
    activeAssignments: 2,
    capacity: 1,
  });
  expect(await brokenInvariants(world.db)).toEqual([]);
  await steps(first, driverId, 'deliver');
  await steps(next, driverId, 'arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver');
  expect([await statusOf(first), await statusOf(next)]).toEqual(['DELIVERED', 'DELIVERED']);
  expect(await world.db.driver.findUniqueOrThrow({ where: { id: driverId } })).toMatchObject({
    availability: 'AVAILABLE',
    activeAssignments: 0,
    nextSlots: 0,
  });
  expect(await brokenInvariants(world.db)).toEqual([]);
}, 60_000);

test('losing a driver with three jobs re-plans all of them', async () => {
  world.switches.batchMatching = true;
  const cityId = await world.addCity();
  const driverId = await world.addDriver({ cityId, capacity: 3 });
  const jobs: RunningDelivery[] = [];
  for (let index = 0; index < 3; index++) {
    const delivery = await world.dispatch({ cityId });
    await accept(delivery, driverId);
    jobs.push(delivery);
  }
  const [onBoard, ...before] = jobs;
  if (!onBoard) throw new Error('no job');
  await steps(onBoard, driverId, 'arriveAtPickup', 'pickUp');
  const other = await world.addDriver({ cityId, capacity: 3 });
  world.sweepClock.aheadMs = 2 * LOSS_LIMITS.silentAtStopMs;
  await world.map.recordPositions(
    other,
    [{ point: PICKUP, at: Date.now(), accuracyMeters: 8, speedMps: null, headingDegrees: null }],
    Date.now() + world.sweepClock.aheadMs,
  );
  await world.env.client.workflow.execute(WORKFLOWS.lostDriversSweep, {
    workflowId: 'lost-with-three',
    taskQueue: TASK_QUEUE,
  });
  await eventually('the goods on board are a case', async () => {
    const { deliveryId } = onBoard;
    return (await world.db.escalation.count({ where: { deliveryId, reason: 'CARRIER_SILENT' } })) === 1;
  });
  // In whatever order they come.
  for (let taken = 0; taken < before.length; taken++) await accept(await askedAbout(before, other), other);
  expect(await Promise.all(jobs.map(statusOf))).toEqual(['PICKED_UP', 'ASSIGNED', 'ASSIGNED']);
  expect(await world.db.driver.findUniqueOrThrow({ where: { id: other } })).toMatchObject({
    availability: 'BUSY',
    activeAssignments: 2,
  });
  expect(await world.db.driver.findUniqueOrThrow({ where: { id: driverId } })).toMatchObject({
    activeAssignments: 1,
    pending: { kind: 'OFFLINE', reason: 'FELL_SILENT' },
  });
  expect(await brokenInvariants(world.db)).toEqual([]);
}, 60_000);
