import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { AVAILABILITY_LIMITS } from '../../domain/driver/availability';
import type { Message } from '../../domain/notices/message';
import { createAvailability } from '../../services/availability';
import { createSupportCases } from '../../services/supportCases';
import { createSuspensions, type SuspensionService } from '../../services/suspensions';
import { DeliveryScene } from '../support/deliveryScene';
import { createDispatchWorld, type DispatchWorld, MERCHANT } from '../support/dispatchWorld';
import { brokenInvariants } from '../support/invariants';

const OLGA = { kind: 'ops', id: 'olga' } as const;
const ASKED = { by: OLGA, why: 'stole a parcel', correlationId: 'suspension' };

let world: DispatchWorld;
let suspensions: SuspensionService;
beforeAll(async () => {
  world = await createDispatchWorld();
  const { db, deps } = world;
  const common = { db, features: deps.features, clock: Date.now, newId, notifyRelay: () => {} };
  suspensions = createSuspensions({ ...common, limits: AVAILABILITY_LIMITS });
});
afterAll(() => world.close());

/** Hands what a suspension left in the outbox to the deliveries, as the relay does. */
async function relay(driverId: string): Promise<void> {
  const rows = await world.db.outboxMessage.findMany({
    where: { kind: 'driverLeft', correlationId: ASKED.correlationId, sentAt: null },
    orderBy: { id: 'asc' },
  });
  for (const { payload, kind } of rows) {
    const message = { kind, ...(payload as object) } as Extract<Message, { kind: 'driverLeft' }>;
    if (message.driverId !== driverId) continue;
    const { deliveryId, offerId = null, assignmentId = null, why } = message;
    await world.activities.releaseDriver({
      deliveryId,
      correlationId: 'relay',
      at: Date.now(),
      event: { kind: 'releaseDriver', driverId, offerId, assignmentId, why },
    });
  }
}

const availabilityOf = async (driverId: string): Promise<string> =>
  (await world.db.driver.findUniqueOrThrow({ where: { id: driverId } })).availability;

describe('a driver who is suspended', () => {
  test('with an offer loses it, and the next driver is asked', async () => {
    const scene = await DeliveryScene.set(world, [{}, {}]);
    const { offerId } = await scene.offered();
    await suspensions.suspendDriver(scene.driver(), ASKED);
    await relay(scene.driver());
    expect(await scene.offers()).toMatchObject([{ id: offerId, state: 'WITHDRAWN' }]);
    expect(await availabilityOf(scene.driver())).toBe('OFFLINE');
    await scene.offered(1);
    expect(await scene.cases()).toEqual([]);
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  test.each(['by offer', 'by hand', 'with automatic reassignment off'] as const)(
    'on the way to a pickup (%s) loses the job, which becomes a case while it is searched for',
    async (way) => {
      const scene = await DeliveryScene.set(world, [{}, {}]);
      if (way === 'by hand')
        await scene.send({
          kind: 'assignDriver',
          driverId: scene.driver(),
          by: OLGA,
          override: false,
          why: 'x',
        });
      else await scene.accepted();
      world.switches.autoReassignment = way !== 'with automatic reassignment off';
      await suspensions.suspendDriver(scene.driver(), ASKED);
      await relay(scene.driver());
      world.switches.autoReassignment = true;
      expect(await scene.row()).toMatchObject({ status: 'SEARCHING', driverId: null, heldReason: null });
      expect(await scene.cases()).toMatchObject([
        { reason: 'DRIVER_SUSPENDED', state: 'OPEN', driverId: scene.driver() },
      ]);
      expect(await scene.assignments()).toMatchObject([{ state: 'LOST', endReason: 'SUSPENDED' }]);
      expect(await availabilityOf(scene.driver())).toBe('OFFLINE');
      await scene.accepted(1);
      expect(await scene.cases()).toMatchObject([{ state: 'RESOLVED', resolution: 'ASSIGNED' }]);
      expect(await brokenInvariants(world.db)).toEqual([]);
    },
  );

  test('with the goods keeps them until ops decide, and is off duty when they are out of hand', async () => {
    const scene = await DeliveryScene.set(world, [{}, {}]);
    await scene.accepted();
    await scene.steps('arriveAtPickup', 'pickUp');
    await suspensions.suspendDriver(scene.driver(), ASKED);
    await relay(scene.driver());
    await relay(scene.driver());
    expect(await scene.row()).toMatchObject({ status: 'PICKED_UP', driverId: scene.driver() });
    expect(await scene.cases()).toMatchObject([
      { reason: 'CARRIER_SUSPENDED', state: 'OPEN', driverId: scene.driver() },
    ]);
    const meetingId = null;
    await scene.send({
      kind: 'handOver',
      driverId: scene.driver(1),
      by: OLGA,
      override: false,
      meetingId,
      why: 'suspended',
    });
    expect(await scene.cases()).toMatchObject([{ state: 'RESOLVED', resolution: 'HANDED_OVER' }]);
    expect(await availabilityOf(scene.driver())).toBe('OFFLINE');
  });

  test('who accepted in the same moment loses the job all the same, and stays off duty', async () => {
    const scene = await DeliveryScene.set(world, [{}]);
    const { offerId } = await scene.offered();
    await suspensions.suspendDriver(scene.driver(), ASKED);
    // The accept was on its way before the suspension.
    await scene.answer({ kind: 'acceptOffer', offerId, driverId: scene.driver() });
    await relay(scene.driver());
    expect(await scene.row()).toMatchObject({ status: 'SEARCHING', driverId: null });
    expect(await availabilityOf(scene.driver())).toBe('OFFLINE');
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  test('gets no work by hand, and comes on duty by nobody’s request, until it is lifted', async () => {
    const scene = await DeliveryScene.set(world, [{}]);
    const driverId = scene.driver();
    const { db, deps, map } = world;
    const availability = createAvailability({
      db,
      map,
      features: deps.features,
      clock: Date.now,
      limits: AVAILABILITY_LIMITS,
      notifyRelay: () => {},
    });
    const comesBack = (by: 'driver' | 'ops') =>
      availability.request(
        driverId,
        { kind: 'set', availability: 'AVAILABLE' },
        { kind: by, id: driverId },
        'back',
      );
    await suspensions.suspendDriver(driverId, ASKED);
    for (const by of ['driver', 'ops'] as const)
      expect(await comesBack(by)).toMatchObject({ outcome: 'refused', code: 'DRIVER_SUSPENDED' });
    expect(
      await availability.request(driverId, { kind: 'shiftStart', shiftEndsAt: null }, OLGA, 'shift'),
    ).toMatchObject({ code: 'DRIVER_SUSPENDED' });
    expect(
      await scene.answer({ kind: 'assignDriver', driverId, by: OLGA, override: true, why: 'x' }),
    ).toMatchObject({ refused: 'DRIVER_OFF_DUTY' });
    expect(await suspensions.liftDriver(driverId, { ...ASKED, why: 'it was another' })).toBe(true);
    expect(await availabilityOf(driverId)).toBe('OFFLINE');
    expect(await comesBack('driver')).toMatchObject({
      outcome: 'done',
      state: { availability: 'AVAILABLE' },
    });
  });

  test('is so once, however often ops say so, and each act is in the audit trail', async () => {
    const driverId = await world.addDriver();
    const answers = await Promise.all(
      Array.from({ length: 5 }, (_, n) => suspensions.suspendDriver(driverId, { ...ASKED, why: `why ${n}` })),
    );
    expect(new Set(answers.map((answer) => answer?.why)).size).toBe(1);
    await suspensions.liftDriver(driverId, { ...ASKED, why: 'sorry' });
    await suspensions.liftDriver(driverId, { ...ASKED, why: 'sorry again' });
    await suspensions.suspendDriver(driverId, { ...ASKED, why: 'once more' });
    const entries = await world.db.auditEntry.findMany({
      where: { driverId, kind: { startsWith: 'driver_susp' } },
      orderBy: { id: 'asc' },
    });
    expect(entries.map(({ kind, why, actorId }) => [kind, why, actorId])).toEqual([
      ['driver_suspended', answers[0]?.why, 'olga'],
      ['driver_suspension_lifted', 'sorry', 'olga'],
      ['driver_suspended', 'once more', 'olga'],
    ]);
    expect(await suspensions.suspendDriver(newId(), ASKED)).toBeNull();
    expect(await suspensions.liftDriver(newId(), ASKED)).toBe(false);
  });
});

describe('a merchant who is suspended', () => {
  test('has open deliveries that go on as cases, which only ops or their end resolve', async () => {
    const [scene, over] = [await DeliveryScene.set(world, [{}]), await DeliveryScene.set(world, [{}])];
    await over.send({ kind: 'cancelDelivery', by: OLGA, reason: 'OPS_CANCELLED' });
    await suspensions.suspendMerchant(MERCHANT, ASKED);
    await suspensions.suspendMerchant(MERCHANT, ASKED);
    const told = await world.db.outboxMessage.findMany({ where: { kind: 'merchantSuspended' } });
    const keys = told.map(({ key }) => key);
    expect(keys.filter((key) => key === scene.deliveryId)).toHaveLength(1);
    expect(keys).not.toContain(over.deliveryId);
    const { db } = world;
    const cases = createSupportCases({ db, clock: Date.now, newId, notifyRelay: () => {} });
    const what = { reason: 'MERCHANT_SUSPENDED', by: OLGA, correlationId: 'relay' } as const;
    for (const { deliveryId } of [scene, scene, over]) await cases.open(deliveryId, what);
    expect(await over.cases()).toEqual([]);
    await scene.accepted();
    await scene.steps('arriveAtPickup', 'pickUp', 'arriveAtDropoff');
    expect(await scene.cases()).toMatchObject([{ reason: 'MERCHANT_SUSPENDED', state: 'OPEN' }]);
    expect(await scene.notices()).toEqual(['support error: Support queue: the merchant was suspended']);
    await scene.steps('deliver');
    expect(await scene.cases()).toMatchObject([{ state: 'RESOLVED', resolution: 'CLOSED' }]);
    expect(await suspensions.liftMerchant(MERCHANT, ASKED)).toBe(true);
    expect(await suspensions.list()).not.toContainEqual(
      expect.objectContaining({ subject: { kind: 'merchant', id: MERCHANT } }),
    );
    expect(await suspensions.suspendMerchant('nobody', ASKED)).toBeNull();
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  test('has deliveries whose case ops resolve by hand', async () => {
    const scene = await DeliveryScene.set(world, [{}]);
    const { db } = world;
    const cases = createSupportCases({ db, clock: Date.now, newId, notifyRelay: () => {} });
    await cases.open(scene.deliveryId, { reason: 'MERCHANT_SUSPENDED', by: OLGA, correlationId: 'relay' });
    const [{ id = '' } = {}] = await scene.cases();
    const how = { by: OLGA, resolution: 'BY_OPS', note: 'goes on', correlationId: 'x' } as const;
    expect(await cases.resolve(id, how)).toEqual({ outcome: 'done', changed: true });
  });
});
