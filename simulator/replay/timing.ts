import type { DayOrder, DayRules, Place } from './day';

/**
 * Minutes of the day from a place to another: the straight line ÷ metres a minute, rounded up (the rule of
 * the data set).
 */
export function travelMinutes(from: Place, to: Place, { metersPerMinute }: DayRules): number {
  return Math.ceil(Math.hypot(from.x - to.x, from.y - to.y) / metersPerMinute);
}

/** Where a courier is and from which minute of the day they can leave. */
export type CourierState = Place & { freeMinute: number };

/**
 * One job's moments, in minutes of the day. `arrive` and `atDoor` are when the courier gets there; `pick` and
 * `drop` are the moments that count.
 */
export type JobTimes = {
  leave: number;
  arrive: number;
  pick: number;
  atDoor: number;
  drop: number;
  free: number;
};

/**
 * When a courier who is told at `assignedMinute` picks the order up and brings it: they leave when told and
 * free, half of each service time lies before the moment that counts and half after it, and the food is not
 * picked up before it is ready. The data set's rules, as mdrp_evaluate.py has them: a pickup falls on a whole
 * minute.
 */
export function jobTimes(
  courier: CourierState,
  order: DayOrder,
  restaurant: Place,
  assignedMinute: number,
  rules: DayRules,
): JobTimes {
  const leave = Math.max(assignedMinute, courier.freeMinute);
  const arrive = leave + travelMinutes(courier, restaurant, rules);
  const pick = Math.ceil(Math.max(arrive + rules.pickupServiceMinutes / 2, order.readyMinute));
  const atDoor = pick + rules.pickupServiceMinutes / 2 + travelMinutes(restaurant, order, rules);
  const drop = atDoor + rules.dropoffServiceMinutes / 2;
  return { leave, arrive, pick, atDoor, drop, free: drop + rules.dropoffServiceMinutes / 2 };
}

/** The day's minutes on this machine's clock. */
export type DayClock = {
  /** Epoch ms at which a minute of the day falls. */
  instantOf(minute: number): number;
  /** The minute of the day, with its fraction, at an epoch ms. */
  minuteOf(at: number): number;
};

/** @param speed how many minutes of the day pass in a minute */
export function dayClock(startsAt: number, speed: number): DayClock {
  const msPerMinute = 60_000 / speed;
  return {
    instantOf: (minute) => Math.ceil(startsAt + minute * msPerMinute),
    minuteOf: (at) => (at - startsAt) / msPerMinute,
  };
}
