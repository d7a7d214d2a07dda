import { describe, expect, test } from '@jest/globals';
import { differences, medianCounts, recordedCounts, totalOf } from '../../bench/histories';
import { runBlock, type Side } from '../../bench/lifecycle/blocks';
import { costsADelivery, cpuRatioOf } from '../../bench/lifecycle/costs';
import { type Evidence, problemsOf, ratiosOf } from '../../bench/lifecycle/verdict';

const recorded = recordedCounts();
const GOOD: Evidence = {
  ratio: 0.85,
  leastRatio: 0.8,
  events: { ours: recorded, bare: recorded, recorded },
  begun: 100,
  delivered: 100,
};

describe('the lifecycle verdict', () => {
  test('passes good figures', () => expect(problemsOf(GOOD)).toEqual([]));

  test.each<[string, Partial<Evidence>, RegExp]>([
    ['a ratio below the goal', { ratio: 0.79 }, /ratio is 0\.790/],
    ['no ratio at all', { ratio: null }, /no ratio/],
    ['a delivery that was not delivered', { delivered: 99 }, /100 deliveries began, 99/],
    [
      'more events than allowed',
      { events: { ...GOOD.events, ours: { ...recorded, markerRecorded: 8 } } },
      /44 events/,
    ],
    [
      'a bare workflow with fewer updates than ours',
      { events: { ...GOOD.events, bare: { ...recorded, workflowExecutionUpdateAccepted: 2 } } },
      /workflowExecutionUpdateAccepted: 5 and 2/,
    ],
    [
      'a bare workflow without search attributes',
      { events: { ...GOOD.events, bare: { ...recorded, upsertWorkflowSearchAttributes: 0 } } },
      /upsertWorkflowSearchAttributes/,
    ],
  ])('reports %s', (_what, bad, words) => expect(problemsOf({ ...GOOD, ...bad }).join('\n')).toMatch(words));
});

describe('the figures of blocks', () => {
  test('are the ratio of the medians, and the ratio of each pair', () => {
    const { ours, bare, ratio, pairRatios } = ratiosOf([
      { ours: 8, bare: 10 },
      { ours: 9, bare: 9 },
      { ours: 2, bare: 8 },
    ]);
    expect({ ours, bare, ratio }).toEqual({ ours: 8, bare: 9, ratio: 8 / 9 });
    expect(pairRatios).toEqual({ median: 0.8, min: 0.25, max: 1 });
  });

  test('are empty where no pair was measured', () => expect(ratiosOf([]).ratio).toBeNull());

  test('of CPU exclude our own processes while the bare workflow runs', () => {
    const cpu = (worker: number, floor: number) =>
      costsADelivery({
        deliveries: 10,
        seconds: 1,
        cpu: { worker, api: 0, floor, load: 0.1, temporal: 0.4, postgres: 0, redis: 0 },
        database: { transactions: 0, rowsWritten: 0 },
      });
    expect(cpuRatioOf(cpu(1.5, 0), cpu(0.7, 0.5))).toBeCloseTo(0.5);
  });

  test('of CPU are unknown where a process cannot be read', () => {
    const { cpuMs } = costsADelivery({
      deliveries: 1,
      seconds: 1,
      cpu: { worker: 1, api: 1, floor: 1, load: 1, temporal: null, postgres: 1, redis: 1 },
      database: { transactions: 0, rowsWritten: 0 },
    });
    expect(cpuMs).toMatchObject({ worker: 1_000, temporal: null, all: null });
  });
});

describe('a block', () => {
  const options = {
    atOnce: 3,
    warmUpMs: 0,
    countedMs: 60,
    onEdge: () => Promise.resolve(),
    signal: new AbortController().signal,
  };

  test('keeps its concurrency and leaves no delivery open', async () => {
    let [underWay, most] = [0, 0];
    const side: Side = {
      name: 'counted',
      prepare: () => Promise.resolve(),
      deliver: async () => {
        most = Math.max(most, (underWay += 1));
        await new Promise((resolve) => setTimeout(resolve, 5));
        underWay -= 1;
      },
    };
    const { done, begun } = await runBlock(side, options);
    expect({ most, underWay }).toEqual({ most: 3, underWay: 0 });
    expect(done).toBeGreaterThan(0);
    expect(begun).toBeGreaterThanOrEqual(done);
  });

  test('fails where a delivery fails', async () => {
    const side: Side = {
      name: 'broken',
      prepare: () => Promise.resolve(),
      deliver: () => Promise.reject(new Error('no offer came')),
    };
    await expect(runBlock(side, options)).rejects.toThrow('no offer came');
  });
});

describe('histories', () => {
  test('of the recorded delivery have 42 events, the limit, in six workflow tasks', () => {
    expect(totalOf(recorded)).toBe(42);
    expect(recorded.workflowTaskCompleted).toBe(6);
  });

  test('are compared by the median of each kind', () => {
    const median = medianCounts([
      { markerRecorded: 6 },
      { markerRecorded: 6, timerStarted: 1 },
      { markerRecorded: 9 },
    ]);
    expect(median).toEqual({ markerRecorded: 6, timerStarted: 0 });
    expect(differences(median, { markerRecorded: 9 }, 2)).toEqual(['markerRecorded: 6 and 9']);
  });
});
