/** Acts of ops on a whole zone reach each waiting delivery once, whoever dies on the way. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { outboxBacklog } from '../../adapters/postgres/outbox';
import type { Prisma } from '../../prisma/client/client';
import type { Message } from '../../domain/notices/message';
import type { Dispatcher } from '../../services/ports';
import { type ActAsked, createZoneActs, type ZoneActs } from '../../services/zones/zoneActs';
import { createDispatchWorld, type DispatchWorld } from '../support/dispatchWorld';
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

const actsAt = (deliveriesPerSecond: number): ZoneActs =>
  createZoneActs({
    db: world.db,
    clock: Date.now,
    newId,
    timeScale: 1,
    deliveriesPerSecond,
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
