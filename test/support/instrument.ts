/** Runs a compiled instrument as its command does, on servers of the test's own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const DIST = join(__dirname, '../../dist');
const running = new Set<ChildProcess>();

/** What it said: the last line of stdout as JSON, all of stderr, and how it ended. */
export type Said = { figures: Record<string, unknown>; complaints: string; code: number | null };

/** @param entry below dist/, such as bench/lifecycle/main.js */
export async function runInstrument(entry: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Said> {
  const child = spawn(process.execPath, ['--enable-source-maps', join(DIST, entry), ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const [said, complaints] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  running.delete(child);
  const last = said.trim().split('\n').at(-1) ?? '';
  if (!last.startsWith('{')) throw new Error(`${entry} ended with ${child.exitCode} and said no figures:\n${complaints.slice(-4_000)}`);
  return { figures: JSON.parse(last) as Record<string, unknown>, complaints, code: child.exitCode };
}

/** Those that a test left behind stop what they started. */
export async function stopInstruments(): Promise<void> {
  await Promise.all([...running].map(async (child) => {
    if (child.exitCode === null && child.kill('SIGTERM')) await once(child, 'exit');
  }));
}
