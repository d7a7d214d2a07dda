import type { Availability, DriverFacts, TimedState } from './availabilityStates';

/**
 * What the driver has in hand: work before pickup is lost when its driver goes off duty, work after pickup
 * waits to be finished. spec 3 and 5.
 */
export type Carrying = 'NOTHING' | 'BEFORE_PICKUP' | 'AFTER_PICKUP' | 'BOTH';

/**
 * How work began. OFFER: the driver accepted; DIRECT: assigned without asking (v1 way); BY_HAND: by ops, with
 * override also out of a break or pause. spec 5.
 */
export type WorkOrigin = 'OFFER' | 'DIRECT' | 'BY_HAND' | 'BY_HAND_OVERRIDE';

/** What may be asked of a driver's availability, by driver, ops or the system. spec 3. */
export type AvailabilityRequest =
  | { kind: 'shiftStart'; shiftEndsAt: number | null }
  | { kind: 'shiftEnd'; carrying: Carrying }
  | { kind: 'breakStart'; minutes: number; reason: string | null }
  | { kind: 'breakEnd' }
  | { kind: 'pause'; minutes: number | null; reason: string | null }
  | { kind: 'resume' }
  /** What v1 clients and `POST /drivers/:id/availability` send. */
  | { kind: 'set'; availability: 'AVAILABLE' | 'OFFLINE'; carrying: Carrying }
  /**
   * The presence sweep heard nothing since `silentSince`: the last fix, or the change to AVAILABLE where that
   * is later.
   */
  | { kind: 'silence'; silentSince: number }
  /** The timer of one timed state rang. */
  | { kind: 'timedEnd'; state: TimedState; until: number }
  /** To be asked after the assignment was counted in. */
  | { kind: 'workBegins'; origin: WorkOrigin }
  /** To be asked after the assignment was counted out. */
  | { kind: 'workEnds' }
  /** Offers that reached the app lapsed again and again: a pause of so many ms (spec 3, ADR 13). */
  | { kind: 'lapsedTooOften'; pauseMs: number }
  /** The feature `availability_states` was switched off. */
  | { kind: 'statesKilled' };

/** Whether the feature `availability_states` is on for this driver. */
export type AvailabilityFeatures = { availabilityStates: boolean };

/** Stable codes of refusals, as the API shows them. */
export type AvailabilityRefusal =
  | 'FEATURE_OFF'
  | 'INVALID_DURATION'
  | 'INVALID_SHIFT_END'
  | 'DRIVER_OFF_DUTY'
  | 'DRIVER_NOT_AVAILABLE'
  | 'NOT_ON_BREAK'
  | 'NOT_PAUSED';

/**
 * What happened, for the audit trail. WORK_TO_FINISH_FIRST: what was asked for waits for the work's end;
 * CHANGE_WITHDRAWN: what was waiting is no longer wanted.
 */
export type AvailabilityReason =
  | 'SHIFT_STARTED'
  | 'SHIFT_ENDED'
  | 'BREAK_STARTED'
  | 'BREAK_ENDED'
  | 'PAUSED'
  | 'RESUMED'
  | 'CAME_ONLINE'
  | 'WENT_OFFLINE'
  | 'SILENT'
  | 'TIME_UP'
  | 'WORK_BEGAN'
  | 'WORK_ENDED'
  | 'WORK_TO_FINISH_FIRST'
  | 'CHANGE_WITHDRAWN'
  | 'REPEATED_LAPSES'
  | 'STATES_SWITCHED_OFF';

/**
 * A change to be written, and what must follow it. `from` equals `to` where only what is pending, or the
 * shift's end, changes.
 */
export type AvailabilityChange = {
  kind: 'changed';
  next: DriverFacts;
  from: Availability;
  to: Availability;
  why: AvailabilityReason;
  /** The driver came free: one waiting delivery in reach is to be woken. */
  wakes: boolean;
  /** The driver's live offers are to be withdrawn. */
  withdrawsOffers: boolean;
  /** The driver's work before pickup is lost. */
  losesWork: boolean;
  /**
   * The timed state that is to end by itself at `until` (epoch ms); null = none, and an older timer is moot.
   */
  timer: { state: TimedState; until: number } | null;
};

/** The outcome of a request; a repeat of the same request is `unchanged`. */
export type AvailabilityDecision =
  { kind: 'refused'; code: AvailabilityRefusal; detail: string } | { kind: 'unchanged' } | AvailabilityChange;
