/** What follows a loss for its driver: off the map until they act, over real PostgreSQL. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createAvailability, type AvailabilityService } from '../../services/availability';
import { readMapEntries } from '../../adapters/postgres/mapEntryRow';
import { readerOf } from '../../adapters/postgres/database';
import { LOSS_REASONS, type LossReason } from '../../domain/driver/loss';
import type { Notice } from '../../domain/notices/notice';
import { DeliveryScene } from '../support/deliveryScene';
import {
  createDispatchWorld,
  type DispatchWorld,
  type NewDriver,
  TEST_LIMITS,
} from '../support/dispatchWorld';
import { brokenInvariants } from '../support/invariants';

let world: DispatchWorld;
beforeAll(async () => {
  world = await createDispatchWorld();
});
afterAll(() => world.close());

async function accepted(driver: NewDriver = {}): Promise<DeliveryScene> {
  const scene = await DeliveryScene.set(world, [driver]);
  await scene.accepted();
  return scene;
}

async function lose(scene: DeliveryScene, why: LossReason, driverId = scene.driver()): Promise<void> {
  const assignmentId = await scene.jobOf(driverId);
  await scene.send({ kind: 'releaseDriver', driverId, offerId: null, assignmentId, why });
}

const availability = (): AvailabilityService =>
  createAvailability({
    db: world.db,
    map: world.map,
    features: world.deps.features,
    clock: Date.now,
    limits: TEST_LIMITS.availability,
    notifyRelay: () => {},
  });

/** Whether a delivery at the same shop is given to the driver. */
async function isChosenAgain(scene: DeliveryScene): Promise<boolean> {
  const { deliveryId } = await world.addDelivery({ cityId: scene.cityId });
  const event = { kind: 'lookForDriver', freed: null } as const;
  const { known } = await world.activities.lookForDriver({
    deliveryId,
    correlationId: 't',
    at: Date.now(),
    event,
  });
  return known.offers.length === 1 || known.driverId !== null;
}

/** Brings the map up to date, as the relay does. */
async function syncMap(scene: DeliveryScene): Promise<void> {
  for (const entry of await readMapEntries(readerOf(world.db), [scene.driver()]))
    await world.map.sync(entry, Date.now());
}

describe.each(LOSS_REASONS)('a driver lost for %s', (why) => {
  it.each([2, null])('is not chosen again till they act, though they ping (app %s)', async (offerVersion) => {
    const scene = await DeliveryScene.set(world, [{ offerVersion }]);
    if (offerVersion === null) await scene.search();
    else await scene.accepted();
    await lose(scene, why);
    expect(await scene.driverRow()).toMatchObject({ availability: 'OFFLINE', availabilityReason: why });
    await syncMap(scene);
    const now = Date.now();
    await world.map.recordPositions(
      scene.driver(),
      [
        {
          point: { lat: 52.37, lng: 4.89 },
          at: now,
          accuracyMeters: 8,
          speedMps: null,
          headingDegrees: null,
        },
      ],
      now,
    );
    expect(await isChosenAgain(scene)).toBe(false);
    expect(await availability().read(scene.driver())).toMatchObject({ availability: 'OFFLINE', reason: why });
    await availability().request(
      scene.driver(),
      { kind: 'set', availability: 'AVAILABLE' },
      { kind: 'driver', id: scene.driver() },
      'test',
    );
    await syncMap(scene);
    expect(await isChosenAgain(scene)).toBe(true);
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  it('hears of it: by an event that names the reason, and by a push where it is on', async () => {
    const scene = await accepted();
    world.deps.limits.pushesOffers = true;
    try {
      await lose(scene, why);
    } finally {
      world.deps.limits.pushesOffers = false;
    }
    const messages = await scene.messages();
    const emits = messages.flatMap(({ payload }) => (payload as { emits?: object[] }).emits ?? []);
    expect(emits).toContainEqual(
      expect.objectContaining({
        event: 'AVAILABILITY_CHANGED',
        rooms: [`driver:${scene.driver()}`, `ops:${scene.cityId}`],
        body: expect.objectContaining({ availability: 'OFFLINE', reason: why }),
      }),
    );
    const [pushed] = await world.db.outboxMessage.findMany({
      where: { kind: 'notify', payload: { path: ['notice', 'to', 'driverId'], equals: scene.driver() } },
    });
    expect((pushed?.payload as { notice: Notice } | undefined)?.notice).toMatchObject({
      title: 'You get no deliveries now',
      what: 'open',
    });
  });
});

it('a lost driver with other work finishes it, keeps no offer, and is back by its next step', async () => {
  const scene = await accepted({ capacity: 3 });
  const driverId = scene.driver();
  const at = (deliveryId: string) => ({ deliveryId, correlationId: 'test', at: Date.now() });
  const other = await world.addDelivery({ cityId: scene.cityId });
  await world.activities.assignDriver({
    ...at(other.deliveryId),
    event: { kind: 'assignDriver', driverId, by: { kind: 'ops', id: 'o' }, override: false, why: 'near' },
  });
  const step = (name: 'arriveAtPickup' | 'pickUp') =>
    world.activities.takeStep({
      ...at(other.deliveryId),
      event: { kind: 'takeStep', step: name, by: { kind: 'driver', id: driverId }, deviceAt: null },
    });
  await step('arriveAtPickup');
  const offered = await world.addDelivery({ cityId: scene.cityId });
  await world.db.delivery.update({
    where: { id: offered.deliveryId },
    data: { unassignedMs: 30 * 60_000, searchAt: new Date(Date.now() - 30 * 60_000) },
  });
  const search = await world.activities.lookForDriver({
    ...at(offered.deliveryId),
    event: { kind: 'lookForDriver', freed: null },
  });
  expect(search.known.offers).toMatchObject([{ driverId }]);
  await lose(scene, 'FELL_SILENT');
  expect(await scene.driverRow()).toMatchObject({
    availability: 'BUSY',
    activeAssignments: 1,
    liveOffers: 0,
    pending: { kind: 'OFFLINE', reason: 'FELL_SILENT' },
  });
  expect(await scene.messages()).toContainEqual(
    expect.objectContaining({
      kind: 'offerWithdrawn',
      payload: expect.objectContaining({ deliveryId: offered.deliveryId }),
    }),
  );
  await world.activities.readDelivery({ ...at(offered.deliveryId), event: { kind: 'readDelivery' } });
  await step('pickUp');
  expect(await scene.driverRow()).toMatchObject({ availability: 'BUSY', pending: null });
  expect(await brokenInvariants(world.db)).toEqual([]);
});

describe('an act of a lost driver', () => {
  it.each(['acceptOffer', 'rejectOffer', 'takeStep', 'failDelivery', 'leaveDelivery'] as const)(
    '%s brings them back, though it is refused or late',
    async (kind) => {
      const scene = await DeliveryScene.set(world);
      const { offerId, driverId, assignmentId } = await scene.accepted();
      await lose(scene, 'NO_PROGRESS');
      const by = { kind: 'driver', id: driverId } as const;
      const event = {
        acceptOffer: { kind: 'acceptOffer', offerId, driverId },
        rejectOffer: { kind: 'rejectOffer', offerId, driverId, reason: 'OTHER' },
        takeStep: { kind: 'takeStep', step: 'arriveAtPickup', by, deviceAt: null },
        failDelivery: scene.fail('OTHER'),
        leaveDelivery: { kind: 'leaveDelivery', driverId, assignmentId, reason: 'TOO_FAR' },
      } as const;
      await scene.send(event[kind]);
      expect(await scene.driverRow()).toMatchObject({ availability: 'AVAILABLE', availabilityReason: null });
      expect(await brokenInvariants(world.db)).toEqual([]);
    },
  );

  it('that says they cannot go on leaves them off the map', async () => {
    const scene = await DeliveryScene.set(world);
    const { driverId, assignmentId } = await scene.accepted();
    await lose(scene, 'NO_PROGRESS');
    await scene.send({ kind: 'leaveDelivery', driverId, assignmentId, reason: 'VEHICLE_BREAKDOWN' });
    expect(await scene.driverRow()).toMatchObject({ availability: 'OFFLINE' });
  });

  it('of a closed delivery changes nothing: its row has the answer', async () => {
    const scene = await DeliveryScene.set(world);
    const { offerId, driverId } = await scene.accepted();
    await lose(scene, 'NO_PROGRESS');
    await scene.send({ kind: 'cancelDelivery', by: { kind: 'ops', id: 'o' }, reason: 'OPS_CANCELLED' });
    const before = await scene.traces();
    await scene.send({ kind: 'acceptOffer', offerId, driverId });
    expect(await scene.traces()).toEqual(before);
  });
});

it('a driver silent at the pickup keeps the delivery, and ops are asked once', async () => {
  const scene = await accepted();
  await scene.steps('arriveAtPickup');
  await lose(scene, 'FELL_SILENT');
  await lose(scene, 'FELL_SILENT');
  expect(await scene.row()).toMatchObject({ status: 'AT_PICKUP', driverId: scene.driver() });
  expect(await scene.cases()).toMatchObject([
    { reason: 'DRIVER_AT_PICKUP_SILENT', state: 'OPEN', driverId: scene.driver() },
  ]);
  expect(await scene.driverRow()).toMatchObject({ availability: 'BUSY' });
  await scene.steps('pickUp');
  expect(await scene.cases()).toMatchObject([{ state: 'RESOLVED', resolution: 'STEP_TAKEN' }]);
  expect(await brokenInvariants(world.db)).toEqual([]);
});
