import { takesWork } from './availability';
import {
  type Actor, canMove, type DeliveryStatus, DROPOFF_FAILURES, isBeforePickup, isClosed, PICKUP_FAILURES, type ReasonCode, type Step, STEPS,
} from './delivery';
import { Draft, type Occasion } from './draft';
import { type OfferFacts, type RejectReason } from './offer';
import { answersOffers, searchBackoffMs } from './ranking';
import { type Answer, type AssignmentFacts, type Chosen, type Decision, type Refusal, type RefusalCode, type Truth } from './truth';

/** What can happen to a delivery. Keys are business facts, so that a repeat finds what the first time did. */
export type DeliveryEvent =
  | { kind: 'lookForDriver'; search: SearchOutcome; freed: FreedDriver | null }
  | { kind: 'lapseOffer'; offerId: string }
  | { kind: 'giveUpSearch' }
  | { kind: 'acceptOffer'; offerId: string; driverId: string }
  | { kind: 'rejectOffer'; offerId: string; driverId: string; reason: RejectReason }
  | { kind: 'takeStep'; step: Step; by: Actor; deviceAt: number | null }
  | { kind: 'failDelivery'; by: Actor; reason: ReasonCode; goods: 'RETURN' | 'LOST' }
  | { kind: 'cancelDelivery'; by: Actor; reason: ReasonCode }
  | { kind: 'assignDriver'; driverId: string; by: Actor; override: boolean; why: string }
  | { kind: 'releaseDriver'; driverId: string; offerId: string | null; assignmentId: string | null; why: string }
  /** Look at the row again: something else changed it. */
  | { kind: 'readDelivery' };

/** What a look around found: the best driver who could be locked, or why there is none. */
export type SearchOutcome = {
  chosen: Chosen | null;
  /** Why nobody was chosen, where that says nothing about who is there. */
  inconclusive: Inconclusive | null;
  /** Whether drivers are asked at all; if not, the nearest one is assigned (v1). */
  offersOn: boolean;
  ttlMs: number;
  /** When the first exclusion ends by itself. */
  exclusionEndsAt: number | null;
};

/** CONTENDED: others were taking all candidates at this very moment. MAP_AWAY: the live map gave no answer. NOT_MADE: nobody was to be looked for when the look was made. */
export type Inconclusive = 'CONTENDED' | 'MAP_AWAY' | 'NOT_MADE';

/** The driver who came free and woke this search, and which deliveries passed them on before. */
export type FreedDriver = { driverId: string; passed: readonly string[] };

/** After a search that lost every candidate to others at that moment. */
const CONTENDED_RETRY_MS = 1_000;

/**
 * The one place that says what an event does to a delivery. Pure: the caller gives the truth (read under lock), the time and a new id,
 * and writes what comes back. A repeated event returns the answer of the first time and changes nothing.
 */
export function decide(truth: Truth, event: DeliveryEvent, occasion: Occasion): Decision {
  const draft = new Draft(truth, occasion);
  settle(draft);
  return draft.decision(apply(draft, event));
}

function apply(draft: Draft, event: DeliveryEvent): Answer {
  switch (event.kind) {
    case 'lookForDriver': return search(draft, event);
    case 'lapseOffer': return lapse(draft, event.offerId);
    case 'giveUpSearch': return giveUp(draft);
    case 'acceptOffer': return accept(draft, event);
    case 'rejectOffer': return reject(draft, event);
    case 'takeStep': return step(draft, event);
    case 'failDelivery': return fail(draft, event);
    case 'cancelDelivery': return cancel(draft, event);
    case 'assignDriver': return assign(draft, event);
    case 'releaseDriver': return driverLeft(draft, event);
    case 'readDelivery': return { outcome: 'noted' };
    default: return unknownEvent(event);
  }
}

function unknownEvent(event: never): never {
  throw new Error(`unknown event ${JSON.stringify(event)}`);
}

const NOTED = { outcome: 'noted' } as const;
const refuse = (refused: RefusalCode, detail: string): Refusal => ({ refused, detail });

/** An offer that another delivery's change withdrew leaves its own delivery OFFERED to nobody: that is a search. */
function settle(draft: Draft): void {
  if (draft.delivery.status === 'OFFERED' && draft.liveOffers().length === 0) draft.searchAgain('offer withdrawn');
}

// ---- finding a driver ---------------------------------------------------------------------------------------------------------

function search(draft: Draft, { search: { chosen, ...outcome }, freed }: Extract<DeliveryEvent, { kind: 'lookForDriver' }>): Answer {
  if (freed && freed.driverId !== chosen?.driverId) draft.passOn(freed);
  if (draft.delivery.status === 'PENDING' && draft.delivery.searchAt <= draft.now) draft.beginSearch();
  if (draft.delivery.status !== 'SEARCHING') return NOTED;
  const driver = chosen && draft.driver(chosen.driverId);
  if (!driver || !takesWork(driver)) return nobodyFound(draft, { ...outcome, isWoken: freed !== null });
  if (outcome.offersOn && answersOffers(driver.offerVersion)) draft.makeOffer(chosen, outcome.ttlMs);
  else draft.assign(chosen.driverId, { way: 'V1', why: chosen.why, reason: 'nearest driver, without asking' });
  return NOTED;
}

type Vain = Pick<SearchOutcome, 'inconclusive' | 'exclusionEndsAt'> & { isWoken: boolean };

/** Nobody now: look again after the backoff, or when an exclusion ends before that. */
function nobodyFound(draft: Draft, { inconclusive, exclusionEndsAt, isWoken }: Vain): Answer {
  const { now, limits, delivery: { searchRound, searchAgainAt: plannedAt } } = draft;
  if (inconclusive !== null) return lookAgainSoon(draft, inconclusive);
  // A wake in vain is no round of the delivery's own: many of them must not put its next search off.
  if (isWoken && plannedAt !== null && plannedAt > now) return NOTED;
  const backoffAt = now + searchBackoffMs(searchRound + 1, limits.search);
  const searchAgainAt = exclusionEndsAt !== null && exclusionEndsAt > now ? Math.min(backoffAt, exclusionEndsAt) : backoffAt;
  draft.setDelivery({ searchRound: searchRound + 1, searchAgainAt });
  return NOTED;
}

/** No round is counted: the radius grows only where all in it were looked at. */
function lookAgainSoon(draft: Draft, inconclusive: Inconclusive): Answer {
  switch (inconclusive) {
    case 'CONTENDED': draft.setDelivery({ searchAgainAt: draft.now + CONTENDED_RETRY_MS }); break;
    case 'MAP_AWAY': draft.setDelivery({ searchAgainAt: draft.now + draft.limits.search.backoffMs }); break;
    case 'NOT_MADE': break; // it is searched for since this very event, which has set the time
  }
  return NOTED;
}

function giveUp(draft: Draft): Answer {
  if (draft.delivery.status !== 'SEARCHING') return NOTED;
  draft.close('CANCELLED', 'NO_DRIVER', 'nobody was found in time');
  return NOTED;
}

// ---- the driver's answer ------------------------------------------------------------------------------------------------------

function accept(draft: Draft, { offerId, driverId }: Extract<DeliveryEvent, { kind: 'acceptOffer' }>): Answer {
  const offer = draft.offer(offerId);
  if (!offer || offer.driverId !== driverId) return refuse('NOT_FOUND', 'no such offer to this driver');
  switch (offer.state) {
    case 'LIVE': return takeOffer(draft, offer);
    case 'ACCEPTED': return acceptedAnswer(draft, offer);
    case 'REJECTED': return refuse('ALREADY_ANSWERED', 'the offer was rejected before');
    default: return overAnswer(offer);
  }
}

/** The order of events decides, not clocks: a live offer can be accepted however late the accept is (spec 2). */
function takeOffer(draft: Draft, offer: OfferFacts): Answer {
  const { availability, pending } = draft.driver(offer.driverId);
  const isOnDuty = availability === 'AVAILABLE' || availability === 'BUSY';
  if (!isOnDuty || pending !== null) {
    draft.endOffer(offer, 'WITHDRAWN', 'DRIVER_LEFT');
    draft.searchAgain('driver left before accepting');
    return refuse('OFFER_WITHDRAWN', 'the driver is no longer available');
  }
  draft.endOffer(offer, 'ACCEPTED', 'ACCEPTED');
  for (const other of draft.liveOffers()) draft.endOffer(other, 'WITHDRAWN', 'TAKEN_BY_ANOTHER');
  draft.assign(offer.driverId, { way: 'OFFER', offerId: offer.offerId, why: null, reason: 'offer accepted' });
  return acceptedAnswer(draft, offer);
}

function acceptedAnswer(draft: Draft, { offerId, deliveryId }: OfferFacts): Answer {
  const assignment = draft.assignments().find((each) => each.offerId === offerId);
  if (!assignment) throw new Error(`offer ${offerId} was accepted but has no assignment`);
  return { outcome: 'accepted', deliveryId, offerId, assignmentId: assignment.assignmentId, at: assignment.startedAt };
}

function overAnswer(offer: OfferFacts): Answer {
  return offer.state === 'EXPIRED'
    ? refuse('OFFER_EXPIRED', 'the offer expired')
    : refuse('OFFER_WITHDRAWN', 'the offer was withdrawn');
}

function reject(draft: Draft, { offerId, driverId, reason }: Extract<DeliveryEvent, { kind: 'rejectOffer' }>): Answer {
  const offer = draft.offer(offerId);
  if (!offer || offer.driverId !== driverId) return refuse('NOT_FOUND', 'no such offer to this driver');
  switch (offer.state) {
    case 'LIVE': {
      draft.endOffer(offer, 'REJECTED', reason);
      draft.searchAgain('offer rejected');
      return { outcome: 'rejected', deliveryId: offer.deliveryId, offerId, at: draft.now };
    }
    case 'REJECTED': return { outcome: 'rejected', deliveryId: offer.deliveryId, offerId, at: offer.endedAt ?? draft.now };
    case 'ACCEPTED': return refuse('ALREADY_ANSWERED', 'the offer was accepted before');
    default: return overAnswer(offer);
  }
}

/** The deadline of an offer. An offer never ends before its expiry unless answered or withdrawn. */
function lapse(draft: Draft, offerId: string): Answer {
  const offer = draft.offer(offerId);
  if (!offer || offer.state !== 'LIVE' || draft.now < offer.expiresAt) return NOTED;
  draft.endOffer(offer, 'EXPIRED', 'LAPSED');
  draft.searchAgain('offer expired');
  return NOTED;
}

// ---- carrying -----------------------------------------------------------------------------------------------------------------

function step(draft: Draft, { step: name, by, deviceAt }: Extract<DeliveryEvent, { kind: 'takeStep' }>): Answer {
  const carried = carrier(draft, by);
  if (!carried) return refuse('NOT_FOUND', 'this driver does not carry the delivery');
  const doneAt = stepDoneAt(draft, carried, name);
  const { from, to } = STEPS[name];
  if (doneAt !== null) return { outcome: 'moved', deliveryId: draft.delivery.deliveryId, status: to, at: doneAt };
  if (draft.delivery.status !== from) return illegal(draft, name);
  draft.takeStep(carried, name, deviceAt);
  return { outcome: 'moved', deliveryId: draft.delivery.deliveryId, status: to, at: draft.now };
}

/** The assignment for which this actor may act: the carrier's own, or for ops whoever carries it. */
function carrier(draft: Draft, by: Actor): AssignmentFacts | undefined {
  const newest = draft.newestAssignment();
  if (by.kind === 'driver' && newest?.driverId !== by.id) return undefined;
  return newest;
}

function stepDoneAt({ delivery }: Draft, assignment: AssignmentFacts, name: Step): number | null {
  switch (name) {
    case 'arriveAtPickup': return assignment.atPickupAt;
    case 'pickUp': return assignment.pickedUpAt;
    case 'arriveAtDropoff': return assignment.atDropoffAt;
    case 'deliver': return delivery.status === 'DELIVERED' ? delivery.closedAt : null;
    case 'returnGoods': return delivery.status === 'RETURNED' ? delivery.closedAt : null;
  }
}

function illegal(draft: Draft, act: string): Refusal {
  return refuse('ILLEGAL_TRANSITION', `cannot ${act}: the delivery is ${draft.delivery.status}`);
}

function fail(draft: Draft, { by, reason, goods }: Extract<DeliveryEvent, { kind: 'failDelivery' }>): Answer {
  if (!carrier(draft, by)) return refuse('NOT_FOUND', 'this driver does not carry the delivery');
  const { status, reasonCode, closedAt } = draft.delivery;
  if (status === 'FAILED' || (status === 'RETURNING' && goods === 'RETURN')) {
    if (reasonCode !== reason) return illegal(draft, 'fail');
    return { outcome: 'moved', deliveryId: draft.delivery.deliveryId, status, at: closedAt ?? draft.delivery.statusSince };
  }
  const to: DeliveryStatus = goods === 'RETURN' && draft.delivery.pickedUpAt !== null ? 'RETURNING' : 'FAILED';
  if (!canMove(status, to)) return illegal(draft, 'fail');
  const allowed: readonly ReasonCode[] = status === 'AT_PICKUP' ? PICKUP_FAILURES : DROPOFF_FAILURES;
  if (!allowed.includes(reason)) return refuse('REASON_NOT_ALLOWED', `${reason} is no reason to fail in ${status}`);
  if (to === 'RETURNING') draft.move(to, { reasonCode: reason, why: reason });
  else draft.close('FAILED', reason, `failed: ${reason}`);
  return { outcome: 'moved', deliveryId: draft.delivery.deliveryId, status: to, at: draft.now };
}

// ---- ending early, by hand, by loss -------------------------------------------------------------------------------------------

function cancel(draft: Draft, { reason }: Extract<DeliveryEvent, { kind: 'cancelDelivery' }>): Answer {
  const { delivery } = draft;
  if (delivery.status === 'CANCELLED') return { outcome: 'moved', deliveryId: delivery.deliveryId, status: 'CANCELLED', at: delivery.closedAt ?? draft.now };
  if (!canMove(delivery.status, 'CANCELLED')) return illegal(draft, 'cancel');
  draft.close('CANCELLED', reason, `cancelled: ${reason}`);
  return { outcome: 'moved', deliveryId: delivery.deliveryId, status: 'CANCELLED', at: draft.now };
}

/** By hand may be assigned: an AVAILABLE driver, or one ON_BREAK or PAUSED with override; live offers on both sides are withdrawn (spec 5). */
function assign(draft: Draft, event: Extract<DeliveryEvent, { kind: 'assignDriver' }>): Answer {
  const { delivery } = draft;
  const now = draft.activeAssignment();
  if (now?.driverId === event.driverId) return assignedAnswer(draft, now);
  if (!isBeforePickup(delivery.status)) return illegal(draft, 'assign');
  const refused = whyNotByHand(draft, event);
  if (refused) return refused;
  if (now) draft.endAssignment(now, 'CANCELLED', 'assigned to another by hand', 'DELIVERY_UNASSIGNED');
  for (const offer of draft.liveOffers()) draft.endOffer(offer, 'WITHDRAWN', 'ASSIGNED_BY_HAND');
  for (const offer of draft.liveOffersOf(event.driverId)) draft.endOffer(offer, 'WITHDRAWN', 'DRIVER_ASSIGNED_BY_HAND');
  draft.assign(event.driverId, { way: 'MANUAL', why: { byHand: event.by.id, why: event.why }, reason: event.why });
  const made = draft.activeAssignment();
  if (!made) throw new Error('an assignment by hand left no active assignment');
  return assignedAnswer(draft, made);
}

function assignedAnswer({ delivery }: Draft, { driverId, assignmentId, startedAt }: AssignmentFacts): Answer {
  return { outcome: 'assigned', deliveryId: delivery.deliveryId, driverId, assignmentId, at: startedAt };
}

function whyNotByHand(draft: Draft, { driverId, override }: Extract<DeliveryEvent, { kind: 'assignDriver' }>): Refusal | undefined {
  const driver = draft.driverOrNone(driverId);
  if (!driver) return refuse('NOT_FOUND', 'no such driver');
  if (driver.cityId !== draft.delivery.cityId) return refuse('DRIVER_IN_OTHER_CITY', `the driver works in ${driver.cityId}`);
  if (driver.availability === 'OFFLINE' || driver.availability === 'SHIFT_ENDED') return refuse('DRIVER_OFF_DUTY', `the driver is ${driver.availability}`);
  const resting = driver.availability === 'ON_BREAK' || driver.availability === 'PAUSED';
  const leaves = resting || driver.pending !== null;
  if (leaves && !override) return refuse('DRIVER_ON_BREAK', `the driver is ${driver.availability}, or about to rest; set override to end that`);
  if (driver.activeAssignments >= driver.capacity) return refuse('DRIVER_HAS_NO_ROOM', 'the driver carries as much as they can');
  return undefined;
}

/** Which live thing is meant is said by its id, so that late or doubled news cannot end a newer one. */
function driverLeft(draft: Draft, { driverId, offerId, assignmentId, why }: Extract<DeliveryEvent, { kind: 'releaseDriver' }>): Answer {
  const offer = offerId === null ? undefined : draft.offer(offerId);
  if (offer?.state === 'LIVE' && offer.driverId === driverId) {
    draft.endOffer(offer, 'WITHDRAWN', 'DRIVER_LEFT');
    draft.searchAgain(`driver left: ${why}`);
  }
  const assignment = draft.activeAssignment();
  if (assignment && assignment.assignmentId === assignmentId && !isClosed(draft.delivery.status) && isBeforePickup(draft.delivery.status)) {
    draft.endAssignment(assignment, 'LOST', why, 'DELIVERY_UNASSIGNED');
    draft.loseDriver(why);
  }
  return NOTED;
}
