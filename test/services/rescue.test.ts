/**
 * The rescue of a driver over real PostgreSQL; what the outbox holds is told to the deliveries by hand, as
 * the relay and their workflows do.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createMessageHandler } from '../../services/outbox/outboxMessages';
import type { Dispatcher } from '../../services/ports';
import { createRescue, type RescueAsked, type RescueService } from '../../services/rescue';
import type { IncomingEvent } from '../../domain/delivery/events';
import { AVAILABILITY_LIMITS } from '../../domain/driver/availability';
import type { Message } from '../../domain/notices/message';
import { createDispatchWorld, type DispatchWorld } from '../support/dispatchWorld';
import { NOBODY } from '../support/deliveryScene';
import { brokenInvariants } from '../support/invariants';

let world: DispatchWorld;
let rescue: RescueService;
let relayCalls = 0;
beforeAll(async () => {
  world = await createDispatchWorld();
  const {
    db,
    deps: { features, newId },
  } = world;
  rescue = createRescue({
    db,
    features,
    clock: Date.now,
    newId,
    limits: AVAILABILITY_LIMITS,
    notifyRelay: () => void relayCalls++,
  });
});
afterAll(() => world.close());

const BY = { kind: 'ops', id: 'olga' } as const;
const asked = (change: Partial<RescueAsked> = {}): RescueAsked => ({
  key: 'key',
  by: BY,
  why: 'flat tyre, called in',
  correlationId: 'call-7',
  ...change,
});
const tell = (deliveryId: string, event: IncomingEvent) =>
  world.activities[event.kind]({ deliveryId, correlationId: 'test', at: Date.now(), event });
const statusOf = async (deliveryId: string) =>
  (await world.db.delivery.findUniqueOrThrow({ where: { id: deliveryId } })).status;
const driverRow = (id: string) => world.db.driver.findUniqueOrThrow({ where: { id } });
const messagesOf = async (...keys: string[]): Promise<string[]> =>
  (await world.db.outboxMessage.findMany({ where: { key: { in: keys } }, orderBy: { id: 'asc' } })).map(
    ({ kind }) => kind,
  );

type DriverWithJobs = {
  driverId: string;
  carried: string;
  expected: string;
  offered: string;
  offerId: string;
};

/**
 * A driver alone in their city with room for three: one delivery picked up, one on the way to its pickup, one
 * on offer.
 */
async function driverWithJobs(): Promise<DriverWithJobs> {
  const cityId = await world.addCity();
  const driverId = await world.addDriver({ cityId, capacity: 3 });
  const found: string[] = [];
  let offerId = '';
  for (const accepts of [true, true, false]) {
    const { deliveryId } = await world.addDelivery({ cityId });
    found.push(deliveryId);
    if (found.length > 1) await onMap(driverId, cityId);
    const {
      known: {
        offers: [offer],
      },
    } = await tell(deliveryId, { kind: 'lookForDriver', freed: null });
    offerId = offer?.offerId ?? 'nobody was asked';
    if (accepts) await tell(deliveryId, { kind: 'acceptOffer', offerId, driverId });
  }
  const [carried = '', expected = '', offered = ''] = found;
  for (const step of ['arriveAtPickup', 'pickUp'] as const)
    await tell(carried, { kind: 'takeStep', step, by: { kind: 'driver', id: driverId }, deviceAt: null });
  await world.db.outboxMessage.deleteMany({});
  return { driverId, carried, expected, offered, offerId };
}

/** Who has room is found on the map only while it says AVAILABLE; the hold goes by the row. */
async function onMap(driverId: string, cityId: string): Promise<void> {
  const { lastLat, lastLng } = await driverRow(driverId);
  const now = Date.now();
  await world.map.sync(
    {
      driverId,
      cityId,
      availability: 'AVAILABLE',
      hasRoom: true,
      version: 1_000,
      lastFix: { point: { lat: lastLat ?? 0, lng: lastLng ?? 0 }, at: now, receivedAt: now },
    },
    now,
  );
}

/** Hands the messages about rescues to the deliveries, so often. */
async function relay(times = 1): Promise<void> {
  const unexpected = async () => {
    throw new Error('not part of this test');
  };
  const dispatcher: Dispatcher = {
    startDelivery: unexpected,
    signalDriverLeft: unexpected,
    sendCommand: unexpected,
    signalOfferWithdrawn: unexpected,
    wake: unexpected,
    propose: unexpected,
    callRound: unexpected,
    endAvailabilityLater: unexpected,
    signalDriverRescued: async (deliveryId, { correlationId, ...event }) =>
      void (await world.activities.rescueDelivery({
        deliveryId,
        correlationId,
        at: Date.now(),
        event: { kind: 'rescueDelivery', ...event },
      })),
  };
  const handle = createMessageHandler({
    dispatcher,
    emitter: { emit: unexpected },
    syncDriver: unexpected,
    releaseDriver: unexpected,
    merchantSuspended: unexpected,
    zoneAct: unexpected,
    driverFree: unexpected,
    notify: unexpected,
  });
  const rows = await world.db.outboxMessage.findMany({ where: { kind: 'rescue' }, orderBy: { id: 'asc' } });
  for (let round = 0; round < times; round++)
    for (const { kind, payload, correlationId } of rows)
      await handle({ kind, ...(payload as object) } as Message, correlationId);
}

describe('a rescue', () => {
  it('records every job, takes the driver off duty and signals each delivery', async () => {
    const { driverId, carried, expected, offered, offerId } = await driverWithJobs();
    relayCalls = 0;
    const begun = await rescue.begin(driverId, asked());
    expect(relayCalls).toBe(1);
    const [{ id: carries = '' } = {}] = await world.db.assignment.findMany({
      where: { deliveryId: carried },
    });
    const [{ id: expects = '' } = {}] = await world.db.assignment.findMany({
      where: { deliveryId: expected },
    });
    expect(begun?.jobs).toHaveLength(3);
    expect(begun?.jobs).toEqual(
      expect.arrayContaining([
        { deliveryId: carried, offerId: null, assignmentId: carries, result: null },
        { deliveryId: expected, offerId: null, assignmentId: expects, result: null },
        { deliveryId: offered, offerId, assignmentId: null, result: null },
      ]),
    );
    expect(await driverRow(driverId)).toMatchObject({ availability: 'BUSY', pending: { kind: 'OFFLINE' } });
    expect(await messagesOf(driverId)).toEqual(['emit', 'syncDriver']);
    expect(await messagesOf(carried, expected, offered)).toEqual(['rescue', 'rescue', 'rescue']);
    const entries = await world.db.auditEntry.findMany({
      where: { driverId, chain: `driver/${driverId}`, correlationId: 'call-7' },
      orderBy: { id: 'asc' },
    });
    expect(entries).toMatchObject([
      {
        kind: 'driver_rescued',
        actorKind: 'ops',
        actorId: 'olga',
        why: 'flat tyre, called in',
        detail: { rescueId: begun?.rescueId },
      },
      { kind: 'availability_changed' },
    ]);
    expect(await world.db.rescue.findMany({ where: { driverId } })).toMatchObject([
      { key: 'key', byId: 'olga', why: 'flat tyre, called in' },
    ]);
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  it('releases jobs before pickup and escalates jobs after it to ops, through the outbox alone', async () => {
    const { driverId, carried, expected, offered } = await driverWithJobs();
    await rescue.begin(driverId, asked());
    await relay(2); // at least once
    expect(await Promise.all([carried, expected, offered].map(statusOf))).toEqual([
      'PICKED_UP',
      'SEARCHING',
      'SEARCHING',
    ]);
    expect(await world.db.escalation.findMany({ where: { deliveryId: carried } })).toMatchObject([
      { reason: 'CARRIER_GAVE_UP', state: 'OPEN', driverId },
    ]);
    expect(await driverRow(driverId)).toMatchObject({
      availability: 'BUSY',
      liveOffers: 0,
      activeAssignments: 1,
    });
    expect(await brokenInvariants(world.db)).toEqual([]);
    for (const step of ['arriveAtDropoff', 'deliver'] as const)
      await tell(carried, { kind: 'takeStep', step, by: { kind: 'driver', id: driverId }, deviceAt: null });
    expect(await driverRow(driverId)).toMatchObject({ availability: 'OFFLINE', pending: null });
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  it('searches again even for a manual assignment and does not offer it to the rescued driver', async () => {
    const cityId = await world.addCity();
    const driverId = await world.addDriver({ cityId });
    const { deliveryId } = await world.addDelivery({ cityId });
    await tell(deliveryId, { kind: 'assignDriver', driverId, by: BY, override: false, why: 'knows the way' });
    await rescue.begin(driverId, asked());
    expect(await driverRow(driverId)).toMatchObject({ availability: 'OFFLINE' });
    await relay();
    expect(await world.db.delivery.findUniqueOrThrow({ where: { id: deliveryId } })).toMatchObject({
      status: 'SEARCHING',
      heldReason: null,
      losses: 1,
    });
    expect(await driverRow(driverId)).toMatchObject({ availability: 'OFFLINE', activeAssignments: 0 });
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  it('takes a driver without work off duty; one already off duty is left unchanged', async () => {
    const driverId = await world.addDriver();
    expect(await rescue.begin(driverId, asked())).toMatchObject({ jobs: [] });
    expect(await driverRow(driverId)).toMatchObject({ availability: 'OFFLINE' });
    expect(await rescue.begin(driverId, asked({ key: 'again' }))).toMatchObject({ jobs: [] });
    expect(
      (await world.db.auditEntry.findMany({ where: { driverId }, orderBy: { id: 'asc' } })).map(
        ({ kind }) => kind,
      ),
    ).toEqual(['driver_rescued', 'availability_changed', 'driver_rescued']);
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  it('of an unknown driver is refused', async () => expect(await rescue.begin(NOBODY, asked())).toBeNull());
});

describe('a repeated rescue', () => {
  it('returns the same jobs, whatever the driver has now, and changes nothing', async () => {
    const { driverId, carried, expected, offered } = await driverWithJobs();
    const first = await rescue.begin(driverId, asked());
    await relay();
    const before = await world.db.auditEntry.count({ where: { driverId } });
    expect(await rescue.begin(driverId, asked({ why: 'said otherwise' }))).toEqual(first);
    expect(await world.db.auditEntry.count({ where: { driverId } })).toBe(before);
    expect((await messagesOf(carried, expected, offered)).filter((kind) => kind === 'rescue')).toHaveLength(
      3,
    );
  });

  it('twenty times at once is one rescue', async () => {
    const { driverId } = await driverWithJobs();
    const begun = await Promise.all(Array.from({ length: 20 }, () => rescue.begin(driverId, asked())));
    expect(new Set(begun.map((each) => each?.rescueId)).size).toBe(1);
    expect(await world.db.outboxMessage.count({ where: { kind: 'rescue' } })).toBe(3);
    expect(await world.db.rescue.count({ where: { driverId } })).toBe(1);
  });

  it('under another key is a separate rescue, and both release the jobs once', async () => {
    const { driverId, expected } = await driverWithJobs();
    const [one, two] = await Promise.all([
      rescue.begin(driverId, asked()),
      rescue.begin(driverId, asked({ key: 'other' })),
    ]);
    expect(one?.rescueId).not.toBe(two?.rescueId);
    expect(two?.jobs).toHaveLength(3);
    await relay();
    expect(await world.db.delivery.findUniqueOrThrow({ where: { id: expected } })).toMatchObject({
      status: 'SEARCHING',
      losses: 1,
    });
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  it('gets the first answer of each delivery', async () => {
    const { driverId, carried, expected } = await driverWithJobs();
    const { rescueId = '', jobs = [] } = (await rescue.begin(driverId, asked())) ?? {};
    await rescue.keepResults(rescueId, new Map([[carried, { outcome: 'escalated', at: 7 }]]));
    await Promise.all([
      rescue.keepResults(rescueId, new Map([[carried, { outcome: 'released', at: 8 }]])),
      rescue.keepResults(rescueId, new Map([[expected, { outcome: 'released', at: 9 }]])),
    ]);
    const kept = await rescue.begin(driverId, asked());
    expect(kept?.jobs.map(({ deliveryId, result }) => [deliveryId, result?.at ?? null])).toEqual(
      jobs.map(({ deliveryId }) => [
        deliveryId,
        deliveryId === carried ? 7 : deliveryId === expected ? 9 : null,
      ]),
    );
    expect(await rescue.keepResults(NOBODY, new Map())).toEqual([]);
  });
});

it('a concurrent rescue and accept leave no job behind', async () => {
  const { driverId, offered, offerId } = await driverWithJobs();
  const [begun] = await Promise.all([
    rescue.begin(driverId, asked()),
    tell(offered, { kind: 'acceptOffer', offerId, driverId }),
  ]);
  expect(begun?.jobs).toHaveLength(3);
  await relay();
  expect(await statusOf(offered)).toBe('SEARCHING');
  expect(await brokenInvariants(world.db)).toEqual([]);
});
