import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { z } from 'zod';
import { searchAttributes } from '../../workflows/contract';
import { BARE_DELIVERY, type BareStep, takeBareStep } from './contract';

/** A bare workflow that runs. */
export type BareRun = {
  /** Resolves when its first local activity is done, as this process hears it. */
  noted: Promise<void>;
  /** Resolves with the answer. */
  take(step: BareStep): Promise<BareStep>;
};

/**
 * The floor: a worker process of its own with the bare workflow, on a task queue of its own, and this process
 * as its client.
 */
export type Floor = {
  /** The worker's. */
  readonly pid: number;
  /** Resolves when Temporal has taken it. */
  start(workflowId: string): Promise<BareRun>;
  close(): Promise<void>;
};

const READY_MS = 60_000;
const GRACE_MS = 15_000;
/** As our own dispatcher's. */
const WORKFLOW_TASK_TIMEOUT_MS = 5_000;
const NEWS = z.union([z.object({ workflowId: z.string() }), z.object({ ready: z.literal(true) })]);

/**
 * Temporal where its own environment configuration says.
 * @param env the whole environment of the worker.
 * @throws Error where the worker does not get ready within a minute
 */
export async function openFloor(env: NodeJS.ProcessEnv, name: string): Promise<Floor> {
  const taskQueue = `bare-${name}`;
  const child = fork(join(__dirname, 'worker/main.js'), [taskQueue], {
    env,
    stdio: ['ignore', 2, 'inherit', 'ipc'],
    execArgv: ['--enable-source-maps'],
  });
  const killNow = (): void => void child.kill('SIGKILL');
  process.once('exit', killNow);
  const gone = once(child, 'exit').then(() => void process.removeListener('exit', killNow));
  const waiting = new Map<string, () => void>();
  const isReady = new Promise<void>((resolve, reject) => {
    child.on('message', (message) => {
      const news = NEWS.parse(message);
      if ('ready' in news) return resolve();
      waiting.get(news.workflowId)?.();
      waiting.delete(news.workflowId);
    });
    void gone.then(() =>
      reject(new Error('the worker of the bare workflow ended; its last lines above say why')),
    );
    setTimeout(
      () => reject(new Error(`the worker of the bare workflow was not ready within ${READY_MS / 1_000} s`)),
      READY_MS,
    ).unref();
  });
  await isReady;
  const { connectionOptions, namespace } = loadClientConnectConfig();
  const connection = await Connection.connect(connectionOptions);
  const client = new Client({ connection, namespace });
  return {
    pid: child.pid ?? 0,
    start: async (workflowId) => {
      const noted = new Promise<void>((resolve) => waiting.set(workflowId, resolve));
      return runOf(await client.workflow.start(BARE_DELIVERY, startOptions(workflowId, taskQueue)), noted);
    },
    close: async () => {
      const hurry = setTimeout(killNow, GRACE_MS);
      child.kill('SIGTERM');
      await gone;
      clearTimeout(hurry);
      await connection.close();
    },
  };
}

function runOf(handle: WorkflowHandle, noted: Promise<void>): BareRun {
  return {
    noted,
    take: (step) => handle.executeUpdate(takeBareStep, { args: [step] }),
  };
}

/** With the attributes and words that one of ours starts with. */
function startOptions(workflowId: string, taskQueue: string) {
  return {
    workflowId,
    taskQueue,
    args: [],
    workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT_MS,
    typedSearchAttributes: [
      { key: searchAttributes.deliveryStatus, value: 'PENDING' },
      { key: searchAttributes.city, value: 'bare' },
      { key: searchAttributes.merchantId, value: 'bare-shop' },
      { key: searchAttributes.escalationLevel, value: 0 },
      { key: searchAttributes.zone, value: 'bare-all' },
    ],
    staticSummary: `bare delivery ${workflowId}`,
    staticDetails: 'The floor under a delivery: nothing is done.',
  };
}
