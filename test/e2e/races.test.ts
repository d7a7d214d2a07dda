/** The races of `npm run races`, 25 of each kind and one kill of the worker in mid-transaction: one truth each time, in PostgreSQL, in the workflow and in the answers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { historiesIn, replay } from '../replay/replay';
import { brokenInvariants } from '../support/invariants';
import { type LiveParts, openParts } from '../support/liveSystem';
import { workflowsUnderTest } from '../support/workflowsUnderTest';

const RACES = join(__dirname, '../../dist/simulator/races/main.js');
const TIMES = 25;
const SLOTS = 10;

type Report = { seed: string; broken: number; races: { race: string; times: number; won: number; lost: number; broken: number }[] };

let parts: LiveParts;
let running: ChildProcess | undefined;
beforeAll(async () => { parts = await openParts(); }, 60_000);
afterAll(async () => {
  if (running?.exitCode === null && running.kill('SIGTERM')) await once(running, 'exit'); // it stops what it started
  await parts.close();
}, 60_000);

test('no answer contradicts another, the record or the workflow', async () => {
  const racing = spawn(process.execPath, ['--enable-source-maps', RACES, '--times', String(TIMES), '--slots', String(SLOTS), '--kill-worker', '--kills', '1'], { env: parts.env, stdio: ['ignore', 'pipe', 'pipe'] });
  running = racing;
  const [said, complaints] = await Promise.all([text(racing.stdout), text(racing.stderr), once(racing, 'exit')]);
  const report = JSON.parse(said.trim().split('\n').at(-1) ?? '{}') as Report;
  const problems = complaints.split('\n').filter((line) => line.startsWith('broken:'));
  expect({ seed: report.seed, problems }).toEqual({ seed: report.seed, problems: [] });
  expect(racing.exitCode).toBe(0);
  expect(report.broken).toBe(0);
  const kinds = report.races.filter(({ race }) => race !== 'worker-killed');
  expect(kinds).toHaveLength(5);
  for (const { times } of kinds) expect(times).toBe(TIMES);
  expect(await brokenInvariants(parts.db)).toEqual([]);
}, 420_000);

test('every history of the races in which the worker was killed replays', async () => {
  const killed = await historiesIn(parts.temporal.client, `City STARTS_WITH 'races-worker-killed-'`);
  expect(killed.length).toBeGreaterThanOrEqual(SLOTS);
  expect(await replay(workflowsUnderTest(), killed)).toEqual({});
}, 120_000);
