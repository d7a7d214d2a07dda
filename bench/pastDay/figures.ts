import type { PlannedJob } from '../matching/judge';
import type { PastOrder, PastRows } from './read';

/** How a day went, or would have gone. Minutes from the order to the door; an order without a door counts `worst`. */
export type PastFigures = {
  policy: string;
  orders: number;
  deliveredPct: number;
  clickToDoorMeanMin: number | null;
  clickToDoorAllMin: number;
  clickToDoorP90Min: number | null;
  readyToPickupMeanMin: number | null;
  ordersPerTrip: number | null;
  /** Orders an hour on duty of the tenth and the ninetieth driver of a hundred: how evenly work is spread. */
  ordersAnHourP10: number | null;
  ordersAnHourP90: number | null;
};

/** An order without a door counts as so late, in minutes. */
export const WORST_MINUTES = 90;

/** What became of the day's orders. */
export function happened({ orders, couriers, driverOf }: PastRows): PastFigures {
  const clicks = orders.flatMap(({ deliveredMinute, placementMinute }) =>
    deliveredMinute === null ? [] : [deliveredMinute - placementMinute],
  );
  const waits = orders.flatMap(({ pickedMinute, readyMinute }) =>
    pickedMinute === null ? [] : [Math.max(0, pickedMinute - readyMinute)],
  );
  const done = orders.filter(({ driverId }) => driverId !== null);
  const trips = new Set(done.map(({ id, tripId }) => tripId ?? id)).size;
  return {
    policy: 'happened',
    ...clickFigures(clicks, orders.length),
    readyToPickupMeanMin: mean(waits),
    ordersPerTrip: trips === 0 ? null : rounded(done.length / trips),
    ...spread(
      done.flatMap(({ driverId }) => driverId ?? []),
      { couriers, driverOf },
    ),
  };
}

/** How a simulated day went. `clicks` and `waits` are those of its delivered orders. */
export function simulated(
  policy: string,
  {
    clicks,
    waits,
    plan,
  }: { clicks: readonly number[]; waits: readonly number[]; plan: readonly PlannedJob[] },
  rows: PastRows,
): PastFigures {
  const drivers = plan.flatMap(({ courierId, orderIds }) =>
    orderIds.map(() => rows.driverOf.get(courierId) ?? courierId),
  );
  return {
    policy,
    ...clickFigures(clicks, rows.orders.length),
    readyToPickupMeanMin: mean(waits),
    ordersPerTrip: plan.length === 0 ? null : rounded(drivers.length / plan.length),
    ...spread(drivers, rows),
  };
}

function clickFigures(
  clicks: readonly number[],
  orders: number,
): Pick<
  PastFigures,
  'orders' | 'deliveredPct' | 'clickToDoorMeanMin' | 'clickToDoorAllMin' | 'clickToDoorP90Min'
> {
  const missing = orders - clicks.length;
  return {
    orders,
    deliveredPct: rounded((100 * clicks.length) / orders),
    clickToDoorMeanMin: mean(clicks),
    clickToDoorAllMin: rounded((sum(clicks) + WORST_MINUTES * missing) / orders),
    clickToDoorP90Min: quantile(clicks, 0.9),
  };
}

/** @param done the driver of each order */
function spread(
  done: readonly string[],
  { couriers, driverOf }: Pick<PastRows, 'couriers' | 'driverOf'>,
): Pick<PastFigures, 'ordersAnHourP10' | 'ordersAnHourP90'> {
  const hours = new Map<string, number>();
  for (const { id, onMinute, offMinute } of couriers) {
    const driver = driverOf.get(id) ?? id;
    hours.set(driver, (hours.get(driver) ?? 0) + (offMinute - onMinute) / 60);
  }
  const rates = [...hours].map(([driver, each]) => done.filter((of) => of === driver).length / each);
  return { ordersAnHourP10: quantile(rates, 0.1), ordersAnHourP90: quantile(rates, 0.9) };
}

/** What a driver earned for an order, in the mean, in major units; 0 = nothing is known. */
export function meanPay(orders: readonly PastOrder[]): number {
  return mean(orders.flatMap(({ earned }) => earned ?? [])) ?? 0;
}

const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0);
const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : rounded(sum(values) / values.length);

function quantile(values: readonly number[], share: number): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.floor(share * (sorted.length - 1))];
  return value === undefined ? null : rounded(value);
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
