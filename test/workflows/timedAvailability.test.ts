import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { createDispatcher } from '../../adapters/temporal/dispatcher';
import type { AvailabilityService, TimedEnd } from '../../services/availability';
import type { Dispatcher } from '../../services/ports';
import { availabilityWorkflowId, TASK_QUEUE, WORKFLOWS } from '../../workflows/contract';
import { endingByOurClock } from '../../worker/temporalTime';
import { requiredVariable } from '../support/database';
import { createDriverWorld, type DriverWorld, MINUTE } from '../support/driverWorld';
import { eventually } from '../support/eventually';
import { workflowsUnderTest } from '../support/workflowsUnderTest';

const correlationId = 'test';

let world: DriverWorld;
let env: TestWorkflowEnvironment;
let dispatcher: Dispatcher;
let stopWorker: () => Promise<void>;
/** The requested ends, in order, and a way to make the next ones fail. */
const asked: (TimedEnd & { driverId: string })[] = [];
/** The next ends that the answers gave. */
const answered: (TimedEnd | null)[] = [];
let failures = 0;
/** How far Temporal's clock is ahead of the world's. */
let skewMs = 0;

beforeAll(async () => {
  world = await createDriverWorld();
  env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: requiredVariable('TEST_TEMPORAL_TEST_SERVER') } },
  });
  dispatcher = createDispatcher(env.client, world.db);
  const endTimedState: AvailabilityService['endTimedState'] = async (end) => {
    if (failures-- > 0) throw new Error('the database is away');
    asked.push({ driverId: end.driverId, state: end.state, until: end.until });
    const next = await endTimedByTemporal(end);
    answered.push(next);
    return next;
  };
  const endTimedByTemporal = endingByOurClock((end) => world.availability.endTimedState(end), {
    skewMs: () => skewMs,
    clock: () => world.time.now,
  });
  const worker = await Worker.create({
    ...workflowsUnderTest(),
    connection: env.nativeConnection,
    namespace: env.namespace,
    taskQueue: TASK_QUEUE,
    activities: { endTimedState, sweepPresence: () => world.presence.sweepPresence() },
  });
  const running = worker.run();
  stopWorker = async () => {
    worker.shutdown();
    await running;
  };
}, 60_000);
afterAll(async () => {
  await stopWorker();
  await env.teardown();
  await world.close();
});
beforeEach(async () => {
  asked.length = 0;
  answered.length = 0;
  failures = 0;
  skewMs = 0;
  world.time.now = await env.currentTimeMs();
  await world.takeMessages();
});

const handleOf = (driverId: string) => env.client.workflow.getHandle(availabilityWorkflowId(driverId));
const ask = (driverId: string, kind: 'breakEnd' | 'resume') =>
  world.availability.request(driverId, { kind }, { kind: 'driver', id: driverId }, correlationId);

/** Starts a break or pause and its timer, as the outbox would. */
async function rest(
  driverId: string,
  kind: 'breakStart' | 'pause',
  minutes: number,
): Promise<TimedEnd & { driverId: string }> {
  await world.availability.request(
    driverId,
    { kind, minutes, reason: null },
    { kind: 'driver', id: driverId },
    correlationId,
  );
  const [timer] = (await world.takeMessages()).filter((message) => message.kind === 'endAvailabilityLater');
  if (!timer) throw new Error('no timer was asked for');
  await tell(timer);
  return { driverId, state: timer.state, until: timer.until };
}

async function tell(timer: TimedEnd & { driverId: string }): Promise<void> {
  await dispatcher.endAvailabilityLater({
    driverId: timer.driverId,
    state: timer.state,
    until: timer.until,
    correlationId,
  });
}

describe('a timed state', () => {
  test('ends by itself at its time', async () => {
    const driverId = await world.addDriver();
    const timer = await rest(driverId, 'breakStart', 15);
    await handleOf(driverId).result();
    expect(await env.currentTimeMs()).toBeGreaterThanOrEqual(timer.until);
    expect(asked).toEqual([timer]);
    expect(await world.row(driverId)).toMatchObject({ availability: 'AVAILABLE', availabilityUntil: null });
  });

  test('describes what it waits for, without personal data', async () => {
    const driverId = await world.addDriver();
    const { until } = await rest(driverId, 'pause', 30);
    const words = await handleOf(driverId).query<string>('__temporal_workflow_metadata').then(JSON.stringify);
    expect(words).toContain(`the pause ends at ${new Date(until).toISOString()}`);
    expect(words).not.toContain('Sam');
    await handleOf(driverId).result();
  });

  test('that was ended manually is unchanged at its end time', async () => {
    const driverId = await world.addDriver();
    await rest(driverId, 'breakStart', 10);
    await ask(driverId, 'breakEnd');
    await handleOf(driverId).result();
    expect(asked).toHaveLength(1);
    expect((await world.row(driverId)).availabilityVersion).toBe(2n);
  });

  test('that follows another, longer one is waited for by the same run', async () => {
    const driverId = await world.addDriver();
    const short = await rest(driverId, 'breakStart', 5);
    await ask(driverId, 'breakEnd');
    const long = await rest(driverId, 'pause', 60);
    await handleOf(driverId).result();
    expect(asked).toEqual([short, long]);
    expect(await env.currentTimeMs()).toBeGreaterThanOrEqual(long.until);
    expect(await world.row(driverId)).toMatchObject({ availability: 'AVAILABLE' });
  });

  test('that follows another, shorter one is waited for by the same run', async () => {
    const driverId = await world.addDriver();
    await rest(driverId, 'breakStart', 60);
    await ask(driverId, 'breakEnd');
    const short = await rest(driverId, 'pause', 5);
    await handleOf(driverId).result();
    expect(asked).toEqual([short]);
  });

  test('is not lost to stale or duplicate events', async () => {
    const driverId = await world.addDriver();
    const old = await rest(driverId, 'breakStart', 5);
    await ask(driverId, 'breakEnd');
    const timer = await rest(driverId, 'breakStart', 20);
    for (const news of [old, timer, old]) await tell(news);
    await handleOf(driverId).result();
    expect(asked.at(-1)).toEqual(timer);
    expect(await world.row(driverId)).toMatchObject({ availability: 'AVAILABLE' });
  });

  test('can be timed again after its run has closed', async () => {
    const driverId = await world.addDriver();
    await rest(driverId, 'breakStart', 5);
    await handleOf(driverId).result();
    const again = await rest(driverId, 'breakStart', 5);
    await handleOf(driverId).result();
    expect(asked.at(-1)).toEqual(again);
  });

  test('ends by our clock, without a spin, while Temporal’s clock is minutes ahead', async () => {
    const driverId = await world.addDriver();
    skewMs = 10 * MINUTE;
    world.time.now = (await env.currentTimeMs()) - skewMs;
    await world.ping(driverId);
    const timer = await rest(driverId, 'breakStart', 5);
    await eventually('the answer before the end by our clock', async () => answered.length > 0);
    world.time.now = timer.until;
    await handleOf(driverId).result();
    expect(asked).toEqual([timer, timer]);
    expect(await env.currentTimeMs()).toBeGreaterThanOrEqual(timer.until + skewMs);
  });

  test('ends late rather than never while the database is unavailable', async () => {
    const driverId = await world.addDriver();
    failures = 2;
    const timer = await rest(driverId, 'breakStart', 5);
    await handleOf(driverId).result();
    expect(asked).toEqual([timer]);
    expect(await world.row(driverId)).toMatchObject({ availability: 'AVAILABLE' });
  });
});

describe('the presence sweep', () => {
  test('runs one round and reports it', async () => {
    await world.db.$executeRaw`UPDATE drivers SET availability = 'OFFLINE', availability_until = NULL`;
    await world.addDriver({ availability: 'ON_BREAK', until: world.time.now - 2 * MINUTE });
    const report = await env.client.workflow.execute(WORKFLOWS.presenceSweep, {
      workflowId: 'presence-sweep-test',
      taskQueue: TASK_QUEUE,
    });
    expect(report).toMatchObject({ endedLate: 1, wentOffline: 0 });
  });
});
