/**
 * A short `npm run bench -- latency`: every order is delivered, and latency stays within a wide multiple of
 * the bare workflow's, since other programs may use this machine.
 */
import { expect, test } from '@jest/globals';
import { partsForInstruments, runInstrument } from '../support/instrument';

const KEEP_OPEN = 10;
/**
 * An offer is about ten statements and a message more than a bare start. A small multiple is sound; ten times
 * is a defect.
 */
const MOST_RATIO = 10;

type Times = { count: number; p50: number };
type Figures = {
  offer: Times;
  accept: Times;
  reassignment: Times;
  lagMs: Times;
  bare: { offer: Times; accept: Times };
  ratios: { offer: { p50: number }; accept: { p50: number } };
  posted: number;
  offered: number;
  delivered: number;
  open: { min: number };
};

const parts = partsForInstruments();

test('every order is offered and delivered, at a latency close to the bare workflow’s', async () => {
  const args = [
    '--rate',
    '1',
    '--seconds',
    '16',
    '--drivers',
    '20',
    '--open',
    String(KEEP_OPEN),
    '--seed',
    'proof',
  ];
  const { figures: said, complaints } = await runInstrument('bench/latency/main.js', args, parts().env);
  const figures = said as Figures;
  expect({ posted: figures.posted, complaints }).toEqual({
    posted: expect.any(Number),
    complaints: expect.not.stringContaining('were never offered'),
  });
  expect(figures.offered).toBe(figures.posted);
  expect(figures.delivered).toBe(figures.posted);
  expect(figures.posted).toBeGreaterThan(KEEP_OPEN);
  expect(figures.open.min).toBeGreaterThanOrEqual(KEEP_OPEN);
  expect(figures.reassignment.count).toBeGreaterThan(0);
  const { offer, accept, bare, lagMs } = figures;
  expect({
    isFastEnough: figures.ratios.offer.p50 < MOST_RATIO && figures.ratios.accept.p50 < MOST_RATIO,
    offer,
    accept,
    bare,
    lagMs,
  }).toMatchObject({ isFastEnough: true });
}, 180_000);
