/** Levels as deadlines of the workflow (docs/behaviour.md#escalation), on a server that skips time. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createUnassignedRows } from '../../adapters/postgres/unassignedRows';
import { createEscalationCheck, type EscalationReport } from '../../activities/sweeps/escalationCheck';
import type { Answer } from '../../domain/delivery/deliveryState';
import { COMMANDS, deliveryWorkflowId, offerWithdrawn } from '../../workflows/contract';
import { type NewDriver, TEST_LIMITS } from '../support/dispatchWorld';
import { eventually } from '../support/eventually';
import { createTemporalWorld, type RunningDelivery, type TemporalWorld } from '../support/temporalWorld';

const correlationId = 'test';
const MINUTE = 60_000;
const OPS = { kind: 'ops', id: 'olga' } as const;

let world: TemporalWorld;
beforeAll(async () => {
  world = await createTemporalWorld();
}, 60_000);
afterEach(async () => {
  world.switches.escalation = true;
  await world.endAll();
});
afterAll(() => world.close());

const row = ({ deliveryId }: RunningDelivery) =>
  world.db.delivery.findUniqueOrThrow({ where: { id: deliveryId } });
const levelOf = async (delivery: RunningDelivery): Promise<number> => (await row(delivery)).escalationLevel;
const caseOf = ({ deliveryId }: RunningDelivery) =>
  world.db.escalation.findFirst({ where: { deliveryId }, orderBy: { openedAt: 'desc' } });
const jobOf = async ({ deliveryId }: RunningDelivery): Promise<string> =>
  (await world.db.assignment.findFirstOrThrow({ where: { deliveryId, state: 'ACTIVE' } })).id;
const liveOffers = ({ deliveryId }: RunningDelivery) =>
  world.db.offer.findMany({ where: { deliveryId, state: 'LIVE' } });

/** A delivery in its own city without drivers, whose search has begun. */
async function waiting(): Promise<{
  delivery: RunningDelivery;
  addDriver: (driver?: NewDriver) => Promise<string>;
}> {
  const cityId = await world.addCity();
  const delivery = await world.dispatch({ cityId, searchAt: new Date(await world.env.currentTimeMs()) });
  await world.pass(delivery, 1_000);
  expect(await row(delivery)).toMatchObject({ status: 'SEARCHING', escalationLevel: 0 });
  return { delivery, addDriver: (driver = {}) => world.addDriver({ ...driver, cityId }) };
}

/** Skips time until this many minutes of unassigned time. */
async function until(delivery: RunningDelivery, minutes: number): Promise<void> {
  const { unassignedMs, unassignedSince } = await row(delivery);
  const now = await world.env.currentTimeMs();
  const spent = Number(unassignedMs) + now - (unassignedSince?.getTime() ?? now);
  await world.pass(delivery, minutes * MINUTE - spent);
}

const accept = (
  { handle }: RunningDelivery,
  { id: offerId, driverId }: { id: string; driverId: string },
): Promise<Answer> =>
  handle.executeUpdate(COMMANDS.acceptOffer.update, { args: [{ offerId, driverId, correlationId }] });

/** Skips time until the next search, which finds a driver. */
async function offered(delivery: RunningDelivery): Promise<{ id: string; driverId: string }> {
  for (let seconds = 0; seconds <= 150; seconds += 10) {
    const [offer] = await liveOffers(delivery);
    if (offer) return offer;
    await world.pass(delivery, 10_000);
  }
  throw new Error('nobody was ever asked');
}

/** The check of the Schedule, at the server's time. */
async function check(): Promise<EscalationReport> {
  const now = await world.env.currentTimeMs();
  return createEscalationCheck({
    rows: createUnassignedRows(world.db),
    features: world.deps.features,
    switchedAt: () => 0,
    clock: () => now,
    limits: TEST_LIMITS.escalation,
    heartbeat: () => {},
    onReport: () => {},
    reevaluate: async (deliveryId) => {
      const { merchantId, sellerOrderId } = await world.db.delivery.findUniqueOrThrow({
        where: { id: deliveryId },
      });
      await world.client.workflow
        .getHandle(deliveryWorkflowId(merchantId, sellerOrderId))
        .signal(offerWithdrawn, { offerId: '', correlationId });
    },
  })();
}

describe('without a driver', () => {
  test('each level is reached at its due time, and half an hour costs at most 100 events', async () => {
    const { delivery } = await waiting();
    for (const [level, minutes] of [
      [1, 5],
      [2, 15],
      [3, 30],
    ] as const) {
      await until(delivery, minutes - 1 / 60);
      expect(await levelOf(delivery)).toBe(level - 1);
      if (level === 3) expect((await delivery.handle.fetchHistory()).events?.length).toBeLessThanOrEqual(100);
      await until(delivery, minutes);
      expect(await levelOf(delivery)).toBe(level);
    }
    expect(await caseOf(delivery)).toMatchObject({ level: 3, state: 'OPEN' });
    expect(await row(delivery)).toMatchObject({ bonusCents: 200, delayedSince: expect.any(Date) });
  });

  test('page and broadcast repeat every ten minutes until the search ends', async () => {
    const { delivery } = await waiting();
    await until(delivery, 51);
    expect(
      await world.db.auditEntry.count({
        where: { deliveryId: delivery.deliveryId, kind: 'escalation_repeated' },
      }),
    ).toBe(2);
    await world.pass(delivery, 70 * MINUTE);
    expect(await row(delivery)).toMatchObject({ status: 'CANCELLED', reasonCode: 'NO_DRIVER' });
    expect(await caseOf(delivery)).toMatchObject({ state: 'RESOLVED', resolution: 'CLOSED' });
  });
});

describe('a found driver', () => {
  test.each([
    [2, 0, null],
    [8, 1, null],
    [20, 2, 'RESOLVED'],
    [33, 3, 'RESOLVED'],
  ] as const)('after %s minutes leaves it on level %s for good', async (minutes, level, state) => {
    const { delivery, addDriver } = await waiting();
    await until(delivery, minutes);
    expect(await levelOf(delivery)).toBe(level);
    await addDriver();
    expect(await accept(delivery, await offered(delivery))).toMatchObject({ outcome: 'accepted' });
    await world.env.sleep(90 * MINUTE);
    expect(await row(delivery)).toMatchObject({ status: 'ASSIGNED', escalationLevel: level });
    expect((await caseOf(delivery))?.state ?? null).toBe(state);
  });

  test('of a broadcast gets the delivery alone, although two accept at once', async () => {
    const { delivery, addDriver } = await waiting();
    await until(delivery, 29.9);
    for (const cityMeters of [0, 1, 2])
      await addDriver({ at: { lat: 52.37 + cityMeters / 1_000, lng: 4.89 } });
    await until(delivery, 30);
    const offers = await liveOffers(delivery);
    expect(offers.map(({ kind }) => kind)).toEqual(['BROADCAST', 'BROADCAST', 'BROADCAST']);
    const answers = await Promise.all(offers.slice(0, 2).map((offer) => accept(delivery, offer)));
    expect(answers.filter((answer) => 'outcome' in answer && answer.outcome === 'accepted')).toHaveLength(1);
    expect(answers.filter((answer) => 'refused' in answer)).toMatchObject([{ refused: 'OFFER_WITHDRAWN' }]);
    expect(
      await world.db.assignment.count({ where: { deliveryId: delivery.deliveryId, state: 'ACTIVE' } }),
    ).toBe(1);
  });
});

describe('the unassigned clock', () => {
  test('stops while a driver has the delivery, and resumes after a loss', async () => {
    const { delivery, addDriver } = await waiting();
    await until(delivery, 4);
    await addDriver();
    const offer = await offered(delivery);
    expect(await accept(delivery, offer)).toMatchObject({ outcome: 'accepted' });
    await world.env.sleep(60 * MINUTE);
    expect(await levelOf(delivery)).toBe((await row(delivery)).unassignedMs >= 300_000n ? 1 : 0);
    const level = await levelOf(delivery);
    await delivery.handle.executeUpdate(COMMANDS.leaveDelivery.update, {
      args: [
        { driverId: offer.driverId, assignmentId: await jobOf(delivery), reason: 'OTHER', correlationId },
      ],
    });
    await until(delivery, 14.9);
    expect(await levelOf(delivery)).toBe(Math.max(level, 1));
    await until(delivery, 15);
    expect(await levelOf(delivery)).toBe(2);
  });

  test('runs after the loss of a pinned driver, and pages in time', async () => {
    const { delivery, addDriver } = await waiting();
    const driverId = await addDriver();
    await delivery.handle.executeUpdate(COMMANDS.assignDriver.update, {
      args: [{ driverId, by: OPS, override: false, why: 'test', correlationId }],
    });
    await delivery.handle.executeUpdate(COMMANDS.leaveDelivery.update, {
      args: [{ driverId, assignmentId: await jobOf(delivery), reason: 'OTHER', correlationId }],
    });
    expect(await row(delivery)).toMatchObject({ status: 'SEARCHING', heldReason: 'PINNED_DRIVER_LOST' });
    await until(delivery, 30);
    expect(await row(delivery)).toMatchObject({
      status: 'SEARCHING',
      heldReason: 'PINNED_DRIVER_LOST',
      escalationLevel: 3,
    });
    expect(await caseOf(delivery)).toMatchObject({ level: 3, reason: 'PINNED_DRIVER_LOST', state: 'OPEN' });
  });
});

describe('switched off during the wait', () => {
  test('nothing escalates, ops can assign, and once on again only the highest level follows', async () => {
    const { delivery, addDriver } = await waiting();
    await until(delivery, 6);
    expect(await levelOf(delivery)).toBe(1);
    world.switches.escalation = false;
    await until(delivery, 40);
    expect(await levelOf(delivery)).toBe(1);
    world.switches.escalation = true;
    expect(await check()).toMatchObject({ due: 1, missed: 1 });
    await world.pass(delivery, 1_000);
    expect(await levelOf(delivery)).toBe(3);
    expect(
      await world.db.auditEntry.count({ where: { deliveryId: delivery.deliveryId, kind: 'escalated' } }),
    ).toBe(2);
    const driverId = await addDriver();
    expect(
      await delivery.handle.executeUpdate(COMMANDS.assignDriver.update, {
        args: [{ driverId, by: OPS, override: false, why: 'test', correlationId }],
      }),
    ).toMatchObject({ outcome: 'assigned' });
  });
});

describe('the escalation check', () => {
  test('finds and repairs a delivery whose timer was sabotaged', async () => {
    const { delivery } = await waiting();
    await until(delivery, 1);
    expect(await check()).toMatchObject({ due: 0, missed: 0 });
    // Changed without the workflow, which now waits for a level that is long overdue.
    await world.db.$executeRaw`UPDATE deliveries
        SET unassigned_since = unassigned_since - interval '20 minutes',
          search_again_at = search_again_at + interval '1 hour'
        WHERE id = ${delivery.deliveryId}::uuid`;
    expect(await check()).toMatchObject({ due: 1, missed: 1 });
    await eventually('the level is reached', async () => (await levelOf(delivery)) >= 2);
    expect(await levelOf(delivery)).toBe(2);
    expect(await check()).toMatchObject({ due: 1, missed: 0 });
    await delivery.handle.executeUpdate(COMMANDS.cancelDelivery.update, {
      args: [{ by: OPS, reason: 'OPS_CANCELLED', correlationId }],
    });
  });
});
