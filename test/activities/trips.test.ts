/** One offer for several deliveries, on a real database (docs/behaviour.md#trips). */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createAvailability } from '../../services/availability';
import type { Answer } from '../../domain/delivery/deliveryState';
import type { IncomingEvent } from '../../domain/delivery/events';
import type { EventResult } from '../../services/deliveries/deliveryEvents';
import { createDispatchWorld, type DispatchWorld, type NewDriver, PICKUP } from '../support/dispatchWorld';
import { readForeignEnds } from '../../reliability/checker/trail';
import { brokenInvariants } from '../support/invariants';

const OPS = { kind: 'ops', id: 'olga' } as const;
const CANCEL: IncomingEvent = { kind: 'cancelDelivery', by: OPS, reason: 'OPS_CANCELLED' };
const TAKES_TWO: NewDriver = { offerVersion: 3, capacity: 2 };

let world: DispatchWorld;
beforeAll(async () => {
  world = await createDispatchWorld();
});
beforeEach(() => {
  world.switches.batchMatching = true;
});
afterEach(async () => {
  world.switches.batchMatching = false;
  expect(await brokenInvariants(world.db)).toEqual([]);
});
afterAll(() => world.close());

const tell = (deliveryId: string, event: IncomingEvent, at = Date.now()): Promise<EventResult> =>
  world.activities[event.kind]({ deliveryId, correlationId: 'test', at, event });
const answer = async (deliveryId: string, event: IncomingEvent): Promise<Answer> =>
  (await tell(deliveryId, event)).answer;
const propose = (driverId: string, [deliveryId = '', ...along]: readonly string[]): Promise<EventResult> =>
  tell(deliveryId, {
    kind: 'lookForDriver',
    freed: null,
    proposal: { driverId, roundId: 'round-1', parts: [], along },
  });

type Field = { cityId: string; drivers: string[]; deliveries: [string, string, string] };

/** Three deliveries that wait for rounds, and these drivers. */
async function field(drivers: readonly NewDriver[] = [TAKES_TWO]): Promise<Field> {
  const cityId = await world.addCity();
  const add = async (): Promise<string> => {
    const { deliveryId } = await world.addDelivery({ cityId });
    await tell(deliveryId, { kind: 'lookForDriver', freed: null });
    return deliveryId;
  };
  const deliveries: Field['deliveries'] = [await add(), await add(), await add()];
  const ids: string[] = [];
  for (const driver of drivers) ids.push(await world.addDriver({ ...driver, cityId }));
  return { cityId, drivers: ids, deliveries };
}

const offersOf = (deliveryIds: readonly string[]) =>
  world.db.offer.findMany({
    where: { deliveryId: { in: [...deliveryIds] } },
    orderBy: [{ createdAt: 'asc' }, { tripSeat: 'asc' }],
  });
const statuses = async (deliveryIds: readonly string[]): Promise<string[]> => {
  const rows = await world.db.delivery.findMany({ where: { id: { in: [...deliveryIds] } } });
  return deliveryIds.map((id) => rows.find((row) => row.id === id)?.status ?? 'none');
};
/** The realtime events of these deliveries that their driver gets. */
async function toDriver(driverId: string, deliveryIds: readonly string[]): Promise<string[]> {
  const sent = await world.db.outboxMessage.findMany({
    where: { key: { in: [...deliveryIds] }, kind: 'emit' },
    orderBy: { id: 'asc' },
  });
  const emits = sent.flatMap(
    ({ payload }) => (payload as { emits: { rooms: string[]; event: string }[] }).emits,
  );
  return emits.filter(({ rooms }) => rooms.includes(`driver:${driverId}`)).map(({ event }) => event);
}
/** Whose workflows are told to read their rows. */
const told = async (deliveryIds: readonly string[]): Promise<string[]> =>
  (
    await world.db.outboxMessage.findMany({
      where: { key: { in: [...deliveryIds] }, kind: 'offerWithdrawn' },
      orderBy: { id: 'asc' },
    })
  ).map(({ payload }) => (payload as { deliveryId: string }).deliveryId);

type Offered = Field & {
  driverId: string;
  lead: string;
  along: string;
  offerId: string;
  alongOfferId: string;
};

async function offered(): Promise<Offered> {
  const made = await field();
  const [lead, along] = made.deliveries;
  const driverId = made.drivers[0] ?? '';
  await propose(driverId, [lead, along]);
  const [first, second] = await offersOf([lead, along]);
  return { ...made, driverId, lead, along, offerId: first?.id ?? '', alongOfferId: second?.id ?? '' };
}

describe('a proposal for two deliveries', () => {
  test('offers both at once, and shows the driver one offer with all stops and the whole pay', async () => {
    const { driverId, lead, along } = await offered();
    const offers = await offersOf([lead, along]);
    expect(offers).toMatchObject([
      { deliveryId: lead, driverId, tripSeat: 0, state: 'LIVE', kind: 'SINGLE' },
      { deliveryId: along, driverId, tripSeat: 1, state: 'LIVE', kind: 'SINGLE' },
    ]);
    expect(new Set(offers.map(({ tripId }) => tripId)).size).toBe(1);
    expect(offers[0]?.expiresAt).toEqual(offers[1]?.expiresAt);
    expect(offers[0]?.payload).toMatchObject({
      payCents: 700,
      trip: {
        tripId: offers[0]?.tripId,
        deliveryIds: [lead, along],
        payCents: 1_400,
        payText: '€14.00',
        stops: [
          { kind: 'PICKUP', deliveryId: lead, address: 'PICKUP street 1', point: PICKUP },
          { kind: 'PICKUP', deliveryId: along },
          { kind: 'DROPOFF', deliveryId: lead, readyAt: null },
          { kind: 'DROPOFF', deliveryId: along },
        ],
      },
    });
    expect(offers[1]?.payload).not.toHaveProperty('trip');
    expect(await toDriver(driverId, [lead, along])).toEqual(['DELIVERY_OFFERED_V2']);
    expect(await told([lead, along])).toEqual([along]);
    expect(await statuses([lead, along])).toEqual(['OFFERED', 'OFFERED']);
    for (const [at, id] of [lead, along].entries())
      expect((await tell(id, { kind: 'readDelivery' })).known.offers).toMatchObject([
        { offerId: offers[at]?.id },
      ]);
  });

  test.each([
    ['whose app does not know trips', { ...TAKES_TWO, offerVersion: 2 }],
    ['with room for one', { ...TAKES_TWO, capacity: 1 }],
  ])('offers the first alone to a driver %s', async (_, driver) => {
    const { drivers, deliveries } = await field([driver]);
    await propose(drivers[0] ?? '', deliveries.slice(0, 2));
    expect(await offersOf(deliveries)).toMatchObject([{ deliveryId: deliveries[0], tripId: null }]);
    expect(await statuses(deliveries)).toEqual(['OFFERED', 'SEARCHING', 'SEARCHING']);
  });

  test('leaves out one that waits no more, and one that the driver rejected', async () => {
    const { drivers, deliveries } = await field([{ ...TAKES_TWO, capacity: 3 }]);
    const [lead, cancelled, rejected] = deliveries;
    const driverId = drivers[0] ?? '';
    await tell(cancelled, CANCEL);
    await propose(driverId, [rejected]);
    const offerId = (await offersOf([rejected]))[0]?.id ?? '';
    await tell(rejected, { kind: 'rejectOffer', offerId, driverId, reason: 'TOO_FAR' });
    await propose(driverId, [lead, cancelled, rejected]);
    expect(await offersOf([lead])).toMatchObject([{ state: 'LIVE', tripId: null }]);
    expect(await statuses(deliveries)).toEqual(['OFFERED', 'CANCELLED', 'SEARCHING']);
  });

  test('offers three to a driver with room for three', async () => {
    const { drivers, deliveries } = await field([{ ...TAKES_TWO, capacity: 3 }]);
    await propose(drivers[0] ?? '', deliveries);
    expect((await offersOf(deliveries)).map(({ tripSeat }) => tripSeat)).toEqual([0, 1, 2]);
    expect(await world.db.driver.findUniqueOrThrow({ where: { id: drivers[0] } })).toMatchObject({
      liveOffers: 3,
    });
  });

  test('is made once, however often a killed worker repeats it', async () => {
    const { driverId, lead, along } = await offered();
    await propose(driverId, [lead, along]);
    expect(await offersOf([lead, along])).toHaveLength(2);
  });
});

describe('an accept', () => {
  test.each(['lead', 'along'] as const)('of the %s takes both; repeats get the same', async (which) => {
    const { driverId, lead, along, offerId, alongOfferId } = await offered();
    const [deliveryId, asked] = which === 'lead' ? [lead, offerId] : [along, alongOfferId];
    const accept: IncomingEvent = { kind: 'acceptOffer', offerId: asked, driverId };
    const first = await answer(deliveryId, accept);
    expect(first).toMatchObject({ outcome: 'accepted', deliveryId, tripId: expect.any(String) });
    expect(await statuses([lead, along])).toEqual(['ASSIGNED', 'ASSIGNED']);
    expect(await answer(deliveryId, accept)).toEqual(first);
    const other = which === 'lead' ? { id: along, offerId: alongOfferId } : { id: lead, offerId };
    expect(await answer(other.id, { ...accept, offerId: other.offerId })).toMatchObject({
      outcome: 'accepted',
    });
    expect(await world.db.driver.findUniqueOrThrow({ where: { id: driverId } })).toMatchObject({
      availability: 'BUSY',
      liveOffers: 0,
      activeAssignments: 2,
    });
    expect(await toDriver(driverId, [lead, along])).toEqual(
      expect.arrayContaining(['DELIVERY_ASSIGNED_V2', 'DELIVERY_ASSIGNED_V2']),
    );
  });

  test('by a driver who has gone takes nothing, and both search again', async () => {
    const { driverId, lead, along, offerId } = await offered();
    await world.db.driver.update({ where: { id: driverId }, data: { availability: 'OFFLINE' } });
    expect(await answer(lead, { kind: 'acceptOffer', offerId, driverId })).toMatchObject({
      refused: 'OFFER_WITHDRAWN',
    });
    await tell(along, { kind: 'readDelivery' });
    expect(await statuses([lead, along])).toEqual(['SEARCHING', 'SEARCHING']);
  });
});

describe('the end of an offered trip', () => {
  test('by a no ends all of it, and each searches again at once', async () => {
    const { driverId, lead, along, offerId, alongOfferId } = await offered();
    await tell(lead, { kind: 'rejectOffer', offerId, driverId, reason: 'TOO_FAR' });
    expect(await offersOf([lead, along])).toMatchObject([
      { state: 'REJECTED', endReason: 'TOO_FAR' },
      { state: 'REJECTED', endReason: 'TOO_FAR' },
    ]);
    expect(await told([lead, along])).toEqual([along, along]);
    // The checker finds the end of the other offer in the trail of the one that was answered.
    const ends = await readForeignEnds(world.postgres.pool, [lead, along]);
    expect(ends.get(along)).toMatchObject([{ kind: 'offer_rejected', offerId: alongOfferId }]);
    expect(ends.get(lead)).toBeUndefined();
    const { known } = await tell(along, { kind: 'readDelivery' });
    expect(known).toMatchObject({ status: 'SEARCHING', offers: [], searchRound: 0 });
  });

  test('by time counts once against the driver, whichever delivery notices it', async () => {
    const { driverId, lead, along, offerId, alongOfferId } = await offered();
    await world.db.offer.update({ where: { id: offerId }, data: { reachedAt: new Date() } });
    const at = Date.now() + 31_000;
    await tell(along, { kind: 'lapseOffer', offerId: alongOfferId }, at);
    await tell(lead, { kind: 'lapseOffer', offerId }, at);
    expect((await offersOf([lead, along])).map(({ state }) => state)).toEqual(['EXPIRED', 'EXPIRED']);
    expect(await world.db.driver.findUniqueOrThrow({ where: { id: driverId } })).toMatchObject({
      lapsesInRow: 1,
      liveOffers: 0,
    });
    expect(await toDriver(driverId, [lead, along])).toEqual(['DELIVERY_OFFERED_V2', 'OFFER_EXPIRED']);
  });

  test.each<[string, IncomingEvent]>([
    ['a cancel', CANCEL],
    [
      'an assignment by hand',
      { kind: 'assignDriver', driverId: 'second', by: OPS, override: false, why: 'urgent' },
    ],
  ])('by %s of one withdraws the offer once, and the other searches again', async (_, event) => {
    const { driverId, lead, along, cityId } = await offered();
    const second = await world.addDriver({ cityId });
    await tell(along, event.kind === 'assignDriver' ? { ...event, driverId: second } : event);
    expect(await offersOf([lead, along])).toMatchObject([
      { state: 'WITHDRAWN', endReason: 'TRIP_CHANGED' },
      { state: 'WITHDRAWN' },
    ]);
    expect(await toDriver(driverId, [lead, along])).toEqual(['DELIVERY_OFFERED_V2', 'OFFER_WITHDRAWN']);
    expect(await told([lead, along])).toEqual([along, lead]);
    expect((await tell(lead, { kind: 'readDelivery' })).known).toMatchObject({ status: 'SEARCHING' });
  });

  test('comes when the driver is given another delivery by hand', async () => {
    const { driverId, lead, along, deliveries } = await offered();
    const [, , other] = deliveries;
    await tell(other, { kind: 'assignDriver', driverId, by: OPS, override: false, why: 'urgent' });
    expect((await offersOf([lead, along])).map(({ endReason }) => endReason)).toEqual([
      'DRIVER_ASSIGNED_BY_HAND',
      'DRIVER_ASSIGNED_BY_HAND',
    ]);
    for (const id of [lead, along]) await tell(id, { kind: 'readDelivery' });
    expect(await statuses([lead, along, other])).toEqual(['SEARCHING', 'SEARCHING', 'ASSIGNED']);
  });
});

describe('after the accept', () => {
  async function accepted(): Promise<Offered> {
    const trip = await offered();
    await tell(trip.lead, { kind: 'acceptOffer', offerId: trip.offerId, driverId: trip.driverId });
    return trip;
  }

  test('each delivery goes its own way: one is cancelled, the other carried', async () => {
    const { driverId, lead, along } = await accepted();
    await tell(lead, CANCEL);
    const by = { kind: 'driver', id: driverId } as const;
    for (const step of ['arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver'] as const)
      expect(await answer(along, { kind: 'takeStep', step, by, deviceAt: null })).toMatchObject({
        outcome: 'moved',
      });
    expect(await statuses([lead, along])).toEqual(['CANCELLED', 'DELIVERED']);
  });

  test('a driver who goes off duty is released from each, and each searches again', async () => {
    const { driverId, lead, along } = await accepted();
    const availability = createAvailability({
      db: world.db,
      map: world.map,
      features: world.deps.features,
      clock: Date.now,
      limits: world.deps.limits.availability,
      notifyRelay: () => {},
    });
    await availability.request(
      driverId,
      { kind: 'set', availability: 'OFFLINE' },
      { kind: 'driver', id: driverId },
      'test',
    );
    const left = await world.db.outboxMessage.findMany({ where: { key: driverId, kind: 'driverLeft' } });
    const losses = left.map(({ payload }) => payload as { deliveryId: string; assignmentId: string });
    expect(losses.map(({ deliveryId }) => deliveryId).sort()).toEqual([lead, along].sort());
    for (const { deliveryId, assignmentId } of losses)
      await tell(deliveryId, {
        kind: 'releaseDriver',
        driverId,
        offerId: null,
        assignmentId,
        why: 'WENT_OFFLINE',
      });
    expect(await statuses([lead, along])).toEqual(['SEARCHING', 'SEARCHING']);
    expect(await world.db.driver.findUniqueOrThrow({ where: { id: driverId } })).toMatchObject({
      activeAssignments: 0,
    });
  });
});

describe('at the same time', () => {
  test('proposals of each other, answers, cancels and lapses leave no trip in parts', async () => {
    for (let round = 0; round < 12; round += 1) {
      const { drivers, deliveries } = await field([TAKES_TWO, { ...TAKES_TWO, capacity: 3 }]);
      const [first = '', second = ''] = drivers;
      const [a, b, c] = deliveries;
      await Promise.allSettled([
        propose(first, [a, b]),
        propose(second, [b, a]),
        propose(second, [c, b]),
        propose(first, [c, a]),
      ]);
      const offers = await offersOf(deliveries);
      await Promise.allSettled([
        ...offers.map(({ id, deliveryId, driverId }) =>
          tell(deliveryId, { kind: 'acceptOffer', offerId: id, driverId }),
        ),
        tell(b, CANCEL),
        ...offers
          .slice(0, 1)
          .map(({ id, deliveryId, driverId }) =>
            tell(deliveryId, { kind: 'rejectOffer', offerId: id, driverId, reason: 'OTHER' }),
          ),
      ]);
      for (const id of deliveries) await tell(id, { kind: 'readDelivery' });
      expect(await brokenInvariants(world.db)).toEqual([]);
    }
  });
});
