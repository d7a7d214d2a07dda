import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import type { Step } from '../../domain/delivery/status';
import type { Answer } from '../../domain/delivery/deliveryState';
import { COMMANDS, driverLeft, getSnapshot } from '../../workflows/contract';
import { type NewDelivery, type NewDriver, PICKUP } from '../support/dispatchWorld';
import { eventually } from '../support/eventually';
import { createTemporalWorld, type RunningDelivery, type TemporalWorld } from '../support/temporalWorld';

const correlationId = 'test';
const MINUTE = 60_000;
const OPS = { kind: 'ops', id: 'olga' } as const;

let world: TemporalWorld;
beforeAll(async () => {
  world = await createTemporalWorld();
}, 60_000);
afterEach(() => world.endAll());
afterAll(() => world.close());

const row = (deliveryId: string) => world.db.delivery.findUniqueOrThrow({ where: { id: deliveryId } });
const offersOf = (deliveryId: string) =>
  world.db.offer.findMany({ where: { deliveryId }, orderBy: { createdAt: 'asc' } });
const driverRow = (id: string) => world.db.driver.findUniqueOrThrow({ where: { id } });

/**
 * Waits for a row to match. Not by queries to the workflow: on the test server each adds history events,
 * which some tests count.
 */
async function until(
  delivery: Pick<RunningDelivery, 'deliveryId'>,
  isWanted: (status: string) => boolean,
): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (isWanted((await row(delivery.deliveryId)).status)) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('the delivery never came to be as wanted');
}

async function offered(delivery: RunningDelivery): Promise<{ offerId: string; driverId: string }> {
  await until(delivery, (status) => status === 'OFFERED');
  const { id: offerId, driverId } = await world.db.offer.findFirstOrThrow({
    where: { deliveryId: delivery.deliveryId, state: 'LIVE' },
  });
  return { offerId, driverId };
}

/** Waits for a live offer to this driver. */
async function untilOffered(delivery: RunningDelivery, driverId: string): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (
      await world.db.offer.findFirst({ where: { deliveryId: delivery.deliveryId, driverId, state: 'LIVE' } })
    )
      return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('the driver was never asked');
}

const accept = (
  { handle }: RunningDelivery,
  { offerId, driverId }: { offerId: string; driverId: string },
): Promise<Answer> =>
  handle.executeUpdate(COMMANDS.acceptOffer.update, { args: [{ offerId, driverId, correlationId }] });
const reject = (
  { handle }: RunningDelivery,
  { offerId, driverId }: { offerId: string; driverId: string },
): Promise<Answer> =>
  handle.executeUpdate(COMMANDS.rejectOffer.update, {
    args: [{ offerId, driverId, reason: 'TOO_FAR', correlationId }],
  });
const go = ({ handle }: RunningDelivery, driverId: string, step: Step): Promise<Answer> =>
  handle.executeUpdate(COMMANDS.takeStep.update, {
    args: [{ step, by: { kind: 'driver', id: driverId }, deviceAt: null, correlationId }],
  });

type Scene = {
  drivers: string[];
  near: string;
  far: string;
  dispatch: (delivery?: NewDelivery & { news?: 'first' }) => Promise<RunningDelivery>;
};

/** A city for one test with these drivers, so that other tests' deliveries do not use them. */
async function scene(...wanted: NewDriver[]): Promise<Scene> {
  const cityId = await world.addCity();
  const drivers: string[] = [];
  for (const driver of wanted) drivers.push(await world.addDriver({ ...driver, cityId }));
  return {
    drivers,
    near: drivers[0] ?? 'nobody',
    far: drivers[1] ?? 'nobody',
    dispatch: (delivery) => world.dispatch({ ...delivery, cityId }),
  };
}

const NEAR = { at: PICKUP };
const FAR = { at: { lat: PICKUP.lat + 0.02, lng: PICKUP.lng } };

describe('a delivery whose first driver accepts', () => {
  test('is delivered, costs at most 42 events, and leaves its driver free', async () => {
    const { near: driverId, dispatch } = await scene(NEAR);
    const delivery = await dispatch();
    const offer = await offered(delivery);
    expect(offer.driverId).toBe(driverId);
    expect(await accept(delivery, offer)).toMatchObject({ outcome: 'accepted', offerId: offer.offerId });
    expect(await driverRow(offer.driverId)).toMatchObject({
      availability: 'BUSY',
      liveOffers: 0,
      activeAssignments: 1,
    });
    for (const step of ['arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver'] as const) {
      expect(await go(delivery, offer.driverId, step)).toMatchObject({ outcome: 'moved' });
    }
    expect(await delivery.handle.result()).toBe('DELIVERED');
    expect(await driverRow(offer.driverId)).toMatchObject({
      availability: 'AVAILABLE',
      liveOffers: 0,
      activeAssignments: 0,
      earnedTodayCents: 700,
    });
    const { events } = await delivery.handle.fetchHistory();
    expect(events?.length).toBeLessThanOrEqual(42);
  });

  test('has a chained audit entry for each change of state', async () => {
    const { dispatch } = await scene(NEAR);
    const delivery = await dispatch();
    await accept(delivery, await offered(delivery));
    const entries = await world.db.auditEntry.findMany({
      where: { chain: `delivery/${delivery.deliveryId}` },
      orderBy: [{ at: 'asc' }, { id: 'asc' }],
    });
    expect(entries.map(({ kind, toState }) => `${kind} ${toState}`)).toEqual([
      'delivery_moved SEARCHING',
      'offer_created LIVE',
      'delivery_moved OFFERED',
      'offer_accepted ACCEPTED',
      'delivery_moved ASSIGNED',
    ]);
    entries.slice(1).forEach((entry, index) => expect(entry.prevHash).toEqual(entries[index]?.hash));
  });
});

describe('a delivery whose first event comes with its start', () => {
  test('reads its row before the event, as a replay after a crash would', async () => {
    const { dispatch } = await scene(NEAR);
    const { deliveryId, handle } = await dispatch({ news: 'first' });
    await until({ deliveryId }, (status) => status === 'OFFERED');
    await handle.query(getSnapshot); // answered once the first task, and with it its markers, is in the history
    const { events } = await handle.fetchHistory();
    const markers = (events ?? []).flatMap(
      ({ markerRecordedEventAttributes: marker }) => marker?.details?.['data']?.payloads ?? [],
    );
    const told = markers.map(({ data }): unknown => JSON.parse(Buffer.from(data ?? []).toString()));
    expect(told).toMatchObject([{ activity_type: 'lookForDriver' }, { activity_type: 'readDelivery' }]);
  });
});

describe('an offer', () => {
  test('that expires goes to the next driver, and the first is free again', async () => {
    const { near, far, dispatch } = await scene(NEAR, FAR);
    const delivery = await dispatch();
    expect((await offered(delivery)).driverId).toBe(near);
    await world.pass(delivery, 31_000);
    expect((await offered(delivery)).driverId).toBe(far);
    expect((await offersOf(delivery.deliveryId)).map(({ state }) => state)).toEqual(['EXPIRED', 'LIVE']);
    expect(await driverRow(near)).toMatchObject({ availability: 'AVAILABLE', liveOffers: 0 });
  });

  test('does not end before its expiry', async () => {
    const { near: driverId, dispatch } = await scene(NEAR);
    const delivery = await dispatch();
    await offered(delivery);
    await world.pass(delivery, 29_000);
    expect((await offered(delivery)).driverId).toBe(driverId);
  });

  test('that is rejected goes to the next driver, and returns to the first only when a level is reached', async () => {
    const { near, far, dispatch } = await scene(NEAR, FAR);
    const delivery = await dispatch();
    const first = await offered(delivery);
    expect(first.driverId).toBe(near);
    expect(await reject(delivery, first)).toMatchObject({ outcome: 'rejected' });
    const second = await offered(delivery);
    expect(second.driverId).toBe(far);
    await reject(delivery, second);
    await world.pass(delivery, 4 * MINUTE);
    expect(await offersOf(delivery.deliveryId)).toHaveLength(2);
    await world.pass(delivery, 1 * MINUTE);
    expect((await offersOf(delivery.deliveryId)).map(({ driverId }) => driverId)).toEqual([near, far, near]);
    await delivery.handle.executeUpdate(COMMANDS.cancelDelivery.update, {
      args: [{ by: OPS, reason: 'OPS_CANCELLED', correlationId }],
    });
  });

  test('accepted twice by one driver has one outcome, returned twice', async () => {
    const { dispatch } = await scene(NEAR);
    const delivery = await dispatch();
    const offer = await offered(delivery);
    const [first, second] = await Promise.all([accept(delivery, offer), accept(delivery, offer)]);
    expect(second).toEqual(first);
    expect(await world.db.assignment.count({ where: { deliveryId: delivery.deliveryId } })).toBe(1);
  });

  test('rejected and then accepted is answered ALREADY_ANSWERED', async () => {
    const { dispatch } = await scene(NEAR);
    const delivery = await dispatch();
    const offer = await offered(delivery);
    await reject(delivery, offer);
    expect(await accept(delivery, offer)).toMatchObject({ refused: 'ALREADY_ANSWERED' });
  });

  test('of another driver cannot be accepted', async () => {
    const { dispatch } = await scene(NEAR);
    const delivery = await dispatch();
    const { offerId } = await offered(delivery);
    expect(
      await accept(delivery, { offerId, driverId: '00000000-0000-7000-8000-000000000000' }),
    ).toMatchObject({ refused: 'NOT_FOUND' });
  });

  // `npm run verify -- races` tests the instant of the expiry on a real server. The test server breaks when a
  // timer and an update coincide.
  test('accepted in its last second is accepted', async () => {
    const { near, dispatch } = await scene(NEAR);
    const delivery = await dispatch();
    const offer = await offered(delivery);
    await world.pass(delivery, 29_000);
    expect(await accept(delivery, offer)).toMatchObject({ outcome: 'accepted' });
    expect(await driverRow(near)).toMatchObject({ liveOffers: 0, activeAssignments: 1 });
  });

  test('accepted after its expiry is answered OFFER_EXPIRED, and holds no driver', async () => {
    const { near, dispatch } = await scene(NEAR);
    const delivery = await dispatch();
    const offer = await offered(delivery);
    await world.pass(delivery, 31_000);
    expect(await accept(delivery, offer)).toMatchObject({ refused: 'OFFER_EXPIRED' });
    expect(await driverRow(near)).toMatchObject({ liveOffers: 0, activeAssignments: 0 });
  });

  test('that expired can only be accepted by the next driver', async () => {
    const { dispatch } = await scene(NEAR, FAR);
    const delivery = await dispatch();
    const first = await offered(delivery);
    await world.pass(delivery, 31_000);
    const second = await offered(delivery);
    const [late, good] = await Promise.all([accept(delivery, first), accept(delivery, second)]);
    expect(late).toMatchObject({ refused: 'OFFER_EXPIRED' });
    expect(good).toMatchObject({ outcome: 'accepted' });
    expect(await row(delivery.deliveryId)).toMatchObject({ status: 'ASSIGNED', driverId: second.driverId });
  });
});

describe('a driver who goes off duty', () => {
  const leave = async (
    delivery: RunningDelivery,
    news: { driverId: string; offerId: string | null; assignmentId: string | null },
  ) => {
    await world.db.driver.update({ where: { id: news.driverId }, data: { availability: 'OFFLINE' } });
    await delivery.handle.signal(driverLeft, { ...news, why: 'went offline', correlationId });
  };

  test('with a live offer has it withdrawn, and the next driver is asked at once', async () => {
    const { near, far, dispatch } = await scene(NEAR, FAR);
    const delivery = await dispatch();
    const offer = await offered(delivery);
    await leave(delivery, { driverId: near, offerId: offer.offerId, assignmentId: null });
    await untilOffered(delivery, far);
    const states = await offersOf(delivery.deliveryId);
    expect(states.map(({ state, driverId, endReason }) => [state, driverId, endReason])).toEqual([
      ['WITHDRAWN', near, 'DRIVER_LEFT'],
      ['LIVE', far, null],
    ]);
    expect(await accept(delivery, offer)).toMatchObject({ refused: 'OFFER_WITHDRAWN' });
  });

  test('before their accept arrives gets OFFER_WITHDRAWN', async () => {
    const { near: driverId, dispatch } = await scene(NEAR);
    const delivery = await dispatch();
    const offer = await offered(delivery);
    await world.db.driver.update({ where: { id: driverId }, data: { availability: 'OFFLINE' } });
    expect(await accept(delivery, offer)).toMatchObject({ refused: 'OFFER_WITHDRAWN' });
    expect(await driverRow(driverId)).toMatchObject({ liveOffers: 0, activeAssignments: 0 });
  });

  test('before pickup loses the delivery, which is searched for again and not offered to them', async () => {
    const { near, far, dispatch } = await scene(NEAR, FAR);
    const delivery = await dispatch();
    const offer = await offered(delivery);
    const answer = await accept(delivery, offer);
    if (!('assignmentId' in answer)) throw new Error('not accepted');
    await leave(delivery, { driverId: near, offerId: null, assignmentId: answer.assignmentId });
    await untilOffered(delivery, far);
    const lost = await world.db.assignment.findFirstOrThrow({ where: { deliveryId: delivery.deliveryId } });
    expect(lost).toMatchObject({ state: 'LOST', driverId: near });
    expect(await driverRow(near)).toMatchObject({ activeAssignments: 0 });
  });

  test('after pickup keeps the delivery', async () => {
    const { near: driverId, dispatch } = await scene(NEAR);
    const delivery = await dispatch();
    const answer = await accept(delivery, await offered(delivery));
    if (!('assignmentId' in answer)) throw new Error('not accepted');
    await go(delivery, driverId, 'arriveAtPickup');
    await go(delivery, driverId, 'pickUp');
    await leave(delivery, { driverId, offerId: null, assignmentId: answer.assignmentId });
    expect(await go(delivery, driverId, 'arriveAtDropoff')).toMatchObject({ outcome: 'moved' });
    expect(await row(delivery.deliveryId)).toMatchObject({ status: 'AT_DROPOFF', driverId });
  });
});

describe('cancelling', () => {
  const cancel = ({ handle }: RunningDelivery): Promise<Answer> =>
    handle.executeUpdate(COMMANDS.cancelDelivery.update, {
      args: [{ by: OPS, reason: 'OPS_CANCELLED', correlationId }],
    });

  test('withdraws the live offer at once and frees its driver', async () => {
    const { near: driverId, dispatch } = await scene(NEAR);
    const delivery = await dispatch();
    await offered(delivery);
    expect(await cancel(delivery)).toMatchObject({ status: 'CANCELLED' });
    expect(await delivery.handle.result()).toBe('CANCELLED');
    expect((await offersOf(delivery.deliveryId)).map(({ state }) => state)).toEqual(['WITHDRAWN']);
    expect(await driverRow(driverId)).toMatchObject({ availability: 'AVAILABLE', liveOffers: 0 });
  });

  test('against an accept has one outcome that both receive', async () => {
    const { near: driverId, dispatch } = await scene(NEAR);
    const delivery = await dispatch();
    const offer = await offered(delivery);
    const [accepted, cancelled] = await Promise.allSettled([accept(delivery, offer), cancel(delivery)]);
    expect(cancelled).toMatchObject({ status: 'fulfilled', value: { status: 'CANCELLED' } });
    if (accepted.status === 'rejected') expect(accepted.reason).toBeInstanceOf(WorkflowUpdateFailedError);
    expect(await delivery.handle.result()).toBe('CANCELLED');
    expect(await driverRow(driverId)).toMatchObject({
      availability: 'AVAILABLE',
      liveOffers: 0,
      activeAssignments: 0,
    });
  });

  test('after pickup is refused with the current state', async () => {
    const { near: driverId, dispatch } = await scene(NEAR);
    const delivery = await dispatch();
    await accept(delivery, await offered(delivery));
    await go(delivery, driverId, 'arriveAtPickup');
    await go(delivery, driverId, 'pickUp');
    expect(await cancel(delivery)).toMatchObject({
      refused: 'ILLEGAL_TRANSITION',
      detail: expect.stringContaining('PICKED_UP'),
    });
  });
});

describe('v1 behaviour', () => {
  test('with offers off the nearest driver is assigned without an offer', async () => {
    const { far: near, dispatch } = await scene(FAR, NEAR);
    world.switches.driverOffers = false;
    const delivery = await dispatch();
    await until(delivery, (status) => status === 'ASSIGNED');
    world.switches.driverOffers = true;
    expect(await row(delivery.deliveryId)).toMatchObject({ status: 'ASSIGNED', driverId: near });
    await eventually('the driver is told', async () =>
      world.emits.some(
        ({ event, rooms }) => event === 'DELIVERY_ASSIGNED' && rooms.includes(`driver:${near}`),
      ),
    );
    expect(world.emits).toContainEqual({
      rooms: [`driver:${near}`],
      event: 'DELIVERY_ASSIGNED',
      body: { deliveryId: delivery.deliveryId, driverId: near },
    });
    expect(await offersOf(delivery.deliveryId)).toHaveLength(0);
  });

  test.each([null, 1])(
    'a driver whose app has offerVersion %s is assigned without an offer, even with offers on',
    async (offerVersion) => {
      const { near: driverId, dispatch } = await scene({ offerVersion });
      const delivery = await dispatch();
      await until(delivery, (status) => status === 'ASSIGNED');
      expect(await row(delivery.deliveryId)).toMatchObject({ driverId });
    },
  );

  test('live offers can still be accepted after the feature is switched off', async () => {
    const { dispatch } = await scene(NEAR);
    const delivery = await dispatch();
    const offer = await offered(delivery);
    world.switches.driverOffers = false;
    expect(await accept(delivery, offer)).toMatchObject({ outcome: 'accepted' });
    world.switches.driverOffers = true;
  });
});

describe('without free drivers', () => {
  test('half an hour costs at most 100 events', async () => {
    const { dispatch } = await scene();
    const delivery = await dispatch();
    await until(delivery, (status) => status === 'SEARCHING');
    await world.pass(delivery, 30 * MINUTE);
    const { events } = await delivery.handle.fetchHistory();
    const secondsIn = (event: { eventTime?: { seconds?: unknown } | null }) =>
      Number(event.eventTime?.seconds) - Number(events?.[0]?.eventTime?.seconds);
    expect(events?.filter((event) => secondsIn(event) < 30 * 60).length).toBeLessThanOrEqual(100);
    expect((await row(delivery.deliveryId)).searchRound).toBeGreaterThan(10);
    await delivery.handle.executeUpdate(COMMANDS.cancelDelivery.update, {
      args: [{ by: OPS, reason: 'OPS_CANCELLED', correlationId }],
    });
  });

  test('the delivery ends with NO_DRIVER after two hours', async () => {
    const { dispatch } = await scene();
    const delivery = await dispatch();
    await until(delivery, (status) => status === 'SEARCHING');
    await world.pass(delivery, 121 * MINUTE);
    expect(await row(delivery.deliveryId)).toMatchObject({
      status: 'CANCELLED',
      reasonCode: 'NO_DRIVER',
      driverId: null,
    });
  });

  test('the search begins at its due time', async () => {
    const { dispatch } = await scene(NEAR);
    const now = await world.env.currentTimeMs();
    const delivery = await dispatch({ searchAt: new Date(now + 3_600_000) });
    await world.pass(delivery, 59 * MINUTE);
    expect((await delivery.handle.query(getSnapshot)).status).toBe('PENDING');
    await world.pass(delivery, 1 * MINUTE + 5_000);
    await offered(delivery);
  });
});

describe('manual assignment', () => {
  const assign = ({ handle }: RunningDelivery, driverId: string, override = false): Promise<Answer> =>
    handle.executeUpdate(COMMANDS.assignDriver.update, {
      args: [{ driverId, by: OPS, override, why: 'they are next door', correlationId }],
    });

  test('pins the driver, and withdraws the live offers of the delivery and the driver', async () => {
    const { near, dispatch } = await scene(NEAR);
    const first = await dispatch();
    await offered(first);
    const second = await dispatch();
    await until(second, (status) => status === 'SEARCHING');
    expect(await assign(second, near)).toMatchObject({ outcome: 'assigned', driverId: near });
    expect(await row(second.deliveryId)).toMatchObject({ status: 'ASSIGNED', driverId: near, pinned: true });
    await until(first, (status) => status === 'SEARCHING');
    expect((await offersOf(first.deliveryId)).map(({ state, endReason }) => [state, endReason])).toEqual([
      ['WITHDRAWN', 'DRIVER_ASSIGNED_BY_HAND'],
    ]);
    expect(await driverRow(near)).toMatchObject({
      availability: 'BUSY',
      liveOffers: 0,
      activeAssignments: 1,
    });
  });

  test('refuses a driver off duty, and needs an override for a driver on a break', async () => {
    const {
      near: off,
      far: resting,
      dispatch,
    } = await scene({ availability: 'OFFLINE' }, { availability: 'ON_BREAK' });
    const delivery = await dispatch();
    expect(await assign(delivery, off)).toMatchObject({ refused: 'DRIVER_OFF_DUTY' });
    expect(await assign(delivery, resting)).toMatchObject({ refused: 'DRIVER_ON_BREAK' });
    expect(await assign(delivery, resting, true)).toMatchObject({ outcome: 'assigned' });
    expect(await driverRow(resting)).toMatchObject({ availability: 'BUSY', availabilityUntil: null });
  });
});

describe('a failure', () => {
  const fail = (
    { handle }: RunningDelivery,
    driverId: string,
    reason: 'NOT_AT_HOME' | 'MERCHANT_CLOSED',
    goods: 'RETURN' | 'LOST',
  ): Promise<Answer> =>
    handle.executeUpdate(COMMANDS.failDelivery.update, {
      args: [{ by: { kind: 'driver', id: driverId }, reason, goods, correlationId }],
    });

  test('at the pickup closes the delivery with the reason', async () => {
    const { near: driverId, dispatch } = await scene(NEAR);
    const delivery = await dispatch();
    await accept(delivery, await offered(delivery));
    await go(delivery, driverId, 'arriveAtPickup');
    expect(await fail(delivery, driverId, 'NOT_AT_HOME', 'RETURN')).toMatchObject({
      refused: 'REASON_NOT_ALLOWED',
    });
    expect(await fail(delivery, driverId, 'MERCHANT_CLOSED', 'RETURN')).toMatchObject({ status: 'FAILED' });
    expect(await delivery.handle.result()).toBe('FAILED');
    expect(await driverRow(driverId)).toMatchObject({ availability: 'AVAILABLE', activeAssignments: 0 });
  });

  test('at the dropoff returns the goods, and closes the delivery when they are back', async () => {
    const { near: driverId, dispatch } = await scene(NEAR);
    const delivery = await dispatch();
    await accept(delivery, await offered(delivery));
    for (const step of ['arriveAtPickup', 'pickUp', 'arriveAtDropoff'] as const)
      await go(delivery, driverId, step);
    expect(await fail(delivery, driverId, 'NOT_AT_HOME', 'RETURN')).toMatchObject({ status: 'RETURNING' });
    expect(await go(delivery, driverId, 'returnGoods')).toMatchObject({ status: 'RETURNED' });
    expect(await delivery.handle.result()).toBe('RETURNED');
  });
});
