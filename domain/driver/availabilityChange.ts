import { type Change, type Context, type Outcome } from './availabilityOutcome';
import type {
  AvailabilityChange,
  AvailabilityDecision,
  AvailabilityFeatures,
  AvailabilityRequest,
  Carrying,
} from './availabilityRequest';
import {
  type AvailabilityLimits,
  type DriverFacts,
  type PendingAvailability,
  takesWork,
} from './availabilityStates';
import { endShift, fallSilent, setAvailability, startShift, switchStatesOff } from './duty';
import { act, loseWork } from './lost';
import { endByTime, endRest, pauseForLapses, startBreak, startPause } from './rest';
import { beginWork, endWork } from './work';

export type * from './availabilityRequest';

/**
 * Decides every change of a driver's availability. docs/behaviour.md#availability; founding ADR-025.
 * Never throws: a forbidden change is `refused` with a stable code.
 * A driver who goes off duty (shift end, OFFLINE) loses work before pickup at once, and finishes work after
 * pickup first: they stay BUSY until then and get no new job. Break and pause wait for any work's end. The
 * last request counts: it replaces what was pending, and coming on duty drops it.
 * @param driver the locked row. Its counts are as they will be after the transaction; they are only read
 * @param now epoch ms
 */
export function decideAvailability(
  driver: DriverFacts,
  request: AvailabilityRequest,
  limits: AvailabilityLimits,
  features: AvailabilityFeatures,
  now: number,
): AvailabilityDecision {
  const outcome = apply(request, { driver, limits, features, now });
  if (outcome === 'unchanged') return { kind: 'unchanged' };
  return 'kind' in outcome ? outcome : decisionOf(driver, outcome);
}

/** Maps each request to its rule. */
function apply(request: AvailabilityRequest, context: Context): Outcome {
  switch (request.kind) {
    case 'shiftStart':
      return startShift(request, context);
    case 'shiftEnd':
      return endShift(request, context);
    case 'breakStart':
      return startBreak(request, context);
    case 'breakEnd':
      return endRest('ON_BREAK', context);
    case 'pause':
      return startPause(request, context);
    case 'resume':
      return endRest('PAUSED', context);
    case 'set':
      return setAvailability(request, context);
    case 'silence':
      return fallSilent(request, context);
    case 'timedEnd':
      return endByTime(request, context);
    case 'workBegins':
      return beginWork(request, context);
    case 'workEnds':
      return endWork(context);
    case 'lost':
      return loseWork(request, context);
    case 'acted':
      return act(context);
    case 'lapsedTooOften':
      return pauseForLapses(request, context);
    case 'statesKilled':
      return switchStatesOff(context);
    default:
      return unknownRequest(request);
  }
}

function unknownRequest(request: never): never {
  throw new Error(`unknown availability request ${JSON.stringify(request)}`);
}

/** What a driver has in hand, from the numbers of jobs before and after pickup. */
export function carryingOf(beforePickup: number, afterPickup: number): Carrying {
  if (beforePickup > 0) return afterPickup > 0 ? 'BOTH' : 'BEFORE_PICKUP';
  return afterPickup > 0 ? 'AFTER_PICKUP' : 'NOTHING';
}

// ---- what follows from a change ----

/** `unchanged` if the change alters nothing. */
function decisionOf(driver: DriverFacts, { change, why, losesWork = false }: Change): AvailabilityDecision {
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
  return plain && a.shiftEndsAt === b.shiftEndsAt && isSamePending(a.pending, b.pending);
}

function isSamePending(a: PendingAvailability | null, b: PendingAvailability | null): boolean {
  if (a === null || b === null) return a === b;
  const minutesOf = (pending: PendingAvailability) => ('minutes' in pending ? pending.minutes : null);
  const reasonOf = (pending: PendingAvailability) => ('reason' in pending ? pending.reason : null);
  return (
    a.kind === b.kind && minutesOf(a) === minutesOf(b) && (reasonOf(a) ?? null) === (reasonOf(b) ?? null)
  );
}

function cameFree(driver: DriverFacts, next: DriverFacts): boolean {
  const workEnded = driver.availability === 'BUSY' && next.availability === 'AVAILABLE';
  return takesWork(next) && (workEnded || !takesWork(driver));
}

/** A driver who leaves AVAILABLE, goes off duty, or takes no new jobs keeps no offer. */
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
