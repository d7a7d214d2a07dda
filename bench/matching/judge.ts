import { travelMinutes } from '../../simulator/replay/timing';
import type { DayCourier, DayOrder, Place } from '../../simulator/replay/day';
import type { PaidDay } from './day';

/** Orders of one restaurant that a courier was given at a minute of the day, in the order of their drop-offs. */
export type PlannedJob = { assignedMinute: number; courierId: string; orderIds: readonly string[] };

/** The figures of a day, by the names of mdrp_evaluate.py. */
export type DayFigures = {
  day: string;
  orders: number;
  delivered_pct: number;
  click_to_door_mean_min: number;
  click_to_door_all_min: number;
  click_to_door_p90_min: number | null;
  over_target_pct: number;
  ready_to_pickup_mean_min: number;
  pay_per_order: number;
  orders_per_trip: number;
};

/** A courier's state between two jobs. */
type Standing = Place & { freeMinute: number; orders: number };

type Carried = { order: DayOrder; pickMinute: number; dropMinute: number };

/**
 * Judges a plan as mdrp_evaluate.py does: each courier carries what they were given in the order in which they were
 * given it, and leaves when told and free. All times follow from the rules.
 */
export function judge(
  day: PaidDay,
  plan: readonly PlannedJob[],
): { problems: string[]; figures: DayFigures } {
  const { problems, carried, standing } = carryAll(day, plan);
  return { problems, figures: figuresOf(day, plan, carried, standing) };
}

/** The orders that a plan delivers, with the minutes of pickup and drop-off. */
export function carriedOf(day: PaidDay, plan: readonly PlannedJob[]): readonly Carried[] {
  return carryAll(day, plan).carried;
}

function carryAll(
  day: PaidDay,
  plan: readonly PlannedJob[],
): { problems: string[]; carried: Carried[]; standing: ReadonlyMap<string, Standing> } {
  const problems: string[] = [];
  const orders = new Map(day.orders.map((order) => [order.id, order]));
  const couriers = new Map(day.couriers.map((courier) => [courier.id, courier]));
  const standing = new Map<string, Standing>(
    day.couriers.map(({ id, x, y, onMinute }) => [id, { x, y, freeMinute: onMinute, orders: 0 }]),
  );
  const carried = new Map<string, Carried>();
  for (const job of [...plan].sort((a, b) => a.assignedMinute - b.assignedMinute)) {
    const [courier, state] = [couriers.get(job.courierId), standing.get(job.courierId)];
    const known = job.orderIds.flatMap((id) => orders.get(id) ?? []);
    if (!courier || !state || known.length === 0 || known.length < job.orderIds.length) {
      problems.push(`${job.courierId}, ${job.orderIds.join(' ')}: no such courier or order`);
      continue;
    }
    problems.push(...problemsOf(job, known, carried));
    for (const each of carry(job, known, { day, courier, state, problems })) carried.set(each.order.id, each);
  }
  return { problems, carried: [...carried.values()], standing };
}

function problemsOf(
  { assignedMinute, orderIds }: PlannedJob,
  known: readonly DayOrder[],
  carried: ReadonlyMap<string, Carried>,
): string[] {
  const problems: string[] = [];
  if (new Set(known.map(({ restaurantId }) => restaurantId)).size !== 1)
    problems.push(`${orderIds.join(' ')}: a bundle has one restaurant`);
  for (const [at, { id, placementMinute }] of known.entries()) {
    if (carried.has(id) || orderIds.indexOf(id) !== at) problems.push(`${id}: assigned twice`);
    if (assignedMinute < placementMinute) problems.push(`${id}: assigned before it was placed`);
  }
  return problems;
}

type Carrying = { day: PaidDay; courier: DayCourier; state: Standing; problems: string[] };

function carry(
  { assignedMinute, orderIds }: PlannedJob,
  known: readonly DayOrder[],
  { day, courier, state, problems }: Carrying,
): Carried[] {
  const { rules } = day;
  const restaurant = day.restaurants.get(known[0]?.restaurantId ?? '');
  if (!restaurant) return [];
  const arrive =
    Math.max(assignedMinute, state.freeMinute, courier.onMinute) + travelMinutes(state, restaurant, rules);
  const ready = Math.max(...known.map(({ readyMinute }) => readyMinute));
  const pickMinute = Math.ceil(Math.max(arrive + rules.pickupServiceMinutes / 2, ready));
  if (pickMinute > courier.offMinute)
    problems.push(
      `${orderIds.join(' ')}: picked up at ${pickMinute}, after ${courier.id} went off duty at ${courier.offMinute}`,
    );
  let [at, minute]: [Place, number] = [restaurant, pickMinute + rules.pickupServiceMinutes / 2];
  const done = known.map((order) => {
    const dropMinute = minute + travelMinutes(at, order, rules) + rules.dropoffServiceMinutes / 2;
    [at, minute] = [order, dropMinute + rules.dropoffServiceMinutes / 2];
    return { order, pickMinute, dropMinute };
  });
  Object.assign(state, { x: at.x, y: at.y, freeMinute: minute, orders: state.orders + known.length });
  return done;
}

function figuresOf(
  { name, orders, couriers, terms }: PaidDay,
  plan: readonly PlannedJob[],
  carried: readonly Carried[],
  standing: ReadonlyMap<string, Standing>,
): DayFigures {
  const clicks = carried
    .map(({ order, dropMinute }) => dropMinute - order.placementMinute)
    .sort((a, b) => a - b);
  const waits = carried.map(({ order, pickMinute }) => pickMinute - order.readyMinute);
  const count = clicks.length || 1;
  const pay = sum(
    couriers.map(({ id, onMinute, offMinute }) =>
      Math.max(
        terms.payOrder * (standing.get(id)?.orders ?? 0),
        (terms.payHour * (offMinute - onMinute)) / 60,
      ),
    ),
  );
  const missing = orders.length - clicks.length;
  return {
    day: name,
    orders: orders.length,
    delivered_pct: rounded((100 * clicks.length) / orders.length, 2),
    click_to_door_mean_min: rounded(sum(clicks) / count, 2),
    click_to_door_all_min: rounded((sum(clicks) + terms.worstMinutes * missing) / orders.length, 2),
    click_to_door_p90_min: clicks[Math.floor(0.9 * (count - 1))] ?? null,
    over_target_pct: rounded((100 * clicks.filter((click) => click > terms.targetMinutes).length) / count, 1),
    ready_to_pickup_mean_min: rounded(sum(waits) / count, 2),
    pay_per_order: rounded(pay / count, 2),
    orders_per_trip: rounded(count / (plan.length || 1), 3),
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

/** Halves go to the even neighbour, as in Python. */
function rounded(value: number, digits: number): number {
  const scaled = value * 10 ** digits;
  const floor = Math.floor(scaled);
  if (scaled - floor !== 0.5) return Number(value.toFixed(digits));
  return (floor % 2 === 0 ? floor : floor + 1) / 10 ** digits;
}
