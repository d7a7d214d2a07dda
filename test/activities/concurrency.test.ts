/**
 * Many transactions at once on one database: nobody is held twice, every counter is right, and of two that
 * contradict one another one wins (invariants 1, 2, 6).
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { IncomingEvent } from '../../domain/delivery/events';
import type { EventResult } from '../../services/deliveries/deliveryEvents';
import { createAvailability } from '../../services/availability';
import { type Answer, isRefusal } from '../../domain/delivery/deliveryState';
import { createDispatchWorld, type DispatchWorld, PICKUP } from '../support/dispatchWorld';
import { brokenInvariants } from '../support/invariants';

const OPS = { kind: 'ops', id: 'olga' } as const;
const LOOK: IncomingEvent = { kind: 'lookForDriver', freed: null };
const CANCEL: IncomingEvent = { kind: 'cancelDelivery', by: OPS, reason: 'OPS_CANCELLED' };

let world: DispatchWorld;
beforeAll(async () => {
  world = await createDispatchWorld();
});
afterAll(() => world.close());

const tell = (deliveryId: string, event: IncomingEvent, at = Date.now()): Promise<EventResult> =>
  world.activities[event.kind]({ deliveryId, correlationId: 'test', at, event });
const answerOf = async (deliveryId: string, event: IncomingEvent): Promise<Answer> =>
  (await tell(deliveryId, event)).answer;
const times = <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));

type Field = { cityId: string; drivers: string[]; deliveries: string[] };

async function field({
  drivers,
  deliveries,
  capacity = 1,
}: {
  drivers: number;
  deliveries: number;
  capacity?: number;
}): Promise<Field> {
  const cityId = await world.addCity();
  return {
    cityId,
    drivers: await times(drivers, (index) =>
      world.addDriver({ cityId, capacity, at: { lat: PICKUP.lat + 0.0001 * index, lng: PICKUP.lng } }),
    ),
    deliveries: (await times(deliveries, () => world.addDelivery({ cityId }))).map(
      ({ deliveryId }) => deliveryId,
    ),
  };
}

const statusesIn = async (cityId: string): Promise<Record<string, number>> => {
  const rows = await world.db.delivery.groupBy({ by: ['status'], where: { cityId }, _count: true });
  return Object.fromEntries(rows.map(({ status, _count }) => [status, _count]));
};

describe('fifty concurrent searches for ten drivers', () => {
  test('hold each driver once; the others keep searching', async () => {
    const { cityId, drivers, deliveries } = await field({ drivers: 10, deliveries: 50 });
    const result = await Promise.all(deliveries.map((deliveryId) => tell(deliveryId, LOOK)));
    for (let round = 0; round < 5 && (await statusesIn(cityId)).OFFERED !== 10; round += 1) {
      for (const { known } of result) expect(known.status).not.toBe('PENDING');
      await Promise.all(deliveries.map((deliveryId) => tell(deliveryId, LOOK)));
    }
    expect(await statusesIn(cityId)).toEqual({ OFFERED: 10, SEARCHING: 40 });
    const rows = await world.db.driver.findMany({ where: { id: { in: drivers } } });
    expect(rows.map(({ liveOffers, activeAssignments }) => [liveOffers, activeAssignments])).toEqual(
      Array.from({ length: 10 }, () => [1, 0]),
    );
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  test('in the v1 flow assign one delivery to each driver', async () => {
    const { cityId, deliveries } = await field({ drivers: 10, deliveries: 50 });
    world.switches.driverOffers = false;
    for (let round = 0; round < 5 && (await statusesIn(cityId)).ASSIGNED !== 10; round += 1)
      await Promise.all(deliveries.map((deliveryId) => tell(deliveryId, LOOK)));
    world.switches.driverOffers = true;
    expect(await statusesIn(cityId)).toEqual({ ASSIGNED: 10, SEARCHING: 40 });
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  test('fill drivers with capacity three, one offer at a time', async () => {
    const { cityId, drivers, deliveries } = await field({ drivers: 2, deliveries: 10, capacity: 3 });
    for (let round = 0; round < 20 && (await statusesIn(cityId)).ASSIGNED !== 6; round += 1) {
      const waiting = await world.db.delivery.findMany({
        where: { id: { in: deliveries }, status: { not: 'ASSIGNED' } },
      });
      await Promise.all(
        waiting.map(async ({ id }) => {
          const {
            known: {
              offers: [offer],
            },
          } = await tell(id, LOOK);
          if (offer)
            await tell(id, { kind: 'acceptOffer', offerId: offer.offerId, driverId: offer.driverId });
        }),
      );
    }
    expect(await statusesIn(cityId)).toEqual({ ASSIGNED: 6, SEARCHING: 4 });
    const rows = await world.db.driver.findMany({ where: { id: { in: drivers } } });
    expect(rows.map(({ activeAssignments }) => activeAssignments)).toEqual([3, 3]);
    expect(await brokenInvariants(world.db)).toEqual([]);
  });
});

describe('concurrent events of one offer', () => {
  async function offered(
    drivers = 1,
  ): Promise<{ deliveryId: string; offerId: string; driverId: string; cityId: string; others: string[] }> {
    const {
      cityId,
      drivers: ids,
      deliveries: [deliveryId = ''],
    } = await field({ drivers, deliveries: 1 });
    const {
      known: {
        offers: [offer],
      },
    } = await tell(deliveryId, LOOK);
    if (!offer) throw new Error('nobody was asked');
    return {
      cityId,
      deliveryId,
      offerId: offer.offerId,
      driverId: offer.driverId,
      others: ids.filter((id) => id !== offer.driverId),
    };
  }

  /** In another order each time. */
  const shuffled = <T>(things: readonly T[], turn: number): T[] => [
    ...things.slice(turn % things.length),
    ...things.slice(0, turn % things.length),
  ];

  test('concurrent accept, cancel, departure and expiry end in one state that matches every answer', async () => {
    for (let turn = 0; turn < 24; turn += 1) {
      const { deliveryId, offerId, driverId } = await offered();
      const events = {
        accept: { kind: 'acceptOffer', offerId, driverId },
        again: { kind: 'acceptOffer', offerId, driverId },
        cancel: CANCEL,
        leave: { kind: 'releaseDriver', driverId, offerId, assignmentId: null, why: 'went offline' },
        reject: { kind: 'rejectOffer', offerId, driverId, reason: 'OTHER' },
      } as const satisfies Record<string, IncomingEvent>;
      const answers = Object.fromEntries(
        await Promise.all(
          shuffled(Object.entries(events), turn).map(
            async ([name, event]) => [name, await answerOf(deliveryId, event)] as const,
          ),
        ),
      );
      const offer = await world.db.offer.findUniqueOrThrow({ where: { id: offerId } });
      expect(answers.again).toEqual(answers.accept);
      expect(answers.cancel).toMatchObject({ outcome: 'moved', status: 'CANCELLED' });
      expect(offer.state === 'ACCEPTED').toBe(!isRefusal(answers.accept!));
      expect(offer.state === 'REJECTED').toBe(!isRefusal(answers.reject!));
      expect(await world.db.delivery.findUniqueOrThrow({ where: { id: deliveryId } })).toMatchObject({
        status: 'CANCELLED',
      });
      expect(await world.db.driver.findUniqueOrThrow({ where: { id: driverId } })).toMatchObject({
        liveOffers: 0,
        activeAssignments: 0,
        availability: 'AVAILABLE',
      });
    }
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  test('accept at the instant of expiry has one outcome', async () => {
    const ends = { ACCEPTED: 0, EXPIRED: 0 };
    for (let turn = 0; turn < 24; turn += 1) {
      const { deliveryId, offerId, driverId } = await offered();
      const { expiresAt } = await world.db.offer.findUniqueOrThrow({ where: { id: offerId } });
      const lapse: IncomingEvent = { kind: 'lapseOffer', offerId };
      const accept: IncomingEvent = { kind: 'acceptOffer', offerId, driverId };
      const [answered] = await Promise.all(
        turn % 2 === 0
          ? [tell(deliveryId, accept, expiresAt.getTime()), tell(deliveryId, lapse, expiresAt.getTime())]
          : [
              tell(deliveryId, lapse, expiresAt.getTime()).then(() =>
                tell(deliveryId, accept, expiresAt.getTime()),
              ),
            ],
      );
      const { state } = await world.db.offer.findUniqueOrThrow({ where: { id: offerId } });
      if (state !== 'ACCEPTED' && state !== 'EXPIRED') throw new Error(`the offer is ${state}`);
      ends[state] += 1;
      expect(answered.answer).toMatchObject(
        state === 'ACCEPTED' ? { outcome: 'accepted' } : { refused: 'OFFER_EXPIRED' },
      );
    }
    expect(ends.EXPIRED).toBeGreaterThan(0);
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  test('accept while the driver goes offline is either accepted and then lost, or refused', async () => {
    const {
      db,
      map,
      deps: { features, limits, notifyRelay },
    } = world;
    const availability = createAvailability({
      db,
      map,
      features,
      clock: Date.now,
      limits: limits.availability,
      notifyRelay,
    });
    const ends = { accepted: 0, refused: 0 };
    for (let turn = 0; turn < 24; turn += 1) {
      const { deliveryId, offerId, driverId } = await offered();
      const accept = (): Promise<Answer> => answerOf(deliveryId, { kind: 'acceptOffer', offerId, driverId });
      const leave = (): Promise<unknown> =>
        availability.request(
          driverId,
          { kind: 'set', availability: 'OFFLINE' },
          { kind: 'driver', id: driverId },
          'test',
        );
      const [answer] =
        turn % 2 === 0
          ? await Promise.all([accept(), leave()])
          : ((await Promise.all([leave(), accept()])).reverse() as [Answer, unknown]);
      const row = await db.driver.findUniqueOrThrow({ where: { id: driverId } });
      expect(row.liveOffers).toBe(0);
      expect(row.activeAssignments).toBe(isRefusal(answer) ? 0 : 1);
      ends[isRefusal(answer) ? 'refused' : 'accepted'] += 1;
      // What the outbox would tell the delivery, of an offer or of an assignment.
      const messages = await db.outboxMessage.findMany({ where: { key: driverId, kind: 'driverLeft' } });
      for (const { payload } of messages) {
        const left = payload as { offerId?: string; assignmentId?: string; why: string };
        await tell(deliveryId, {
          kind: 'releaseDriver',
          driverId,
          offerId: left.offerId ?? null,
          assignmentId: left.assignmentId ?? null,
          why: left.why,
        });
      }
      expect(await db.delivery.findUniqueOrThrow({ where: { id: deliveryId } })).toMatchObject({
        status: 'SEARCHING',
        driverId: null,
      });
      expect(await db.driver.findUniqueOrThrow({ where: { id: driverId } })).toMatchObject({
        availability: 'OFFLINE',
        liveOffers: 0,
        activeAssignments: 0,
      });
    }
    expect(ends.accepted + ends.refused).toBe(24);
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  test('two manual assignments of one driver: one succeeds, the other is refused', async () => {
    for (let turn = 0; turn < 12; turn += 1) {
      const {
        drivers: [driverId = ''],
        deliveries,
      } = await field({ drivers: 1, deliveries: 2 });
      const answers = await Promise.all(
        deliveries.map((deliveryId) =>
          answerOf(deliveryId, { kind: 'assignDriver', driverId, by: OPS, override: false, why: 'test' }),
        ),
      );
      expect(answers.filter(isRefusal)).toEqual([expect.objectContaining({ refused: 'DRIVER_HAS_NO_ROOM' })]);
    }
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  test('two manual assignments that swap drivers do not deadlock', async () => {
    for (let turn = 0; turn < 12; turn += 1) {
      const {
        deliveries: [left = '', right = ''],
      } = await field({ drivers: 2, deliveries: 2 });
      const [ofLeft, ofRight] = [
        (await tell(left, LOOK)).known.offers[0]?.driverId ?? '',
        (await tell(right, LOOK)).known.offers[0]?.driverId ?? '',
      ];
      const byHand = (driverId: string): IncomingEvent => ({
        kind: 'assignDriver',
        driverId,
        by: OPS,
        override: false,
        why: 'swap',
      });
      const answers = await Promise.all([answerOf(left, byHand(ofRight)), answerOf(right, byHand(ofLeft))]);
      expect(answers).toMatchObject([
        { outcome: 'assigned', driverId: ofRight },
        { outcome: 'assigned', driverId: ofLeft },
      ]);
    }
    expect(await brokenInvariants(world.db)).toEqual([]);
  });
});

describe('a busy city with events in any order', () => {
  /** The same numbers from the same seed: a failing run can be repeated. */
  function randomFrom(seed: number): () => number {
    let state = seed;
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
    };
  }

  /** What could happen to this delivery now, and some that could not. */
  async function anyEvent(
    deliveryId: string,
    drivers: readonly string[],
    random: () => number,
  ): Promise<IncomingEvent> {
    const pick = <T>(things: readonly T[]): T => things[Math.floor(random() * things.length)]!;
    const [offer] = await world.db.offer.findMany({
      where: { deliveryId },
      orderBy: { id: 'desc' },
      take: 1,
    });
    const [assignment] = await world.db.assignment.findMany({
      where: { deliveryId },
      orderBy: { id: 'desc' },
      take: 1,
    });
    const driverId = offer?.driverId ?? assignment?.driverId ?? pick(drivers);
    const offerId = offer?.id ?? '00000000-0000-7000-8000-000000000000';
    const by = { kind: 'driver', id: assignment?.driverId ?? driverId } as const;
    return pick<IncomingEvent>([
      LOOK,
      LOOK,
      LOOK,
      { kind: 'acceptOffer', offerId, driverId },
      { kind: 'acceptOffer', offerId, driverId },
      { kind: 'rejectOffer', offerId, driverId, reason: 'OTHER' },
      { kind: 'lapseOffer', offerId },
      {
        kind: 'takeStep',
        step: pick(['arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver', 'returnGoods']),
        by,
        deviceAt: null,
      },
      { kind: 'takeStep', step: 'arriveAtPickup', by, deviceAt: null },
      { kind: 'failDelivery', by, reason: 'DAMAGED', goods: pick(['RETURN', 'LOST']) },
      { kind: 'assignDriver', driverId: pick(drivers), by: OPS, override: random() < 0.5, why: 'test' },
      {
        kind: 'releaseDriver',
        driverId: by.id,
        offerId: offer?.id ?? null,
        assignmentId: assignment?.id ?? null,
        why: 'test',
      },
      { kind: 'readDelivery' },
      {
        kind: 'releaseDriver',
        driverId: by.id,
        offerId: null,
        assignmentId: assignment?.id ?? null,
        why: pick(['FELL_SILENT', 'NO_PROGRESS']),
      },
      { kind: 'escalate' },
      {
        kind: 'leaveDelivery',
        driverId: by.id,
        assignmentId: assignment?.id ?? driverId,
        reason: pick(['VEHICLE_BREAKDOWN', 'OTHER']),
      },
      { kind: 'handOver', driverId: pick(drivers), by: OPS, override: true, meetingId: null, why: 'test' },
      {
        kind: 'rescueDelivery',
        driverId,
        offerId: offer?.id ?? null,
        assignmentId: assignment?.id ?? null,
        by: OPS,
        why: 'test',
      },
      { kind: 'resumeSearch', by: OPS, why: 'test' },
      { kind: 'searchFarther', radiusMeters: 30_000, by: OPS, why: 'test' },
      { kind: 'raisePay', bonusCents: Math.floor(random() * 500), by: OPS, why: 'test' },
      ...(random() < 0.2 ? [CANCEL] : []),
    ]);
  }

  test.each([11, 22])(
    'keeps every invariant (seed %s)',
    async (seed) => {
      const random = randomFrom(seed);
      const { drivers, deliveries } = await field({ drivers: 5, deliveries: 12, capacity: 2 });
      for (let round = 0; round < 25; round += 1) {
        const events = await Promise.all(
          deliveries
            .flatMap((deliveryId) => [deliveryId, ...(random() < 0.3 ? [deliveryId] : [])])
            .map(async (deliveryId) => [deliveryId, await anyEvent(deliveryId, drivers, random)] as const),
        );
        await Promise.all(
          events.map(([deliveryId, event]) =>
            tell(
              deliveryId,
              event,
              Date.now() + (random() < 0.1 ? 40_000 : random() < 0.1 ? 45 * 60_000 : 0),
            ),
          ),
        );
      }
      await Promise.all(deliveries.map((deliveryId) => tell(deliveryId, { kind: 'readDelivery' })));
      expect(await brokenInvariants(world.db)).toEqual([]);
      await Promise.all(deliveries.map((deliveryId) => tell(deliveryId, CANCEL)));
      expect(await brokenInvariants(world.db)).toEqual([]);
    },
    60_000,
  );
});
