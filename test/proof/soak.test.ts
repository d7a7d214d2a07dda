/**
 * A short soak: the demo city for 24 s on the unmodified worker and API, and on an API that leaks a timer per
 * socket. Unreleased resources are reported. Trends need longer runs: `npm run verify -- soak`.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { partsForInstruments, runInstrument } from '../support/instrument';
import { brokenInvariants } from '../support/invariants';

const DIST = join(__dirname, '../../dist');
/** Beside node_modules, which the copied programs look for above themselves. */
const LEAKY = join(__dirname, '../../.cache/leaky-');

type Report = {
  seed: string;
  deliveries: number;
  samples: number;
  leaks: string[];
  broken: number;
  figures: { deliveries: number; historyEventsMedian: number; lostAcks: number; open: number };
  resources: Record<string, { first: number | null; last: number | null; verdict: string }>;
};

const parts = partsForInstruments();
let leaky: string | undefined;
afterAll(() => {
  if (leaky !== undefined) rmSync(leaky, { recursive: true, force: true });
});

async function soak(
  ...args: string[]
): Promise<{ code: number | null; report: Report; complaints: string[] }> {
  const { figures, complaints, code } = await runInstrument('reliability/soak/main.js', args, parts().env);
  return {
    code,
    report: figures as Report,
    complaints: complaints.split('\n').filter((line) => /^(leaks|broken): /.test(line)),
  };
}

test('a short soak has no violation, no loss and no leak', async () => {
  const { code, report, complaints } = await soak(
    '--minutes',
    '0.4',
    '--sample',
    '2',
    '--drivers',
    '20',
    '--every',
    '0.8',
    '--speed',
    '240',
  );
  expect({ seed: report.seed, complaints }).toEqual({ seed: report.seed, complaints: [] });
  expect(code).toBe(0);
  expect(report.deliveries).toBeGreaterThan(10);
  expect(report.figures).toMatchObject({ deliveries: report.deliveries, open: 0, lostAcks: 0 });
  expect(report.figures.historyEventsMedian).toBeLessThanOrEqual(60);
  // Everything that can be looked at was looked at; what is too short a time to judge says so.
  for (const name of [
    'worker.privateMb',
    'worker.heapAfterGcMb',
    'api.timers',
    'api.sockets',
    'postgres.privateMb',
    'redis.clients',
    'temporal.running.deliveries',
    'db.outbox.unsent',
    'db.rows.audit_entries',
  ]) {
    expect({ name, found: report.resources[name]?.last ?? report.resources[name]?.verdict }).toEqual({
      name,
      found: expect.anything(),
    });
  }
  expect(await brokenInvariants(parts().db)).toEqual([]);
}, 180_000);

test('an API that leaks a timer per socket is detected', async () => {
  leaky = mkdtempSync(LEAKY);
  cpSync(DIST, leaky, { recursive: true });
  const file = join(leaky, 'api/realtime/gateway.js');
  const [before, ...rest] = readFileSync(file, 'utf8').split(
    "socket.on('disconnect', ()=>clearInterval(refill));",
  );
  expect(rest).toHaveLength(1);
  writeFileSync(file, [before, ...rest].join(''));
  const { code, report, complaints } = await soak(
    '--minutes',
    '0.1',
    '--sample',
    '2',
    '--drivers',
    '20',
    '--every',
    '2',
    '--speed',
    '240',
    '--programs',
    leaky,
  );
  expect(code).toBe(1);
  expect(complaints).toEqual([
    expect.stringMatching(/^broken: api\.timers was not released after the load: \d+ left/),
  ]);
  expect(report.broken).toBe(1);
}, 120_000);
