/** Breaks and pauses. docs/behaviour.md#availability. */

import {
  type RequestOf,
  AT_WORK,
  beginning,
  type Context,
  dutyOf,
  featureOff,
  offDuty,
  OFFLINE,
  type Outcome,
  refused,
} from './availabilityOutcome';
import { isFresh, type PendingAvailability, type TimedState } from './availabilityStates';
import { comeOnDuty } from './duty';

export function startBreak({ minutes, reason }: RequestOf<'breakStart'>, context: Context): Outcome {
  const { breakMinMinutes: min, breakMaxMinutes: max } = context.limits;
  if (!context.features.availabilityStates) return featureOff();
  if (!isWholeWithin(minutes, min, max))
    return refused('INVALID_DURATION', `a break must be ${min} to ${max} whole minutes`);
  return rest({ kind: 'BREAK', minutes, reason }, 'ON_BREAK', context);
}

export function startPause({ minutes, reason }: RequestOf<'pause'>, context: Context): Outcome {
  const max = context.limits.pauseMaxMinutes;
  if (!context.features.availabilityStates) return featureOff();
  if (minutes !== null && !isWholeWithin(minutes, 1, max))
    return refused('INVALID_DURATION', `a pause must be 1 to ${max} whole minutes, or without end`);
  return rest({ kind: 'PAUSE', minutes, reason }, 'PAUSED', context);
}

/** Starts the rest at once, or when the current work ends. A second request for the same rest is a repeat. */
function rest(wanted: PendingAvailability, state: TimedState, { driver, now }: Context): Outcome {
  switch (driver.availability) {
    case state:
      return 'unchanged';
    case 'OFFLINE':
    case 'SHIFT_ENDED':
      return offDuty(driver);
    case 'BUSY':
      return { change: { pending: wanted }, why: 'WORK_TO_FINISH_FIRST' };
    default:
      return beginning(wanted, now);
  }
}

/** Ends a break or pause, or withdraws a pending one. */
export function endRest(state: TimedState, context: Context): Outcome {
  const { driver, features } = context;
  const isBreak = state === 'ON_BREAK';
  if (!features.availabilityStates) return featureOff();
  switch (driver.availability) {
    case state:
      return comeOnDuty(isBreak ? 'BREAK_ENDED' : 'RESUMED', undefined, context);
    case 'AVAILABLE':
    case 'BUSY':
      return driver.pending?.kind === (isBreak ? 'BREAK' : 'PAUSE')
        ? { change: { pending: null }, why: 'CHANGE_WITHDRAWN' }
        : 'unchanged';
    case 'OFFLINE':
    case 'SHIFT_ENDED':
      return offDuty(driver);
    default:
      return refused(isBreak ? 'NOT_ON_BREAK' : 'NOT_PAUSED', `the driver is ${driver.availability}`);
  }
}

/**
 * Ends a break or pause at its time: back on duty with a fresh position, else OFFLINE. The guard is the state
 * and `until`, not the current time, since the timer fires once and its clock may differ.
 */
export function endByTime(
  { state, until }: RequestOf<'timedEnd'>,
  { driver, limits, features, now }: Context,
): Outcome {
  if (driver.availability !== state || driver.availabilityUntil !== until) return 'unchanged';
  const onDuty =
    driver.activeAssignments > 0 || (features.availabilityStates && isFresh(driver.lastFixAt, limits, now));
  return { change: onDuty ? { ...AT_WORK, availability: dutyOf(driver) } : OFFLINE, why: 'TIME_UP' };
}

/**
 * Pauses a driver who let too many offers lapse. A driver with work is evidently present, so only a driver
 * without work is paused. Without the states of v2 there is no pause. ADR 13.
 */
export function pauseForLapses(
  { pauseMs }: RequestOf<'lapsedTooOften'>,
  { driver, features, now }: Context,
): Outcome {
  if (driver.availability !== 'AVAILABLE' || !features.availabilityStates) return 'unchanged';
  const change = {
    pending: null,
    availability: 'PAUSED',
    availabilityUntil: now + pauseMs,
    availabilityReason: 'REPEATED_LAPSES',
  } as const;
  return { change, why: 'REPEATED_LAPSES' };
}

function isWholeWithin(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}
