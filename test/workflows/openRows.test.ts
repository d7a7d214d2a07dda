/**
 * The sweep that keeps invariant 3, on a real Temporal server: every open delivery has a running workflow,
 * and every running workflow an open delivery.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createReevaluate, createRunningDeliveries } from '../../adapters/temporal/runningDeliveries';
import { Worker } from '@temporalio/worker';
import { createOpenRowsSweep, type OpenRow, type OpenRowsReport } from '../../activities/sweeps/openRows';
import { cityDispatchWorkflowId, COMMANDS, TASK_QUEUE, WORKFLOWS } from '../../workflows/contract';
import { eventually } from '../support/eventually';
import { createRealTemporalWorld, type RealTemporalWorld } from '../support/realTemporalWorld';
import { workflowsUnderTest } from '../support/workflowsUnderTest';
import type { RunningDelivery } from '../support/temporalWorld';

const OPS = { kind: 'ops', id: 'olga' } as const;
const correlationId = 'test';
/** Longer than the sweep leaves a change to the outbox. */
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

  test('restarts a delivery with a completed run and an open row, as after a restore', async () => {
    const { delivery, offerId, driverId } = await offered();
    const before = await world.db.delivery.findUniqueOrThrow({ where: { id: delivery.deliveryId } });
    await cancel(delivery);
    expect(await delivery.handle.result()).toBe('CANCELLED');
    await notListed(delivery);
    const { status, closedAt, unassignedSince, statusChangedAt } = before;
    await world.db.$transaction([
      world.db.delivery.update({
        where: { id: delivery.deliveryId },
        data: { status, closedAt, unassignedSince, statusChangedAt },
      }),
      world.db.offer.update({ where: { id: offerId }, data: { state: 'LIVE', endedAt: null } }),
      world.db.driver.update({ where: { id: driverId }, data: { liveOffers: 1 } }),
    ]);
    expect(await sweep()).toMatchObject({ restarted: 1 });
    await runs(delivery);
    expect(
      await delivery.handle.executeUpdate(COMMANDS.acceptOffer.update, {
        args: [{ offerId, driverId, correlationId }],
      }),
    ).toMatchObject({ outcome: 'accepted' });
    await cancel(delivery);
  });

  test('lists the running deliveries from the youngest, and can continue from any of them', async () => {
    const cityId = await world.addCity();
    const started: RunningDelivery[] = [];
    for (let count = 0; count < 3; count += 1) {
      const delivery = await world.dispatch({ cityId });
      await eventually('it is listed', () => isListed(delivery));
      started.push(delivery);
    }
    const running = createRunningDeliveries(world.env.client);
    const listFrom = async (startedUntil: number | null) => {
      const runs = [];
      for await (const run of running.list(startedUntil)) runs.push(run);
      return runs.filter(({ workflowId }) => started.some((each) => each.workflowId === workflowId));
    };
    const all = await listFrom(null);
    const ids = started.map(({ workflowId }) => workflowId).reverse();
    expect(all.map(({ workflowId }) => workflowId)).toEqual(ids);
    const fromSecond = await listFrom(all[1]?.startedAt ?? NaN);
    expect(fromSecond.map(({ workflowId }) => workflowId)).toEqual(ids.slice(1));
    expect(await running.amongRunning([...ids, "delivery/m/it's none"])).toEqual(new Set(ids));
    for (const delivery of started) await cancel(delivery);
  });

  test('leaves running and closed deliveries alone', async () => {
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

  test('wakes a run that waits for a different event than its row says', async () => {
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

test('the owner of a city whose worker is gone is replaced, and a round runs', async () => {
  const cityId = await world.addCity();
  const workflowId = cityDispatchWorkflowId(cityId);
  const owner = world.env.client.workflow.getHandle(workflowId);
  // As one that is pinned to a build of which no worker is left.
  const { firstExecutionRunId: hung } = await world.env.client.workflow.start(WORKFLOWS.cityDispatch, {
    workflowId,
    taskQueue: 'gone',
    args: [{ cityId, correlationId }],
  });
  const report = await eventually('it is seen by visibility', async () => {
    const each = await sweep();
    return each.hungOwners === 1 ? each : undefined;
  });
  expect(report).toMatchObject({ restarted: 0, stuck: 0 });
  await eventually('a new owner has run its round', async () => {
    const { runId, status } = await owner.describe();
    return runId !== hung && status.name === 'COMPLETED';
  });
  expect(await sweep()).toMatchObject({ hungOwners: 0 });
});

test('an owner that waits for its next round is left alone', async () => {
  const { workflow } = world.env.client;
  const cityId = await world.addCity();
  const workflowId = cityDispatchWorkflowId(cityId);
  const failing = await Worker.create({
    ...workflowsUnderTest(),
    connection: world.env.nativeConnection,
    namespace: world.env.client.options.namespace,
    taskQueue: 'waits',
    activities: {
      runRound: async () => ({ waiting: 1, free: 0, proposed: 0, held: 0, comeBackInMs: 3_600_000 }),
    },
  });
  await failing.runUntil(async () => {
    await workflow.start(WORKFLOWS.cityDispatch, {
      workflowId,
      taskQueue: 'waits',
      args: [{ cityId, correlationId }],
    });
    await eventually(
      'it is listed',
      async () => (await workflow.count(`WorkflowId = '${workflowId}'`)).count === 1,
    );
    await eventually('it waits', async () => {
      const { raw } = await workflow.getHandle(workflowId).describe();
      return !raw.pendingWorkflowTask && (raw.pendingActivities ?? []).length === 0;
    });
    expect(await sweep()).toMatchObject({ hungOwners: 0 });
    await workflow.getHandle(workflowId).terminate('for the test');
  });
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
    // A worker that takes tasks and never answers, as if it hung.
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
  type Scene = {
    /** Ids of deliveries that are open. */
    open: readonly number[];
    /** Open deliveries that visibility does not list as running. */
    unlisted?: readonly number[];
    /** Deliveries that run but are not listed yet. */
    late?: readonly number[];
    /** Listed runs of closed deliveries. */
    closed?: readonly number[];
    overdue?: readonly number[];
    /** The duration of each call to Temporal or the store. */
    callMs?: number;
  };

  const idOf = (index: number): string => String(index).padStart(6, '0');
  const rowOf = (index: number): OpenRow => ({ deliveryId: idOf(index), workflowId: `delivery/m/${index}` });

  /** A sweep over so many rows without servers. It records its actions in order. */
  function sweepOver({ open, unlisted = [], late = [], closed = [], overdue = [], callMs = 0 }: Scene) {
    const did: string[] = [];
    const down = new Set([...unlisted, ...late].map((index) => rowOf(index).workflowId));
    const listed = [...open, ...closed].map(rowOf).filter(({ workflowId }) => !down.has(workflowId));
    let [now, beats] = [0, 0];
    const took = <T>(answer: T): Promise<T> => {
      now += callMs;
      return Promise.resolve(answer);
    };
    const pass = createOpenRowsSweep({
      store: {
        countOpen: () => took(open.length),
        openRows: ({ afterId, limit }) =>
          took(
            open
              .map(rowOf)
              .filter((row) => afterId === null || row.deliveryId > afterId)
              .slice(0, limit),
          ),
        closedAmong: (workflowIds) =>
          took(closed.map(rowOf).filter((row) => workflowIds.includes(row.workflowId))),
        overdue: () => took(overdue.map(rowOf)),
        wrongHolds: () => took([]),
      },
      running: {
        count: () => took(listed.length),
        amongRunning: (workflowIds) =>
          took(new Set(listed.map((row) => row.workflowId).filter((id) => workflowIds.includes(id)))),
        // Run `n` started at `n`; the youngest comes first.
        list: async function* (startedUntil) {
          for (const row of [...listed].sort((a, b) => Number(b.deliveryId) - Number(a.deliveryId))) {
            const startedAt = Number(row.deliveryId);
            if (startedUntil !== null && startedAt > startedUntil) continue;
            did.push(`listed ${row.deliveryId}`);
            yield { workflowId: row.workflowId, startedAt };
          }
        },
        isRunning: (workflowId) => took(late.some((index) => rowOf(index).workflowId === workflowId)),
        stuck: () => took([]),
        hungOwners: () => took([]),
        end: () => took(undefined),
      },
      start: async (deliveryId) => {
        did.push(`started ${deliveryId}`);
        await took(undefined);
      },
      reevaluate: async (workflowId) => {
        did.push(`reevaluated ${workflowId}`);
        await took(undefined);
      },
      callRound: async (cityId) => {
        did.push(`called for a round of ${cityId}`);
        await took(undefined);
      },
      clock: () => now,
      heartbeat: () => {
        beats += 1;
      },
      onReport: () => {},
    });
    return { pass, did, beats: () => beats, msSince: () => now };
  }

  const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
  const of = (did: readonly string[], verb: string): string[] => did.filter((each) => each.startsWith(verb));

  test('reads all pages, heartbeats, and tolerates late and early visibility lists', async () => {
    const { pass, did, beats } = sweepOver({
      open: upTo(2_500),
      unlisted: [2_400],
      late: [1_500],
      closed: [9_007],
      overdue: [1_498, 1_499, 1_500, 1_501],
    });
    expect(await pass()).toEqual({
      openRows: 2_500,
      running: 2_499,
      restarted: 1,
      orphaned: 1,
      overdue: 3,
      stuck: 0,
      hungOwners: 0,
      holdsWrong: 0,
      progress: { rowsAfterId: null, runsStartedUntil: null },
    });
    expect(of(did, 'started')).toEqual(['started 002400']);
    expect(of(did, 'reevaluated').map((each) => each.split('/').at(-1))).toEqual([
      '1498',
      '1499',
      '1501',
      '9007',
    ]);
    expect(beats()).toBeGreaterThanOrEqual(6);
  });

  test('starts missing workflows before it lists the runs', async () => {
    const { pass, did } = sweepOver({ open: upTo(1_200), unlisted: [3, 1_100] });
    await pass();
    expect(did.slice(0, 3)).toEqual(['started 000003', 'started 001100', 'listed 001199']);
  });

  test('takes bounded time per pass, and successive passes reach every row and every run', async () => {
    const missing = upTo(6_000).filter((index) => index % 2 === 0);
    const closed = upTo(9_000).map((index) => 100_000 + index);
    const { pass, did, msSince } = sweepOver({ open: upTo(6_000), unlisted: missing, closed, callMs: 20 });
    let report = await pass();
    expect(report.progress.rowsAfterId).not.toBeNull();
    for (let passes = 1; report.progress.rowsAfterId !== null; passes += 1) {
      expect(passes).toBeLessThan(50);
      const begunAt = msSince();
      report = await pass(report.progress);
      expect(msSince() - begunAt).toBeLessThan(90_000);
    }
    expect(of(did, 'started')).toEqual(missing.map((index) => `started ${idOf(index)}`));
    for (let passes = 0; report.progress.runsStartedUntil !== null; passes += 1) {
      expect(passes).toBeLessThan(50);
      report = await pass(report.progress);
    }
    expect(new Set(of(did, 'reevaluated')).size).toBe(closed.length);
  });
});

describe('the part of an act on a zone', () => {
  const raise = { kind: 'raisePay', bonusCents: 300, by: OPS, why: 'storm', onlyWaiting: true } as const;
  const request = { scope: 'act/a', correlationId };
  const entriesOf = ({ deliveryId }: RunningDelivery): Promise<number> =>
    world.db.auditEntry.count({ where: { deliveryId, kind: 'pay_raised' } });

  test('starts a delivery that has no run, and is done once, however often it is sent', async () => {
    const delivery = world.runningOf(await world.addDelivery({ cityId: await world.addCity() }));
    const send = (command: Parameters<typeof world.dispatcher.sendCommand>[1] = raise) =>
      world.dispatcher.sendCommand(delivery.deliveryId, command, request);
    await expect(send()).rejects.toThrow();
    await runs(delivery);
    const first = await send();
    expect(first).toMatchObject({ outcome: 'payRaised' });
    expect(await send({ ...raise, bonusCents: 900 })).toEqual(first);
    expect(await entriesOf(delivery)).toBe(1);
    await cancel(delivery);
    expect(await send()).toBeNull();
  });
});
