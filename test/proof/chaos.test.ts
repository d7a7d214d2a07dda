/**
 * A short `npm run verify -- chaos`: a minute of faults on its own servers, from a seed with most kinds of
 * faults, without a violation. The city's matching is on, with few drivers, so that all that an order meets is in it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from '@jest/globals';

const CHAOS = join(__dirname, '../../scripts/chaos.mjs');
/** In a round a worker is frozen, and the owner of the matching is terminated. */
const SEED = '22';
const SECONDS = '45';

type Report = {
  faults: number;
  broken: { what: string }[];
  endedByThemselves: string[];
  acknowledgements: number;
  offers: { all: number; proposed: number };
  checks: { checks: number };
  deliveries: { deliveries: number; delivered: number; open: number };
  requestFaults: { twice: number; answerLost: number; late: number };
};

let running: ChildProcess | undefined;
afterEach(async () => {
  // it stops what it started
  if (running?.exitCode === null && running.kill('SIGTERM')) await once(running, 'exit');
}, 60_000);

async function chaos(...args: string[]): Promise<{ said: string; told: string; code: number | null }> {
  const program = spawn(process.execPath, [CHAOS, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  running = program;
  const [said, told] = await Promise.all([text(program.stdout), text(program.stderr), once(program, 'exit')]);
  return { said: said.trim().split('\n').at(-1) ?? '', told, code: program.exitCode };
}

test('the same seed gives the same plan', async () => {
  const [first, second] = [
    await chaos('--seed', SEED, '--seconds', '300', '--plan'),
    await chaos('--seed', SEED, '--seconds', '300', '--plan'),
  ];
  expect(first).toMatchObject({ code: 0, said: second.said });
  expect((JSON.parse(first.said) as { plan: unknown[] }).plan.length).toBeGreaterThan(25);
}, 60_000);

test('invalid arguments are refused', async () => {
  expect(await chaos('--seconds', '1', '--plan')).toMatchObject({
    code: 2,
    told: expect.stringContaining('--seconds must be a whole number from 20'),
  });
}, 60_000);

test('no invariant is violated after faults of many kinds', async () => {
  const { said, told, code } = await chaos(
    '--seed',
    SEED,
    '--seconds',
    SECONDS,
    '--drivers',
    '8',
    '--matching',
    '100',
    '--burst',
    '10',
  );
  const report = JSON.parse(said) as Report;
  expect({
    broken: report.broken,
    fates: report.endedByThemselves,
    told: code === 0 ? '' : told.slice(-5_000),
  }).toEqual({ broken: [], fates: [], told: '' });
  expect(code).toBe(0);
  expect(report.faults).toBeGreaterThanOrEqual(5);
  expect(report.deliveries).toMatchObject({ open: 0 });
  expect(report.deliveries.delivered).toBeGreaterThan(10);
  expect(report.acknowledgements).toBeGreaterThan(60);
  expect(report.offers.proposed).toBeGreaterThan(0);
  expect(report.checks.checks).toBeGreaterThan(20);
  expect(
    Math.min(report.requestFaults.twice, report.requestFaults.answerLost, report.requestFaults.late),
  ).toBeGreaterThan(0);
}, 480_000);
