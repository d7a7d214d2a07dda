/** Acts of ops on a whole zone reach each waiting delivery once, whoever dies on the way. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { outboxBacklog } from '../../adapters/postgres/outbox';
import type { Prisma } from '../../prisma/client/client';
import type { Message } from '../../domain/notices/message';
import type { Dispatcher } from '../../services/ports';
import { type ActAsked, createZoneActs, type ZoneActs } from '../../services/zones/zoneActs';
import { createDispatchWorld, type DispatchWorld, PICKUP } from '../support/dispatchWorld';
import { eventually } from '../support/eventually';
import { brokenInvariants } from '../support/invariants';

const OLGA = { kind: 'ops', id: 'olga' } as const;
const MINUTE = 60_000;

let world: DispatchWorld;
let relay: { stop(): Promise<void> } | undefined;
beforeAll(async () => {
  world = await createDispatchWorld();
});
afterEach(async () => {
  await relay?.stop();
  await world.db.outboxMessage.deleteMany();
});
afterAll(() => world.close());

/** A city of the test's own, with two zones. */
let cityId: string;
let zoneId: string;
beforeEach(async () => {
  cityId = await world.addCity();
  zoneId = `north-${cityId}`;
  const zone = { cityId, name: 'Zone', polygon: { type: 'Polygon', coordinates: [] } };
  await world.db.zone.createMany({
    data: [
      { ...zone, id: zoneId },
      { ...zone, id: `south-${cityId}` },
    ],
  });
});

const actsAt = (deliveriesPerSecond: number, clock: () => number = Date.now): ZoneActs =>
  createZoneActs({
    db: world.db,
    clock,
    newId,
    timeScale: 1,
    deliveriesPerSecond,
    widenMaxMeters: 50_000,
    escalatedRadiusMeters: 22_500,
    notifyRelay: () => {},
  });
const asked = (): ActAsked => ({ by: OLGA, why: 'storm', correlationId: 'act', key: newId() });

/** In a city without drivers, whose search has begun unless its row is to say otherwise. */
async function waiting(change: Prisma.DeliveryUncheckedUpdateInput = {}): Promise<string> {
  const { deliveryId } = await world.addDelivery({ cityId });
  if (change.status === undefined)
    await world.activities.lookForDriver({
      deliveryId,
      correlationId: 'test',
      at: Date.now(),
      event: { kind: 'lookForDriver', freed: null },
    });
  await world.db.delivery.update({ where: { id: deliveryId }, data: { zoneId, ...change } });
  return deliveryId;
}

const rowOf = (id: string) => world.db.delivery.findUniqueOrThrow({ where: { id } });
const entriesOf = (deliveryId: string, kind: string) =>
  world.db.auditEntry.findMany({ where: { deliveryId, kind } });

/** What a workflow does with a command, its transaction, is done at once. */
const sendCommand: Dispatcher['sendCommand'] = async (deliveryId, event, { correlationId }) => {
  if ((await rowOf(deliveryId)).closedAt !== null) return null;
  const input = { deliveryId, correlationId, at: Date.now(), event };
  return (await world.activities[event.kind](input)).answer;
};

/** Relays the parts of acts; every other message is nobody's. */
function relayParts(acts: ZoneActs, send = sendCommand): void {
  relay = world.relayTo(async (message: Message) => {
    if (message.kind === 'zoneAct') await acts.carryOut(message, { sendCommand: send });
  });
}

const settled = (acts: ZoneActs, actId: string): Promise<true> =>
  eventually('each delivery has answered', async () => (await acts.tally(actId)).open === 0);

describe('a raise of a zone', () => {
  it('reaches each of thirty waiting deliveries once, with a process killed before and after it sent', async () => {
    const hit = await Promise.all(Array.from({ length: 30 }, () => waiting()));
    const missed = [
      await waiting({ zoneId: `south-${cityId}` }),
      await waiting({ zoneId: null }),
      await waiting({ status: 'PENDING', searchAt: new Date(Date.now() + MINUTE) }),
    ];
    const acts = actsAt(1_000);
    const { actId } = await acts.raisePay({ cityId, zoneId }, { bonusCents: 500 }, asked());
    const tries = new Map<string, number>();
    relayParts(acts, async (deliveryId, ...rest) => {
      const count = (tries.get(deliveryId) ?? 0) + 1;
      tries.set(deliveryId, count);
      const dies = count === 1 ? hit.indexOf(deliveryId) % 3 : -1;
      if (dies === 1) throw new Error('killed before it sent');
      const answer = await sendCommand(deliveryId, ...rest);
      if (dies === 2) throw new Error('killed before it kept the answer');
      return answer;
    });
    await settled(acts, actId);
    expect(await acts.tally(actId)).toEqual({ asked: 30, done: 30, open: 0, refused: new Map() });
    expect([...tries.values()].filter((count) => count > 1).length).toBeGreaterThanOrEqual(20);
    for (const id of hit) {
      expect(await rowOf(id)).toMatchObject({ bonusCents: 500 });
      expect(await entriesOf(id, 'pay_raised')).toMatchObject([
        { actorKind: 'ops', actorId: 'olga', why: 'storm', correlationId: 'act' },
      ]);
    }
    for (const id of missed) expect(await rowOf(id)).toMatchObject({ bonusCents: 0 });
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  it('is the same raise for a repeat of its request', async () => {
    await waiting();
    const acts = actsAt(1_000);
    const request = asked();
    const first = await acts.raisePay({ cityId, zoneId }, { bonusCents: 500 }, request);
    await waiting();
    expect(await acts.raisePay({ cityId, zoneId }, { bonusCents: 500 }, request)).toEqual(first);
    expect(await acts.tally(first.actId)).toMatchObject({ asked: 1 });
    expect(await world.db.outboxMessage.count({ where: { kind: 'zoneAct' } })).toBe(1);
  });

  it('says which deliveries refused it: a driver came first, the pay is higher, or too high', async () => {
    const [taken, higher] = [await waiting(), await waiting({ bonusCents: 900 })];
    const dear = await waiting({ payCents: 99_900 });
    const driverId = await world.addDriver({ cityId });
    const acts = actsAt(1_000);
    const { actId } = await acts.raisePay({ cityId, zoneId: null }, { bonusCents: 500 }, asked());
    await world.activities.assignDriver({
      deliveryId: taken,
      correlationId: 'test',
      at: Date.now(),
      event: { kind: 'assignDriver', driverId, by: OLGA, override: false, why: 'near' },
    });
    relayParts(acts);
    await settled(acts, actId);
    expect(await acts.tally(actId)).toEqual({
      asked: 3,
      done: 0,
      open: 0,
      refused: new Map([
        ['ILLEGAL_TRANSITION', 1],
        ['PAY_NOT_ALLOWED', 1],
        ['PAY_NOT_RAISED', 1],
      ]),
    });
    expect(await rowOf(taken)).toMatchObject({ bonusCents: 0, status: 'ASSIGNED' });
    expect(await rowOf(higher)).toMatchObject({ bonusCents: 900 });
    expect(await rowOf(dear)).toMatchObject({ bonusCents: 0 });
  });

  it('is spread over time, and does not count as late meanwhile', async () => {
    for (let count = 0; count < 6; count++) await waiting();
    await actsAt(2).raisePay({ cityId, zoneId }, { bonusCents: 500 }, asked());
    const rows = await world.db.outboxMessage.findMany({
      where: { kind: 'zoneAct' },
      orderBy: { nextAt: 'asc' },
    });
    const [first] = rows;
    expect(rows.map(({ nextAt }) => nextAt.getTime() - (first?.nextAt.getTime() ?? 0))).toEqual([
      0, 500, 1_000, 1_500, 2_000, 2_500,
    ]);
    const { oldestMs } = await outboxBacklog(world.db);
    expect(oldestMs).toBeGreaterThanOrEqual(0);
  });
});

describe('a cancel of what waits', () => {
  const minutesAgo = (minutes: number): Date => new Date(Date.now() - minutes * MINUTE);

  it('counts first, then cancels what has waited for longer, over all its searches, and nothing else', async () => {
    const long = await waiting({ unassignedSince: minutesAgo(31) });
    const twice = await waiting({ unassignedMs: 25n * 60_000n, unassignedSince: minutesAgo(10) });
    const due = await waiting({ status: 'PENDING', searchAt: minutesAgo(40) });
    const short = await waiting({ unassignedSince: minutesAgo(29) });
    const taken = await waiting({ unassignedSince: minutesAgo(50) });
    const acts = actsAt(1_000);
    const place = { cityId, zoneId };
    expect(await acts.countWaiting(place, 30)).toBe(4);
    const terms = { waitingOverMinutes: 30, cancelReason: 'NO_DRIVER' } as const;
    const { actId } = await acts.cancelWaiting(place, terms, asked());
    const driverId = await world.addDriver({ cityId });
    await world.activities.assignDriver({
      deliveryId: taken,
      correlationId: 'test',
      at: Date.now(),
      event: { kind: 'assignDriver', driverId, by: OLGA, override: false, why: 'near' },
    });
    const lost = new Set<string>();
    relayParts(acts, async (deliveryId, ...rest) => {
      const answer = await sendCommand(deliveryId, ...rest);
      if (deliveryId !== long || lost.has(long)) return answer;
      lost.add(long);
      throw new Error('killed before it kept the answer');
    });
    await settled(acts, actId);
    expect(await acts.tally(actId)).toEqual({
      asked: 4,
      done: 3,
      open: 0,
      refused: new Map([['ILLEGAL_TRANSITION', 1]]),
    });
    for (const id of [long, twice, due]) {
      expect(await rowOf(id)).toMatchObject({ status: 'CANCELLED', reasonCode: 'NO_DRIVER' });
      const moves = await entriesOf(id, 'delivery_moved');
      expect(moves.filter(({ toState }) => toState === 'CANCELLED')).toMatchObject([
        { actorKind: 'ops', actorId: 'olga' },
      ]);
    }
    expect(await rowOf(short)).toMatchObject({ status: 'SEARCHING' });
    expect(await rowOf(taken)).toMatchObject({ status: 'ASSIGNED', driverId });
    expect(await brokenInvariants(world.db)).toEqual([]);
  });
});

describe('a wider search', () => {
  const FOR_A_WHILE = { minutes: 5, untilAt: null };
  /** 11 km away: farther than a first search reaches. */
  const far = () => world.addDriver({ cityId, at: { lat: PICKUP.lat + 0.1, lng: PICKUP.lng } });
  const widen = async (acts: ZoneActs, place = zoneId, request = asked()): Promise<string> => {
    const terms = { radiusMeters: 20_000, length: FOR_A_WHILE };
    const widened = await acts.widen({ cityId, zoneId: place }, terms, request);
    if (!('act' in widened)) throw new Error(`refused: ${widened.refused}`);
    return widened.act.actId;
  };
  const search = (deliveryId: string) =>
    world.activities.lookForDriver({
      deliveryId,
      correlationId: 'test',
      at: Date.now(),
      event: { kind: 'lookForDriver', freed: null },
    });
  const offersOf = (deliveryId: string) => world.db.offer.findMany({ where: { deliveryId } });

  it('finds a driver farther away, in its zone and until it ends', async () => {
    const acts = actsAt(1_000);
    const [here, later] = [await waiting(), await waiting()];
    const driverId = await far();
    await widen(acts, `south-${cityId}`);
    await search(here);
    expect(await offersOf(here)).toEqual([]);
    await widen(acts);
    await search(here);
    expect(await offersOf(here)).toMatchObject([{ driverId, choice: { radiusMeters: 20_000 } }]);
    await far();
    await acts.narrow({ cityId, zoneId }, asked());
    await search(later);
    expect(await offersOf(later)).toEqual([]);
  });

  it('is over at its time, also for what waits since before', async () => {
    const deliveryId = await waiting();
    await far();
    await widen(actsAt(1_000, () => Date.now() - 5 * MINUTE));
    await search(deliveryId);
    expect(await offersOf(deliveryId)).toEqual([]);
    expect(await actsAt(1_000).inForce([cityId])).toEqual([]);
  });

  it('has each delivery of the zone that waits search again once, and leaves the others be', async () => {
    const hit = [await waiting(), await waiting()];
    const decided = await waiting({ heldReason: 'REASSIGNMENT_OFF', searchAgainAt: null });
    const elsewhere = await waiting({ zoneId: `south-${cityId}` });
    const before = await rowOf(elsewhere);
    const acts = actsAt(1_000);
    const request = asked();
    const actId = await widen(acts, zoneId, request);
    expect(await widen(acts, zoneId, request)).toBe(actId);
    const lost = new Set<string>();
    relayParts(acts, async (deliveryId, ...rest) => {
      const answer = await sendCommand(deliveryId, ...rest);
      if (lost.has(deliveryId)) return answer;
      lost.add(deliveryId);
      throw new Error('killed before it kept the answer');
    });
    await settled(acts, actId);
    expect(await acts.tally(actId)).toEqual({ asked: 3, done: 3, open: 0, refused: new Map() });
    for (const id of hit) {
      expect((await rowOf(id)).searchAgainAt?.getTime()).toBeLessThanOrEqual(Date.now());
      expect(await entriesOf(id, 'search_widened')).toMatchObject([
        { actorKind: 'ops', actorId: 'olga', why: 'storm', correlationId: 'act' },
      ]);
    }
    expect(await rowOf(decided)).toMatchObject({ heldReason: 'REASSIGNMENT_OFF', searchAgainAt: null });
    expect(await rowOf(elsewhere)).toEqual(before);
  });

  it('asks no delivery any more once it has ended', async () => {
    const deliveryId = await waiting();
    const { searchAgainAt } = await rowOf(deliveryId);
    const acts = actsAt(1_000);
    const actId = await widen(acts);
    await acts.narrow({ cityId, zoneId }, asked());
    relayParts(acts);
    await settled(acts, actId);
    expect(await acts.tally(actId)).toMatchObject({ done: 0, refused: new Map([['ACT_OVER', 1]]) });
    expect(await rowOf(deliveryId)).toMatchObject({ searchAgainAt });
  });

  it('replaces the one before it at the same place, and not that of the city', async () => {
    const acts = actsAt(1_000);
    const terms = { radiusMeters: 30_000, length: FOR_A_WHILE };
    await acts.widen({ cityId, zoneId: null }, terms, asked());
    await widen(acts);
    const last = await widen(acts);
    const inForce = await acts.inForce([cityId]);
    expect(inForce.map(({ zoneId: place }) => place)).toEqual([null, zoneId]);
    expect(inForce[1]?.actId).toBe(last);
  });

  it('has bounds: it ends within a day, and reaches no farther than allowed', async () => {
    const acts = actsAt(1_000);
    const place = { cityId, zoneId };
    const late = { minutes: null, untilAt: Date.now() + 25 * 60 * MINUTE };
    expect(await acts.widen(place, { radiusMeters: null, length: late }, asked())).toEqual({
      refused: 'LENGTH',
    });
    expect(await acts.widen(place, { radiusMeters: 50_001, length: FOR_A_WHILE }, asked())).toEqual({
      refused: 'RADIUS',
      atMostMeters: 50_000,
    });
    expect(await acts.widen(place, { radiusMeters: null, length: FOR_A_WHILE }, asked())).toMatchObject({
      act: { radiusMeters: 22_500 },
    });
  });
});
