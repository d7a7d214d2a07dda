/**
 * A short `npm run bench -- lifecycle`: event counts, and a ratio with a wide margin, since other programs
 * may use this machine.
 */
import { expect, test } from '@jest/globals';
import { partsForInstruments, runInstrument } from '../support/instrument';

const LEAST_RATIO = 0.3;

const parts = partsForInstruments();

test('throughput keeps up with a bare workflow of the same history, and no delivery is lost', async () => {
  const { figures, complaints, code } = await runInstrument(
    'bench/lifecycle/main.js',
    ['--seconds', '4', '--blocks', '2', '--at-once', '8', '--least-ratio', String(LEAST_RATIO)],
    parts().env,
  );
  expect({ problems: figures.problems, code, complaints }).toEqual({
    problems: [],
    code: 0,
    complaints: expect.anything(),
  });
  expect(figures.ratio).toBeGreaterThanOrEqual(LEAST_RATIO);
  expect(figures.events).toBeLessThanOrEqual(42);
  expect(figures.workflowTasks).toBeLessThanOrEqual(6);
  expect(figures.begun).toBeGreaterThan(8);
  expect(figures.delivered).toBe(figures.begun);
}, 180_000);

test('a ratio below the goal ends with code 1', async () => {
  const { figures, code } = await runInstrument(
    'bench/lifecycle/main.js',
    ['--seconds', '3', '--blocks', '1', '--at-once', '4', '--least-ratio', '10'],
    parts().env,
  );
  expect(code).toBe(1);
  expect(figures.problems).toEqual([expect.stringMatching(/^the ratio is .*, below 10$/)]);
}, 120_000);
