import type { Availability, DriverFacts, TimedState } from './availabilityStates';
import type { LossReason } from './loss';

/**
 * What the driver has in hand. A driver who goes off duty loses work before pickup, and finishes work after
 * pickup first. docs/behaviour.md#availability.
 */
export type Carrying = 'NOTHING' | 'BEFORE_PICKUP' | 'AFTER_PICKUP' | 'BOTH';

/**
 * How work began. OFFER: the driver accepted. DIRECT: assigned without being asked, as in v1. BY_HAND:
 * assigned by ops, with override even during a break or pause. docs/behaviour.md#reassignment.
 */
export type WorkOrigin = 'OFFER' | 'DIRECT' | 'BY_HAND' | 'BY_HAND_OVERRIDE';

/**
 * What drivers, ops and the system may request of a driver's availability. docs/behaviour.md#availability.
 */
export type AvailabilityRequest =
  | { kind: 'shiftStart'; shiftEndsAt: number | null }
  | { kind: 'shiftEnd'; carrying: Carrying }
  | { kind: 'breakStart'; minutes: number; reason: string | null }
  | { kind: 'breakEnd' }
  | { kind: 'pause'; minutes: number | null; reason: string | null }
  | { kind: 'resume' }
  /** What v1 clients send, by `POST /drivers/:id/availability`. */
  | { kind: 'set'; availability: 'AVAILABLE' | 'OFFLINE'; carrying: Carrying }
  /**
   * The presence sweep found the driver silent since the last fix, or since AVAILABLE where that is later.
   */
  | { kind: 'silence'; silentSince: number }
  /** The timer of a timed state fired. */
  | { kind: 'timedEnd'; state: TimedState; until: number }
  /** Requested once the assignment is counted. */
  | { kind: 'workBegins'; origin: WorkOrigin }
  /** Requested once the assignment is no longer counted. */
  | { kind: 'workEnds' }
  /** In place of `workEnds`: the service detected that the driver is lost. */
  | { kind: 'lost'; why: LossReason }
  /** The driver did something in their app: they answered an offer, or reported a step. */
  | { kind: 'acted' }
  /** Offers that reached the app lapsed again and again: a pause of `pauseMs`. ADR 13. */
  | { kind: 'lapsedTooOften'; pauseMs: number }
  /** The feature `availability_states` was switched off. */
  | { kind: 'statesKilled' };

/** Whether the feature `availability_states` is on for this driver. */
export type AvailabilityFeatures = { availabilityStates: boolean };

/** Stable codes of refusals, as docs/problems.md lists them. */
export type AvailabilityRefusal =
  | 'FEATURE_OFF'
  | 'INVALID_DURATION'
  | 'INVALID_SHIFT_END'
  | 'DRIVER_OFF_DUTY'
  | 'DRIVER_NOT_AVAILABLE'
  | 'NOT_ON_BREAK'
  | 'NOT_PAUSED';

/**
 * What happened, for the audit trail. WORK_TO_FINISH_FIRST: the request is pending until the work ends.
 * CHANGE_WITHDRAWN: what was pending is dropped.
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
  | 'STATES_SWITCHED_OFF'
  | LossReason;

/**
 * A change to be written, and what must follow it. `from` equals `to` where only what is pending changes, or
 * the planned end of the shift.
 */
export type AvailabilityChange = {
  kind: 'changed';
  next: DriverFacts;
  from: Availability;
  to: Availability;
  why: AvailabilityReason;
  /** The driver came free: one waiting delivery nearby is to be woken. */
  wakes: boolean;
  /** The driver's live offers are to be withdrawn. */
  withdrawsOffers: boolean;
  /** The driver's work before pickup is lost. */
  losesWork: boolean;
  /**
   * The timed state that ends by itself at `until` (epoch ms); null = none, and an older timer has no effect.
   */
  timer: { state: TimedState; until: number } | null;
};

/** The outcome of a request. A repeated request is `unchanged`. */
export type AvailabilityDecision =
  { kind: 'refused'; code: AvailabilityRefusal; detail: string } | { kind: 'unchanged' } | AvailabilityChange;
