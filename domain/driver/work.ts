/** Work begins and ends: BUSY is set by the system alone. docs/behaviour.md#availability. */

import {
  type Asked,
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
export function beginWork({ origin }: Asked<'workBegins'>, { driver }: Context): Outcome {
  const { availability, pending } = driver;
  if (availability === 'OFFLINE' || availability === 'SHIFT_ENDED') return offDuty(driver);
  const takesWork = pending === null && (availability === 'AVAILABLE' || availability === 'BUSY');
  if (!takesWork && origin !== 'BY_HAND_OVERRIDE') {
    const plan = pending === null ? '' : `, ${pending.kind} to come`;
    return refused('DRIVER_NOT_AVAILABLE', `driver is ${availability}${plan}`);
  }
  return { change: { ...AT_WORK, availability: 'BUSY' }, why: 'WORK_BEGAN' };
}

/**
 * With the last work ended, what is pending begins. Else the driver is AVAILABLE, unless they have been
 * silent for so long that they would go OFFLINE anyway.
 */
export function endWork({ driver, limits, features, now }: Context): Outcome {
  if (driver.availability !== 'BUSY' || driver.activeAssignments > 0) return 'unchanged';
  const pending = features.availabilityStates ? driver.pending : withoutStates(driver.pending);
  if (pending !== null) return beginning(pending, now);
  const isSilent = driver.lastFixAt !== null && now - driver.lastFixAt >= limits.silentMs;
  return { change: isSilent ? OFFLINE : { ...AT_WORK, availability: 'AVAILABLE' }, why: 'WORK_ENDED' };
}
