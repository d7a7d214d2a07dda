/**
 * A short `npm run bench -- positions`: both sides are loaded, no request is refused, and the service is
 * close to the bare handler.
 */
import { expect, test } from '@jest/globals';
import { partsForInstruments, runInstrument } from '../support/instrument';

const BENCH = 'bench/positions/main.js';
const DRIVERS = 64;
/**
 * Of the processor's time that a position costs the bare handler, by that which it costs the service: others
 * on the machine change it little. The bench's own goal, by the clock, is 0.7.
 */
const LEAST_SHARE = 0.4;

type Kind = {
  ours: number;
  bare: number;
  ratio: number;
  refused: number;
  per1000: Record<'ours' | 'bare', { server: number; generatorBusy: number }>;
};

const parts = partsForInstruments();

test('a position costs little more than with Express and Redis alone', async () => {
  const { figures } = await runInstrument(
    BENCH,
    ['--pairs', '3', '--seconds', '1', '--drivers', String(DRIVERS)],
    parts().env,
  );
  const report = figures as Record<'v1' | 'single' | 'batch', Kind>;
  for (const kind of [report.v1, report.single, report.batch]) {
    expect(kind).toMatchObject({ refused: 0 });
    expect(kind.per1000.bare.server / kind.per1000.ours.server).toBeGreaterThan(LEAST_SHARE);
    // The generator had time left: it is the servers that were measured.
    expect(kind.per1000.ours.generatorBusy).toBeLessThan(0.6);
    expect(kind.per1000.bare.generatorBusy).toBeLessThan(0.6);
  }
  // What was answered is kept: the live place of each driver, and fixes in the stream of the archive.
  expect(await parts().redis.zcard('drivers:geo')).toBe(DRIVERS);
  expect(await parts().redis.xlen('positions')).toBeGreaterThan(1_000);
}, 150_000);

test('invalid arguments are reported and end with code 2', async () => {
  await expect(runInstrument(BENCH, ['--pairs', '0'], parts().env)).rejects.toThrow('ended with 2');
}, 30_000);
