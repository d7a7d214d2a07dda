import { describe, expect, test } from '@jest/globals';
import { axisVerdict, type StepFigures } from '../../bench/growth/verdict';

const NOTHING = { worker: null, api: null, temporal: null, postgres: null, redis: null };

function step(
  size: number,
  {
    p50 = 20,
    p99 = 40,
    workerMb = 300,
    postgresMb = 10,
  }: { p50?: number | null; p99?: number; workerMb?: number | null; postgresMb?: number },
): StepFigures {
  return {
    axis: 'deliveries',
    size,
    probes: 80,
    offerP50Ms: p50,
    offerP99Ms: p99,
    eventsASecond: 1,
    searchesASecond: 1,
    searchMs: 5,
    rowsReadAnEvent: 10,
    transactionsASecond: 3,
    cpuShare: { ...NOTHING, load: null },
    memoryMb: { ...NOTHING, worker: workerMb, temporal: 100 },
    workerHeapMb: 60,
    postgresMb,
    redisMb: 2,
  };
}

describe('the growth of an axis', () => {
  test('is the ratio of the largest size to the smallest, and the cost of one more', () => {
    expect(
      axisVerdict([
        step(100, {}),
        step(1_000, {}),
        step(10_000, { p50: 22, p99: 80, workerMb: 399, postgresMb: 59.5 }),
      ]),
    ).toEqual({
      axis: 'deliveries',
      from: 100,
      to: 10_000,
      offerP50Ratio: 1.1,
      offerP99Ratio: 2,
      bytesEach: { worker: 10_000, temporal: 0, postgres: 5_000, redis: 0 },
      faster: [],
    });
  });

  test('is faster than the size where a unit costs more at the last size than before', () => {
    const quadratic = [
      step(100, { workerMb: 300 }),
      step(1_000, { workerMb: 340 }),
      step(10_000, { workerMb: 4_300 }),
    ];
    expect(axisVerdict(quadratic)?.faster).toEqual(['memory of the worker']);
    const linear = [
      step(100, { workerMb: 300 }),
      step(1_000, { workerMb: 390 }),
      step(10_000, { workerMb: 1_290 }),
    ];
    expect(axisVerdict(linear)?.faster).toEqual([]);
  });

  test('is unknown for one size or without measured offers; unreadable figures are left out', () => {
    expect(axisVerdict([step(100, {})])).toBeNull();
    expect(axisVerdict([step(100, { p50: null }), step(200, {})])).toBeNull();
    expect(axisVerdict([step(100, { workerMb: null }), step(200, {})])?.bytesEach.worker).toBeNull();
  });
});
