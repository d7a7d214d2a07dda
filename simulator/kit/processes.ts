import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from './freePort';
import { poll } from './pause';

/** One of our own processes. The program that starts it can set its environment and kill it. */
export type ServiceProcess = {
  readonly name: 'worker' | 'api';
  readonly pid: number;
  /** The base URL, without `/health`. */
  readonly url: string;
  /** Resolves when it answers as ready. @throws Error if it exits first, or takes over a minute */
  ready(): Promise<void>;
  /** kill -9. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Graceful shutdown, as in production. Resolves when it is gone. */
  stop(): Promise<void>;
  /** Stops the process without ending it, as on a machine that hangs. */
  freeze(): void;
  thaw(): void;
  /** Resolves with the cause when it is gone for any reason. */
  readonly gone: Promise<string>;
};

const READY_MS = 60_000;
const GRACE_MS = 30_000;
/** The directory of the compiled programs. This one is among them, unless it runs uncompiled, as in tests. */
const DIST = __filename.endsWith('.ts') ? join(__dirname, '../../dist') : join(__dirname, '../..');
const running = new Set<ChildProcess>();

// This program stops the processes it started, even when it exits with an error.
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/**
 * `label` prefixes its output lines. `dist` is the directory of another build. `nodeOptions` are for node
 * itself, such as those of a profile. `onLine` hears each line of its output.
 */
export type StartOptions = {
  label?: string;
  dist?: string;
  nodeOptions?: readonly string[];
  onLine?: (line: string) => void;
};

/** Starts the compiled worker. `env` is its whole environment. */
export async function startWorker(
  env: NodeJS.ProcessEnv,
  options: StartOptions = {},
): Promise<ServiceProcess> {
  const port = await freePort();
  return start('worker', { ...env, WORKER_HEALTH_PORT: String(port) }, `http://127.0.0.1:${port}`, options);
}

/** Starts the compiled API, at API_PORT of `env`, its whole environment. */
export async function startApi(env: NodeJS.ProcessEnv, options: StartOptions = {}): Promise<ServiceProcess> {
  return start('api', env, `http://127.0.0.1:${env.API_PORT ?? ''}`, options);
}

function start(
  name: ServiceProcess['name'],
  env: NodeJS.ProcessEnv,
  url: string,
  { label = name, dist = DIST, nodeOptions = [], onLine }: StartOptions,
): ServiceProcess {
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', ...nodeOptions, join(dist, name, 'main.js')],
    { env, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  if (child.pid === undefined) throw new Error(`the ${name} could not be started`);
  running.add(child);
  const gone = once(child, 'exit').then(() => {
    running.delete(child);
    return child.signalCode ?? `exit code ${child.exitCode}`;
  });
  for (const output of [child.stdout, child.stderr])
    createInterface({ input: output }).on('line', (line) => {
      process.stderr.write(`${label.padEnd(9)} | ${line}\n`);
      onLine?.(line);
    });
  return {
    name,
    pid: child.pid,
    url,
    gone,
    ready: () => becomeReady(label, child, url),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    kill: async () => end(child, gone, 'SIGKILL'),
    stop: async () => {
      const hurry = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
      await end(child, gone, 'SIGTERM');
      clearTimeout(hurry);
    },
  };
}

async function becomeReady(name: string, child: ChildProcess, url: string): Promise<void> {
  const ask = async (): Promise<true | undefined> => {
    if (hasEnded(child)) throw new Error(`the ${name} ended while starting; its last lines above say why`);
    const answer = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2_000) }).catch(
      () => undefined,
    );
    return answer?.ok ? true : undefined;
  };
  const isReady = await poll(ask, { everyMs: 100, deadlineAt: Date.now() + READY_MS });
  if (!isReady)
    throw new Error(`the ${name} was not ready within ${READY_MS / 1_000} s; see ${url}/health/ready`);
}

async function end(child: ChildProcess, gone: Promise<string>, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  if (!hasEnded(child)) child.kill(signal);
  await gone;
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}
