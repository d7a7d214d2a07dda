import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { z } from 'zod';
import { searchAttributes } from '../../workflows/contract';
import { BARE_DELIVERY, type BareStep, takeBareStep } from './contract';

/** A running bare workflow. */
export type BareRun = {
  /** Resolves when its first local activity is done, as observed by this process. */
  noted: Promise<void>;
  /** Resolves with the update's result. */
  take(step: BareStep): Promise<BareStep>;
};

/**
 * The performance floor: a worker process with the bare workflow on its own task queue, and this process as
 * its client.
 */
export type Floor = {
  /** The process id of the worker. */
  readonly pid: number;
  /** Resolves when Temporal has accepted the start. */
  start(workflowId: string): Promise<BareRun>;
  close(): Promise<void>;
};

const READY_MS = 60_000;
const GRACE_MS = 15_000;
/** The same as for our own delivery workflow. */
const WORKFLOW_TASK_TIMEOUT_MS = 5_000;
const NEWS = z.union([z.object({ workflowId: z.string() }), z.object({ ready: z.literal(true) })]);

/**
 * Connects by Temporal's own environment configuration.
 * @param env the whole environment of the worker
 * @throws Error where the worker is not ready within a minute
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
    void gone.then(() => reject(new Error('the worker of the bare workflow exited; see its output above')));
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

/** With the search attributes and summaries that our own workflow starts with. */
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
    staticDetails: 'The performance floor of a delivery: no work.',
  };
}
