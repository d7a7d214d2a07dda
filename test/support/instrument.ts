/** Runs a compiled instrument as its command does, on servers of the test's own. */
import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll } from '@jest/globals';
import { type LiveParts, openParts } from './liveSystem';
import { childrenOf, isAlive } from './runningProcesses';

const DIST = join(__dirname, '../../dist');
const running = new Set<ChildProcess>();

/**
 * For the top of a test file: opens parts for its tests, and after them stops what they left running and
 * closes the parts.
 * @returns the parts, for the tests to ask for
 */
export function partsForInstruments(): () => LiveParts {
  let parts: LiveParts | undefined;
  beforeAll(async () => {
    parts = await openParts();
  }, 60_000);
  afterAll(async () => {
    await stopInstruments();
    await parts?.close();
  }, 60_000);
  return () => {
    if (!parts) throw new Error('there are parts from the first test on');
    return parts;
  };
}

/** What it said: the last line of stdout as JSON, all of stderr, and how it ended. */
export type Said = { figures: Record<string, unknown>; complaints: string; code: number | null };

/** @param entry below dist/, such as bench/lifecycle/main.js */
export async function runInstrument(
  entry: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Said> {
  const child = start(entry, args, env);
  const [said, complaints] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  running.delete(child);
  const last = said.trim().split('\n').at(-1) ?? '';
  if (!last.startsWith('{'))
    throw new Error(
      `${entry} ended with ${child.exitCode} and said no figures:\n${complaints.slice(-4_000)}`,
    );
  return { figures: JSON.parse(last) as Record<string, unknown>, complaints, code: child.exitCode };
}

/** How it ended, how long that took it, and which of the processes that it had started were left. */
export type CalledOff = {
  code: number | null;
  tookMs: number;
  started: number;
  left: number[];
  complaints: string[];
};

/** Asks it to stop, as Ctrl-C does, when it has said on stderr what `when` says. */
export async function callOffInstrument(
  entry: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  when: RegExp,
): Promise<CalledOff> {
  const child = start(entry, args, env);
  child.stdout.resume();
  const ended = once(child, 'close').then(() => running.delete(child));
  const complaints: string[] = [];
  let [askedAt, pids]: [number, number[]] = [0, []];
  createInterface({ input: child.stderr }).on('line', (line) => {
    complaints.push(line);
    if (askedAt > 0 || !when.test(line)) return;
    [askedAt, pids] = [Date.now(), childrenOf(child.pid ?? 0)];
    child.kill('SIGINT');
  });
  await ended;
  return {
    code: child.exitCode,
    tookMs: Date.now() - askedAt,
    started: pids.length,
    left: pids.filter(isAlive),
    complaints,
  };
}

function start(
  entry: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): ChildProcessByStdio<null, Readable, Readable> {
  const child = spawn(process.execPath, ['--enable-source-maps', join(DIST, entry), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  return child;
}

/** Those that a test left behind stop what they started. */
export async function stopInstruments(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      if (child.exitCode === null && child.kill('SIGTERM')) await once(child, 'exit');
    }),
  );
}
