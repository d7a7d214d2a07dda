/** Start and end of work. Only the system sets BUSY. docs/behaviour.md#availability. */

import {
  type RequestOf,
  AT_WORK,
  beginning,
  type Context,
  offDuty,
  OFFLINE,
  type Outcome,
  refused,
  withoutStates,
} from './availabilityOutcome';

/** To BUSY. Work by hand with override also ends a break or pause, and drops what is pending. */
export function beginWork({ origin }: RequestOf<'workBegins'>, { driver }: Context): Outcome {
  const { availability, pending } = driver;
  if (availability === 'OFFLINE' || availability === 'SHIFT_ENDED') return offDuty(driver);
  const takesWork = pending === null && (availability === 'AVAILABLE' || availability === 'BUSY');
  if (!takesWork && origin !== 'BY_HAND_OVERRIDE') {
    const plan = pending === null ? '' : ` with ${pending.kind} pending`;
    return refused('DRIVER_NOT_AVAILABLE', `the driver is ${availability}${plan}`);
  }
  return { change: { ...AT_WORK, availability: 'BUSY' }, why: 'WORK_BEGAN' };
}

/**
 * After the last work, what is pending begins. Otherwise the driver becomes AVAILABLE, or OFFLINE if they have been
 * silent for too long.
 */
export function endWork({ driver, limits, features, now }: Context): Outcome {
  if (driver.availability !== 'BUSY' || driver.activeAssignments > 0) return 'unchanged';
  const pending = features.availabilityStates ? driver.pending : withoutStates(driver.pending);
  if (pending !== null) return beginning(pending, now);
  const isSilent = driver.lastFixAt !== null && now - driver.lastFixAt >= limits.silentMs;
  return { change: isSilent ? OFFLINE : { ...AT_WORK, availability: 'AVAILABLE' }, why: 'WORK_ENDED' };
}
