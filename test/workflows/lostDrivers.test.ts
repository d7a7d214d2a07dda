/**
 * Losses and rescues through the outbox and the delivery workflows, and the sweep by its Schedule, on a real
 * Temporal server.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createRescue } from '../../services/rescue';
import { LOSS_LIMITS } from '../../domain/driver/loss';
import { COMMANDS, TASK_QUEUE, WORKFLOWS } from '../../workflows/contract';
import { PICKUP } from '../support/dispatchWorld';
import { eventually } from '../support/eventually';
import { brokenInvariants } from '../support/invariants';
import { createRealTemporalWorld, type RealTemporalWorld } from '../support/realTemporalWorld';
import type { RunningDelivery } from '../support/temporalWorld';

const correlationId = 'test';
const OPS = { kind: 'ops', id: 'olga' } as const;

let world: RealTemporalWorld;
beforeAll(async () => {
  world = await createRealTemporalWorld();
}, 60_000);
afterAll(() => world.close());

const is = ({ deliveryId }: RunningDelivery, where: object): Promise<true> =>
  eventually(
    `the delivery is ${JSON.stringify(where)}`,
    async () => (await world.db.delivery.count({ where: { id: deliveryId, ...where } })) === 1,
  );

/** A delivery accepted by its driver, in a city with another free driver. */
async function accepted(): Promise<{ delivery: RunningDelivery; driverId: string; other: string }> {
  const cityId = await world.addCity();
  const driverId = await world.addDriver({ cityId });
  const delivery = await world.dispatch({ cityId });
  await is(delivery, { status: 'OFFERED' });
  const { id: offerId } = await world.db.offer.findFirstOrThrow({
    where: { deliveryId: delivery.deliveryId },
  });
  await delivery.handle.executeUpdate(COMMANDS.acceptOffer.update, {
    args: [{ offerId, driverId, correlationId }],
  });
  return { delivery, driverId, other: await world.addDriver({ cityId }) };
}

const offeredTo = ({ deliveryId }: RunningDelivery, driverId: string): Promise<true> =>
  eventually(
    'the other one is asked',
    async () => (await world.db.offer.count({ where: { deliveryId, driverId, state: 'LIVE' } })) === 1,
  );

function rescue(driverId: string): Promise<unknown> {
  const {
    db,
    deps: { features, newId, notifyRelay, limits },
  } = world;
  return createRescue({
    db,
    features,
    newId,
    notifyRelay,
    clock: Date.now,
    limits: limits.availability,
  }).begin(driverId, { key: 'key', by: OPS, why: 'accident', correlationId });
}

describe('a rescue whose caller is gone', () => {
  test('frees the job before pickup, and the next driver is asked', async () => {
    const { delivery, driverId, other } = await accepted();
    await rescue(driverId);
    await offeredTo(delivery, other);
    expect(await world.db.assignment.findMany({ where: { deliveryId: delivery.deliveryId } })).toMatchObject([
      { driverId, state: 'LOST', endReason: 'RESCUED' },
    ]);
  });

  test('opens a case for goods in hand', async () => {
    const { delivery, driverId } = await accepted();
    for (const step of ['arriveAtPickup', 'pickUp'] as const)
      await delivery.handle.executeUpdate(COMMANDS.takeStep.update, {
        args: [{ step, by: { kind: 'driver', id: driverId }, deviceAt: null, correlationId }],
      });
    await rescue(driverId);
    await eventually(
      'there is a case',
      async () =>
        (await world.db.escalation.count({
          where: { deliveryId: delivery.deliveryId, reason: 'CARRIER_GAVE_UP' },
        })) === 1,
    );
    await is(delivery, { status: 'PICKED_UP', driverId });
  });

  test('restarts a terminated workflow', async () => {
    const { delivery, driverId, other } = await accepted();
    await delivery.handle.terminate('by mistake');
    await rescue(driverId);
    await offeredTo(delivery, other);
    expect(await brokenInvariants(world.db)).toEqual([]);
  });
});

describe('the lost-driver sweep', () => {
  test('restarts the search of a delivery without the silent driver', async () => {
    const { delivery, other } = await accepted();
    world.sweepClock.aheadMs = 2 * LOSS_LIMITS.silentAtStopMs; // the driver stands at the shop
    await world.map.recordPositions(
      other,
      [{ point: PICKUP, at: Date.now(), accuracyMeters: 8, speedMps: null, headingDegrees: null }],
      Date.now() + world.sweepClock.aheadMs,
    );
    expect(
      await world.env.client.workflow.execute(WORKFLOWS.lostDriversSweep, {
        workflowId: 'lost-drivers',
        taskQueue: TASK_QUEUE,
      }),
    ).toMatchObject({ told: 1 });
    await offeredTo(delivery, other);
    await is(delivery, { losses: 1 });
  });
});
