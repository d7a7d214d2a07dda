/**
 * The worker of the bare workflow, started by a bench as a child process: node
 * dist/bench/floor/worker/main.js TASK_QUEUE. Connects by Temporal's own environment configuration. It tells
 * its parent when it is ready, and when the first local activity of a run is done. It ends on request, or
 * when its parent exits.
 */
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { BareStep, FloorReady, Noted } from '../contract';

/** Empty local activities. */
export type BareActivities = {
  /** The first one, reported to the parent. */
  beginBare(of: Noted): Promise<null>;
  stepBare(of: { step: BareStep }): Promise<null>;
};

/** The same as for our own worker. */
const SLOTS = {
  maxCachedWorkflows: 1_000,
  maxConcurrentWorkflowTaskExecutions: 40,
  maxConcurrentLocalActivityExecutions: 40,
  maxConcurrentActivityTaskExecutions: 20,
};

async function main(): Promise<void> {
  const [taskQueue] = process.argv.slice(2);
  if (taskQueue === undefined) throw new Error('usage: node dist/bench/floor/worker/main.js TASK_QUEUE');
  Runtime.install({ logger: new DefaultLogger('WARN') });
  const { connectionOptions, namespace } = loadClientConnectConfig();
  const connection = await NativeConnection.connect(connectionOptions);
  const activities: BareActivities = {
    beginBare: async ({ workflowId }) => {
      tellParent({ workflowId });
      return null;
    },
    stepBare: async () => null,
  };
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue,
    workflowsPath: require.resolve('../bareWorkflow'),
    activities,
    ...SLOTS,
    stickyQueueScheduleToStartTimeout: '2s',
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'disconnect'] as const)
    process.once(signal, () => stopOnce(worker));
  tellParent({ ready: true });
  await worker.run();
  await connection.close();
  if (process.connected) process.disconnect();
}

function tellParent(news: Noted | FloorReady): void {
  process.send?.(news);
}

function stopOnce(worker: Worker): void {
  if (worker.getState() === 'RUNNING') worker.shutdown();
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
