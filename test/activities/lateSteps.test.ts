/**
 * Steps of a driver who lost the delivery before their phone could report them, over real PostgreSQL. A bag in
 * hand is never answered NOT_FOUND.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createStrandedGoods } from '../../services/strandedGoods';
import type { Answer } from '../../domain/delivery/deliveryState';
import type { Actor, Step } from '../../domain/delivery/status';
import { DeliveryScene } from '../support/deliveryScene';
import { createDispatchWorld, type DispatchWorld } from '../support/dispatchWorld';
import { brokenInvariants } from '../support/invariants';

const OPS: Actor = { kind: 'ops', id: 'olga' };

let world: DispatchWorld;
beforeAll(async () => {
  world = await createDispatchWorld();
});
afterAll(() => world.close());

type Lost = { scene: DeliveryScene; during: number; after: number };

/** Driver 0 accepted and was lost; `during` and `after` are times of their device, before and after the loss. */
async function lost(why = 'FELL_SILENT', drivers = 2): Promise<Lost> {
  const scene = await DeliveryScene.set(
    world,
    Array.from({ length: drivers }, () => ({})),
  );
  await scene.accepted();
  await world.db.assignment.updateMany({
    where: { deliveryId: scene.deliveryId },
    data: { startedAt: new Date(Date.now() - 60_000) },
  });
  const assignmentId = await scene.jobOf(scene.driver());
  await scene.send({ kind: 'releaseDriver', driverId: scene.driver(), offerId: null, assignmentId, why });
  return { scene, during: Date.now() - 30_000, after: Date.now() + 30_000 };
}

const late = ({ scene }: Lost, step: Step, deviceAt: number | null): Promise<Answer> =>
  scene.step(step, scene.driver(), deviceAt);

const openCases = async (scene: DeliveryScene) =>
  (await scene.cases()).filter(({ state }) => state !== 'RESOLVED');

describe('a lost driver who took the goods before they were lost', () => {
  it.each(['FELL_SILENT', 'NO_PROGRESS'])('gets the delivery back, lost for %s', async (why) => {
    const it = await lost(why);
    expect(await late(it, 'pickUp', it.during)).toMatchObject({ outcome: 'moved', status: 'PICKED_UP' });
    expect(await it.scene.row()).toMatchObject({
      status: 'PICKED_UP',
      driverId: it.scene.driver(),
      lostAt: null,
      searchAgainAt: null,
      unassignedSince: null,
    });
    expect((await it.scene.row()).pickedUpAt).not.toBeNull();
    const [, back] = await it.scene.assignments();
    expect(back).toMatchObject({ driverId: it.scene.driver(), state: 'ACTIVE', way: 'OFFER', pinned: false });
    expect([back?.atPickupAt, back?.pickedUpAt].map((at) => at instanceof Date)).toEqual([true, true]);
    expect(await it.scene.driverRow()).toMatchObject({ availability: 'BUSY', availabilityReason: null });
    expect(await brokenInvariants(world.db)).toEqual([]);
    const before = await it.scene.traces();
    expect(await late(it, 'pickUp', it.during)).toMatchObject({ outcome: 'moved', status: 'PICKED_UP' });
    expect(await it.scene.traces()).toEqual(before);
    await it.scene.steps('arriveAtDropoff', 'deliver');
  });

  it('step by step, as an app sends what it kept', async () => {
    const it = await lost();
    for (const step of ['arriveAtPickup', 'pickUp'] as const)
      expect(await late(it, step, it.during)).toMatchObject({ outcome: 'moved' });
    expect(await it.scene.assignments()).toMatchObject([{ state: 'LOST' }, { state: 'ACTIVE' }]);
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  it('gets it back from a driver who is asked: their accept is refused', async () => {
    const it = await lost();
    const offer = await it.scene.offered(1);
    expect(await late(it, 'pickUp', it.during)).toMatchObject({ outcome: 'moved' });
    expect(await it.scene.answer({ kind: 'acceptOffer', ...offer })).toMatchObject({
      refused: 'OFFER_WITHDRAWN',
    });
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  it('gets it back from ops who were to decide, where automatic reassignment is off', async () => {
    world.switches.autoReassignment = false;
    try {
      const it = await lost();
      expect(await it.scene.row()).toMatchObject({ heldReason: 'REASSIGNMENT_OFF' });
      expect(await late(it, 'pickUp', it.during)).toMatchObject({ outcome: 'moved' });
      expect(await it.scene.row()).toMatchObject({ heldReason: null });
      expect(await it.scene.cases()).toMatchObject([{ state: 'RESOLVED', resolution: 'ASSIGNED' }]);
    } finally {
      world.switches.autoReassignment = true;
    }
    expect(await brokenInvariants(world.db)).toEqual([]);
  });
});

describe('goods in the hands of a driver who cannot have the delivery back', () => {
  /** Everything before the report, and what the report finds. */
  const situations: Record<string, (it: Lost) => Promise<number | null>> = {
    'taken after the loss': async ({ after }) => after,
    'taken before the assignment, by a device that is behind': async () => Date.now() - 3_600_000,
    'without a device time': async () => null,
    'while another driver is asked, taken after the loss': async ({ scene, after }) => {
      await scene.offered(1);
      return after;
    },
    'while they are on a break': async ({ scene, during }) => {
      await world.db.driver.update({
        where: { id: scene.driver() },
        data: { availability: 'PAUSED', availabilityReason: null },
      });
      return during;
    },
    'while they have other work': async ({ scene, during }) => {
      await world.db.driver.update({
        where: { id: scene.driver() },
        data: { availability: 'AVAILABLE', availabilityReason: null },
      });
      const other = await world.addDelivery({ cityId: scene.cityId });
      await world.activities.assignDriver({
        deliveryId: other.deliveryId,
        correlationId: 'test',
        at: Date.now(),
        event: { kind: 'assignDriver', driverId: scene.driver(), by: OPS, override: false, why: 'test' },
      });
      return during;
    },
  };

  it.each(Object.keys(situations))('%s: the search waits for ops, who hear of it once', async (name) => {
    const it = await lost();
    const deviceAt = (await situations[name]?.(it)) ?? null;
    expect(await late(it, 'pickUp', deviceAt)).toMatchObject({ refused: 'GOODS_IN_HAND' });
    expect(await it.scene.row()).toMatchObject({
      status: 'SEARCHING',
      heldReason: 'GOODS_IN_HAND',
      searchAgainAt: null,
    });
    expect(await openCases(it.scene)).toMatchObject([
      { reason: 'GOODS_IN_HAND', driverId: it.scene.driver(), state: 'OPEN' },
    ]);
    expect(await it.scene.notices()).toHaveLength(1);
    expect(await brokenInvariants(world.db)).toEqual([]);
    const before = await it.scene.traces();
    for (const step of ['pickUp', 'arriveAtDropoff', 'deliver'] as const)
      expect(await late(it, step, deviceAt)).toMatchObject({ refused: 'GOODS_IN_HAND' });
    expect(await it.scene.answer(it.scene.fail('NOT_AT_HOME'))).toMatchObject({ refused: 'GOODS_IN_HAND' });
    expect(await it.scene.traces()).toEqual(before);
  });

  it.each(['VEHICLE_BREAKDOWN', 'WENT_OFFLINE', 'RESCUED'])(
    'who was relieved by a decision (%s) asks ops too',
    async (why) => {
      const it = await lost(why);
      expect(await late(it, 'pickUp', it.during)).toMatchObject({ refused: 'GOODS_IN_HAND' });
      expect(await it.scene.row()).toMatchObject({ heldReason: 'GOODS_IN_HAND' });
      expect(await brokenInvariants(world.db)).toEqual([]);
    },
  );

  it('ops assign them, and they report their steps', async () => {
    const it = await lost();
    await late(it, 'pickUp', it.after);
    const assigned = await it.scene.answer({
      kind: 'assignDriver',
      driverId: it.scene.driver(),
      by: OPS,
      override: false,
      why: 'has the goods',
    });
    expect(assigned).toMatchObject({ outcome: 'assigned' });
    expect(await it.scene.cases()).toMatchObject([{ state: 'RESOLVED', resolution: 'ASSIGNED' }]);
    await it.scene.steps('arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver');
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  it('ops let the search go on: the same report again holds it no more', async () => {
    const it = await lost();
    await late(it, 'pickUp', it.after);
    await it.scene.send({ kind: 'resumeSearch', by: OPS, why: 'the bag is back at the shop' });
    expect(await late(it, 'pickUp', it.after)).toMatchObject({ refused: 'GOODS_IN_HAND' });
    expect(await it.scene.row()).toMatchObject({ heldReason: null });
    await it.scene.offered(1);
  });
});

describe('goods in the hands of a driver whose delivery another one has', () => {
  async function takenBy(steps: readonly Step[], why?: string): Promise<Lost> {
    const it = await lost(why);
    await it.scene.accepted(1);
    for (const step of steps) await it.scene.step(step, it.scene.driver(1));
    return it;
  }

  it.each([
    ['ASSIGNED', []],
    ['AT_PICKUP', ['arriveAtPickup']],
    ['PICKED_UP', ['arriveAtPickup', 'pickUp']],
    ['AT_DROPOFF', ['arriveAtPickup', 'pickUp', 'arriveAtDropoff']],
  ] as const)('%s: it stays with them, and ops hear of it once', async (status, steps) => {
    const it = await takenBy(steps);
    expect(await late(it, 'pickUp', it.during)).toMatchObject({ refused: 'GOODS_IN_HAND' });
    expect(await late(it, 'pickUp', it.during)).toMatchObject({ refused: 'GOODS_IN_HAND' });
    expect(await it.scene.row()).toMatchObject({ status, driverId: it.scene.driver(1), heldReason: null });
    expect(await openCases(it.scene)).toMatchObject([
      { reason: 'GOODS_IN_HAND', driverId: it.scene.driver(), state: 'OPEN' },
    ]);
    await it.scene.send({ kind: 'readDelivery' });
    expect(await openCases(it.scene)).toHaveLength(1);
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  it('the steps of the other driver do not settle it', async () => {
    const it = await takenBy([]);
    await late(it, 'pickUp', it.during);
    for (const step of ['arriveAtPickup', 'pickUp'] as const)
      expect(await it.scene.step(step, it.scene.driver(1))).toMatchObject({ outcome: 'moved' });
    expect(await openCases(it.scene)).toMatchObject([{ reason: 'GOODS_IN_HAND' }]);
  });

  it('and the other driver is lost: the search waits, since nothing is at the shop', async () => {
    const it = await takenBy([]);
    await late(it, 'pickUp', it.during);
    const driverId = it.scene.driver(1);
    const assignmentId = await it.scene.jobOf(driverId);
    await it.scene.send({ kind: 'releaseDriver', driverId, offerId: null, assignmentId, why: 'NO_PROGRESS' });
    expect(await it.scene.row()).toMatchObject({ status: 'SEARCHING', heldReason: 'GOODS_IN_HAND' });
    expect(await openCases(it.scene)).toMatchObject([
      { reason: 'GOODS_IN_HAND', driverId: it.scene.driver() },
    ]);
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  it('ops had given it to the other by hand: the same', async () => {
    const scene = await DeliveryScene.set(world, [{}, {}]);
    await scene.accepted();
    const event = { kind: 'assignDriver', by: OPS, override: false, why: 'test' } as const;
    await scene.send({ ...event, driverId: scene.driver(1) });
    expect(await scene.step('pickUp', scene.driver(), Date.now() - 1)).toMatchObject({
      refused: 'GOODS_IN_HAND',
    });
    expect(await openCases(scene)).toMatchObject([{ reason: 'GOODS_IN_HAND', driverId: scene.driver() }]);
  });

  it.each(['arriveAtDropoff', 'deliver', 'fail'] as const)(
    'which were to be handed over, and were not yet: %s',
    async (report) => {
      const scene = await DeliveryScene.set(world, [{}, {}]);
      await scene.accepted();
      await scene.steps('arriveAtPickup', 'pickUp');
      await scene.send({
        kind: 'handOver',
        driverId: scene.driver(1),
        by: OPS,
        override: false,
        meetingId: null,
        why: 'test',
      });
      const answer =
        report === 'fail'
          ? await scene.answer(scene.fail('NOT_AT_HOME'))
          : await scene.step(report, scene.driver(), Date.now());
      expect(answer).toMatchObject({ refused: 'GOODS_IN_HAND' });
      expect(await openCases(scene)).toMatchObject([{ reason: 'GOODS_IN_HAND', driverId: scene.driver() }]);
      await scene.step('pickUp', scene.driver(1));
      expect(await scene.row()).toMatchObject({ status: 'PICKED_UP', driverId: scene.driver(1) });
    },
  );
});

it('an arrival alone is no goods: a driver who cannot have the delivery back is told that it is gone', async () => {
  const it = await lost();
  expect(await late(it, 'arriveAtPickup', it.after)).toMatchObject({ refused: 'NOT_FOUND' });
  expect(await it.scene.row()).toMatchObject({ status: 'SEARCHING', heldReason: null });
});

describe('goods of a delivery that is over', () => {
  const stranded = () => createStrandedGoods({ db: world.db, clock: Date.now, notifyRelay: () => {} });

  async function reportOnce(scene: DeliveryScene): Promise<void> {
    const notices = (await scene.notices()).length;
    const claim = { deliveryId: scene.deliveryId, driverId: scene.driver(), correlationId: 'test' };
    await stranded().report(claim);
    await Promise.all([stranded().report(claim), stranded().report(claim)]);
    expect((await scene.notices()).slice(notices)).toEqual([
      expect.stringMatching(/^support error: A driver still has the goods of a delivery that is /),
    ]);
    expect(await scene.entries()).toContain('goods_claimed');
    expect(await brokenInvariants(world.db)).toEqual([]);
  }

  it('are brought back, taken by a driver who was lost before', async () => {
    const it = await lost();
    await it.scene.send({ kind: 'cancelDelivery', by: OPS, reason: 'OPS_CANCELLED' });
    const before = await it.scene.traces();
    expect(await late(it, 'pickUp', it.during)).toMatchObject({ refused: 'GOODS_NOT_NEEDED' });
    expect(await it.scene.traces()).toEqual(before);
    await reportOnce(it.scene);
  });

  it('are brought back, taken before the cancel was known', async () => {
    const scene = await DeliveryScene.set(world);
    await scene.accepted();
    await scene.steps('arriveAtPickup');
    await scene.send({ kind: 'cancelDelivery', by: OPS, reason: 'OPS_CANCELLED' });
    const endedAt = (await scene.assignments())[0]?.endedAt?.getTime() ?? 0;
    expect(await scene.step('pickUp', scene.driver(), endedAt)).toMatchObject({
      refused: 'GOODS_NOT_NEEDED',
    });
    expect(await scene.step('pickUp', scene.driver(), endedAt + 1)).toMatchObject({
      refused: 'ILLEGAL_TRANSITION',
    });
    await reportOnce(scene);
  });

  it('are no matter while the delivery is open, or for a driver who never had it', async () => {
    const it = await lost();
    const claim = { deliveryId: it.scene.deliveryId, correlationId: 'test' };
    await stranded().report({ ...claim, driverId: it.scene.driver() });
    await it.scene.send({ kind: 'cancelDelivery', by: OPS, reason: 'OPS_CANCELLED' });
    await stranded().report({ ...claim, driverId: it.scene.driver(1) });
    expect(await it.scene.entries()).not.toContain('goods_claimed');
  });
});

it('a late pickUp and the accept of another driver: the first of them wins', async () => {
  for (let race = 1; race <= 5; race++) {
    const it = await lost();
    const offer = await it.scene.offered(1);
    const [step, accept] = await Promise.all([
      late(it, 'pickUp', it.during),
      it.scene.answer({ kind: 'acceptOffer', ...offer }),
    ]);
    const { driverId } = await it.scene.row();
    const isBack = driverId === it.scene.driver();
    expect([step, accept]).toMatchObject(
      isBack
        ? [{ outcome: 'moved' }, { refused: 'OFFER_WITHDRAWN' }]
        : [{ refused: 'GOODS_IN_HAND' }, { outcome: 'accepted' }],
    );
    expect(await openCases(it.scene)).toHaveLength(isBack ? 0 : 1);
    expect(await brokenInvariants(world.db)).toEqual([]);
  }
});
