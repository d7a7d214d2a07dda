import { describe, expect, test } from '@jest/globals';
import { deliveriesPerDriverHour, ordersPerHour, phaseAt, waitingBound } from '../../simulator/demo/demand';
import { type CitySample, type ModelOptions, playCity } from '../support/cityModel';

const DRIVERS = 12;
const SPEED = 20;
const CITY = { drivers: DRIVERS, speed: SPEED, minutes: 120 };
const SEEDS = ['one', 'two', 'three', 'four', 'five'];
/** The fixed rate of `npm start` before orders followed the drivers. */
const OLD_ORDERS_PER_HOUR = 14 * 60;

const balanced =
  (speed: number): ModelOptions['rate'] =>
  (city) =>
    ordersPerHour('balanced', city, speed);
const playAll = (options: Omit<ModelOptions, 'seed'>): CitySample[][] =>
  SEEDS.map((seed) => playCity({ ...options, seed }));
const meanOf = (samples: readonly CitySample[], what: 'waiting' | 'driversOnDuty'): number =>
  samples.reduce((sum, sample) => sum + sample[what], 0) / samples.length;
const hourOf = (runs: readonly CitySample[][], number: 1 | 2): CitySample[] =>
  runs.flat().filter(({ clockMs }) => Math.ceil(clockMs / 3_600_000) === number);
const longest = (runs: readonly CitySample[][]): number =>
  Math.max(...runs.flat().map(({ waiting }) => waiting));

/** The second hour's queues are no longer than the first's, apart from chance, and no queue is ever long. */
function expectBalance(runs: readonly CitySample[][], drivers: number): void {
  expect(meanOf(hourOf(runs, 2), 'waiting')).toBeLessThanOrEqual(meanOf(hourOf(runs, 1), 'waiting') + 0.25);
  expect(longest(runs)).toBeLessThanOrEqual(waitingBound(drivers) + 2);
}

describe('two hours of the demo city', () => {
  test.each([
    [DRIVERS, SPEED],
    [3, SPEED],
    [24, SPEED],
    [DRIVERS, 5],
    [DRIVERS, 120],
  ])('the queue does not grow: %i drivers at speed %i', (drivers, speed) => {
    expectBalance(playAll({ ...CITY, drivers, speed, rate: balanced(speed) }), drivers);
  });

  test('the queue grows with the old fixed rate', () => {
    const runs = playAll({ ...CITY, rate: () => OLD_ORDERS_PER_HOUR });
    expect(() => expectBalance(runs, DRIVERS)).toThrow();
    for (const run of runs)
      expect(meanOf(hourOf([run], 2), 'waiting')).toBeGreaterThan(2 * meanOf(hourOf([run], 1), 'waiting'));
  });

  test('the same seed gives the same hours', () => {
    const play = (seed: string): CitySample[] => playCity({ ...CITY, seed, rate: balanced(SPEED) });
    expect(play('again')).toEqual(play('again'));
    expect(play('again')).not.toEqual(play('other'));
  });

  test('drivers deliver more in the rush than in the lull', () => {
    const samples = playCity({ ...CITY, seed: 'phases', rate: balanced(SPEED) });
    const perMinute = (phase: string): number => {
      const gains = samples.flatMap((sample, at) => {
        const before = samples[at - 1];
        return before && phaseAt(before.clockMs) === phase ? [sample.delivered - before.delivered] : [];
      });
      return gains.reduce((sum, gain) => sum + gain, 0) / gains.length;
    };
    expect(perMinute('rush')).toBeGreaterThan(perMinute('calm'));
    expect(perMinute('calm')).toBeGreaterThan(perMinute('lull'));
    expect(perMinute('lull')).toBeGreaterThan(0);
  });

  test('the backlog of an earlier run drains before more is ordered', () => {
    const samples = playCity({ ...CITY, seed: 'backlog', backlog: 150, rate: balanced(SPEED) });
    const drainedAt = samples.findIndex(({ waiting }) => waiting <= 2 * waitingBound(DRIVERS));
    expect(drainedAt).toBeGreaterThan(5);
    expect(drainedAt).toBeLessThan(30);
    // A run places its first order at once.
    for (const { waiting, delivered } of samples.slice(0, drainedAt)) expect(waiting + delivered).toBe(151);
    expect(longest([samples.slice(drainedAt + 5)])).toBeLessThanOrEqual(waitingBound(DRIVERS) + 2);
  });

  test('the queue grows with rush demand', () => {
    const run = playCity({ ...CITY, seed: 'rush', rate: (city) => ordersPerHour('rush', city, SPEED) });
    expect(meanOf(hourOf([run], 2), 'waiting')).toBeGreaterThan(2 * meanOf(hourOf([run], 1), 'waiting'));
  });

  test.each([5, 20, 60])('drivers carry up to 1.5 times what demand assumes: speed %i', (speed) => {
    // Orders always wait, so no driver is ever idle.
    const samples = playCity({
      ...CITY,
      speed,
      seed: 'busy',
      backlog: 60,
      rate: ({ waiting }) => (waiting < 60 ? 9_000 : 0),
    });
    const carried = (samples.at(-1)?.delivered ?? 0) / 2 / meanOf(samples, 'driversOnDuty');
    expect(carried).toBeGreaterThan(deliveriesPerDriverHour(speed));
    expect(carried).toBeLessThan(1.5 * deliveriesPerDriverHour(speed));
  });
});
