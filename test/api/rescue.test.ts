import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { createCommandSender } from '../../api/commands/commandSender';
import { type ApiWorld, createApiWorld, driver, merchant, ops, updatesInProcess } from '../support/apiWorld';
import { CITY } from '../support/dispatchWorld';
import { brokenInvariants } from '../support/invariants';

/** Deliveries whose workflows do not answer, and those whose workflows fail. */
const silent = new Set<string>();
const broken = new Set<string>();
/** Calls in progress, the highest number of them, and the update ids. */
const calls = { now: 0, most: 0, updateIds: [] as string[] };

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld((standard, dispatch) => {
    const updates = updatesInProcess(dispatch);
    return {
      commands: createCommandSender({
        timeoutMs: 2_000,
        log: standard.log,
        startDelivery: async () => {},
        answerFromRow: async () => null,
        updates: {
          ...updates,
          execute: async (workflowId, update, deadlineAt) => {
            const { updateId } = update;
            calls.updateIds.push(updateId);
            calls.most = Math.max(calls.most, ++calls.now);
            const deliveryId = updateId.split('/').at(-1) ?? '';
            try {
              if (broken.has(deliveryId)) throw new Error('a fault of ours');
              if (silent.has(deliveryId)) await new Promise(() => {});
              return await updates.execute(workflowId, update, deadlineAt);
            } finally {
              calls.now--;
            }
          },
        },
      }),
    };
  });
});
afterAll(() => world.close());
beforeEach(() => {
  silent.clear();
  broken.clear();
  Object.assign(calls, { now: 0, most: 0, updateIds: [] });
});

/** A driver with this many jobs: the first is picked up, the others are assigned. */
async function laden(count: number): Promise<{ driverId: string; deliveries: string[] }> {
  const driverId = await world.addDriver({ capacity: Math.max(1, count) });
  const deliveries: string[] = [];
  for (let index = 0; index < count; index++) {
    const { deliveryId } = await world.addDelivery();
    await world.as(ops()).post(`/v2/deliveries/${deliveryId}/assign`, { driverId, why: 'test' }).expect(200);
    deliveries.push(deliveryId);
  }
  const [first] = deliveries;
  if (first !== undefined)
    for (const step of ['arriveAtPickup', 'pickUp'])
      await world.as(driver(driverId)).post(`/v2/deliveries/${first}/steps`, { step }).expect(200);
  Object.assign(calls, { now: 0, most: 0, updateIds: [] });
  return { driverId, deliveries };
}

const rescue = (
  driverId: string,
  { key, cities, why = 'bike stolen' }: { key?: string; cities?: string[]; why?: unknown } = {},
) => {
  const sent = world.as(ops(cities)).post(`/v2/ops/drivers/${driverId}/rescue`, { why });
  return key === undefined ? sent : sent.set('idempotency-key', key);
};
type Rescued = {
  rescueId: string;
  driverId: string;
  jobs: {
    deliveryId: string;
    offerId: string | null;
    assignmentId: string | null;
    outcome: string;
    at: string | null;
  }[];
};
const rescued = async (...asked: Parameters<typeof rescue>): Promise<Rescued> =>
  (await rescue(...asked).expect(200)).body as Rescued;
const outcomes = ({ jobs }: Rescued): Record<string, string> =>
  Object.fromEntries(jobs.map(({ deliveryId, outcome }) => [deliveryId, outcome]));

describe('rescuing a driver', () => {
  it('releases every job and returns each outcome', async () => {
    const {
      driverId,
      deliveries: [carried = '', one = '', two = ''],
    } = await laden(3);
    const body = await rescued(driverId);
    expect(body).toMatchObject({ driverId, rescueId: expect.any(String) });
    expect(outcomes(body)).toEqual({ [carried]: 'escalated', [one]: 'released', [two]: 'released' });
    for (const { at, assignmentId, offerId, outcome } of body.jobs)
      expect([Date.parse(at ?? '') > 0, typeof assignmentId, offerId]).toEqual([
        outcome === 'released',
        'string',
        null,
      ]);
    expect([...calls.updateIds].sort()).toEqual(
      [carried, one, two].map((deliveryId) => `rescue/${body.rescueId}/${deliveryId}`).sort(),
    );
    expect((await world.as(ops()).get(`/v2/deliveries/${one}`).expect(200)).body).toMatchObject({
      status: 'SEARCHING',
      driverId: null,
    });
    expect(
      (await world.as(ops()).get(`/v2/drivers/${driverId}/availability`).expect(200)).body,
    ).toMatchObject({ availability: 'BUSY', pending: { kind: 'OFFLINE' } });
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  it('with the same key returns the same reply without new commands', async () => {
    const {
      driverId,
      deliveries: [carried = ''],
    } = await laden(2);
    const first = await rescued(driverId, { key: 'once' });
    for (const step of ['arriveAtDropoff', 'deliver'])
      await world.as(driver(driverId)).post(`/v2/deliveries/${carried}/steps`, { step }).expect(200);
    calls.updateIds = [];
    expect(await rescued(driverId, { key: 'once' })).toEqual(first);
    expect(calls.updateIds).toEqual([]);
    expect(await rescued(driverId)).toMatchObject({ jobs: [] });
    const { body: others } = await world
      .as({ ...ops(), sub: 'otto' })
      .post(`/v2/ops/drivers/${driverId}/rescue`, { why: 'x' })
      .set('idempotency-key', 'once')
      .expect(200);
    expect((others as Rescued).rescueId).not.toBe(first.rescueId);
  });

  it('reports deliveries without an answer, and a repeat calls only those', async () => {
    const {
      driverId,
      deliveries: [carried = '', one = '', two = ''],
    } = await laden(3);
    silent.add(one);
    broken.add(two);
    const body = await rescued(driverId, { key: 'slow' });
    expect(outcomes(body)).toEqual({
      [carried]: 'escalated',
      [one]: 'NOT_ANSWERED_IN_TIME',
      [two]: 'NOT_ANSWERED_IN_TIME',
    });
    expect(body.jobs.filter(({ at }) => at !== null)).toEqual([]);
    expect(await world.db.outboxMessage.count({ where: { kind: 'rescue', key: { in: [one, two] } } })).toBe(
      2,
    );
    silent.clear();
    broken.clear();
    calls.updateIds = [];
    expect(outcomes(await rescued(driverId, { key: 'slow' }))).toEqual({
      [carried]: 'escalated',
      [one]: 'released',
      [two]: 'released',
    });
    expect(calls.updateIds).toHaveLength(2);
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  it('calls at most five deliveries in parallel', async () => {
    const { driverId, deliveries } = await laden(8);
    expect(Object.keys(outcomes(await rescued(driverId)))).toHaveLength(deliveries.length);
    expect(calls.most).toBe(5);
  });

  it('ten times concurrently with one key is one rescue', async () => {
    const {
      driverId,
      deliveries: [carried = '', one = '', two = ''],
    } = await laden(3);
    const answers = await Promise.all(Array.from({ length: 10 }, () => rescued(driverId, { key: 'many' })));
    expect(
      new Set(
        answers.map(({ rescueId, jobs }) =>
          JSON.stringify([rescueId, jobs.map(({ deliveryId }) => deliveryId)]),
        ),
      ).size,
    ).toBe(1);
    expect(outcomes(await rescued(driverId, { key: 'many' }))).toEqual({
      [carried]: 'escalated',
      [one]: 'released',
      [two]: 'released',
    });
    expect(await world.db.rescue.count({ where: { driverId } })).toBe(1);
  });

  it('is limited to ops of the driver’s city', async () => {
    const { driverId } = await laden(0);
    await rescue(driverId, { cities: ['paris'] }).expect(404);
    await rescue(newId()).expect(404);
    await rescue('nobody').expect(404);
    await rescue(driverId, { cities: [CITY] }).expect(200);
    for (const caller of [driver(driverId), merchant('bakery')])
      await world.as(caller).post(`/v2/ops/drivers/${driverId}/rescue`, { why: 'x' }).expect(403);
    expect(await world.db.rescue.count({ where: { driverId } })).toBe(1);
  });

  it.each([
    ['none', undefined],
    ['an empty one', ''],
    ['a long one', 'x'.repeat(301)],
    ['a number', 7],
    ['a NUL', 'a\u0000b'],
  ])('requires a reason, and refuses %s', async (_what, why) => {
    const driverId = await world.addDriver();
    await world.as(ops()).post(`/v2/ops/drivers/${driverId}/rescue`, { why }).expect(400);
  });
});
