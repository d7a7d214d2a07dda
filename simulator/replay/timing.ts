import type { DayOrder, DayRules, Place } from './day';

/**
 * Travel time between two places, in minutes of the day: the straight line ÷ metres per minute, rounded up
 * (the rule of the data set).
 */
export function travelMinutes(from: Place, to: Place, { metersPerMinute }: DayRules): number {
  return Math.ceil(Math.hypot(from.x - to.x, from.y - to.y) / metersPerMinute);
}

/** A courier's place, and the first minute of the day at which the courier can leave. */
export type CourierState = Place & { freeMinute: number };

/**
 * The times of one job, in minutes of the day. `arrive` and `atDoor` are arrivals; `pick` and `drop` are the
 * pickup and the drop-off.
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
 * The times of a job assigned at `assignedMinute`. The courier leaves once assigned and free. Half of each
 * service time comes before the pickup or drop-off, and half after it. The pickup waits for the food. These
 * are the data set's rules, as in mdrp_evaluate.py: a pickup falls on a whole minute.
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

/** Converts between the day's minutes and this machine's clock. */
export type DayClock = {
  /** The epoch ms of a minute of the day. */
  instantOf(minute: number): number;
  /** The minute of the day at an epoch ms, with its fraction. */
  minuteOf(at: number): number;
};

/** @param speed minutes of the day per real minute */
export function dayClock(startsAt: number, speed: number): DayClock {
  const msPerMinute = 60_000 / speed;
  return {
    instantOf: (minute) => Math.ceil(startsAt + minute * msPerMinute),
    minuteOf: (at) => (at - startsAt) / msPerMinute,
  };
}
