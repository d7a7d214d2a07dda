/** The owner of a city's matching, on a clock that skips (docs/behaviour.md#matching). */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { v7 as newId } from 'uuid';
import type { RoundReport } from '../../services/matching/cityRounds';
import { atMostOnceASecond } from '../../services/matching/roundCalls';
import { cityDispatchWorkflowId, roundDue, TASK_QUEUE, WORKFLOWS } from '../../workflows/contract';
import { requiredVariable } from '../support/database';
import { eventually } from '../support/eventually';
import { workflowsUnderTest } from '../support/workflowsUnderTest';

const correlationId = 'test';

let env: TestWorkflowEnvironment;
let stopWorker: () => Promise<void>;
/** What the next rounds do; after them nobody waits. */
const plan: (() => Promise<number | null>)[] = [];
/** When rounds reached the activity, by Temporal's clock. */
const began: number[] = [];
/** The owner waits from when it schedules a round; how long that takes to reach the activity varies. */
const ON_THE_WAY_MS = 100;

beforeAll(async () => {
  env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: requiredVariable('TEST_TEMPORAL_TEST_SERVER') } },
  });
  const runRound = async (): Promise<RoundReport> => {
    began.push(await env.currentTimeMs());
    const comeBackInMs = (await plan.shift()?.()) ?? null;
    return { waiting: 0, free: 0, proposed: 0, held: 0, comeBackInMs };
  };
  const worker = await Worker.create({
    ...workflowsUnderTest(),
    connection: env.nativeConnection,
    namespace: env.namespace,
    taskQueue: TASK_QUEUE,
    activities: { runRound },
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
});
beforeEach(() => {
  plan.length = 0;
  began.length = 0;
});

const call = (cityId: string) =>
  env.client.workflow.signalWithStart(WORKFLOWS.cityDispatch, {
    workflowId: cityDispatchWorkflowId(cityId),
    taskQueue: TASK_QUEUE,
    args: [{ cityId, correlationId }],
    signal: roundDue,
    signalArgs: [{ correlationId }],
  });

describe('the owner of a city', () => {
  test('runs a round when it is called, and ends where nobody waits', async () => {
    const handle = await call(newId());
    await handle.result();
    expect(began).toHaveLength(1);
  });

  test('comes back in time, and not before', async () => {
    plan.push(async () => 25_000);
    const handle = await call(newId());
    await handle.result();
    expect(began).toHaveLength(2);
    expect((began[1] ?? 0) - (began[0] ?? 0)).toBeGreaterThanOrEqual(25_000 - ON_THE_WAY_MS);
    expect((began[1] ?? 0) - (began[0] ?? 0)).toBeLessThan(30_000);
  });

  test('runs one more round for any number of changes during a round, a second after it', async () => {
    const cityId = newId();
    plan.push(async () => {
      for (let changes = 0; changes < 5; changes++) await call(cityId);
      return 3_600_000;
    });
    const handle = await call(cityId);
    await handle.result();
    expect(began).toHaveLength(2);
    expect((began[1] ?? 0) - (began[0] ?? 0)).toBeGreaterThanOrEqual(1_000 - ON_THE_WAY_MS);
    expect((began[1] ?? 0) - (began[0] ?? 0)).toBeLessThan(60_000);
  });

  test('outlives a round that fails, and runs the next soon', async () => {
    plan.push(() => Promise.reject(new Error('the database is away')));
    const handle = await call(newId());
    await handle.result();
    expect(began).toHaveLength(2);
    expect((began[1] ?? 0) - (began[0] ?? 0)).toBeGreaterThanOrEqual(5_000 - ON_THE_WAY_MS);
  });

  test('starts again for a change after its end', async () => {
    const cityId = newId();
    await (await call(cityId)).result();
    await (await call(cityId)).result();
    expect(began).toHaveLength(2);
  });
});

describe('calls for rounds', () => {
  test('of one city become one a second, and each waits for a call that began after it', async () => {
    const calls: { cityId: string; at: number }[] = [];
    const callRound = atMostOnceASecond({
      callRound: async (cityId) => void calls.push({ cityId, at: performance.now() }),
    });
    await callRound('ams', correlationId);
    await Promise.all(Array.from({ length: 50 }, () => callRound('ams', correlationId)));
    await callRound('rtm', correlationId);
    expect(calls.map(({ cityId }) => cityId)).toEqual(['ams', 'ams', 'rtm']);
    expect((calls[1]?.at ?? 0) - (calls[0]?.at ?? 0)).toBeGreaterThanOrEqual(990);
  });

  test('that fail are made again by the caller, a second later', async () => {
    let failures = 1;
    const callRound = atMostOnceASecond({
      callRound: async () => {
        if (failures-- > 0) throw new Error('Temporal is away');
      },
    });
    await expect(callRound('ams', correlationId)).rejects.toThrow('Temporal is away');
    await callRound('ams', correlationId);
    await eventually('it was called twice', async () => failures === -1);
  });
});
