/**
 * A short `npm run verify -- upgrade`: two builds side by side with a rollback, and migrations under load.
 * Event counts, and waits with a wide margin.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runInstrument, stopInstruments } from '../support/instrument';
import { type LiveParts, openParts } from '../support/liveSystem';

/** Minutes of Temporal's made seconds, as scripts/upgrade.mjs does. */
const QUICKER = {
  'matching.wv.VersionDrainageStatusVisibilityGracePeriod': '"2s"',
  'matching.wv.VersionDrainageStatusRefreshInterval': '"1s"',
  'limit.historyCount.suggestContinueAsNew': '120',
};

let parts: LiveParts;
beforeAll(async () => {
  parts = await openParts({ dynamicConfig: QUICKER });
}, 60_000);
afterAll(async () => {
  await stopInstruments();
  await parts.close();
}, 60_000);

const upgrade = (...args: string[]) =>
  runInstrument(
    'reliability/upgrade/main.js',
    ['--seed', 'proof', '--drivers', '10', '--every', '0.6', ...args],
    { ...parts.env, MIGRATE_DATABASE_URL: parts.ownerUrl },
  );

test('every run stays on its build through roll-forward, rollback and a second roll-forward', async () => {
  const { figures, complaints, code } = await upgrade('--only', 'builds', '--orders-each', '8');
  expect({ code, broken: figures.broken, complaints }).toEqual({
    code: 0,
    broken: 0,
    complaints: expect.not.stringContaining('broken:'),
  });
  expect(figures.failedTasks).toBe(0);
  expect(figures.failedTasksWithoutVersions).toBeGreaterThan(0);
  expect(figures.historiesRefusedOfNext).toBeGreaterThan(0);
  expect(figures.historiesRefused).toBe(0);
  expect(figures.crossed).toBeGreaterThan(0);
  expect(figures.wentOnAsNewOnCurrent).toBe(true);
  const [first, second, ...again] = figures.builds as string[];
  expect(second).not.toBe(first);
  expect(again).toEqual([first, second]);
}, 300_000);

test('the schema migrates forward and back under load, without long lock waits', async () => {
  const { figures, complaints, code } = await upgrade('--only', 'schema');
  expect({ code, broken: figures.broken, complaints }).toEqual({
    code: 0,
    broken: 0,
    complaints: expect.not.stringContaining('broken:'),
  });
  const windows = figures.migrations as { what: string; requests: number; longestLockWaitMs: number }[];
  expect(windows.length).toBeGreaterThan(5);
  const [floor] = windows;
  expect(floor?.longestLockWaitMs).toBe(0);
  expect(figures.triesInVain).toBeGreaterThan(0);
  expect(windows.reduce((sum, { requests }) => sum + requests, 0)).toBeGreaterThan(20);
}, 300_000);
