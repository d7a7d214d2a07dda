/**
 * The sweep that keeps invariant 3, on a real Temporal server: every open delivery has a running workflow,
 * and every running workflow an open delivery.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createReevaluate, createRunningDeliveries } from '../../adapters/temporal/runningDeliveries';
import { Worker } from '@temporalio/worker';
import { createOpenRowsSweep, type OpenRow, type OpenRowsReport } from '../../activities/sweeps/openRows';
import { COMMANDS, TASK_QUEUE, WORKFLOWS } from '../../workflows/contract';
import { eventually } from '../support/eventually';
import { createRealTemporalWorld, type RealTemporalWorld } from '../support/realTemporalWorld';
import type { RunningDelivery } from '../support/temporalWorld';

const OPS = { kind: 'ops', id: 'olga' } as const;
const correlationId = 'test';
/** More than the time in which the sweep leaves a change to the outbox. */
const SETTLED_MS = 60_000;

let world: RealTemporalWorld;
beforeAll(async () => {
  world = await createRealTemporalWorld();
  world.sweepClock.aheadMs = SETTLED_MS;
}, 60_000);
afterAll(() => world.close());

let sweeps = 0;
const sweep = (): Promise<OpenRowsReport> =>
  world.env.client.workflow.execute<() => Promise<OpenRowsReport>>(WORKFLOWS.openRowsSweep, {
    workflowId: `sweep-${(sweeps += 1)}`,
    taskQueue: TASK_QUEUE,
  });

const is = ({ deliveryId }: RunningDelivery, status: string): Promise<true> =>
  eventually(
    `the delivery is ${status}`,
    async () => (await world.db.delivery.count({ where: { id: deliveryId, status } })) === 1,
  );
/** Visibility lags by a moment. */
const isListed = async ({ handle: { workflowId } }: RunningDelivery): Promise<boolean> =>
  (await world.env.client.workflow.count(`WorkflowId = '${workflowId}' AND ExecutionStatus = 'Running'`))
    .count > 0;
const notListed = (delivery: RunningDelivery): Promise<true> =>
  eventually('it is listed no more', async () => !(await isListed(delivery)));
const runs = ({ handle }: RunningDelivery): Promise<true> =>
  eventually(
    'it runs',
    async () => (await handle.describe().catch(() => undefined))?.status.name === 'RUNNING',
  );
const cancel = ({ handle }: RunningDelivery): Promise<unknown> =>
  handle.executeUpdate(COMMANDS.cancelDelivery.update, {
    args: [{ by: OPS, reason: 'OPS_CANCELLED', correlationId }],
  });
const runIdOf = async ({ handle }: RunningDelivery): Promise<string> => (await handle.describe()).runId;

async function offered(): Promise<{ delivery: RunningDelivery; offerId: string; driverId: string }> {
  const cityId = await world.addCity();
  const driverId = await world.addDriver({ cityId });
  const delivery = await world.dispatch({ cityId });
  await is(delivery, 'OFFERED');
  const { id: offerId } = await world.db.offer.findFirstOrThrow({
    where: { deliveryId: delivery.deliveryId },
  });
  return { delivery, offerId, driverId };
}

describe('the open-rows sweep', () => {
  test('restarts a delivery whose workflow was terminated: the live offer can be accepted, steps follow', async () => {
    const { delivery, offerId, driverId } = await offered();
    await delivery.handle.terminate('by mistake');
    await notListed(delivery);
    expect(await sweep()).toMatchObject({ restarted: 1, orphaned: 0, holdsWrong: 0 });
    await runs(delivery);
    expect(
      await delivery.handle.executeUpdate(COMMANDS.acceptOffer.update, {
        args: [{ offerId, driverId, correlationId }],
      }),
    ).toMatchObject({ outcome: 'accepted' });
    await delivery.handle.terminate('once more');
    await notListed(delivery);
    expect(await sweep()).toMatchObject({ restarted: 1 });
    for (const step of ['arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver'] as const) {
      await delivery.handle.executeUpdate(COMMANDS.takeStep.update, {
        args: [{ step, by: { kind: 'driver', id: driverId }, deviceAt: null, correlationId }],
      });
    }
    expect(await delivery.handle.result()).toBe('DELIVERED');
  });

  test('starts a workflow for a row that never had one', async () => {
    const delivery = world.runningOf(await world.addDelivery({ cityId: await world.addCity() }));
    expect(await sweep()).toMatchObject({ restarted: 1 });
    await is(delivery, 'SEARCHING');
    await cancel(delivery);
  });

  test('leaves running workflows and closed deliveries alone', async () => {
    const [running, closed] = [
      await world.dispatch({ cityId: await world.addCity() }),
      await world.dispatch({ cityId: await world.addCity() }),
    ];
    await is(running, 'SEARCHING');
    await cancel(closed);
    await closed.handle.result();
    await notListed(closed);
    await eventually('the other is listed', () => isListed(running));
    const [runningBefore, closedBefore] = [await runIdOf(running), await runIdOf(closed)];
    expect(await sweep()).toMatchObject({ openRows: 1, restarted: 0, orphaned: 0 });
    expect([await runIdOf(running), await runIdOf(closed)]).toEqual([runningBefore, closedBefore]);
    await cancel(running);
  });

  test('leaves new deliveries to the outbox', async () => {
    world.sweepClock.aheadMs = 0;
    const delivery = world.runningOf(await world.addDelivery({ cityId: await world.addCity() }));
    expect(await sweep()).toMatchObject({ openRows: 0, restarted: 0 });
    world.sweepClock.aheadMs = SETTLED_MS;
    expect(await sweep()).toMatchObject({ openRows: 1, restarted: 1 });
    await is(delivery, 'SEARCHING');
    await cancel(delivery);
  });

  test('ends a run whose delivery was closed in the database', async () => {
    const { delivery, offerId, driverId } = await offered();
    await world.db.$transaction([
      world.db.offer.update({ where: { id: offerId }, data: { state: 'WITHDRAWN', endedAt: new Date() } }),
      world.db.driver.update({ where: { id: driverId }, data: { liveOffers: 0 } }),
      world.db.delivery.update({
        where: { id: delivery.deliveryId },
        data: { status: 'CANCELLED', closedAt: new Date(), unassignedSince: null },
      }),
    ]);
    const report = await eventually('it is seen by visibility', async () => {
      const each = await sweep();
      return each.orphaned === 1 ? each : undefined;
    });
    expect(report).toMatchObject({ restarted: 0 });
    expect(await delivery.handle.result()).toBe('CANCELLED');
  });

  test('wakes a run that waits for something else than its row says', async () => {
    const { delivery, offerId, driverId } = await offered();
    const overdue = new Date(Date.now() - SETTLED_MS);
    await world.db.offer.update({
      where: { id: offerId },
      data: { createdAt: new Date(overdue.getTime() - 30_000), expiresAt: overdue },
    });
    await world.db.delivery.update({
      where: { id: delivery.deliveryId },
      data: { statusChangedAt: overdue },
    });
    expect(
      await eventually('it is seen by visibility', async () => {
        const each = await sweep();
        return each.overdue === 1 ? each : undefined;
      }),
    ).toMatchObject({ restarted: 0, orphaned: 0 });
    await eventually(
      'the offer is over',
      async () => (await world.db.offer.count({ where: { id: offerId, driverId, state: 'EXPIRED' } })) === 1,
    );
    await cancel(delivery);
  });

  test('tolerates a run that ended after it was listed', async () => {
    const delivery = await world.dispatch({ cityId: await world.addCity() });
    await cancel(delivery);
    await delivery.handle.result();
    await createReevaluate(world.env.client, () => 'test')(delivery.workflowId);
  });

  test('counts drivers whose counters differ from their rows', async () => {
    const driverId = await world.addDriver({ cityId: await world.addCity() });
    await world.db.driver.update({ where: { id: driverId }, data: { liveOffers: 1 } });
    expect(await sweep()).toMatchObject({ holdsWrong: 1 });
    await world.db.driver.update({ where: { id: driverId }, data: { liveOffers: 0 } });
    expect(await sweep()).toMatchObject({ holdsWrong: 0 });
  });

  test('counts drivers with an offer that their counters omit', async () => {
    const { delivery, driverId } = await offered();
    await world.db.driver.update({ where: { id: driverId }, data: { liveOffers: 0 } });
    expect(await sweep()).toMatchObject({ holdsWrong: 1 });
    await world.db.driver.update({ where: { id: driverId }, data: { liveOffers: 1 } });
    expect(await sweep()).toMatchObject({ holdsWrong: 0 });
    await cancel(delivery);
  });

  test('ends a run whose workflow task keeps failing, and restarts the delivery from its row', async () => {
    const { deliveryId, sellerOrderId } = await world.addDelivery({ cityId: await world.addCity() });
    const delivery = world.runningOf({ deliveryId, sellerOrderId });
    const broken = await Worker.create({
      connection: world.env.nativeConnection,
      namespace: world.env.client.options.namespace,
      taskQueue: 'broken',
      workflowsPath: require.resolve('../support/brokenWorkflow'),
    });
    await broken.runUntil(async () => {
      await world.env.client.workflow.start(WORKFLOWS.delivery, {
        workflowId: delivery.workflowId,
        taskQueue: 'broken',
        workflowTaskTimeout: '1s',
      });
      await eventually(
        'the cluster reports it',
        async () => (await createRunningDeliveries(world.env.client).stuck(10)).includes(delivery.workflowId),
        { withinMs: 75_000, everyMs: 500 },
      );
    });
    expect(await sweep()).toMatchObject({ stuck: 1, restarted: 1 });
    await is(delivery, 'SEARCHING');
    await cancel(delivery);
  }, 90_000);
});

test('a run whose tasks only time out is not ended, and continues with its worker', async () => {
  const { client } = world.env;
  const {
    workflowService,
    workflow,
    options: { namespace },
  } = client;
  const workflowId = 'delivery/m/timed-out';
  await workflow.start(WORKFLOWS.delivery, { workflowId, taskQueue: 'silent', workflowTaskTimeout: '1s' });
  const reported = async (): Promise<boolean> => {
    // A worker that takes tasks and says nothing, as one that hangs.
    await client.withDeadline(Date.now() + 20_000, () =>
      workflowService.pollWorkflowTaskQueue({ namespace, taskQueue: { name: 'silent' }, identity: 'silent' }),
    );
    for await (const each of workflow.list({
      query: `WorkflowId = '${workflowId}' AND TemporalReportedProblems IS NOT NULL`,
    }))
      return each.workflowId === workflowId;
    return false;
  };
  await eventually('the cluster reports it', reported, { withinMs: 75_000, everyMs: 500 });
  expect(await createRunningDeliveries(world.env.client).stuck(10)).toEqual([]);
  await workflow.getHandle(workflowId).terminate('for the test');
}, 90_000);

describe('a large sweep', () => {
  test('reads all pages, heartbeats, and tolerates late and early visibility lists', async () => {
    const rows: OpenRow[] = Array.from({ length: 2_500 }, (_, index) => ({
      deliveryId: String(index).padStart(5, '0'),
      workflowId: `delivery/m/${index}`,
    }));
    const [started, reevaluated]: [string[], string[]] = [[], []];
    let beats = 0;
    const report = await createOpenRowsSweep({
      store: {
        openRows: async ({ afterId, limit }) =>
          rows.filter(({ deliveryId }) => afterId === null || deliveryId > afterId).slice(0, limit),
        closedAmong: async (workflowIds) =>
          rows.filter(
            ({ deliveryId, workflowId }) => deliveryId === '00007' && workflowIds.includes(workflowId),
          ),
        overdue: async () => rows.slice(1_498, 1_502), // one of them is not running
        wrongHolds: async () => [],
      },
      running: {
        list: async function* () {
          for (const { workflowId, deliveryId } of rows)
            if (deliveryId !== '01500' && deliveryId !== '02400') yield workflowId;
        },
        isRunning: async (workflowId) => workflowId === 'delivery/m/1500', // started since the list was read
        stuck: async () => [],
        end: async () => {},
      },
      start: async (deliveryId) => void started.push(deliveryId),
      reevaluate: async (workflowId) => void reevaluated.push(workflowId),
      clock: Date.now,
      heartbeat: () => {
        beats += 1;
      },
      onReport: () => {},
    })();
    expect(report).toEqual({
      openRows: 2_500,
      running: 2_498,
      restarted: 1,
      orphaned: 1,
      overdue: 3,
      stuck: 0,
      holdsWrong: 0,
    });
    expect(started).toEqual(['02400']);
    expect(reevaluated).toEqual(['delivery/m/7', 'delivery/m/1498', 'delivery/m/1499', 'delivery/m/1501']);
    expect(beats).toBeGreaterThanOrEqual(3);
  });
});
