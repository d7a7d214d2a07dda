/**
 * What each level does, what a loss leads to, and what lapses cost (docs/behaviour.md#escalation,
 * docs/behaviour.md#reassignment), in the transactions that do it.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { createDeliveryActivities } from '../../activities/delivery';
import { ESCALATION_LIMITS } from '../../domain/delivery/escalation';
import { createNoticeGroups } from '../../services/noticeGroups';
import { DeliveryScene } from '../support/deliveryScene';
import {
  createDispatchWorld,
  type DispatchWorld,
  type NewDelivery,
  type NewDriver,
  PICKUP,
  TEST_LIMITS,
} from '../support/dispatchWorld';
import { brokenInvariants } from '../support/invariants';

const OPS = { kind: 'ops', id: 'olga' } as const;
const MINUTE = 60_000;
const ALL_ON = { driverOffers: true, availabilityStates: true, escalation: true, autoReassignment: true };

let world: DispatchWorld;
beforeAll(async () => {
  world = await createDispatchWorld();
});
afterAll(() => world.close());
afterEach(async () => {
  Object.assign(world.switches, ALL_ON);
  expect(await brokenInvariants(world.db)).toEqual([]);
});

const set = (drivers: readonly NewDriver[] = [], delivery: NewDelivery = {}): Promise<DeliveryScene> =>
  DeliveryScene.set(world, drivers, delivery);

/** A scene whose clock began just now, and the instants counted from there. */
async function searched(
  drivers: readonly NewDriver[] = [],
): Promise<{ scene: DeliveryScene; after: (minutes: number) => number }> {
  const scene = await set(drivers);
  const start = Date.now();
  await scene.search(start);
  const { unassignedSince } = await scene.row();
  return { scene, after: (minutes) => (unassignedSince?.getTime() ?? 0) + minutes * MINUTE };
}

/** The sweep of notice groups, at this instant. */
const tellGroups = (at: number): Promise<unknown> =>
  createNoticeGroups({
    db: world.db,
    clock: () => at,
    limits: { ...ESCALATION_LIMITS, updateMs: MINUTE },
  }).bringUpToDate();
/** The pager's alert of a scene's city that was opened at this instant. */
const alertOf = ({ cityId }: DeliveryScene, at: number): string =>
  `zone/${cityId}/-/UNASSIGNED/${new Date(at).toISOString()}`;

const live = async (scene: DeliveryScene) => (await scene.offers()).filter(({ state }) => state === 'LIVE');
/** Nobody of these is asked before level 1 widens the search. */
const FAR_OFF: NewDriver = { at: { lat: PICKUP.lat + 0.17, lng: PICKUP.lng } };

describe('an escalation level', () => {
  test('1 widens the search at once and notifies ops', async () => {
    const scene = await set([FAR_OFF]);
    const now = Date.now();
    await world.db.driver.update({ where: { id: scene.driver() }, data: { lastLat: PICKUP.lat + 0.17 } });
    await scene.search(now);
    expect(await scene.row()).toMatchObject({ status: 'SEARCHING', escalationLevel: 0 });
    const { unassignedSince } = await scene.row();
    await scene.search((unassignedSince?.getTime() ?? 0) + 5 * MINUTE);
    expect(await scene.row()).toMatchObject({ status: 'OFFERED', escalationLevel: 1, bonusCents: 0 });
    expect(await scene.notices()).toEqual(['support warning: Level 1: no driver for 5 minutes']);
    expect(await scene.cases()).toEqual([]);
  });

  test('2 opens a case and raises the pay of the next offer', async () => {
    const { scene, after } = await searched();
    await scene.search(after(5));
    const driverId = await world.addDriver({ cityId: scene.cityId });
    await scene.search(after(15));
    expect(await scene.row()).toMatchObject({ status: 'OFFERED', escalationLevel: 2, bonusCents: 200 });
    expect(await live(scene)).toMatchObject([
      { driverId, payCents: 900, payload: expect.objectContaining({ payCents: 900 }), escalationLevel: 2 },
    ]);
    expect(await scene.cases()).toMatchObject([{ level: 2, state: 'OPEN', reason: 'UNASSIGNED' }]);
    expect(await scene.emitted()).toContain(`escalation_changed to ops:${scene.cityId}`);
  });

  test('2 repeats the offer to a driver who rejected lower pay', async () => {
    const scene = await set([{}]);
    const offer = await scene.offered();
    await scene.send({
      kind: 'rejectOffer',
      ...{ offerId: offer.offerId, driverId: offer.driverId },
      reason: 'PAY_TOO_LOW',
    });
    const { unassignedSince } = await scene.row();
    await scene.search((unassignedSince?.getTime() ?? 0) + 15 * MINUTE);
    expect(await live(scene)).toMatchObject([{ driverId: offer.driverId, payCents: 900 }]);
  });

  test('3 pages, notifies merchant and customer once, and offers to up to eight at once', async () => {
    const { scene, after } = await searched();
    for (const minutes of [5, 15]) await scene.search(after(minutes));
    for (let index = 0; index < 10; index += 1)
      await world.addDriver({
        cityId: scene.cityId,
        at: { lat: PICKUP.lat + 0.001 * index, lng: PICKUP.lng },
      });
    const v1 = await world.addDriver({ cityId: scene.cityId, offerVersion: null });
    const { known } = await scene.search(after(30));
    expect(known.offers).toHaveLength(8);
    expect((await live(scene)).every(({ kind, driverId }) => kind === 'BROADCAST' && driverId !== v1)).toBe(
      true,
    );
    expect(await scene.row()).toMatchObject({
      status: 'OFFERED',
      escalationLevel: 3,
      delayedSince: new Date(after(30)),
    });
    expect(await scene.notices()).toEqual([
      'support warning: Level 1: no driver for 5 minutes',
      'support error: Support queue: no driver found, level 2',
      'pager critical: Level 3: no driver for 30 minutes',
      'support error: Support queue: no driver found, level 3',
    ]);
    expect((await scene.emitted()).filter((each) => each.startsWith('delivery_delayed'))).toEqual([
      `delivery_delayed to tracking:${scene.deliveryId}`,
      'delivery_delayed to merchant:bakery',
    ]);
    expect(await scene.cases()).toMatchObject([{ level: 3, state: 'OPEN' }]);
  });

  test('that is not due does nothing, however often it is requested', async () => {
    const { scene, after } = await searched();
    const before = await scene.row();
    await scene.send({ kind: 'escalate' }, after(5) - 1);
    expect(await scene.row()).toEqual(before);
  });

  test('follows the city’s escalation minutes if set', async () => {
    const scene = await set();
    await world.db.city.update({ where: { id: scene.cityId }, data: { escalationMinutes: [1, 2, 60] } });
    await scene.search(Date.now());
    const start = (await scene.row()).unassignedSince?.getTime() ?? 0;
    expect((await scene.send({ kind: 'readDelivery' })).known.escalation).toEqual({
      at: start + MINUTE,
      level: 1,
    });
    await scene.search(start + 2 * MINUTE);
    expect(await scene.row()).toMatchObject({ escalationLevel: 2 });
  });

  test('is off without the feature; switched on again, only the highest overdue level notifies', async () => {
    world.switches.escalation = false;
    const { scene, after } = await searched();
    expect((await scene.search(after(40))).known.escalation).toBeNull();
    expect(await scene.row()).toMatchObject({ escalationLevel: 0 });
    world.switches.escalation = true;
    expect((await scene.send({ kind: 'readDelivery' }, after(41))).known.escalation).toEqual({
      at: after(5),
      level: 1,
    });
    await scene.search(after(41));
    expect(await scene.row()).toMatchObject({ escalationLevel: 3, bonusCents: 200 });
    expect((await scene.entries()).filter((kind) => kind === 'escalated')).toHaveLength(1);
    expect(await scene.notices()).toEqual([
      'pager critical: Level 3: no driver for 41 minutes',
      'support error: Support queue: no driver found, level 3',
    ]);
  });
});

describe('a broadcast', () => {
  /** Level 3 is reached while these wait. */
  async function broadcast(drivers: number): Promise<{
    scene: DeliveryScene;
    after: (minutes: number) => number;
    wave: { offerId: string; driverId: string; expiresAt: number }[];
  }> {
    const { scene, after } = await searched();
    for (let index = 0; index < drivers; index += 1)
      await world.addDriver({
        cityId: scene.cityId,
        at: { lat: PICKUP.lat + 0.001 * index, lng: PICKUP.lng },
      });
    const { known } = await scene.search(after(30));
    return { scene, after, wave: known.offers };
  }

  test('has one winner; the other offers are withdrawn and their drivers freed', async () => {
    const { scene, after, wave } = await broadcast(3);
    const [first, second] = wave;
    expect(
      await scene.answer({ kind: 'acceptOffer', offerId: second!.offerId, driverId: second!.driverId }),
    ).toMatchObject({ outcome: 'accepted' });
    expect(
      await scene.answer({ kind: 'acceptOffer', offerId: first!.offerId, driverId: first!.driverId }),
    ).toMatchObject({ refused: 'OFFER_WITHDRAWN' });
    expect((await scene.offers()).map(({ state }) => state).sort()).toEqual([
      'ACCEPTED',
      'WITHDRAWN',
      'WITHDRAWN',
    ]);
    expect(await scene.row()).toMatchObject({ status: 'ASSIGNED', broadcastSince: null });
    expect(await scene.cases()).toMatchObject([
      { state: 'RESOLVED', resolution: 'ASSIGNED', resolvedBy: `driver/${second!.driverId}` },
    ]);
    await tellGroups(after(31));
    expect((await scene.notices()).slice(-2)).toEqual([
      `pager resolved: No delivery of level 3 is without a driver in ${scene.cityId}`,
      `support resolved: No delivery waits for long in ${scene.cityId}`,
    ]);
    expect((await scene.alerts()).at(-1)).toEqual({ opens: null, ends: [alertOf(scene, after(30))] });
  });

  test('offers in waves until all drivers in reach had one, then one at a time', async () => {
    const { scene, wave } = await broadcast(10);
    const lapseAt = wave[0]!.expiresAt;
    const { known } = await scene.send({ kind: 'lapseOffer', offerId: wave[0]!.offerId }, lapseAt);
    expect(known).toMatchObject({ status: 'SEARCHING', offers: [] }); // one event ends the wave
    const second = (await scene.search(lapseAt)).known.offers;
    expect(second).toHaveLength(2);
    expect(new Set([...wave, ...second].map(({ driverId }) => driverId)).size).toBe(10);
    await scene.send({ kind: 'lapseOffer', offerId: second[0]!.offerId }, second[0]!.expiresAt);
    await scene.search(second[0]!.expiresAt);
    expect(await scene.row()).toMatchObject({ status: 'SEARCHING', searchRound: 1 });
    const late = await world.addDriver({ cityId: scene.cityId });
    const newcomer = await world.addDriver({
      cityId: scene.cityId,
      at: { lat: PICKUP.lat + 0.01, lng: PICKUP.lng },
    });
    expect((await scene.search(second[0]!.expiresAt + 5_000)).known.offers).toMatchObject([
      { driverId: late },
    ]);
    expect(await live(scene)).toMatchObject([{ kind: 'SINGLE' }]);
    expect(newcomer).not.toBe(late);
    expect(await scene.row()).toMatchObject({ broadcastSince: null });
  });

  test('repeats with the page after ten minutes, also to drivers whose offer expired', async () => {
    const { scene, after, wave } = await broadcast(2);
    await scene.send({ kind: 'lapseOffer', offerId: wave[0]!.offerId }, wave[0]!.expiresAt);
    await scene.search(wave[0]!.expiresAt);
    expect((await scene.send({ kind: 'readDelivery' })).known.escalation).toEqual({
      at: after(40),
      level: null,
    });
    const { known } = await scene.search(after(40));
    expect(known.offers).toHaveLength(2);
    await tellGroups(after(40));
    expect((await scene.notices()).filter((each) => each.startsWith('pager'))).toEqual([
      'pager critical: Level 3: no driver for 30 minutes',
      'pager critical: Level 3: no driver for 40 minutes',
    ]);
    expect(await scene.alerts()).toEqual([
      { opens: alertOf(scene, after(30)), ends: [] },
      { opens: alertOf(scene, after(40)), ends: [alertOf(scene, after(30))] },
    ]);
    // merchant and customer are not told again
    expect((await scene.emitted()).filter((each) => each.startsWith('delivery_delayed'))).toHaveLength(2);
  });

  test('waits for the live single offer and follows it', async () => {
    const { scene, after } = await searched();
    for (let index = 0; index < 3; index += 1) await world.addDriver({ cityId: scene.cityId });
    const {
      known: {
        offers: [single],
      },
    } = await scene.search(after(29.8));
    await scene.send({ kind: 'escalate' }, after(30));
    expect(await live(scene)).toMatchObject([{ kind: 'SINGLE', id: single!.offerId }]);
    await scene.send(
      { kind: 'rejectOffer', offerId: single!.offerId, driverId: single!.driverId, reason: 'OTHER' },
      after(30.1),
    );
    await scene.search(after(30.1));
    expect(await live(scene)).toHaveLength(3); // who rejected it is asked once more: level 3 lifts that
    expect((await live(scene)).every(({ kind }) => kind === 'BROADCAST')).toBe(true);
  });

  test('can still be accepted after driver offers are switched off', async () => {
    const { scene, wave } = await broadcast(2);
    world.switches.driverOffers = false;
    expect(
      await scene.answer({ kind: 'acceptOffer', offerId: wave[1]!.offerId, driverId: wave[1]!.driverId }),
    ).toMatchObject({ outcome: 'accepted' });
  });

  test('ends when the feature is switched off: the next driver gets a single offer', async () => {
    const { scene, after } = await searched();
    await scene.search(after(30));
    world.switches.escalation = false;
    for (let index = 0; index < 3; index += 1) await world.addDriver({ cityId: scene.cityId });
    await scene.search(after(50));
    expect(await live(scene)).toMatchObject([{ kind: 'SINGLE' }]);
  });

  test('does not happen without driver offers: the nearest driver is assigned', async () => {
    world.switches.driverOffers = false;
    const { scene, after } = await searched();
    const driverId = await world.addDriver({ cityId: scene.cityId });
    await scene.search(after(30));
    expect(await scene.row()).toMatchObject({ status: 'ASSIGNED', driverId, broadcastSince: null });
  });

  test('with only a v1 app in reach assigns that driver', async () => {
    const { scene, after } = await searched();
    const driverId = await world.addDriver({ cityId: scene.cityId, offerVersion: 1 });
    await scene.search(after(30));
    expect(await scene.row()).toMatchObject({ status: 'ASSIGNED', driverId });
  });
});

describe('the unassigned clock', () => {
  test('stops while a driver has the delivery and resumes after a loss, which reopens the case', async () => {
    const { scene, after } = await searched();
    const driverId = await world.addDriver({ cityId: scene.cityId });
    const {
      known: {
        offers: [offer],
      },
    } = await scene.search(after(16));
    await scene.send({ kind: 'acceptOffer', offerId: offer!.offerId, driverId }, after(16));
    expect(await scene.cases()).toMatchObject([{ state: 'RESOLVED' }]);
    expect((await scene.send({ kind: 'escalate' }, after(90))).known).toMatchObject({
      escalation: null,
      escalationLevel: 2,
    });
    await scene.send(
      { kind: 'leaveDelivery', driverId, assignmentId: await scene.jobOf(driverId), reason: 'OTHER' },
      after(90),
    );
    const { known } = await scene.send({ kind: 'readDelivery' }, after(90));
    expect(known.escalation).toEqual({ at: after(90 + 30 - 16), level: 3 });
    expect(await scene.cases()).toMatchObject([
      { state: 'RESOLVED' },
      { state: 'OPEN', level: 2, reason: 'UNASSIGNED' },
    ]);
  });
});

describe('a loss', () => {
  test('before pickup starts a new search; merchant and customer are not notified', async () => {
    const scene = await set([{}, {}]);
    const { driverId, assignmentId } = await scene.accepted();
    const told = (await scene.emitted()).filter((each) => each.includes('merchant:'));
    await scene.send({ kind: 'releaseDriver', driverId, offerId: null, assignmentId, why: 'FELL_SILENT' });
    expect(await scene.row()).toMatchObject({
      status: 'SEARCHING',
      losses: 1,
      lostAt: expect.any(Date),
      heldReason: null,
    });
    expect((await scene.emitted()).filter((each) => each.includes('merchant:'))).toEqual(told);
    await scene.accepted(1);
    expect(await scene.row()).toMatchObject({ status: 'ASSIGNED', losses: 1, lostAt: null });
  });

  test('of a manually assigned driver, if only detected, asks ops and changes nothing else', async () => {
    const scene = await set([{}]);
    await scene.send({
      kind: 'assignDriver',
      driverId: scene.driver(),
      by: OPS,
      override: false,
      why: 'knows the house',
    });
    const [assignment] = await scene.assignments();
    await scene.send({
      kind: 'releaseDriver',
      driverId: scene.driver(),
      offerId: null,
      assignmentId: assignment!.id,
      why: 'NO_PROGRESS',
    });
    expect(await scene.row()).toMatchObject({ status: 'ASSIGNED', driverId: scene.driver() });
    expect(await scene.cases()).toMatchObject([
      { level: 0, reason: 'PINNED_DRIVER_STANDS_STILL', driverId: scene.driver(), state: 'OPEN' },
    ]);
    await scene.steps('arriveAtPickup');
    expect(await scene.cases()).toMatchObject([{ state: 'RESOLVED', resolution: 'STEP_TAKEN' }]);
  });

  test('of a manually assigned driver who goes offline waits for ops to resume the search', async () => {
    const scene = await set([{}, {}]);
    await scene.send({
      kind: 'assignDriver',
      driverId: scene.driver(),
      by: OPS,
      override: false,
      why: 'knows the house',
    });
    const [assignment] = await scene.assignments();
    await scene.send({
      kind: 'releaseDriver',
      driverId: scene.driver(),
      offerId: null,
      assignmentId: assignment!.id,
      why: 'WENT_OFFLINE',
    });
    const { known } = await scene.search();
    expect(known).toMatchObject({
      status: 'SEARCHING',
      searchAgainAt: null,
      heldReason: 'PINNED_DRIVER_LOST',
      offers: [],
    });
    expect(await scene.cases()).toMatchObject([{ reason: 'PINNED_DRIVER_LOST', state: 'OPEN' }]);
    await scene.send({ kind: 'resumeSearch', by: OPS, why: 'any driver will do' });
    expect(await scene.cases()).toMatchObject([{ state: 'RESOLVED', resolution: 'SEARCH_RESUMED' }]);
    await scene.offered(1);
  });

  test('with automatic reassignment off waits for ops; a manual assignment ends the wait', async () => {
    world.switches.autoReassignment = false;
    const scene = await set([{}, {}]);
    const { driverId } = await scene.accepted();
    await scene.send({
      kind: 'leaveDelivery',
      driverId,
      assignmentId: await scene.jobOf(driverId),
      reason: 'TOO_FAR',
    });
    expect((await scene.search()).known).toMatchObject({
      heldReason: 'REASSIGNMENT_OFF',
      searchAgainAt: null,
    });
    await scene.send({
      kind: 'assignDriver',
      driverId: scene.driver(1),
      by: OPS,
      override: false,
      why: 'next',
    });
    expect(await scene.row()).toMatchObject({ status: 'ASSIGNED', heldReason: null });
    expect(await scene.cases()).toMatchObject([
      { reason: 'REASSIGNMENT_OFF', state: 'RESOLVED', resolution: 'ASSIGNED' },
    ]);
  });

  test('that waits for ops keeps escalating for the same reason', async () => {
    world.switches.autoReassignment = false;
    const scene = await set([{}]);
    const { driverId } = await scene.accepted();
    await scene.send({
      kind: 'leaveDelivery',
      driverId,
      assignmentId: await scene.jobOf(driverId),
      reason: 'OTHER',
    });
    const since = (await scene.row()).unassignedSince?.getTime() ?? 0;
    await scene.send({ kind: 'escalate' }, since + 15 * MINUTE);
    expect(await scene.cases()).toMatchObject([{ level: 2, reason: 'REASSIGNMENT_OFF', driverId }]);
  });

  test('after pickup waits for a decision of ops', async () => {
    const scene = await set([{}]);
    const { driverId, assignmentId } = await scene.accepted();
    await scene.steps('arriveAtPickup', 'pickUp');
    await scene.send({ kind: 'releaseDriver', driverId, offerId: null, assignmentId, why: 'FELL_SILENT' });
    expect(await scene.row()).toMatchObject({ status: 'PICKED_UP', driverId });
    expect(await scene.cases()).toMatchObject([{ reason: 'CARRIER_SILENT', driverId, state: 'OPEN' }]);
    await scene.send({ kind: 'failDelivery', by: OPS, reason: 'VEHICLE_BREAKDOWN', goods: 'RETURN' });
    expect(await scene.cases()).toMatchObject([{ state: 'RESOLVED', resolution: 'STEP_TAKEN' }]);
    await scene.steps('returnGoods');
    expect(await scene.row()).toMatchObject({ status: 'RETURNED' });
  });

  test('by breakdown takes the driver off duty', async () => {
    const scene = await set([{}]);
    const { driverId } = await scene.accepted();
    expect(
      await scene.answer({
        kind: 'leaveDelivery',
        driverId,
        assignmentId: await scene.jobOf(driverId),
        reason: 'VEHICLE_BREAKDOWN',
      }),
    ).toMatchObject({ outcome: 'released' });
    expect(await scene.driverRow()).toMatchObject({ availability: 'OFFLINE', activeAssignments: 0 });
  });

  test('does not page at once if the delivery was assigned for long', async () => {
    const { scene, after } = await searched();
    await scene.search(after(30));
    const driverId = await world.addDriver({ cityId: scene.cityId });
    const {
      known: {
        offers: [offer],
      },
    } = await scene.search(after(31));
    await scene.send({ kind: 'acceptOffer', offerId: offer!.offerId, driverId }, after(31));
    await scene.send(
      { kind: 'leaveDelivery', driverId, assignmentId: await scene.jobOf(driverId), reason: 'OTHER' },
      after(91),
    );
    const { known } = await scene.send({ kind: 'readDelivery' }, after(91));
    expect(known.escalation).toEqual({ at: after(91 + 40 - 31), level: null });
  });

  test('reported late does not hide a breakdown', async () => {
    const scene = await set([{}]);
    const { driverId, assignmentId } = await scene.accepted();
    await scene.steps('arriveAtPickup', 'pickUp');
    await scene.send({ kind: 'leaveDelivery', driverId, assignmentId, reason: 'VEHICLE_BREAKDOWN' });
    await scene.send({ kind: 'releaseDriver', driverId, offerId: null, assignmentId, why: 'FELL_SILENT' });
    expect(await scene.cases()).toMatchObject([{ reason: 'CARRIER_BROKE_DOWN', state: 'OPEN' }]);
  });

  test('by breakdown ends the driver’s other work', async () => {
    const scene = await set([{ capacity: 2 }]);
    const { driverId } = await scene.accepted();
    expect((await scene.messages()).map(({ kind }) => kind)).not.toContain('letGo');
    await scene.send({
      kind: 'leaveDelivery',
      driverId,
      assignmentId: await scene.jobOf(driverId),
      reason: 'VEHICLE_BREAKDOWN',
    });
    expect(await scene.messages()).toContainEqual({ kind: 'letGo', payload: { driverId } });
  });

  test('of an early manual assignment starts no search before the search time', async () => {
    const searchAt = Date.now() + 5 * 60 * MINUTE;
    const scene = await set([{}], { searchAt: new Date(searchAt) });
    await scene.send({
      kind: 'assignDriver',
      driverId: scene.driver(),
      by: OPS,
      override: false,
      why: 'planned',
    });
    const { known } = await scene.send({
      kind: 'rescueDelivery',
      driverId: scene.driver(),
      offerId: null,
      assignmentId: await scene.jobOf(scene.driver()),
      by: OPS,
      why: 'ill',
    });
    expect(known).toMatchObject({
      status: 'SEARCHING',
      searchAgainAt: searchAt,
      escalation: { at: searchAt + 5 * MINUTE, level: 1 },
    });
    expect(await scene.assignments()).toMatchObject([{ endReason: 'RESCUED' }]); // not what ops wrote
  });

  test('for lack of progress, reported late, does not affect a driver who has arrived', async () => {
    const scene = await set([{}]);
    const { driverId, assignmentId } = await scene.accepted();
    await scene.steps('arriveAtPickup');
    await scene.send({ kind: 'releaseDriver', driverId, offerId: null, assignmentId, why: 'NO_PROGRESS' });
    expect(await scene.row()).toMatchObject({ status: 'AT_PICKUP', driverId });
  });

  test('repeated with another reason is not reported to ops again', async () => {
    const scene = await set([{}]);
    const { driverId, assignmentId } = await scene.accepted();
    await scene.steps('arriveAtPickup', 'pickUp');
    await scene.send({ kind: 'leaveDelivery', driverId, assignmentId, reason: 'VEHICLE_BREAKDOWN' });
    await world.db.escalation.updateMany({
      where: { deliveryId: scene.deliveryId },
      data: { state: 'ACKNOWLEDGED' },
    });
    await scene.send({ kind: 'leaveDelivery', driverId, assignmentId, reason: 'OTHER' });
    await scene.send({ kind: 'rescueDelivery', driverId, offerId: null, assignmentId, by: OPS, why: 'test' });
    expect(await scene.cases()).toMatchObject([{ reason: 'CARRIER_BROKE_DOWN', state: 'ACKNOWLEDGED' }]);
  });

  test('that resolves one case and opens another in one event leaves one case', async () => {
    const scene = await set([{}]);
    await scene.send({
      kind: 'assignDriver',
      driverId: scene.driver(),
      by: OPS,
      override: false,
      why: 'near',
    });
    const assignmentId = await scene.jobOf(scene.driver());
    // An older worker left it open.
    await world.db.escalation.create({
      data: {
        id: newId(),
        deliveryId: scene.deliveryId,
        cityId: scene.cityId,
        level: 2,
        reason: 'UNASSIGNED',
        openedAt: new Date(),
      },
    });
    await scene.send({
      kind: 'releaseDriver',
      driverId: scene.driver(),
      offerId: null,
      assignmentId,
      why: 'FELL_SILENT',
    });
    expect(await scene.cases()).toMatchObject([
      { reason: 'PINNED_DRIVER_SILENT', state: 'OPEN', resolution: null },
    ]);
  });

  test('reported again ends no newer assignment of the same driver', async () => {
    const scene = await set([{}]);
    const { driverId, assignmentId } = await scene.accepted();
    const leave = { kind: 'leaveDelivery', driverId, assignmentId, reason: 'OTHER' } as const;
    const first = await scene.answer(leave);
    await scene.send({ kind: 'assignDriver', driverId, by: OPS, override: false, why: 'can after all' });
    expect(await scene.answer(leave)).toEqual(first);
    expect(await scene.row()).toMatchObject({ status: 'ASSIGNED', driverId, losses: 1 });
  });

  test('of a driver rescued by ops resolves their case', async () => {
    const scene = await set([{}, {}]);
    await scene.send({
      kind: 'assignDriver',
      driverId: scene.driver(),
      by: OPS,
      override: false,
      why: 'near',
    });
    const assignmentId = await scene.jobOf(scene.driver());
    await scene.send({
      kind: 'releaseDriver',
      driverId: scene.driver(),
      offerId: null,
      assignmentId,
      why: 'FELL_SILENT',
    });
    await scene.send({
      kind: 'rescueDelivery',
      driverId: scene.driver(),
      offerId: null,
      assignmentId,
      by: OPS,
      why: 'accident',
    });
    expect(await scene.cases()).toMatchObject([{ state: 'RESOLVED', resolution: 'RELEASED' }]);
    expect(await scene.row()).toMatchObject({ status: 'SEARCHING', heldReason: null, pinned: false });
  });

  test('of a delivery of another driver is ignored', async () => {
    const scene = await set([{}, {}]);
    await scene.accepted();
    expect(
      await scene.answer({
        kind: 'leaveDelivery',
        driverId: scene.driver(1),
        assignmentId: await scene.jobOf(scene.driver()),
        reason: 'OTHER',
      }),
    ).toMatchObject({ refused: 'NOT_FOUND' });
  });
});

describe('ops', () => {
  test('who resume the search keep a level 2 delivery in the queue', async () => {
    world.switches.autoReassignment = false;
    const scene = await set([{}]);
    const { driverId, assignmentId } = await scene.accepted();
    await scene.send({ kind: 'leaveDelivery', driverId, assignmentId, reason: 'OTHER' });
    const since = (await scene.row()).unassignedSince?.getTime() ?? 0;
    await scene.send({ kind: 'escalate' }, since + 16 * MINUTE);
    await world.db.escalation.updateMany({
      where: { deliveryId: scene.deliveryId },
      data: { state: 'ACKNOWLEDGED', acknowledgedBy: 'olga', acknowledgedAt: new Date() },
    });
    await scene.send({ kind: 'resumeSearch', by: OPS, why: 'go on' }, since + 16 * MINUTE);
    expect(await scene.cases()).toMatchObject([
      { level: 2, reason: 'UNASSIGNED', state: 'OPEN', acknowledgedBy: 'olga' },
    ]); // who had it before it got worse
  });

  test('who raise the pay of an assigned delivery raise and report it to its driver', async () => {
    const scene = await set([{}]);
    await scene.accepted();
    expect(await scene.answer({ kind: 'raisePay', bonusCents: 500, by: OPS, why: 'snow' })).toEqual({
      outcome: 'payRaised',
      deliveryId: scene.deliveryId,
      payCents: 1_200,
    });
    expect(await scene.emitted()).toContain(`PAY_RAISED to driver:${scene.driver()}`);
    await scene.steps('arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver');
    expect(await scene.driverRow()).toMatchObject({ earnedTodayCents: 1_200 });
  });

  test('who assign a driver going off duty are refused, even with override', async () => {
    const scene = await set([{ capacity: 2 }]);
    await scene.accepted();
    await world.db.driver.update({ where: { id: scene.driver() }, data: { pending: { kind: 'SHIFT_END' } } });
    const { deliveryId } = await world.addDelivery({ cityId: scene.cityId });
    const event = {
      kind: 'assignDriver',
      driverId: scene.driver(),
      by: OPS,
      override: true,
      why: 'please',
    } as const;
    expect(
      (await world.activities.assignDriver({ deliveryId, correlationId: 'test', at: Date.now(), event }))
        .answer,
    ).toMatchObject({ refused: 'DRIVER_OFF_DUTY' });
  });

  test('who assign the current driver pin the assignment', async () => {
    const scene = await set([{}]);
    const { assignmentId } = await scene.accepted();
    expect(
      await scene.answer({
        kind: 'assignDriver',
        driverId: scene.driver(),
        by: OPS,
        override: false,
        why: 'knows the house',
      }),
    ).toMatchObject({ outcome: 'assigned', assignmentId });
    expect(await scene.row()).toMatchObject({ pinned: true });
    expect(await scene.assignments()).toMatchObject([{ pinned: true }]);
  });
});

describe('the state left by a worker of the previous release', () => {
  test('is repaired by the next event: it has neither case nor broadcast', async () => {
    world.switches.autoReassignment = false;
    const scene = await set([{}, {}]);
    const { driverId, assignmentId } = await scene.accepted();
    await scene.send({ kind: 'leaveDelivery', driverId, assignmentId, reason: 'OTHER' });
    const { heldReason, lostAt } = await scene.row();
    await scene.send({
      kind: 'assignDriver',
      driverId: scene.driver(1),
      by: OPS,
      override: false,
      why: 'test',
    });
    // As the older writer leaves them, which has no such columns.
    await world.db.delivery.update({
      where: { id: scene.deliveryId },
      data: { heldReason, lostAt, broadcastSince: new Date() },
    });
    await world.db.escalation.updateMany({
      where: { deliveryId: scene.deliveryId },
      data: { state: 'OPEN', resolution: null, resolvedAt: null, resolvedBy: null },
    });
    expect(await scene.step('arriveAtPickup', scene.driver(1))).toMatchObject({ outcome: 'moved' });
    expect(await scene.row()).toMatchObject({
      status: 'AT_PICKUP',
      heldReason: null,
      lostAt: null,
      broadcastSince: null,
    });
    expect(await scene.cases()).toMatchObject([{ state: 'RESOLVED', resolution: 'ASSIGNED' }]);
  });
});

describe('a hand-over', () => {
  test('transfers the goods at a meeting point to a driver who delivers them', async () => {
    const scene = await set([{}, {}]);
    const { driverId } = await scene.accepted();
    await scene.steps('arriveAtPickup', 'pickUp', 'arriveAtDropoff');
    await scene.send({
      kind: 'leaveDelivery',
      driverId,
      assignmentId: await scene.jobOf(driverId),
      reason: 'VEHICLE_BREAKDOWN',
    });
    const { id: meetingId } = await world.db.meetingPoint.create({
      data: {
        id: newId(),
        deliveryId: scene.deliveryId,
        lat: 52.372,
        lng: 4.9,
        address: 'by the bridge',
        byId: 'olga',
      },
    });
    expect(
      await scene.answer({
        kind: 'handOver',
        driverId: scene.driver(1),
        by: OPS,
        override: false,
        meetingId,
        why: 'flat tyre',
      }),
    ).toMatchObject({ outcome: 'assigned', driverId: scene.driver(1) });
    expect(await scene.row()).toMatchObject({ status: 'PICKED_UP', driverId: scene.driver(1), pinned: true });
    expect(await scene.assignments()).toMatchObject([
      { state: 'HANDED_OVER' },
      {
        state: 'ACTIVE',
        way: 'HANDOVER',
        meetingLat: 52.372,
        meetingLng: 4.9,
        meetingAddress: 'by the bridge',
      },
    ]);
    expect(await scene.driverRow()).toMatchObject({
      availability: 'OFFLINE',
      activeAssignments: 0,
      earnedTodayCents: 0,
    });
    expect(await scene.cases()).toMatchObject([
      { reason: 'CARRIER_BROKE_DOWN', state: 'RESOLVED', resolution: 'HANDED_OVER' },
    ]);
    expect(await scene.step('pickUp', scene.driver(1))).toMatchObject({
      outcome: 'moved',
      status: 'PICKED_UP',
    });
    expect(await scene.step('deliver', scene.driver())).toMatchObject({ refused: 'NOT_FOUND' });
    // a repeat of what they did; it moves nothing
    expect(await scene.step('arriveAtDropoff', scene.driver())).toMatchObject({ outcome: 'moved' });
    expect(await scene.row()).toMatchObject({ status: 'PICKED_UP', driverId: scene.driver(1) });
    for (const step of ['arriveAtDropoff', 'deliver'] as const)
      expect(await scene.step(step, scene.driver(1))).toMatchObject({ outcome: 'moved' });
    expect(await scene.driverRow(1)).toMatchObject({ earnedTodayCents: 700, availability: 'AVAILABLE' });
  });

  test('whose next driver goes offline before the transfer goes back to ops', async () => {
    const scene = await set([{}, {}]);
    await scene.accepted();
    await scene.steps('arriveAtPickup', 'pickUp');
    await scene.send({
      kind: 'handOver',
      driverId: scene.driver(1),
      by: OPS,
      override: false,
      meetingId: null,
      why: 'shift ends',
    });
    const taker = (await scene.assignments()).find(({ driverId }) => driverId === scene.driver(1));
    await scene.send({
      kind: 'releaseDriver',
      driverId: scene.driver(1),
      offerId: null,
      assignmentId: taker?.id ?? null,
      why: 'WENT_OFFLINE',
    });
    expect(await scene.row()).toMatchObject({ status: 'PICKED_UP', driverId: scene.driver(1) });
    expect(await scene.cases()).toMatchObject([
      { reason: 'CARRIER_GAVE_UP', driverId: scene.driver(1), state: 'OPEN' },
    ]);
  });

  test('to an unknown meeting point is refused', async () => {
    const scene = await set([{}, {}]);
    await scene.accepted();
    await scene.steps('arriveAtPickup', 'pickUp');
    await expect(
      scene.send({
        kind: 'handOver',
        driverId: scene.driver(1),
        by: OPS,
        override: false,
        meetingId: scene.deliveryId,
        why: 'test',
      }),
    ).rejects.toThrow('no meeting point');
  });

  test('continues the return if the goods go back', async () => {
    const scene = await set([{}, {}]);
    await scene.accepted();
    await scene.steps('arriveAtPickup', 'pickUp');
    await scene.send(scene.fail('NOT_AT_HOME'));
    await scene.send({
      kind: 'handOver',
      driverId: scene.driver(1),
      by: OPS,
      override: false,
      meetingId: null,
      why: 'shift ends',
    });
    expect(await scene.row()).toMatchObject({ status: 'RETURNING', driverId: scene.driver(1) });
    expect(await scene.step('returnGoods', scene.driver(1))).toMatchObject({
      outcome: 'moved',
      status: 'RETURNED',
    });
  });

  test('before pickup, or to the driver with the goods, is refused', async () => {
    const scene = await set([{}, {}]);
    await scene.accepted();
    const to = (index: number) =>
      scene.answer({
        kind: 'handOver',
        driverId: scene.driver(index),
        by: OPS,
        override: false,
        meetingId: null,
        why: 'test',
      });
    expect(await to(1)).toMatchObject({ refused: 'NOT_PICKED_UP' });
    await scene.steps('arriveAtPickup', 'pickUp');
    expect(await to(0)).toMatchObject({ refused: 'DRIVER_HAS_NO_ROOM' });
  });
});

describe('lapses in a row', () => {
  test('pause by the driver’s feature flag, not the delivery’s', async () => {
    const asked: string[] = [];
    const scene = await set([{}]);
    const features = {
      isOn: (feature: string, { key }: { key: string }) => {
        if (feature === 'availability_states') asked.push(key);
        return true;
      },
    };
    const activities = createDeliveryActivities({
      ...world.deps,
      features,
      limits: { ...TEST_LIMITS, lapsePause: { afterLapses: 1, pauseMs: MINUTE } },
    });
    const { offerId, expiresAt } = await scene.offered();
    await world.db.offer.update({ where: { id: offerId }, data: { reachedAt: new Date() } });
    await activities.lapseOffer({
      deliveryId: scene.deliveryId,
      correlationId: 'test',
      at: expiresAt,
      event: { kind: 'lapseOffer', offerId },
    });
    expect(asked).toEqual([scene.driver()]);
  });

  const strict = () =>
    createDeliveryActivities({
      ...world.deps,
      limits: {
        ...TEST_LIMITS,
        escalation: ESCALATION_LIMITS,
        lapsePause: { afterLapses: 2, pauseMs: 15 * MINUTE },
      },
    });

  /** The driver is asked, sees the offer or not, and lets it lapse. */
  async function lapse(scene: DeliveryScene, at: number, isShown: boolean): Promise<number> {
    const {
      known: {
        offers: [offer],
      },
    } = await scene.search(at);
    if (isShown)
      await world.db.offer.update({ where: { id: offer!.offerId }, data: { reachedAt: new Date() } });
    await strict().lapseOffer({
      deliveryId: scene.deliveryId,
      correlationId: 'test',
      at: offer!.expiresAt,
      event: { kind: 'lapseOffer', offerId: offer!.offerId },
    });
    return offer!.expiresAt;
  }

  test('of offers shown in the app pause the driver for a set time, with a notice', async () => {
    const scene = await set([{}]);
    const first = await lapse(scene, Date.now(), true);
    expect(await scene.driverRow()).toMatchObject({ availability: 'AVAILABLE', lapsesInRow: 1 });
    const second = await lapse(scene, first + 5 * MINUTE, true);
    expect(await scene.driverRow()).toMatchObject({
      availability: 'PAUSED',
      availabilityReason: 'REPEATED_LAPSES',
      availabilityUntil: new Date(second + 15 * MINUTE),
      lapsesInRow: 0,
      liveOffers: 0,
    });
    expect((await scene.emitted()).filter((each) => each.startsWith('AVAILABILITY_CHANGED'))).toEqual([
      `AVAILABILITY_CHANGED to driver:${scene.driver()} and ops:${scene.cityId}`,
    ]);
    expect((await scene.messages()).map(({ kind }) => kind)).toContain('endAvailabilityLater');
  });

  test('of offers that never reached the app do not count', async () => {
    const scene = await set([{}]);
    const first = await lapse(scene, Date.now(), false);
    await lapse(scene, first + 5 * MINUTE, false);
    expect(await scene.driverRow()).toMatchObject({ availability: 'AVAILABLE', lapsesInRow: 0 });
  });

  test('are reset by the first answer', async () => {
    const scene = await set([{}]);
    const first = await lapse(scene, Date.now(), true);
    const {
      known: {
        offers: [offer],
      },
    } = await scene.search(first + 5 * MINUTE);
    await scene.send({
      kind: 'rejectOffer',
      offerId: offer!.offerId,
      driverId: scene.driver(),
      reason: 'OTHER',
    });
    expect(await scene.driverRow()).toMatchObject({ lapsesInRow: 0 });
  });
});
