/**
 * `npm run verify -- races` with 25 races of each kind and one kill of the worker during transactions:
 * PostgreSQL, workflow and responses agree each time.
 */
import { expect, test } from '@jest/globals';
import { historiesIn, replay } from '../replay/replay';
import { partsForInstruments, runInstrument } from '../support/instrument';
import { brokenInvariants } from '../support/invariants';
import { workflowsUnderTest } from '../support/workflowsUnderTest';

const TIMES = 25;
const SLOTS = 10;

type Report = {
  seed: string;
  broken: number;
  races: { race: string; times: number; won: number; lost: number; broken: number }[];
};

const parts = partsForInstruments();

test('no response contradicts another response, the rows or the workflow', async () => {
  const { figures, complaints, code } = await runInstrument(
    'reliability/races/main.js',
    ['--times', String(TIMES), '--slots', String(SLOTS), '--kill-worker', '--kills', '1'],
    parts().env,
  );
  const report = figures as Report;
  const problems = complaints.split('\n').filter((line) => line.startsWith('broken:'));
  expect({ seed: report.seed, problems }).toEqual({ seed: report.seed, problems: [] });
  expect(code).toBe(0);
  expect(report.broken).toBe(0);
  const kinds = report.races.filter(({ race }) => race !== 'worker-killed');
  expect(kinds).toHaveLength(5);
  for (const { times } of kinds) expect(times).toBe(TIMES);
  expect(await brokenInvariants(parts().db)).toEqual([]);
}, 420_000);

test('every history of the races with a killed worker replays', async () => {
  const killed = await historiesIn(parts().temporal.client, `City STARTS_WITH 'races-worker-killed-'`);
  expect(killed.length).toBeGreaterThanOrEqual(SLOTS);
  expect(await replay(workflowsUnderTest(), killed)).toEqual({});
}, 120_000);
