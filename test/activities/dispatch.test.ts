/**
 * Each event of domain/delivery in its one transaction, on a real database: what it does, and that doing
 * it again does nothing.
 */
import { readCandidates } from '../../adapters/postgres/candidates';
import { readerOf } from '../../adapters/postgres/database';
import { dayIn } from '../../domain/money/workday';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import type { IncomingEvent } from '../../domain/delivery/events';
import type { Step } from '../../domain/delivery/status';
import type { Answer } from '../../domain/delivery/deliveryState';
import { DeliveryScene as Scene, NOBODY } from '../support/deliveryScene';
import {
  createDispatchWorld,
  type DispatchWorld,
  type NewDriver,
  TEST_LIMITS,
} from '../support/dispatchWorld';
import { brokenInvariants } from '../support/invariants';

const OPS = { kind: 'ops', id: 'olga' } as const;
const MINUTE_MS = 60_000;

let world: DispatchWorld;
beforeAll(async () => {
  world = await createDispatchWorld();
});
afterAll(() => world.close());
const toldAlready = new Set<string>();
afterEach(async () => {
  Object.assign(world.switches, { driverOffers: true, autoReassignment: true });
  const broken = (await brokenInvariants(world.db)).filter((problem) => !toldAlready.has(problem));
  broken.forEach((problem) => toldAlready.add(problem));
  expect(broken).toEqual([]);
});

const job = ({
  driverId,
  assignmentId,
}: {
  driverId: string;
  assignmentId: string;
}): { driverId: string; assignmentId: string } => ({ driverId, assignmentId });
const ids = ({
  offerId,
  driverId,
}: {
  offerId: string;
  driverId: string;
}): { offerId: string; driverId: string } => ({ offerId, driverId });
const later = (ms: number): number => Date.now() + ms;

describe('a driver search', () => {
  test('holds the nearest driver by an offer and notifies driver and ops', async () => {
    const scene = await Scene.set(world, [{}, {}]);
    const { offerId } = await scene.offered();
    expect(await scene.driverRow()).toMatchObject({
      liveOffers: 1,
      activeAssignments: 0,
      availability: 'AVAILABLE',
    });
    expect(await scene.driverRow(1)).toMatchObject({ liveOffers: 0 });
    expect(await scene.emitted()).toEqual(
      expect.arrayContaining([
        `DELIVERY_OFFERED_V2 to driver:${scene.driver()}`,
        `offer_created to ops:${scene.cityId}`,
      ]),
    );
    const [offer] = await scene.offers();
    expect(offer).toMatchObject({
      id: offerId,
      state: 'LIVE',
      payCents: 700,
      payload: expect.objectContaining({
        payCents: 700,
        pickup: expect.anything(),
        dropoff: expect.anything(),
      }),
    });
  });

  test('stores with the offer why this driver was chosen and the others were not', async () => {
    const scene = await Scene.set(world, [{}, {}, {}]);
    // the map does not know yet
    await world.db.driver.update({ where: { id: scene.driver(1) }, data: { availability: 'ON_BREAK' } });
    await scene.offered();
    const [offer] = await scene.offers();
    expect(offer?.choice).toMatchObject({
      looked: 3,
      ranked: [
        expect.objectContaining({ driverId: scene.driver(), score: expect.anything() }),
        expect.objectContaining({ driverId: scene.driver(2) }),
      ],
      excluded: [{ driverId: scene.driver(1), reason: 'NOT_AVAILABLE', until: null }],
    });
  });

  test('skips drivers locked by another transaction without waiting', async () => {
    const scene = await Scene.set(world, [{}, {}]);
    await world.db.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT id FROM drivers WHERE id = ${scene.driver()}::uuid FOR UPDATE`;
      await scene.offered(1);
    });
  });

  test('repeats within a second if all candidates are locked by others', async () => {
    const scene = await Scene.set(world);
    const { known } = await world.db.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT id FROM drivers WHERE id = ${scene.driver()}::uuid FOR UPDATE`;
      return scene.search();
    });
    expect(known).toMatchObject({ status: 'SEARCHING', searchRound: 0 });
    expect(known.searchAgainAt).toBeLessThanOrEqual(later(1_000));
  });

  test('rereads the driver under lock: one who changed since the map read is not held', async () => {
    const scene = await Scene.set(world);
    await world.db.driver.update({ where: { id: scene.driver() }, data: { availability: 'OFFLINE' } });
    expect((await scene.search()).known).toMatchObject({ status: 'SEARCHING', offers: [], searchRound: 1 });
  });

  test('backs off after each round without a driver and starts only when due', async () => {
    const scene = await Scene.set(world, [], { searchAt: new Date(later(MINUTE_MS)) });
    expect((await scene.search()).known).toMatchObject({ status: 'PENDING', searchRound: 0 });
    let at = later(MINUTE_MS);
    const waits: number[] = [];
    for (let round = 1; round <= 4; round += 1) {
      const { known } = await scene.search(at);
      expect(known).toMatchObject({ status: 'SEARCHING', searchRound: round });
      waits.push((known.searchAgainAt ?? 0) - at);
      at = known.searchAgainAt ?? 0;
    }
    expect(waits).toEqual([5_000, 10_000, 20_000, 40_000]);
  });

  test('passes on the driver who woke it if it makes no offer', async () => {
    const scene = await Scene.set(world, [{ availability: 'OFFLINE' }]);
    await scene.send({ kind: 'lookForDriver', freed: { driverId: scene.driver(), passed: ['another'] } });
    expect(await scene.messages()).toContainEqual({
      kind: 'driverFree',
      payload: { driverId: scene.driver(), passed: ['another', scene.deliveryId] },
    });
  });

  test('ignores a delivery that no longer searches', async () => {
    const scene = await Scene.set(world, [{}, {}]);
    await scene.offered();
    const before = await scene.traces();
    await scene.search();
    expect(await scene.traces()).toEqual(before);
  });

  test.each([
    ['with offers off', { offerVersion: 2 }, false],
    ['for a v1 app', { offerVersion: null }, true],
    ['for an app of version 1', { offerVersion: 1 }, true],
  ])('assigns at once %s', async (_case, driver, offersOn) => {
    world.switches.driverOffers = offersOn;
    const scene = await Scene.set(world, [driver]);
    const { known } = await scene.search();
    expect(known).toMatchObject({ status: 'ASSIGNED', driverId: scene.driver(), offers: [] });
    expect(await scene.driverRow()).toMatchObject({
      availability: 'BUSY',
      liveOffers: 0,
      activeAssignments: 1,
      idleSince: null,
    });
    expect(await scene.assignments()).toMatchObject([
      { way: 'V1', offerId: null, pinned: false, choice: expect.objectContaining({ looked: 1 }) },
    ]);
    expect(await scene.emitted()).toContain(`DELIVERY_ASSIGNED to driver:${scene.driver()}`);
  });
});

/**
 * Events whose repeat must give the first answer and change nothing: what comes before, the event, and what
 * else may come between.
 */
type Repeat = {
  name: string;
  before: (scene: Scene) => Promise<IncomingEvent>;
  drivers?: NewDriver[];
  afterMs?: number;
  between?: (scene: Scene) => Promise<unknown>;
  first: object;
};

const stepEvent = (scene: Scene, step: Step): IncomingEvent => ({
  kind: 'takeStep',
  step,
  by: { kind: 'driver', id: scene.driver() },
  deviceAt: 1_700_000_000_123,
});
const BEFORE_DELIVERY: readonly Step[] = ['arriveAtPickup', 'pickUp', 'arriveAtDropoff'];

const REPEATS: readonly Repeat[] = [
  {
    name: 'lookForDriver that finds one',
    before: async () => ({ kind: 'lookForDriver', freed: null }),
    first: { outcome: 'noted' },
  },
  {
    name: 'lookForDriver of the v1 way',
    drivers: [{ offerVersion: null }],
    before: async () => ({ kind: 'lookForDriver', freed: null }),
    first: { outcome: 'noted' },
  },
  {
    name: 'lapseOffer',
    drivers: [{}],
    afterMs: 31_000,
    first: { outcome: 'noted' },
    before: async (scene) => ({ kind: 'lapseOffer', offerId: (await scene.offered()).offerId }),
  },
  {
    name: 'giveUpSearch',
    drivers: [],
    first: { outcome: 'noted' },
    before: async (scene) => {
      await scene.search();
      return { kind: 'giveUpSearch' };
    },
  },
  {
    name: 'acceptOffer',
    first: { outcome: 'accepted' },
    before: async (scene) => ({
      kind: 'acceptOffer',
      driverId: scene.driver(),
      offerId: (await scene.offered()).offerId,
    }),
  },
  {
    name: 'acceptOffer, though the driver took a step since',
    first: { outcome: 'accepted' },
    before: async (scene) => ({
      kind: 'acceptOffer',
      driverId: scene.driver(),
      offerId: (await scene.offered()).offerId,
    }),
    between: (scene) => scene.step('arriveAtPickup'),
  },
  {
    name: 'acceptOffer, though it was cancelled since',
    first: { outcome: 'accepted' },
    before: async (scene) => ({
      kind: 'acceptOffer',
      driverId: scene.driver(),
      offerId: (await scene.offered()).offerId,
    }),
    between: (scene) => scene.send({ kind: 'cancelDelivery', by: OPS, reason: 'OPS_CANCELLED' }),
  },
  {
    name: 'rejectOffer',
    first: { outcome: 'rejected' },
    before: async (scene) => ({
      kind: 'rejectOffer',
      driverId: scene.driver(),
      offerId: (await scene.offered()).offerId,
      reason: 'TOO_FAR',
    }),
  },
  {
    name: 'rejectOffer, though the next driver has accepted since',
    drivers: [{}, {}],
    first: { outcome: 'rejected' },
    before: async (scene) => ({
      kind: 'rejectOffer',
      driverId: scene.driver(),
      offerId: (await scene.offered()).offerId,
      reason: 'TOO_FAR',
    }),
    between: (scene) => scene.accepted(1),
  },
  ...BEFORE_DELIVERY.map((step, index): Repeat => ({
    name: step,
    first: { outcome: 'moved' },
    before: async (scene) => {
      await scene.accepted();
      await scene.steps(...BEFORE_DELIVERY.slice(0, index));
      return stepEvent(scene, step);
    },
  })),
  {
    name: 'arriveAtPickup, though the goods are on the way since',
    first: { outcome: 'moved', status: 'AT_PICKUP' },
    before: async (scene) => {
      await scene.accepted();
      return stepEvent(scene, 'arriveAtPickup');
    },
    between: (scene) => scene.step('pickUp'),
  },
  {
    name: 'deliver',
    first: { outcome: 'moved', status: 'DELIVERED' },
    before: async (scene) => {
      await scene.accepted();
      await scene.steps(...BEFORE_DELIVERY);
      return stepEvent(scene, 'deliver');
    },
  },
  {
    name: 'returnGoods',
    first: { outcome: 'moved', status: 'RETURNED' },
    before: async (scene) => {
      await scene.accepted();
      await scene.steps(...BEFORE_DELIVERY);
      await scene.send(scene.fail('NOT_AT_HOME'));
      return stepEvent(scene, 'returnGoods');
    },
  },
  {
    name: 'failDelivery at the pickup',
    first: { outcome: 'moved', status: 'FAILED' },
    before: async (scene) => {
      await scene.accepted();
      await scene.steps('arriveAtPickup');
      return scene.fail('MERCHANT_CLOSED');
    },
  },
  {
    name: 'failDelivery with the goods lost',
    first: { outcome: 'moved', status: 'FAILED' },
    before: async (scene) => {
      await scene.accepted();
      await scene.steps('arriveAtPickup', 'pickUp');
      return scene.fail('DAMAGED', 'LOST');
    },
  },
  {
    name: 'failDelivery with the goods going back',
    first: { outcome: 'moved', status: 'RETURNING' },
    before: async (scene) => {
      await scene.accepted();
      await scene.steps(...BEFORE_DELIVERY);
      return scene.fail('REFUSED');
    },
  },
  {
    name: 'cancelDelivery before the search',
    first: { outcome: 'moved', status: 'CANCELLED' },
    before: async () => ({ kind: 'cancelDelivery', by: OPS, reason: 'OPS_CANCELLED' }),
  },
  {
    name: 'cancelDelivery with an offer out',
    first: { outcome: 'moved', status: 'CANCELLED' },
    before: async (scene) => {
      await scene.offered();
      return { kind: 'cancelDelivery', by: OPS, reason: 'OPS_CANCELLED' };
    },
  },
  {
    name: 'cancelDelivery with a driver on the way',
    first: { outcome: 'moved', status: 'CANCELLED' },
    before: async (scene) => {
      await scene.accepted();
      return { kind: 'cancelDelivery', by: OPS, reason: 'CUSTOMER_CANCELLED' };
    },
  },
  {
    name: 'assignDriver',
    drivers: [{}, {}],
    first: { outcome: 'assigned' },
    before: async (scene) => {
      await scene.offered();
      return { kind: 'assignDriver', driverId: scene.driver(1), by: OPS, override: false, why: 'next door' };
    },
  },
  {
    name: 'assignDriver in another’s place',
    drivers: [{}, {}],
    first: { outcome: 'assigned' },
    before: async (scene) => {
      await scene.accepted();
      return { kind: 'assignDriver', driverId: scene.driver(1), by: OPS, override: false, why: 'next door' };
    },
  },
  {
    name: 'releaseDriver of an offer',
    drivers: [{}, {}],
    first: { outcome: 'noted' },
    before: async (scene) => ({
      kind: 'releaseDriver',
      driverId: scene.driver(),
      offerId: (await scene.offered()).offerId,
      assignmentId: null,
      why: 'went offline',
    }),
  },
  {
    name: 'releaseDriver of an offer, though the next driver was asked since',
    drivers: [{}, {}],
    first: { outcome: 'noted' },
    before: async (scene) => {
      const { offerId, driverId } = await scene.offered();
      await world.db.driver.update({ where: { id: driverId }, data: { availability: 'OFFLINE' } });
      return { kind: 'releaseDriver', driverId, offerId, assignmentId: null, why: 'went offline' };
    },
    between: (scene) => scene.offered(1),
  },
  {
    name: 'releaseDriver of an assignment',
    first: { outcome: 'noted' },
    before: async (scene) => {
      const { driverId, assignmentId } = await scene.accepted();
      return { kind: 'releaseDriver', driverId, offerId: null, assignmentId, why: 'breakdown' };
    },
  },
  {
    name: 'releaseDriver of an assignment, though another has the delivery since',
    drivers: [{}, {}],
    first: { outcome: 'noted' },
    before: async (scene) => {
      const { driverId, assignmentId } = await scene.accepted();
      return { kind: 'releaseDriver', driverId, offerId: null, assignmentId, why: 'breakdown' };
    },
    between: (scene) => scene.accepted(1),
  },
  {
    name: 'escalate',
    first: { outcome: 'noted' },
    afterMs: 6 * MINUTE_MS,
    before: async (scene) => {
      await scene.offered();
      return { kind: 'escalate' };
    },
  },
  {
    name: 'handOver',
    drivers: [{}, {}],
    first: { outcome: 'assigned' },
    before: async (scene) => {
      await scene.accepted();
      await scene.steps('arriveAtPickup', 'pickUp');
      return {
        kind: 'handOver',
        driverId: scene.driver(1),
        by: OPS,
        override: false,
        meetingId: null,
        why: 'flat tyre',
      };
    },
  },
  {
    name: 'leaveDelivery before the pickup',
    first: { outcome: 'released' },
    before: async (scene) => ({
      kind: 'leaveDelivery',
      ...job(await scene.accepted()),
      reason: 'VEHICLE_BREAKDOWN',
    }),
  },
  {
    name: 'leaveDelivery, though another has the delivery since',
    drivers: [{}, {}],
    first: { outcome: 'released' },
    before: async (scene) => ({ kind: 'leaveDelivery', ...job(await scene.accepted()), reason: 'OTHER' }),
    between: (scene) => scene.accepted(1),
  },
  {
    name: 'leaveDelivery with the goods in hand',
    first: { outcome: 'escalated' },
    before: async (scene) => {
      const taken = job(await scene.accepted());
      await scene.steps('arriveAtPickup', 'pickUp');
      return { kind: 'leaveDelivery', ...taken, reason: 'VEHICLE_BREAKDOWN' };
    },
  },
  {
    name: 'rescueDelivery of an offer',
    drivers: [{}],
    first: { outcome: 'released' },
    before: async (scene) => ({
      kind: 'rescueDelivery',
      ...ids(await scene.offered()),
      assignmentId: null,
      by: OPS,
      why: 'accident',
    }),
  },
  {
    name: 'rescueDelivery of a job',
    first: { outcome: 'released' },
    before: async (scene) => {
      const { driverId, assignmentId } = await scene.accepted();
      return { kind: 'rescueDelivery', driverId, offerId: null, assignmentId, by: OPS, why: 'accident' };
    },
  },
  {
    name: 'raisePay',
    drivers: [],
    first: { outcome: 'payRaised', payCents: 950 },
    before: async (scene) => {
      await scene.search();
      return { kind: 'raisePay', bonusCents: 250, by: OPS, why: 'rain' };
    },
  },
  {
    name: 'resumeSearch',
    first: { outcome: 'searching' },
    before: async (scene) => {
      world.switches.autoReassignment = false;
      await scene.send({ kind: 'leaveDelivery', ...job(await scene.accepted()), reason: 'OTHER' });
      expect(await scene.row()).toMatchObject({ heldReason: 'REASSIGNMENT_OFF', searchAgainAt: null });
      return { kind: 'resumeSearch', by: OPS, why: 'go on' };
    },
  },
  {
    name: 'searchFarther',
    drivers: [],
    first: { outcome: 'searching' },
    before: async (scene) => {
      await scene.search();
      return { kind: 'searchFarther', radiusMeters: 30_000, by: OPS, why: 'rain' };
    },
  },
  {
    name: 'changeOrder',
    first: { outcome: 'orderChanged' },
    before: async (scene) => {
      await scene.offered();
      const content = { pickup: {}, dropoff: { notes: 'ring twice' } };
      const { id: changeId } = await world.db.orderChange.create({
        data: { id: newId(), deliveryId: scene.deliveryId, requestKey: newId(), content },
      });
      return { kind: 'changeOrder', changeId, by: OPS };
    },
  },
  {
    name: 'readDelivery',
    first: { outcome: 'noted' },
    before: async (scene) => {
      await scene.offered();
      return { kind: 'readDelivery' };
    },
  },
];

describe('a repeat gives the first answer and changes nothing:', () => {
  test.each(REPEATS.map((each) => [each.name, each] as const))(
    '%s',
    async (_name, { before, drivers = [{}], afterMs, between, first }) => {
      const scene = await Scene.set(world, drivers);
      const event = await before(scene);
      // Ahead of our clock, so that both answers name the same instants whatever the machine's speed.
      const at = later(afterMs ?? 1_000);
      const once = await scene.send(event, at);
      expect(once.answer).toMatchObject(first);
      await between?.(scene);
      const after = await scene.traces();
      const again = await scene.send(event, at + 1_000);
      expect(again.answer).toEqual(once.answer);
      if (!between) expect(again.known).toEqual(once.known);
      expect(await scene.traces()).toEqual(after);
    },
  );

  test('the list covers every event', () => {
    const told = new Set(REPEATS.map(({ name }) => name.split(' ')[0]?.replace(',', '')));
    const kinds = Object.keys(world.activities).filter((kind) => kind !== 'takeStep');
    expect(kinds.filter((kind) => !told.has(kind))).toEqual([]);
  });
});

describe('another answer, or another driver’s, is refused:', () => {
  test('reject after accept, and accept after reject', async () => {
    const taken = await Scene.set(world);
    const { offerId, driverId } = await taken.accepted();
    expect(await taken.answer({ kind: 'rejectOffer', offerId, driverId, reason: 'OTHER' })).toMatchObject({
      refused: 'ALREADY_ANSWERED',
    });
    const left = await Scene.set(world);
    const offer = await left.offered();
    await left.send({ kind: 'rejectOffer', ...offer, reason: 'OTHER' });
    expect(await left.answer({ kind: 'acceptOffer', ...offer })).toMatchObject({
      refused: 'ALREADY_ANSWERED',
    });
  });

  test('an offer to another driver or of another delivery', async () => {
    const [scene, other] = [await Scene.set(world, [{}, {}]), await Scene.set(world)];
    const { offerId } = await scene.offered();
    expect(await scene.answer({ kind: 'acceptOffer', offerId, driverId: scene.driver(1) })).toMatchObject({
      refused: 'NOT_FOUND',
    });
    expect(await other.answer({ kind: 'acceptOffer', offerId, driverId: scene.driver() })).toMatchObject({
      refused: 'NOT_FOUND',
    });
    expect(
      await scene.answer({ kind: 'rejectOffer', offerId: NOBODY, driverId: scene.driver(), reason: 'OTHER' }),
    ).toMatchObject({ refused: 'NOT_FOUND' });
  });

  test('an expired or withdrawn offer', async () => {
    const expired = await Scene.set(world);
    const offer = await expired.offered();
    await expired.send({ kind: 'lapseOffer', offerId: offer.offerId }, offer.expiresAt);
    expect(await expired.answer({ kind: 'acceptOffer', ...offer })).toMatchObject({
      refused: 'OFFER_EXPIRED',
    });
    expect(await expired.answer({ kind: 'rejectOffer', ...offer, reason: 'OTHER' })).toMatchObject({
      refused: 'OFFER_EXPIRED',
    });
    const withdrawn = await Scene.set(world);
    const gone = await withdrawn.offered();
    await withdrawn.send({ kind: 'cancelDelivery', by: OPS, reason: 'OPS_CANCELLED' });
    expect(await withdrawn.answer({ kind: 'acceptOffer', ...gone })).toMatchObject({
      refused: 'OFFER_WITHDRAWN',
    });
  });

  test('a step by another driver, or out of order', async () => {
    const scene = await Scene.set(world, [{}, {}]);
    expect(await scene.step('arriveAtPickup')).toMatchObject({ refused: 'NOT_FOUND' });
    await scene.accepted();
    expect(await scene.step('arriveAtPickup', scene.driver(1))).toMatchObject({ refused: 'NOT_FOUND' });
    expect(await scene.step('deliver')).toMatchObject({
      refused: 'ILLEGAL_TRANSITION',
      detail: expect.stringContaining('ASSIGNED'),
    });
  });

  test('a step by the driver who lost the delivery', async () => {
    const scene = await Scene.set(world, [{}, {}]);
    const { driverId, assignmentId } = await scene.accepted();
    await scene.send({ kind: 'releaseDriver', driverId, offerId: null, assignmentId, why: 'breakdown' });
    expect(await scene.step('arriveAtPickup')).toMatchObject({ refused: 'NOT_FOUND' });
    await scene.accepted(1);
    expect(await scene.step('arriveAtPickup')).toMatchObject({ refused: 'NOT_FOUND' });
  });

  test('an invalid reason, a cancel after pickup, a failure after the end', async () => {
    const scene = await Scene.set(world);
    await scene.accepted();
    await scene.steps('arriveAtPickup');
    expect(await scene.answer(scene.fail('NOT_AT_HOME'))).toMatchObject({ refused: 'REASON_NOT_ALLOWED' });
    await scene.steps('pickUp');
    expect(await scene.answer({ kind: 'cancelDelivery', by: OPS, reason: 'OPS_CANCELLED' })).toMatchObject({
      refused: 'ILLEGAL_TRANSITION',
    });
    await scene.steps('arriveAtDropoff', 'deliver');
    expect(await scene.answer(scene.fail('DAMAGED'))).toMatchObject({ refused: 'ILLEGAL_TRANSITION' });
  });

  test('a manual assignment of an unknown, foreign, off-duty, resting or full driver, or after pickup', async () => {
    const scene = await Scene.set(world, [{}, { availability: 'OFFLINE' }, { availability: 'PAUSED' }]);
    const elsewhere = await world.addDriver();
    const byHand = (driverId: string): Promise<Answer> =>
      scene.answer({ kind: 'assignDriver', driverId, by: OPS, override: false, why: 'test' });
    expect(await byHand(NOBODY)).toMatchObject({ refused: 'NOT_FOUND' });
    expect(await byHand(elsewhere)).toMatchObject({ refused: 'DRIVER_IN_OTHER_CITY' });
    expect(await byHand(scene.driver(1))).toMatchObject({ refused: 'DRIVER_OFF_DUTY' });
    expect(await byHand(scene.driver(2))).toMatchObject({ refused: 'DRIVER_ON_BREAK' });
    await scene.accepted();
    const { deliveryId } = await world.addDelivery({ cityId: scene.cityId });
    const told = await world.activities.assignDriver({
      deliveryId,
      correlationId: 'test',
      at: Date.now(),
      event: { kind: 'assignDriver', driverId: scene.driver(), by: OPS, override: false, why: 'test' },
    });
    expect(told.answer).toMatchObject({ refused: 'DRIVER_HAS_NO_ROOM' });
    await scene.steps('arriveAtPickup', 'pickUp');
    expect(await byHand(scene.driver(2))).toMatchObject({ refused: 'ILLEGAL_TRANSITION' });
  });
});

describe('an offer', () => {
  test('does not expire early, and frees its driver on expiry', async () => {
    const scene = await Scene.set(world);
    const { offerId, expiresAt } = await scene.offered();
    await scene.send({ kind: 'lapseOffer', offerId }, expiresAt - 1);
    expect(await scene.offers()).toMatchObject([{ state: 'LIVE' }]);
    await scene.send({ kind: 'lapseOffer', offerId }, expiresAt);
    expect(await scene.offers()).toMatchObject([{ state: 'EXPIRED', endReason: 'LAPSED' }]);
    expect(await scene.driverRow()).toMatchObject({ liveOffers: 0, availability: 'AVAILABLE' });
    expect(await scene.emitted()).toContain(`OFFER_EXPIRED to driver:${scene.driver()}`);
  });

  test('that expired excludes its driver for five minutes, after which the search repeats', async () => {
    const scene = await Scene.set(world);
    const { offerId, expiresAt } = await scene.offered();
    await scene.send({ kind: 'lapseOffer', offerId }, expiresAt);
    let known = (await scene.search(expiresAt)).known;
    for (let rounds = 0; known.status === 'SEARCHING' && rounds < 20; rounds += 1) {
      const at = known.searchAgainAt ?? 0;
      known = (await scene.search(at)).known;
      if (known.status === 'OFFERED') expect(at).toBe(expiresAt + TEST_LIMITS.ranking.lapseExclusionMs);
    }
    expect(known).toMatchObject({ status: 'OFFERED', offers: [{ driverId: scene.driver() }] });
  });

  test('that was rejected is repeated only for higher pay', async () => {
    const scene = await Scene.set(world);
    await scene.send({ kind: 'rejectOffer', ...(await scene.offered()), reason: 'PAY_TOO_LOW' });
    expect((await scene.search()).known.status).toBe('SEARCHING');
    await world.db.delivery.update({ where: { id: scene.deliveryId }, data: { bonusCents: 100 } });
    const { offerId } = await scene.offered();
    expect(await world.db.offer.findUniqueOrThrow({ where: { id: offerId } })).toMatchObject({
      payCents: 800,
    });
  });

  test('withdrawn by another delivery sends its own delivery back to search', async () => {
    const scene = await Scene.set(world);
    await scene.offered();
    const { deliveryId: other } = await world.addDelivery({ cityId: scene.cityId });
    const event = {
      kind: 'assignDriver',
      driverId: scene.driver(),
      by: OPS,
      override: false,
      why: 'urgent',
    } as const;
    expect(
      (
        await world.activities.assignDriver({
          deliveryId: other,
          correlationId: 'test',
          at: Date.now(),
          event,
        })
      ).answer,
    ).toMatchObject({ outcome: 'assigned' });
    expect(await scene.offers()).toMatchObject([
      { state: 'WITHDRAWN', endReason: 'DRIVER_ASSIGNED_BY_HAND' },
    ]);
    const messages = await world.db.outboxMessage.findMany({ where: { key: other, kind: 'offerWithdrawn' } });
    expect(messages).toMatchObject([{ payload: { deliveryId: scene.deliveryId } }]);
    const { known } = await scene.send({ kind: 'readDelivery' });
    expect(known).toMatchObject({ status: 'SEARCHING', offers: [] });
  });

  test('whose driver went off duty cannot be accepted', async () => {
    const scene = await Scene.set(world);
    const offer = await scene.offered();
    await world.db.driver.update({ where: { id: scene.driver() }, data: { availability: 'SHIFT_ENDED' } });
    expect(await scene.answer({ kind: 'acceptOffer', ...offer })).toMatchObject({
      refused: 'OFFER_WITHDRAWN',
    });
    expect(await scene.row()).toMatchObject({ status: 'SEARCHING', driverId: null });
  });
});

describe('a delivery in progress', () => {
  test('adds the pay to the driver’s earnings of the day at the end', async () => {
    const scene = await Scene.set(world);
    await scene.accepted();
    await scene.steps(...BEFORE_DELIVERY, 'deliver');
    expect(await scene.driverRow()).toMatchObject({
      earnedTodayCents: 700,
      availability: 'AVAILABLE',
      activeAssignments: 0,
    });
    await world.db.driver.update({
      where: { id: scene.driver() },
      data: { earnedOn: new Date(later(-86_400_000)), earnedTodayCents: 9_999 },
    });
    const { deliveryId } = await world.addDelivery({ cityId: scene.cityId });
    const tell = (event: IncomingEvent) =>
      world.activities[event.kind]({ deliveryId, correlationId: 'test', at: Date.now(), event });
    const {
      known: {
        offers: [offer],
      },
    } = await tell({ kind: 'lookForDriver', freed: null });
    await tell({ kind: 'acceptOffer', offerId: offer?.offerId ?? '', driverId: scene.driver() });
    for (const step of [...BEFORE_DELIVERY, 'deliver'] as const) await tell(stepEvent(scene, step));
    expect(await scene.driverRow()).toMatchObject({ earnedTodayCents: 700 });
  });

  test('counts earnings by the day of the city, where UTC has another day', async () => {
    const scene = await Scene.set(world);
    const timezone = new Date().getUTCHours() < 11 ? 'Pacific/Pago_Pago' : 'Pacific/Kiritimati';
    await world.db.city.update({ where: { id: scene.cityId }, data: { timezone } });
    await scene.accepted();
    const today = dayIn(timezone, Date.now());
    expect(today).not.toBe(new Date().toISOString().slice(0, 10));
    await world.db.driver.update({
      where: { id: scene.driver() },
      data: { earnedOn: new Date(`${today}T00:00:00Z`), earnedTodayCents: 1_000 },
    });
    await scene.steps(...BEFORE_DELIVERY, 'deliver');
    expect(await scene.driverRow()).toMatchObject({
      earnedTodayCents: 1_700,
      earnedOn: new Date(`${today}T00:00:00Z`),
    });
    const [candidate] = await readCandidates(readerOf(world.db), {
      deliveryId: scene.deliveryId,
      driverIds: [scene.driver()],
      broadcastSince: null,
      now: Date.now(),
    });
    expect(candidate).toMatchObject({ earningsTodayCents: 1_700 });
  });

  test('is not paid when cancelled or failed', async () => {
    const cancelled = await Scene.set(world);
    await cancelled.accepted();
    await cancelled.send({ kind: 'cancelDelivery', by: OPS, reason: 'OPS_CANCELLED' });
    expect(await cancelled.driverRow()).toMatchObject({ earnedTodayCents: 0, availability: 'AVAILABLE' });
    expect(await cancelled.emitted()).toContain(`DELIVERY_CANCELLED to driver:${cancelled.driver()}`);
    const failed = await Scene.set(world);
    await failed.accepted();
    await failed.steps('arriveAtPickup');
    await failed.send(failed.fail('MERCHANT_NOT_READY'));
    expect(await failed.driverRow()).toMatchObject({ earnedTodayCents: 0, availability: 'AVAILABLE' });
  });

  test('takes a step by ops for the driver', async () => {
    const scene = await Scene.set(world);
    await scene.accepted();
    expect(
      await scene.answer({ kind: 'takeStep', step: 'arriveAtPickup', by: OPS, deviceAt: null }),
    ).toMatchObject({ outcome: 'moved' });
  });

  test('stops the unassigned clock; a loss starts it again', async () => {
    const scene = await Scene.set(world);
    const { driverId, assignmentId } = await scene.accepted();
    const carried = await scene.row();
    expect(carried).toMatchObject({ unassignedSince: null });
    await scene.send({ kind: 'releaseDriver', driverId, offerId: null, assignmentId, why: 'breakdown' });
    const lost = await scene.row();
    expect(lost.unassignedSince).not.toBeNull();
    expect(lost.unassignedMs).toBe(carried.unassignedMs);
    expect(await scene.emitted()).toContain(`DELIVERY_UNASSIGNED to driver:${driverId}`);
  });

  test('starts the requested break at its end, with a timer', async () => {
    const scene = await Scene.set(world);
    await scene.accepted();
    await world.db.driver.update({
      where: { id: scene.driver() },
      data: { pending: { kind: 'BREAK', minutes: 15, reason: null } },
    });
    await scene.steps(...BEFORE_DELIVERY, 'deliver');
    expect(await scene.driverRow()).toMatchObject({ availability: 'ON_BREAK', pending: null });
    expect((await scene.messages()).map(({ kind }) => kind)).toContain('endAvailabilityLater');
  });
});

test('now is the later of workflow time and local time, so that a slow clock changes no order', async () => {
  const scene = await Scene.set(world);
  const { known } = await scene.search(later(-MINUTE_MS));
  expect(known.offers[0]?.expiresAt).toBeGreaterThan(later(20_000));
});

test('an immediate deadline uses the workflow’s own time, so that no timer of a few ms starts', async () => {
  const scene = await Scene.set(world, [{}, {}]);
  const { offerId, driverId } = await scene.offered();
  const at = Date.now() - 250;
  const { known } = await scene.send({ kind: 'rejectOffer', offerId, driverId, reason: 'OTHER' }, at);
  expect(known).toMatchObject({ status: 'SEARCHING', searchAgainAt: at });
});

test('a delivery without a row is an error', async () => {
  await expect(
    world.activities.readDelivery({
      deliveryId: NOBODY,
      correlationId: 'test',
      at: Date.now(),
      event: { kind: 'readDelivery' },
    }),
  ).rejects.toThrow('has no row');
});
