/**
 * The unassigned clock: how long a delivery has searched for a driver, over all searches. It runs while no driver has
 * the delivery. docs/behaviour.md#escalation.
 */

/** The time added up so far, in ms, and since when (epoch ms) the clock runs; null = it is stopped. */
export type UnassignedClock = { accumulatedMs: number; runningSince: number | null };

/** A clock that never ran. */
export const NEW_CLOCK: UnassignedClock = { accumulatedMs: 0, runningSince: null };

/**
 * Starts the clock at `now` (epoch ms): a search began, or the driver was lost. A running clock is unchanged.
 */
export function startClock(clock: UnassignedClock, now: number): UnassignedClock {
  return clock.runningSince === null ? { ...clock, runningSince: now } : clock;
}

/** Stops the clock at `now`: a driver has the delivery, or it is closed. A stopped clock is unchanged. */
export function stopClock(clock: UnassignedClock, now: number): UnassignedClock {
  return { accumulatedMs: unassignedMs(clock, now), runningSince: null };
}

/** The unassigned time up to `now`, in ms. It never goes back, even where `now` is before the start. */
export function unassignedMs(clock: UnassignedClock, now: number): number {
  return clock.runningSince === null
    ? clock.accumulatedMs
    : clock.accumulatedMs + Math.max(0, now - clock.runningSince);
}

/** When (epoch ms, perhaps past) the clock shows `unassigned` ms; null while it is stopped. */
export function clockShowsAt(clock: UnassignedClock, unassigned: number): number | null {
  return clock.runningSince === null ? null : clock.runningSince + unassigned - clock.accumulatedMs;
}

/**
 * When (epoch ms) the search is given up with NO_DRIVER; null while the clock is stopped. `searchMaxMs` 0 =
 * never (`SEARCH_MAX_MINUTES`). docs/behaviour.md#deliveries.
 */
export function giveUpAt(clock: UnassignedClock, searchMaxMs: number): number | null {
  return searchMaxMs === 0 ? null : clockShowsAt(clock, searchMaxMs);
}
