/** The owner of a city's matching while builds change, on a real Temporal (ADR 21, ADR 52). */
import { afterAll, beforeAll, test } from '@jest/globals';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { v7 as newId } from 'uuid';
import { Builds } from '../../worker/builds/builds';
import type { RoundReport } from '../../services/matching/cityRounds';
import { cityDispatchWorkflowId, roundDue, WORKFLOWS } from '../../workflows/contract';
import { startDevServer } from '../support/devServer';
import { eventually } from '../support/eventually';
import { workflowsUnderTest } from '../support/workflowsUnderTest';

const DEPLOYMENT = 'owners';
const QUEUE = 'owners';
const correlationId = 'test';
const KNOWN_WITHIN_MS = 30_000;

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  env = await startDevServer();
}, 60_000);
afterAll(() => env.teardown());

/** A worker of a build, whose rounds are noted. Somebody always waits. */
async function workerOf(buildId: string, rounds: string[]): Promise<() => Promise<void>> {
  const runRound = async (): Promise<RoundReport> => {
    rounds.push(buildId);
    return { waiting: 1, free: 0, proposed: 0, held: 0, comeBackInMs: 3_600_000 };
  };
  const worker = await Worker.create({
    ...workflowsUnderTest(),
    connection: env.nativeConnection,
    namespace: env.namespace,
    taskQueue: QUEUE,
    activities: { runRound },
    workerDeploymentOptions: {
      version: { deploymentName: DEPLOYMENT, buildId },
      useWorkerVersioning: true,
      defaultVersioningBehavior: 'PINNED',
    },
  });
  const running = worker.run();
  return async () => {
    worker.shutdown();
    await running;
  };
}

test('it moves to the current build at the next call, so that the old one drains', async () => {
  const [cityId, rounds] = [newId(), [] as string[]];
  const workflowId = cityDispatchWorkflowId(cityId);
  const builds = new Builds(env.client, DEPLOYMENT);
  const call = () =>
    env.client.workflow.signalWithStart(WORKFLOWS.cityDispatch, {
      workflowId,
      taskQueue: QUEUE,
      args: [{ cityId, correlationId }],
      signal: roundDue,
      signalArgs: [{ correlationId }],
    });
  const stopOld = await workerOf('old', rounds);
  await builds.setCurrent('old', KNOWN_WITHIN_MS);
  await call();
  await eventually('a round runs on the old build', async () => rounds.includes('old'));
  const stopNew = await workerOf('new', rounds);
  await builds.setCurrent('new', KNOWN_WITHIN_MS);
  await eventually(
    'a round runs on the new build',
    async () => {
      await call();
      return rounds.includes('new');
    },
    { withinMs: KNOWN_WITHIN_MS, everyMs: 1_000 },
  );
  await stopOld();
  const before = rounds.filter((each) => each === 'new').length;
  await call();
  await eventually('rounds go on there', async () => rounds.filter((each) => each === 'new').length > before);
  await env.client.workflow.getHandle(workflowId).terminate('for the test');
  await stopNew();
}, 120_000);
