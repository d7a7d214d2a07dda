import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { z } from 'zod';
import { bareMessage, type LoadKind, type LoadOrder, type LoadReport, loadReport } from './protocol';

/** The child processes of the bench. */
export type Children = {
  barePort: number;
  /** The CPU time of the bare server since it started. */
  bareCpuSeconds(): Promise<number>;
  /** Assigns drivers to the load generator; call it first. */
  ride(order: Omit<Extract<LoadOrder, { order: 'ride' }>, 'order'>): void;
  send(order: { port: number; kind: LoadKind; seconds: number }): Promise<LoadReport>;
  stop(): Promise<void>;
};

export async function startChildren(redisUrl: string): Promise<Children> {
  const [bare, load] = [
    fork(join(__dirname, 'bare/main.js'), [redisUrl]),
    fork(join(__dirname, 'load/main.js')),
  ];
  const { port: barePort } = await nextMessage(bare, bareMessage);
  const tell = (order: LoadOrder): void => void load.send(order);
  return {
    barePort,
    bareCpuSeconds: async () => {
      bare.send('cpu');
      return (await nextMessage(bare, bareMessage)).cpuSeconds;
    },
    ride: (order) => tell({ order: 'ride', ...order }),
    send: (order) => {
      tell({ order: 'send', ...order });
      return nextMessage(load, loadReport);
    },
    stop: async () => void (await Promise.all([bare, load].map(end))),
  };
}

/** @throws Error where the child exits instead */
async function nextMessage<S extends z.ZodType>(child: ChildProcess, schema: S): Promise<z.output<S>> {
  const over = new AbortController();
  const ended = once(child, 'exit', { signal: over.signal }).then(() => {
    throw new Error('a process of the bench exited; see its output above');
  });
  try {
    const said: unknown[] = await Promise.race([once(child, 'message', { signal: over.signal }), ended]);
    return schema.parse(said[0]);
  } finally {
    over.abort();
    ended.catch(() => undefined);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
