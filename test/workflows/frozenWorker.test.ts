/** What lets a worker go on after it was frozen in the middle of workflow code (docs/reliability.md#chaos). */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { SURVIVING_FREEZES } from '../../worker/frozenWorker';
import { startDevServer } from '../support/devServer';
import { workflowsUnderTest } from '../support/workflowsUnderTest';

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  env = await startDevServer();
}, 60_000);
afterAll(() => env.teardown());

test('the SDK takes the time that workflow code has, although the option is not public', async () => {
  const worker = await Worker.create({
    ...workflowsUnderTest(),
    ...SURVIVING_FREEZES,
    connection: env.nativeConnection,
    namespace: env.namespace,
    taskQueue: 'frozen',
  });
  expect(worker.options.isolateExecutionTimeoutMs).toBe(60_000);
  await worker.runUntil(async () => undefined);
});
