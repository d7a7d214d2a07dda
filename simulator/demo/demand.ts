/**
 * The order rate of the demo city. It is a share of what the drivers on duty can carry: small in a lull,
 * close to 1 in a rush. Pure: the same clock, drivers and backlog give the same rate.
 */

/** `balanced`: orders follow the drivers. `rush`: more orders than the drivers can carry. */
export type Demand = 'balanced' | 'rush';

export type Phase = 'calm' | 'rush' | 'lull';

/** The hour of the demo clock, which starts at 0 with the run and repeats. */
const HOUR: readonly { phase: Phase; untilMinute: number }[] = [
  { phase: 'calm', untilMinute: 20 },
  { phase: 'rush', untilMinute: 30 },
  { phase: 'calm', untilMinute: 45 },
  { phase: 'lull', untilMinute: 55 },
  { phase: 'calm', untilMinute: 60 },
];

/** Orders as a share of what the drivers on duty can carry. */
export const UTILISATION: Readonly<Record<Phase, number>> = { calm: 0.6, rush: 0.9, lull: 0.3 };

/** The same share with `rush`. */
export const RUSH_UTILISATION = 3;

/**
 * The time of one delivery by a busy driver. Rides, the wait for the goods and two handovers take city time,
 * and the speed of the demo shortens it. Reading offers and expired offers take the service's own time.
 */
const CITY_SECONDS_PER_DELIVERY = 1_700;
const OFFER_SECONDS_PER_DELIVERY = 6;

/** Waiting orders for each driver on duty above which the shops order less. */
const WAITING_PER_DRIVER = 0.5;
const FEWEST_WAITING = 2;

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

export type CityState = {
  /** Since the run began, in ms. */
  clockMs: number;
  driversOnDuty: number;
  /** Orders without a driver, including those of earlier runs. */
  waiting: number;
};

/** @param clockMs since the run began */
export function phaseAt(clockMs: number): Phase {
  const minute = (clockMs % HOUR_MS) / MINUTE_MS;
  return HOUR.find(({ untilMinute }) => minute < untilMinute)?.phase ?? 'calm';
}

/** Deliveries of one driver in an hour of real time without a pause. @param speed of the demo, > 0 */
export function deliveriesPerDriverHour(speed: number): number {
  return 3_600 / (CITY_SECONDS_PER_DELIVERY / speed + OFFER_SECONDS_PER_DELIVERY);
}

/** The number of waiting orders above which the shops order less. */
export function waitingBound(driversOnDuty: number): number {
  return Math.max(FEWEST_WAITING, driversOnDuty * WAITING_PER_DRIVER);
}

/** @returns orders per hour of real time; 0: none for now */
export function ordersPerHour(
  demand: Demand,
  { clockMs, driversOnDuty, waiting }: CityState,
  speed: number,
): number {
  const capacity = driversOnDuty * deliveriesPerDriverHour(speed);
  switch (demand) {
    case 'balanced':
      return capacity * UTILISATION[phaseAt(clockMs)] * restraint(waiting, waitingBound(driversOnDuty));
    case 'rush':
      return capacity * RUSH_UTILISATION;
  }
}

/** 1 up to the bound, then falling to 0 at twice the bound. */
function restraint(waiting: number, bound: number): number {
  return Math.min(1, Math.max(0, 2 - waiting / bound));
}
