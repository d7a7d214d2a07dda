/**
 * `npm run verify -- fuzz` for a short while with a fixed seed: no fault, nothing undocumented, nothing leaked, no
 * socket dropped, all rows in order. That its judge finds each of them: test/simulator/fuzzJudge.test.ts.
 */
import { expect, test } from '@jest/globals';
import { partsForInstruments, runInstrument } from '../support/instrument';
import { brokenInvariants } from '../support/invariants';

type Report = {
  operations: number;
  succeeded: number;
  refused: number;
  requests: number;
  broken: object | null;
  afterwards: string[];
  sockets: { connected: number; refused: number; floods: number; broken: string[] };
};

const parts = partsForInstruments();

test('every response is as documented, and no caller sees data of another tenant', async () => {
  const { figures, complaints, code } = await runInstrument(
    'reliability/fuzz/main.js',
    ['--seconds', '30', '--seed', 'proof'],
    parts().env,
  );
  expect(complaints.split('\n').filter((line) => /^broken:|^curl/.test(line))).toEqual([]);
  const report = figures as Report;
  expect(report).toMatchObject({ broken: null, afterwards: [], sockets: { broken: [] } });
  expect(code).toBe(0);
  // It went deep enough to count: many operations were done, each was refused something, sockets came, went
  // and were turned away.
  expect(report.refused).toBe(report.operations);
  expect(report.succeeded).toBeGreaterThan(report.operations / 3);
  expect(report.requests).toBeGreaterThan(report.operations * 5);
  expect(report.sockets.connected).toBeGreaterThan(5);
  expect(report.sockets.refused).toBeGreaterThan(1);
  expect(await brokenInvariants(parts().db)).toEqual([]);
}, 150_000);
