import { describe, expect, test } from '@jest/globals';
import { deliveriesPerDriverHour, ordersPerHour, waitingBound } from '../../simulator/demo/demand';
import { type Look, type ModelOptions, playCity } from '../support/cityModel';

const DRIVERS = 12;
const SPEED = 20;
const CITY = { drivers: DRIVERS, speed: SPEED, minutes: 120 };
const balanced: ModelOptions['rate'] = (city) => ordersPerHour('balanced', city, SPEED);
const SEEDS = ['one', 'two', 'three', 'four', 'five'];

const meanWaiting = (looks: readonly Look[]): number =>
  looks.reduce((sum, { waiting }) => sum + waiting, 0) / looks.length;
const hour = (looks: readonly Look[], number: 1 | 2): Look[] =>
  looks.slice((number - 1) * 60 + 1, number * 60 + 1);

/** What must hold of two hours: the second hour has no longer queues than the first, and none is long. */
function expectBalance(looks: readonly Look[]): void {
  expect(meanWaiting(hour(looks, 2))).toBeLessThanOrEqual(meanWaiting(hour(looks, 1)) + 1);
  expect(Math.max(...looks.map(({ waiting }) => waiting))).toBeLessThanOrEqual(2 * waitingBound(DRIVERS) + 3);
}

describe('two hours of the demo city', () => {
  test.each(SEEDS)('in balance, the queue does not grow: seed %s', (seed) => {
    const looks = playCity({ ...CITY, seed, rate: balanced });
    console.log(
      seed,
      meanWaiting(hour(looks, 1)),
      meanWaiting(hour(looks, 2)),
      Math.max(...looks.map((l) => l.waiting)),
      looks.at(-1),
      looks.map((l) => l.waiting).join(' '),
    );
    expectBalance(looks);
  });

  test.each(SEEDS)('with 14 orders a minute, whatever the drivers do, it grows: seed %s', (seed) => {
    const looks = playCity({ ...CITY, seed, rate: () => 14 * 60 });
    console.log(looks.at(-1), looks.map((l) => l.waiting).join(' '));
    expect(() => expectBalance(looks)).toThrow();
    expect(meanWaiting(hour(looks, 2))).toBeGreaterThan(2 * meanWaiting(hour(looks, 1)));
  });

  test('capacity', () => {
    const looks = playCity({
      ...CITY,
      seed: 'x',
      backlog: 50,
      rate: ({ waiting }) => (waiting < 50 ? 1e4 : 0),
    });
    const duty = looks.reduce((sum, l) => sum + l.driversOnDuty, 0) / looks.length;
    console.log('cap', (looks.at(-1)?.delivered ?? 0) / 2 / duty, deliveriesPerDriverHour(SPEED));
  });
});
