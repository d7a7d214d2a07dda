/** The input and output types that the rules of availability share. */

import type {
  AvailabilityFeatures,
  AvailabilityReason,
  AvailabilityRefusal,
  AvailabilityRequest,
} from './availabilityRequest';
import type {
  Availability,
  AvailabilityLimits,
  DriverFacts,
  PendingAvailability,
} from './availabilityStates';

/** The request of one kind. */
export type RequestOf<K extends AvailabilityRequest['kind']> = Extract<AvailabilityRequest, { kind: K }>;

/** The input of a rule beside the request; `now` is in epoch ms. */
export type Context = {
  driver: DriverFacts;
  limits: AvailabilityLimits;
  features: AvailabilityFeatures;
  now: number;
};

/** The fields of the driver that change, why, and whether work before pickup is lost. */
export type Change = { change: Partial<DriverFacts>; why: AvailabilityReason; losesWork?: boolean };

/** The output of a rule. */
export type Outcome = Change | { kind: 'refused'; code: AvailabilityRefusal; detail: string } | 'unchanged';

export function refused(code: AvailabilityRefusal, detail: string): Outcome {
  return { kind: 'refused', code, detail };
}

export function featureOff(): Outcome {
  return refused('FEATURE_OFF', 'availability_states is disabled');
}

export function offDuty(driver: DriverFacts): Outcome {
  return refused('DRIVER_OFF_DUTY', `the driver is ${driver.availability}`);
}

/** On duty: no timed state, and nothing pending. */
export const AT_WORK = { availabilityUntil: null, availabilityReason: null, pending: null } as const;
export const OFFLINE = { ...AT_WORK, availability: 'OFFLINE' } as const;

/** A driver on duty is BUSY exactly while they have work. */
export function dutyOf(driver: DriverFacts): Availability {
  return driver.activeAssignments > 0 ? 'BUSY' : 'AVAILABLE';
}

/** The change that starts what was pending at `now`. */
export function beginning(pending: PendingAvailability, now: number): Change {
  switch (pending.kind) {
    case 'BREAK':
      return { change: { availability: 'ON_BREAK', ...timed(pending, now) }, why: 'BREAK_STARTED' };
    case 'PAUSE':
      return { change: { availability: 'PAUSED', ...timed(pending, now) }, why: 'PAUSED' };
    case 'SHIFT_END':
      return { change: { ...AT_WORK, availability: 'SHIFT_ENDED', shiftEndsAt: null }, why: 'SHIFT_ENDED' };
    case 'OFFLINE':
      return {
        change: { ...OFFLINE, availabilityReason: pending.reason ?? null },
        why: pending.reason ?? 'WENT_OFFLINE',
      };
  }
}

function timed(
  { minutes, reason }: { minutes: number | null; reason: string | null },
  now: number,
): Partial<DriverFacts> {
  const availabilityUntil = minutes === null ? null : now + minutes * 60_000;
  return { pending: null, availabilityUntil, availabilityReason: reason };
}

/**
 * What is pending, for a driver without the states of v2: no break and no pause, and the end of the shift as
 * OFFLINE. docs/behaviour.md#availability.
 */
export function withoutStates(pending: PendingAvailability | null): PendingAvailability | null {
  if (pending?.kind === 'OFFLINE') return pending;
  return pending?.kind === 'SHIFT_END' ? { kind: 'OFFLINE' } : null;
}
