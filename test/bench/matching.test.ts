import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type PaidDay, readPaidDay } from '../../bench/matching/day';
import { meansOf, planCsv } from '../../bench/matching/figures';
import { judge, type PlannedJob } from '../../bench/matching/judge';
import { policyOf } from '../../bench/matching/policies';
import { playDay } from '../../bench/matching/simulate';
import { randomFrom } from '../../simulator/kit/random';

const table = (...rows: (string | number)[][]): string => `${rows.map((row) => row.join('\t')).join('\n')}\n`;

/** A made-up day: two restaurants a kilometre apart, three couriers, forty orders in two hours. */
const FILES: Record<string, string> = {
  'instance_parameters.txt': table(
    [
      'meters_per_minute',
      'pickup service minutes',
      'dropoff service minutes',
      'target click-to-door',
      'maximum click-to-door',
      'pay per order',
      'guaranteed pay per hour',
    ],
    [300, 4, 4, 40, 90, 10, 15],
  ),
  'restaurants.txt': table(['restaurant', 'x', 'y'], ['r1', 0, 0], ['r2', 1_000, 0]),
  'couriers.txt': table(
    ['courier', 'x', 'y', 'on_time', 'off_time'],
    ['c1', 0, 300, 0, 120],
    ['c2', 900, 0, 0, 240],
    ['c3', -3_000, 0, 30, 240],
  ),
  'orders.txt': table(
    ['order', 'x', 'y', 'placement_time', 'restaurant', 'ready_time'],
    ...Array.from({ length: 40 }, (_, n) => [
      `o${n}`,
      (n * 730) % 3_000,
      (n * 410) % 2_000,
      3 * n,
      `r${1 + (n % 3 === 0 ? 1 : 0)}`,
      3 * n + 8 + (n % 5),
    ]),
  ),
};

let folder: string;
let day: PaidDay;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'matching-'));
  for (const [name, text] of Object.entries(FILES)) await writeFile(join(folder, name), text);
  day = { ...(await readPaidDay(folder)), name: 'made-up' };
});
afterAll(() => rm(folder, { recursive: true }));

/** By mdrp_evaluate.py, for a bundle and two single orders. */
const EVALUATED = {
  day: 'made-up',
  orders: 40,
  delivered_pct: 10,
  click_to_door_mean_min: 26.5,
  click_to_door_all_min: 83.65,
  click_to_door_p90_min: 24,
  over_target_pct: 25,
  ready_to_pickup_mean_min: 5.5,
  pay_per_order: 35.62,
  orders_per_trip: 1.333,
};

const job = (assignedMinute: number, courierId: string, ...orderIds: string[]): PlannedJob => ({
  assignedMinute,
  courierId,
  orderIds,
});

describe('the judge', () => {
  test('agrees with mdrp_evaluate.py on a plan with a bundle and undelivered orders', () =>
    expect(judge(day, [job(1, 'c1', 'o0'), job(9, 'c2', 'o1', 'o2'), job(30, 'c3', 'o4')])).toEqual({
      problems: [],
      figures: EVALUATED,
    }));

  test.each<[string, PlannedJob[], RegExp]>([
    ['an order that is carried twice', [job(1, 'c1', 'o0'), job(2, 'c2', 'o0')], /o0: assigned twice/],
    ['an order before it was placed', [job(2, 'c1', 'o1')], /o1: assigned before it was placed/],
    ['a bundle of two restaurants', [job(9, 'c1', 'o0', 'o1')], /one restaurant/],
    ['a pickup after the end of the shift', [job(121, 'c1', 'o1')], /after c1 went off duty at 120/],
    ['an unknown courier', [job(9, 'nobody', 'o1')], /no such courier/],
  ])('refuses %s', (_what, plan, words) => expect(judge(day, plan).problems.join('\n')).toMatch(words));
});

describe('a day in simulated time', () => {
  test('is carried by a feasible plan, each order once, and nobody knows what is not yet placed', () => {
    const { plan } = playDay(day, policyOf('matching', { keepTimeToAnswer: false }), null);
    const { problems, figures } = judge(day, plan);
    expect(problems).toEqual([]);
    expect(figures.delivered_pct).toBe(100);
    // The same beginning of the day gives the same decisions, whatever comes later.
    const cut = { ...day, orders: day.orders.filter(({ placementMinute }) => placementMinute < 60) };
    const early = (jobs: readonly PlannedJob[]) => jobs.filter(({ assignedMinute }) => assignedMinute < 60);
    expect(early(playDay(cut, policyOf('matching', { keepTimeToAnswer: false }), null).plan)).toEqual(
      early(plan),
    );
  });

  test('has trips of several orders only where the policy bundles', () => {
    const ordersATrip = (policy: string): number =>
      judge(day, playDay(day, policyOf(policy, { keepTimeToAnswer: false }), null).plan).figures
        .orders_per_trip;
    expect(ordersATrip('matching')).toBeGreaterThan(1);
    expect(ordersATrip('singles')).toBe(1);
  });

  test('with couriers who refuse and let lapse is still carried, and the same for the same seed', () => {
    const play = (seed: string) =>
      playDay(day, policyOf('matching', { keepTimeToAnswer: true }), {
        refuse: 0.2,
        lapse: 0.1,
        random: randomFrom(seed),
      });
    const played = play('a');
    expect(played.refused).toBeGreaterThan(0);
    expect(played.lapsed).toBeGreaterThan(0);
    const { problems, figures } = judge(day, played.plan);
    expect(problems).toEqual([]);
    expect(figures.delivered_pct).toBeGreaterThan(90);
    expect(play('a').plan).toEqual(played.plan);
    expect(play('b').plan).not.toEqual(played.plan);
  });
});

describe('figures', () => {
  test('are weighted by orders', () => {
    const { figures } = judge(day, []);
    const means = meansOf([
      { ...figures, policy: 'x', orders: 1, pay_per_order: 10 },
      { ...figures, policy: 'x', orders: 3, pay_per_order: 12 },
    ]);
    expect(means).toMatchObject([{ policy: 'x', days: 2, orders: 4, pay_per_order: 11.5 }]);
  });

  test('a plan has the form of mdrp_evaluate.py', () =>
    expect(planCsv([job(7, 'c1', 'o1', 'o2')])).toBe('assigned_at,courier,orders\n7,c1,o1 o2\n'));
});

test('an unknown policy is refused by name', () =>
  expect(() => policyOf('best', { keepTimeToAnswer: false })).toThrow(/--policy must be one of matching/));
