import type {
  AvailabilityChange,
  AvailabilityDecision,
  AvailabilityFeatures,
  AvailabilityReason,
  AvailabilityRefusal,
  AvailabilityRequest,
  Carrying,
} from './availabilityRequest';
import {
  isFresh,
  takesWork,
  type Availability,
  type AvailabilityLimits,
  type DriverFacts,
  type PendingAvailability,
  type TimedState,
} from './availabilityStates';

export type * from './availabilityRequest';

type Asked<K extends AvailabilityRequest['kind']> = Extract<AvailabilityRequest, { kind: K }>;
type Context = {
  driver: DriverFacts;
  limits: AvailabilityLimits;
  features: AvailabilityFeatures;
  now: number;
};
/** What a driver comes to be: the fields that change, why, and whether work before pickup is left behind. */
type ChangeSet = { change: Partial<DriverFacts>; why: AvailabilityReason; losesWork?: boolean };
type Outcome = ChangeSet | { kind: 'refused'; code: AvailabilityRefusal; detail: string } | 'unchanged';

/**
 * The one place where a driver's availability is decided (spec 3, ADR-025). `driver` is the locked row with
 * its counts as they stand after the transaction; counts are read, never changed. `now` is epoch ms. Never
 * throws: what is not allowed is `refused` with a stable code.
 *
 * Off duty (shift end, OFFLINE) with work in hand: work before pickup is lost at once; with work after pickup
 * the driver stays BUSY, takes no new job and goes off duty when the last work ends. Break and pause wait for
 * the work's end, before and after pickup. The last wish counts: a new one replaces what was pending, and
 * asking for AVAILABLE (or the end of what is pending) drops it. While ON_BREAK a second break request is a
 * repeat, whatever its minutes. With the feature off, break and pause are refused and shift start and end act
 * as AVAILABLE and OFFLINE.
 */
export function decideAvailability(
  driver: DriverFacts,
  request: AvailabilityRequest,
  limits: AvailabilityLimits,
  features: AvailabilityFeatures,
  now: number,
): AvailabilityDecision {
  const outcome = decide(request, { driver, limits, features, now });
  if (outcome === 'unchanged') return { kind: 'unchanged' };
  return 'kind' in outcome ? outcome : settle(driver, outcome);
}

/** What a driver has in hand, from the numbers of jobs before and after pickup. */
export function carryingOf(beforePickup: number, afterPickup: number): Carrying {
  if (beforePickup > 0) return afterPickup > 0 ? 'BOTH' : 'BEFORE_PICKUP';
  return afterPickup > 0 ? 'AFTER_PICKUP' : 'NOTHING';
}

function decide(request: AvailabilityRequest, context: Context): Outcome {
  switch (request.kind) {
    case 'shiftStart':
      return startShift(request, context);
    case 'shiftEnd':
      return context.features.availabilityStates
        ? goOffDuty({ kind: 'SHIFT_END' }, request.carrying, context)
        : goOffDuty({ kind: 'OFFLINE' }, request.carrying, context);
    case 'breakStart':
      return startBreak(request, context);
    case 'breakEnd':
      return endRest('ON_BREAK', context);
    case 'pause':
      return startPause(request, context);
    case 'resume':
      return endRest('PAUSED', context);
    case 'set':
      return request.availability === 'AVAILABLE'
        ? comeOnDuty('CAME_ONLINE', undefined, context)
        : goOffDuty({ kind: 'OFFLINE' }, request.carrying, context);
    case 'silence':
      return fallSilent(request, context);
    case 'timedEnd':
      return endByTime(request, context);
    case 'workBegins':
      return beginWork(request, context);
    case 'workEnds':
      return endWork(context);
    case 'lapsedTooOften':
      return restForLapses(request, context);
    case 'statesKilled':
      return switchStatesOff(context);
    default:
      return unknownRequest(request);
  }
}

function startShift({ shiftEndsAt }: Asked<'shiftStart'>, context: Context): Outcome {
  const { driver, features, now } = context;
  if (shiftEndsAt !== null && shiftEndsAt <= now)
    return refused('INVALID_SHIFT_END', 'a shift must end in the future');
  const resting = driver.availability === 'ON_BREAK' || driver.availability === 'PAUSED';
  if (!resting || !features.availabilityStates)
    return comeOnDuty('SHIFT_STARTED', shiftEndsAt ?? undefined, context);
  return shiftEndsAt === null ? 'unchanged' : { change: { shiftEndsAt }, why: 'SHIFT_STARTED' };
}

/**
 * To AVAILABLE, or BUSY where work is still in hand. `shiftEndsAt` undefined keeps the planned end unless it
 * is past.
 */
function comeOnDuty(
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

/**
 * To SHIFT_ENDED or OFFLINE: at once, or as soon as work after pickup is done. Work before pickup is lost at
 * once.
 */
function goOffDuty(wish: OffDuty, carrying: Carrying, { driver, now }: Context): Outcome {
  const losesWork = carrying === 'BEFORE_PICKUP' || carrying === 'BOTH';
  const mustFinish = driver.availability === 'BUSY' && (carrying === 'AFTER_PICKUP' || carrying === 'BOTH');
  if (mustFinish) return { change: { pending: wish }, why: 'WORK_TO_FINISH_FIRST', losesWork };
  return { ...beginning(wish, now), losesWork };
}

function startBreak({ minutes, reason }: Asked<'breakStart'>, context: Context): Outcome {
  const { breakMinMinutes: min, breakMaxMinutes: max } = context.limits;
  if (!context.features.availabilityStates) return featureOff();
  if (!isWholeWithin(minutes, min, max))
    return refused('INVALID_DURATION', `a break takes ${min} to ${max} whole minutes`);
  return rest({ kind: 'BREAK', minutes, reason }, 'ON_BREAK', context);
}

function startPause({ minutes, reason }: Asked<'pause'>, context: Context): Outcome {
  const max = context.limits.pauseMaxMinutes;
  if (!context.features.availabilityStates) return featureOff();
  if (minutes !== null && !isWholeWithin(minutes, 1, max))
    return refused('INVALID_DURATION', `a pause takes 1 to ${max} whole minutes, or has no end`);
  return rest({ kind: 'PAUSE', minutes, reason }, 'PAUSED', context);
}

function rest(wish: PendingAvailability, state: TimedState, { driver, now }: Context): Outcome {
  switch (driver.availability) {
    case state:
      return 'unchanged';
    case 'OFFLINE':
    case 'SHIFT_ENDED':
      return offDuty(driver);
    case 'BUSY':
      return { change: { pending: wish }, why: 'WORK_TO_FINISH_FIRST' };
    default:
      return beginning(wish, now);
  }
}

/** Break end and resume: out of that state, or the wish for it withdrawn while it still waits. */
function endRest(state: TimedState, context: Context): Outcome {
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
      return refused(isBreak ? 'NOT_ON_BREAK' : 'NOT_PAUSED', `driver is ${driver.availability}`);
  }
}

/** Guarded twice: only an AVAILABLE driver, and only if no position came in since the sweep looked. */
function fallSilent({ silentSince }: Asked<'silence'>, { driver, limits, now }: Context): Outcome {
  const heardAt = Math.max(silentSince, driver.lastFixAt ?? silentSince);
  if (driver.availability !== 'AVAILABLE' || now - heardAt < limits.silentMs) return 'unchanged';
  return { change: OFFLINE, why: 'SILENT' };
}

/**
 * Guarded on (state, until), not on the clock: the timer's clock and ours may differ by a little, and it
 * rings once.
 */
function endByTime({ state, until }: Asked<'timedEnd'>, { driver, limits, features, now }: Context): Outcome {
  if (driver.availability !== state || driver.availabilityUntil !== until) return 'unchanged';
  const onDuty =
    driver.activeAssignments > 0 || (features.availabilityStates && isFresh(driver.lastFixAt, limits, now));
  return { change: onDuty ? { ...AT_WORK, availability: dutyOf(driver) } : OFFLINE, why: 'TIME_UP' };
}

function beginWork({ origin }: Asked<'workBegins'>, { driver }: Context): Outcome {
  if (driver.availability === 'OFFLINE' || driver.availability === 'SHIFT_ENDED') return offDuty(driver);
  const willing =
    driver.pending === null && (driver.availability === 'AVAILABLE' || driver.availability === 'BUSY');
  if (!willing && origin !== 'BY_HAND_OVERRIDE') {
    const plan = driver.pending === null ? '' : `, ${driver.pending.kind} to come`;
    return refused('DRIVER_NOT_AVAILABLE', `driver is ${driver.availability}${plan}`);
  }
  return { change: { ...AT_WORK, availability: 'BUSY' }, why: 'WORK_BEGAN' };
}

/**
 * What was pending begins; else the driver is free, unless known to be silent for so long that the sweep
 * would say OFFLINE.
 */
function endWork({ driver, limits, features, now }: Context): Outcome {
  if (driver.availability !== 'BUSY' || driver.activeAssignments > 0) return 'unchanged';
  const wish = features.availabilityStates ? driver.pending : withoutStates(driver.pending);
  if (wish !== null) return beginning(wish, now);
  const silent = driver.lastFixAt !== null && now - driver.lastFixAt >= limits.silentMs;
  return { change: silent ? OFFLINE : { ...AT_WORK, availability: 'AVAILABLE' }, why: 'WORK_ENDED' };
}

/**
 * Only who waits for work: whoever carries something showed that they are there. Without the v2 states there
 * is no pause.
 */
function restForLapses({ pauseMs }: Asked<'lapsedTooOften'>, { driver, features, now }: Context): Outcome {
  if (driver.availability !== 'AVAILABLE' || !features.availabilityStates) return 'unchanged';
  const change = {
    pending: null,
    availability: 'PAUSED',
    availabilityUntil: now + pauseMs,
    availabilityReason: 'REPEATED_LAPSES',
  } as const;
  return { change, why: 'REPEATED_LAPSES' };
}

function switchStatesOff({ driver, features }: Context): Outcome {
  if (features.availabilityStates) return 'unchanged';
  const v2State =
    driver.availability === 'ON_BREAK' ||
    driver.availability === 'PAUSED' ||
    driver.availability === 'SHIFT_ENDED';
  return {
    change: v2State ? OFFLINE : { pending: withoutStates(driver.pending) },
    why: 'STATES_SWITCHED_OFF',
  };
}

/**
 * What is pending as a driver without the v2 states knows it: no break, no pause, the shift's end as OFFLINE.
 * spec 3 ("flag off").
 */
function withoutStates(pending: PendingAvailability | null): PendingAvailability | null {
  if (pending === null) return null;
  return pending.kind === 'SHIFT_END' || pending.kind === 'OFFLINE' ? { kind: 'OFFLINE' } : null;
}

type OffDuty = Extract<PendingAvailability, { kind: 'SHIFT_END' | 'OFFLINE' }>;

/** On duty, with nothing planned and no timed state. */
const AT_WORK = { availabilityUntil: null, availabilityReason: null, pending: null } as const;
const OFFLINE = { ...AT_WORK, availability: 'OFFLINE' } as const;

/** A wish come true at `now`. */
function beginning(wish: PendingAvailability, now: number): ChangeSet {
  const untilAfter = (minutes: number | null): number | null =>
    minutes === null ? null : now + minutes * 60_000;
  switch (wish.kind) {
    case 'BREAK':
      return {
        change: {
          pending: null,
          availability: 'ON_BREAK',
          availabilityUntil: untilAfter(wish.minutes),
          availabilityReason: wish.reason,
        },
        why: 'BREAK_STARTED',
      };
    case 'PAUSE':
      return {
        change: {
          pending: null,
          availability: 'PAUSED',
          availabilityUntil: untilAfter(wish.minutes),
          availabilityReason: wish.reason,
        },
        why: 'PAUSED',
      };
    case 'SHIFT_END':
      return { change: { ...AT_WORK, availability: 'SHIFT_ENDED', shiftEndsAt: null }, why: 'SHIFT_ENDED' };
    case 'OFFLINE':
      return { change: OFFLINE, why: 'WENT_OFFLINE' };
  }
}

/**
 * The decision that follows from a draft: unchanged where nothing differs, else with all that must follow.
 */
function settle(driver: DriverFacts, { change, why, losesWork = false }: ChangeSet): AvailabilityDecision {
  const next: DriverFacts = { ...driver, ...change };
  if (isSame(driver, next)) return { kind: 'unchanged' };
  const [from, to] = [driver.availability, next.availability];
  return {
    kind: 'changed',
    next,
    from,
    to,
    why,
    wakes: cameFree(driver, next),
    withdrawsOffers: losesOffers(driver, next),
    losesWork,
    timer: timerOf(next),
  };
}

function isSame(a: DriverFacts, b: DriverFacts): boolean {
  const plain =
    a.availability === b.availability &&
    a.availabilityUntil === b.availabilityUntil &&
    a.availabilityReason === b.availabilityReason;
  return plain && a.shiftEndsAt === b.shiftEndsAt && isSameWish(a.pending, b.pending);
}

function isSameWish(a: PendingAvailability | null, b: PendingAvailability | null): boolean {
  if (a === null || b === null) return a === b;
  const rests = (wish: PendingAvailability) =>
    wish.kind === 'BREAK' || wish.kind === 'PAUSE' ? wish : { minutes: null, reason: null };
  return a.kind === b.kind && rests(a).minutes === rests(b).minutes && rests(a).reason === rests(b).reason;
}

function cameFree(driver: DriverFacts, next: DriverFacts): boolean {
  const workEnded = driver.availability === 'BUSY' && next.availability === 'AVAILABLE';
  return takesWork(next) && (workEnded || !takesWork(driver));
}

/** Who leaves AVAILABLE, goes off duty, or wants no new jobs, keeps no offer. */
function losesOffers(driver: DriverFacts, next: DriverFacts): boolean {
  const leftAvailable = driver.availability === 'AVAILABLE' && next.availability !== 'AVAILABLE';
  const leftDuty =
    driver.availability === 'BUSY' && next.availability !== 'BUSY' && next.availability !== 'AVAILABLE';
  return driver.liveOffers > 0 && (leftAvailable || leftDuty || next.pending !== null);
}

function timerOf({ availability, availabilityUntil: until }: DriverFacts): AvailabilityChange['timer'] {
  const timed = availability === 'ON_BREAK' || availability === 'PAUSED';
  return timed && until !== null ? { state: availability, until } : null;
}

function dutyOf(driver: DriverFacts): Availability {
  return driver.activeAssignments > 0 ? 'BUSY' : 'AVAILABLE';
}

function isWholeWithin(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

function refused(code: AvailabilityRefusal, detail: string): Outcome {
  return { kind: 'refused', code, detail };
}

function featureOff(): Outcome {
  return refused('FEATURE_OFF', 'availability_states disabled');
}

function offDuty(driver: DriverFacts): Outcome {
  return refused('DRIVER_OFF_DUTY', `driver is ${driver.availability}`);
}

function unknownRequest(request: never): never {
  throw new Error(`unknown availability request ${JSON.stringify(request)}`);
}
