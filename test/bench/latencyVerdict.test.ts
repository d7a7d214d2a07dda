import { describe, expect, test } from '@jest/globals';
import { HandoverGate } from '../../bench/latency/handoverGate';
import { highestRate } from '../../bench/latency/findRate';
import { planArrivals } from '../../bench/latency/plan';
import { percentilesOf, type Sample, timesOf, withoutWaits } from '../../bench/latency/samples';
import { type Judged, problemsOf } from '../../bench/latency/verdict';
import { randomFrom } from '../../simulator/kit/random';

const times = (p99: number | null) => ({ count: p99 === null ? 0 : 100, p50: p99, p95: p99, p99, max: p99 });
const GOOD: Judged = {
  measured: { offer: times(400), accept: times(200), reassignment: times(900) },
  posted: 900,
  offered: 900,
  delivered: 900,
  openMin: 100,
  keepOpen: 100,
  waited: 3,
  offers: 990,
  failures: [],
};

describe('the latency verdict', () => {
  test('passes good figures', () => expect(problemsOf(GOOD)).toEqual([]));

  test.each<[string, Partial<Judged>, RegExp]>([
    ['slow offers', { measured: { ...GOOD.measured, offer: times(500) } }, /offer: p99 500 ms/],
    ['slow accepts', { measured: { ...GOOD.measured, accept: times(301) } }, /accept: p99 301 ms/],
    [
      'slow reassignments',
      { measured: { ...GOOD.measured, reassignment: times(2_000) } },
      /reassignment: p99 2000 ms/,
    ],
    [
      'missing reassignments',
      { measured: { ...GOOD.measured, reassignment: times(null) } },
      /no reassignment was measured/,
    ],
    ['an order that was never offered', { offered: 899 }, /1 of 900 orders were never offered/],
    ['an order that was not delivered', { delivered: 898 }, /2 of 900 orders were not delivered/],
    ['too few open deliveries', { openMin: 99 }, /was 99/],
    ['offers that mostly waited for a driver', { waited: 500 }, /500 of 990 offers waited/],
    ['failures', { failures: ['accept: 409'] }, /accept: 409/],
  ])('reports %s', (_what, bad, words) => expect(problemsOf({ ...GOOD, ...bad }).join('\n')).toMatch(words));
});

describe('samples', () => {
  const sample = (timed: Sample['timed'], ms: number, offerId: string): Sample => ({ timed, ms, offerId });

  test('exclude offers after a search that found nobody, but not their accepts', () => {
    const samples = [
      sample('offer', 10, 'a'),
      sample('offer', 9_000, 'b'),
      sample('accept', 20, 'b'),
      sample('reassignment', 8_000, 'c'),
    ];
    const { kept, waited } = withoutWaits(
      samples,
      new Map([
        ['a', 0],
        ['b', 1],
        ['c', 2],
      ]),
    );
    expect({
      waited,
      offers: timesOf(kept, 'offer'),
      accepts: timesOf(kept, 'accept'),
      reassignments: timesOf(kept, 'reassignment'),
    }).toEqual({ waited: 2, offers: [10], accepts: [20], reassignments: [] });
  });

  test('include an offer that PostgreSQL does not know', () =>
    expect(withoutWaits([sample('offer', 10, 'x')], new Map()).kept).toHaveLength(1));

  test('have nearest-rank percentiles', () => {
    expect(percentilesOf(Array.from({ length: 100 }, (_, at) => at + 1))).toEqual({
      count: 100,
      p50: 50,
      p95: 95,
      p99: 99,
      max: 100,
    });
    expect(percentilesOf([]).p99).toBeNull();
  });
});

describe('the load plan', () => {
  const plan = (seed: string) =>
    planArrivals({ rate: 5, seconds: 400, lossShare: 0.12, random: randomFrom(seed) });

  test('is deterministic for a seed', () => {
    expect(plan('a')).toEqual(plan('a'));
    expect(plan('a')).not.toEqual(plan('b'));
  });

  test('has the requested rate, ordered arrivals, and the share of losses of both kinds', () => {
    const arrivals = plan('a');
    expect(arrivals.length).toBeGreaterThan(1_850);
    expect(arrivals.length).toBeLessThan(2_150);
    expect(arrivals.map(({ atMs }) => atMs)).toEqual(arrivals.map(({ atMs }) => atMs).sort((a, b) => a - b));
    for (const fate of ['leaves', 'goesOffline'] as const)
      expect(arrivals.filter((arrival) => arrival.fate === fate).length / arrivals.length).toBeCloseTo(
        0.06,
        1,
      );
  });
});

describe('the handover gate', () => {
  const flush = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  test('releases one delivery for each order above the target', async () => {
    const gate = new HandoverGate(2);
    const handedOver: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      gate.enter();
      if (name !== 'c') void gate.wait().then(() => handedOver.push(name));
    }
    await flush();
    expect(handedOver).toEqual(['a']);
    gate.leave({ wasReleased: true });
    expect(gate.openSince()).toEqual({ min: 0, max: 3 });
    gate.enter();
    await flush();
    expect(handedOver).toEqual(['a', 'b']);
    gate.leave({ wasReleased: true });
    expect(gate.openSince()).toEqual({ min: 2, max: 3 });
  });

  test('is open for a driver who was released before arriving', async () => {
    const gate = new HandoverGate(1);
    gate.enter();
    gate.enter();
    await expect(gate.wait()).resolves.toBeUndefined();
  });

  test('releases one more on request, whatever the number of open deliveries', async () => {
    const gate = new HandoverGate(5);
    gate.enter();
    const waiting = gate.wait();
    gate.releaseOne();
    await expect(waiting).resolves.toBeUndefined();
  });
});

describe('the highest rate', () => {
  const search = async (limit: number): Promise<{ rate: number; probed: number[] }> => {
    const probed: number[] = [];
    const probe = async (rate: number): Promise<boolean> => {
      probed.push(rate);
      return rate <= limit;
    };
    return { rate: await highestRate(probe, { lowest: 1, highest: 10 }), probed };
  };

  test.each([0, 1, 4, 7, 10, 99])('is found where it is %d', async (limit) => {
    const { rate, probed } = await search(limit);
    expect(rate).toBe(Math.min(limit, 10));
    expect(probed.length).toBeLessThanOrEqual(4);
  });
});
