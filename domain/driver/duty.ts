/** Going on and off duty: shifts, AVAILABLE and OFFLINE, silence. docs/behaviour.md#availability. */

import {
  type RequestOf,
  AT_WORK,
  beginning,
  type Context,
  dutyOf,
  OFFLINE,
  type Outcome,
  refused,
  withoutStates,
} from './availabilityOutcome';
import type { AvailabilityReason, Carrying } from './availabilityRequest';
import type { PendingAvailability } from './availabilityStates';

/** The shift starts; during a break or pause it only gets a planned end. */
export function startShift({ shiftEndsAt }: RequestOf<'shiftStart'>, context: Context): Outcome {
  const { driver, features, now } = context;
  if (shiftEndsAt !== null && shiftEndsAt <= now)
    return refused('INVALID_SHIFT_END', 'the end of the shift must be in the future');
  const resting = driver.availability === 'ON_BREAK' || driver.availability === 'PAUSED';
  if (!resting || !features.availabilityStates)
    return comeOnDuty('SHIFT_STARTED', shiftEndsAt ?? undefined, context);
  return shiftEndsAt === null ? 'unchanged' : { change: { shiftEndsAt }, why: 'SHIFT_STARTED' };
}

/** The shift ends; with the states of v2 off that is OFFLINE. */
export function endShift({ carrying }: RequestOf<'shiftEnd'>, context: Context): Outcome {
  const kind = context.features.availabilityStates ? 'SHIFT_END' : 'OFFLINE';
  return goOffDuty({ kind }, carrying, context);
}

/** AVAILABLE or OFFLINE, as clients of v1 know them. */
export function setAvailability({ availability, carrying }: RequestOf<'set'>, context: Context): Outcome {
  return availability === 'AVAILABLE'
    ? comeOnDuty('CAME_ONLINE', undefined, context)
    : goOffDuty({ kind: 'OFFLINE' }, carrying, context);
}

/**
 * To AVAILABLE, or to BUSY with work still in hand. Anything pending is dropped.
 * @param shiftEndsAt the planned end of the shift; undefined keeps the current one, unless it is past
 */
export function comeOnDuty(
  why: AvailabilityReason,
  shiftEndsAt: number | undefined,
  { driver, now }: Context,
): Outcome {
  const planned =
    shiftEndsAt ?? (driver.shiftEndsAt !== null && driver.shiftEndsAt > now ? driver.shiftEndsAt : null);
  const change = { ...AT_WORK, availability: dutyOf(driver), shiftEndsAt: planned };
  const wasOnDuty = driver.availability === 'AVAILABLE' || driver.availability === 'BUSY';
  return { change, why: wasOnDuty && driver.pending !== null ? 'CHANGE_WITHDRAWN' : why };
}

type OffDuty = Extract<PendingAvailability, { kind: 'SHIFT_END' | 'OFFLINE' }>;

/** At once, or as soon as the work after pickup is done. Work before pickup is lost at once. */
function goOffDuty(wanted: OffDuty, carrying: Carrying, { driver, now }: Context): Outcome {
  const losesWork = carrying === 'BEFORE_PICKUP' || carrying === 'BOTH';
  const mustFinish = driver.availability === 'BUSY' && (carrying === 'AFTER_PICKUP' || carrying === 'BOTH');
  if (mustFinish) return { change: { pending: wanted }, why: 'WORK_TO_FINISH_FIRST', losesWork };
  return { ...beginning(wanted, now), losesWork };
}

/**
 * An AVAILABLE driver who was silent for too long goes OFFLINE, unless a position arrived after the sweep read it.
 */
export function fallSilent({ silentSince }: RequestOf<'silence'>, { driver, limits, now }: Context): Outcome {
  const lastSeenAt = Math.max(silentSince, driver.lastFixAt ?? silentSince);
  if (driver.availability !== 'AVAILABLE' || now - lastSeenAt < limits.silentMs) return 'unchanged';
  return { change: OFFLINE, why: 'SILENT' };
}

/** The feature was switched off: drivers in a state of v2 go OFFLINE, and pending states of v2 are dropped. */
export function switchStatesOff({ driver, features }: Context): Outcome {
  if (features.availabilityStates) return 'unchanged';
  const isInV2State =
    driver.availability === 'ON_BREAK' ||
    driver.availability === 'PAUSED' ||
    driver.availability === 'SHIFT_ENDED';
  const change = isInV2State ? OFFLINE : { pending: withoutStates(driver.pending) };
  return { change, why: 'STATES_SWITCHED_OFF' };
}
