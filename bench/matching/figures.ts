import type { DayFigures, PlannedJob } from './judge';

/** The figures of a policy on one day. */
export type PolicyFigures = { policy: string } & DayFigures;

/** The mean of the days, weighted by their orders. Percentiles have no mean, and are left out. */
export type MeanFigures = Omit<PolicyFigures, 'day' | 'click_to_door_p90_min'> & { days: number };

type Averaged = Exclude<keyof MeanFigures, 'policy' | 'orders' | 'days'>;

/** The means of each policy, in the order in which the policies come. */
export function meansOf(figures: readonly PolicyFigures[]): MeanFigures[] {
  return [...new Set(figures.map(({ policy }) => policy))].map((policy) =>
    meanOf(
      policy,
      figures.filter((each) => each.policy === policy),
    ),
  );
}

function meanOf(policy: string, days: readonly PolicyFigures[]): MeanFigures {
  const orders = days.reduce((sum, day) => sum + day.orders, 0);
  const mean = (name: Averaged): number =>
    Math.round((1_000 * days.reduce((sum, day) => sum + day.orders * day[name], 0)) / orders) / 1_000;
  return {
    policy,
    days: days.length,
    orders,
    delivered_pct: mean('delivered_pct'),
    click_to_door_mean_min: mean('click_to_door_mean_min'),
    click_to_door_all_min: mean('click_to_door_all_min'),
    over_target_pct: mean('over_target_pct'),
    ready_to_pickup_mean_min: mean('ready_to_pickup_mean_min'),
    pay_per_order: mean('pay_per_order'),
    orders_per_trip: mean('orders_per_trip'),
  };
}

/** The means as a table, one policy a line. */
export function meansTable(means: readonly MeanFigures[]): string {
  const row = (cells: readonly (string | number)[]): string =>
    cells.map((cell, at) => (at === 0 ? String(cell).padEnd(12) : String(cell).padStart(14))).join('');
  return [
    row(['policy', 'delivered %', 'click to door', 'food waits', 'pay an order', 'orders a trip']),
    ...means.map((mean) =>
      row([
        mean.policy,
        mean.delivered_pct.toFixed(2),
        mean.click_to_door_all_min.toFixed(2),
        mean.ready_to_pickup_mean_min.toFixed(2),
        mean.pay_per_order.toFixed(2),
        mean.orders_per_trip.toFixed(3),
      ]),
    ),
  ].join('\n');
}

/** The plan in the format of mdrp_evaluate.py. */
export function planCsv(plan: readonly PlannedJob[]): string {
  const lines = plan.map(
    ({ assignedMinute, courierId, orderIds }) => `${assignedMinute},${courierId},${orderIds.join(' ')}`,
  );
  return ['assigned_at,courier,orders', ...lines, ''].join('\n');
}
