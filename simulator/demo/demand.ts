/**
 * How many orders the demo city gets: as many as the drivers on duty can carry, less in a lull, nearly all of
 * it in a rush. Pure: the same clock, drivers and backlog always give the same rate.
 */

/** `balanced`: orders follow the drivers. `rush`: a bad evening, with more orders than anybody can carry. */
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

/** The share of what the drivers on duty can carry that is ordered. */
export const UTILISATION: Readonly<Record<Phase, number>> = { calm: 0.6, rush: 0.9, lull: 0.3 };

/** Orders for each one that could be carried, on a bad evening. */
export const RUSH_UTILISATION = 3;

/**
 * One delivery of a busy driver: rides, waiting for the goods and two handovers take city time, which the
 * speed of the demo shortens; looking at offers, and offers that lapse, take the service's own time.
 */
const CITY_SECONDS_PER_DELIVERY = 1_700;
const OFFER_SECONDS_PER_DELIVERY = 6;

/** Orders that may wait for each driver on duty before the shops hold back. */
const WAITING_PER_DRIVER = 0.5;
const FEWEST_WAITING = 2;

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

export type CityState = {
  /** Since the run began, in ms. */
  clockMs: number;
  driversOnDuty: number;
  /** Orders without a driver, those of earlier runs included. */
  waiting: number;
};

/** @param clockMs since the run began */
export function phaseAt(clockMs: number): Phase {
  const minute = (clockMs % HOUR_MS) / MINUTE_MS;
  return HOUR.find(({ untilMinute }) => minute < untilMinute)?.phase ?? 'calm';
}

/** What one driver delivers in an hour of real time without a pause. @param speed of the demo, > 0 */
export function deliveriesPerDriverHour(speed: number): number {
  return 3_600 / (CITY_SECONDS_PER_DELIVERY / speed + OFFER_SECONDS_PER_DELIVERY);
}

/** How many orders may wait before the shops hold back. */
export function waitingBound(driversOnDuty: number): number {
  return Math.max(FEWEST_WAITING, driversOnDuty * WAITING_PER_DRIVER);
}

/** @returns orders an hour of real time; 0: none for now */
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

/** 1 up to the bound, then less and less, and 0 from twice the bound on. */
function restraint(waiting: number, bound: number): number {
  return Math.min(1, Math.max(0, 2 - waiting / bound));
}
