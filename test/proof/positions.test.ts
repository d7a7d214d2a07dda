/** `npm run bench:positions` for a short while: both sides are asked, nothing is refused, and the service is not far from the bare handler. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type LiveParts, openParts } from '../support/liveSystem';

const BENCH = join(__dirname, '../../dist/bench/positions/main.js');
const DRIVERS = 64;
/** Of the processor's time that a position costs the bare handler, by that which it costs the service: others on the machine change it little. The bench's own goal, by the clock, is 0.7. */
const LEAST_SHARE = 0.4;

type Kind = { ours: number; bare: number; ratio: number; refused: number; per1000: Record<'ours' | 'bare', { server: number; generatorBusy: number }> };

let parts: LiveParts;
let running: ChildProcess | undefined;
beforeAll(async () => { parts = await openParts(); }, 60_000);
afterAll(async () => {
  if (running?.exitCode === null && running.kill('SIGTERM')) await once(running, 'exit'); // it stops what it started
  await parts.close();
}, 60_000);

test('a position costs the service not much more than it costs Express and Redis alone', async () => {
  const measuring = spawn(process.execPath, ['--enable-source-maps', BENCH, '--pairs', '3', '--seconds', '1', '--drivers', String(DRIVERS)], { env: parts.env, stdio: ['ignore', 'pipe', 'inherit'] });
  running = measuring;
  const [said] = await Promise.all([text(measuring.stdout), once(measuring, 'exit')]);
  const report = JSON.parse(said.trim().split('\n').at(-1) ?? '{}') as Record<'v1' | 'single' | 'batch', Kind>;
  for (const kind of [report.v1, report.single, report.batch]) {
    expect(kind).toMatchObject({ refused: 0 });
    expect(kind.per1000.bare.server / kind.per1000.ours.server).toBeGreaterThan(LEAST_SHARE);
    // The generator had time left: it is the servers that were measured.
    expect(kind.per1000.ours.generatorBusy).toBeLessThan(0.6);
    expect(kind.per1000.bare.generatorBusy).toBeLessThan(0.6);
  }
  // What was answered is kept: the live place of each driver, and fixes in the stream of the archive.
  expect(await parts.redis.zcard('drivers:geo')).toBe(DRIVERS);
  expect(await parts.redis.xlen('positions')).toBeGreaterThan(1_000);
}, 150_000);

test('wrong arguments are said and end with code 2', async () => {
  const wrong = spawn(process.execPath, ['--enable-source-maps', BENCH, '--pairs', '0'], { env: parts.env, stdio: ['ignore', 'ignore', 'ignore'] });
  const [code] = await once(wrong, 'exit');
  expect(code).toBe(2);
}, 30_000);
