/** A driver who was lost, and one who is back. docs/behaviour.md#reassignment; ADR 34. */

import { beginning, type Context, type Outcome, type RequestOf } from './availabilityOutcome';
import type { PendingAvailability } from './availabilityStates';
import { comeOnDuty } from './duty';
import { isDetectedLoss } from './loss';

/**
 * The work ends because its driver was detected as lost: OFFLINE, at once or when other work in hand is done. A
 * driver who asked to go off duty does that instead.
 */
export function loseWork({ why }: RequestOf<'lost'>, { driver, now }: Context): Outcome {
  if (driver.availability !== 'BUSY') return 'unchanged';
  const pending: PendingAvailability =
    driver.pending?.kind === 'SHIFT_END' || driver.pending?.kind === 'OFFLINE'
      ? driver.pending
      : { kind: 'OFFLINE', reason: why };
  return driver.activeAssignments > 0 ? { change: { pending }, why } : beginning(pending, now);
}

/** A driver who was lost, and did something, takes work again. A position is no act. */
export function act(context: Context): Outcome {
  const { availability, availabilityReason, pending } = context.driver;
  if (availability === 'OFFLINE' && isDetectedLoss(availabilityReason ?? ''))
    return comeOnDuty('CAME_ONLINE', undefined, context);
  return pending?.kind === 'OFFLINE' && pending.reason !== undefined
    ? { change: { pending: null }, why: 'CHANGE_WITHDRAWN' }
    : 'unchanged';
}
