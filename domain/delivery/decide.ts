import { takesWork } from '../driver/availability';
import {
  type Actor,
  canMove,
  type DeliveryStatus,
  DROPOFF_FAILURES,
  isBeforePickup,
  isClosed,
  PICKUP_FAILURES,
  type ReasonCode,
  type Step,
  STEPS,
} from './status';
import { Draft, type Occasion } from './changeSet';
import { endsDuty, isNoticedLoss, type LeaveReason, type NoticedLoss } from '../driver/loss';
import { type OfferFacts, type RejectReason } from './offer';
import { answersOffers, searchBackoffMs } from '../matching/ranking';
import { type CaseReason, isKnownToOps } from '../support/supportCase';
import {
  type Answer,
  type AssignmentFacts,
  type Chosen,
  type Decision,
  type Meeting,
  type Refusal,
  type RefusalCode,
  type Truth,
} from './deliveryState';

/** What can happen to a delivery. Keys are business facts, so that a repeat finds what the first time did. */
export type DeliveryEvent =
  | { kind: 'lookForDriver'; search: SearchOutcome; freed: FreedDriver | null }
  | { kind: 'lapseOffer'; offerId: string }
  | { kind: 'giveUpSearch' }
  /**
   * A level is due, or page and broadcast are, while nobody is looked for: a driver is being asked, or the
   * search waits for ops.
   */
  | { kind: 'escalate' }
  | { kind: 'acceptOffer'; offerId: string; driverId: string }
  | { kind: 'rejectOffer'; offerId: string; driverId: string; reason: RejectReason }
  | { kind: 'takeStep'; step: Step; by: Actor; deviceAt: number | null }
  | { kind: 'failDelivery'; by: Actor; reason: ReasonCode; goods: 'RETURN' | 'LOST' }
  | { kind: 'cancelDelivery'; by: Actor; reason: ReasonCode }
  | { kind: 'assignDriver'; driverId: string; by: Actor; override: boolean; why: string }
  | { kind: 'handOver'; driverId: string; by: Actor; override: boolean; meeting: Meeting | null; why: string }
  | { kind: 'leaveDelivery'; driverId: string; assignmentId: string; reason: LeaveReason }
  | {
      kind: 'rescueDelivery';
      driverId: string;
      offerId: string | null;
      assignmentId: string | null;
      by: Actor;
      why: string;
    }
  | { kind: 'raisePay'; bonusCents: number; by: Actor; why: string }
  | { kind: 'resumeSearch'; by: Actor; why: string }
  | {
      kind: 'releaseDriver';
      driverId: string;
      offerId: string | null;
      assignmentId: string | null;
      why: string;
    }
  /** Look at the row again: something else changed it. */
  | { kind: 'readDelivery' };

/**
 * A hand-over as it is asked for: its meeting point is kept by the record, so that no place stands in a
 * history.
 */
export type AskedHandOver = Omit<Extract<DeliveryEvent, { kind: 'handOver' }>, 'meeting'> & {
  meetingId: string | null;
};

/** What a look around found: the best drivers who could be locked, or why there are none. */
export type SearchOutcome = {
  /** Best first; more than one only where a wave of a broadcast is to go out. */
  chosen: readonly Chosen[];
  /**
   * Whether the look was for a wave of a broadcast, and whether the one that runs has asked all whom it may.
   */
  isBroadcast: boolean;
  isBroadcastOver: boolean;
  /** Why nobody was chosen, where that says nothing about who is there. */
  inconclusive: Inconclusive | null;
  /** Whether drivers are asked at all; if not, the nearest one is assigned (v1). */
  offersOn: boolean;
  ttlMs: number;
  /** When the first exclusion ends by itself. */
  exclusionEndsAt: number | null;
};

/**
 * CONTENDED: others were taking all candidates at this very moment. MAP_AWAY: the live map gave no answer.
 * NOT_MADE: nobody was to be looked for when the look was made.
 */
export type Inconclusive = 'CONTENDED' | 'MAP_AWAY' | 'NOT_MADE';

/** The driver who came free and woke this search, and which deliveries passed them on before. */
export type FreedDriver = { driverId: string; passed: readonly string[] };

/** After a search that lost every candidate to others at that moment. */
const CONTENDED_RETRY_MS = 1_000;

/**
 * The one place that says what an event does to a delivery. Pure: the caller gives the truth (read under
 * lock), the time and a new id, and writes what comes back. A repeated event returns the answer of the first
 * time and changes nothing.
 */
export function decide(truth: Truth, event: DeliveryEvent, occasion: Occasion): Decision {
  const draft = new Draft(truth, occasion);
  settle(draft);
  return draft.decision(apply(draft, event));
}

function apply(draft: Draft, event: DeliveryEvent): Answer {
  switch (event.kind) {
    case 'lookForDriver':
      return search(draft, event);
    case 'lapseOffer':
      return lapse(draft, event.offerId);
    case 'giveUpSearch':
      return giveUp(draft);
    case 'escalate':
      return escalate(draft);
    case 'acceptOffer':
      return accept(draft, event);
    case 'rejectOffer':
      return reject(draft, event);
    case 'takeStep':
      return step(draft, event);
    case 'failDelivery':
      return fail(draft, event);
    case 'cancelDelivery':
      return cancel(draft, event);
    case 'assignDriver':
      return assign(draft, event);
    case 'handOver':
      return handOver(draft, event);
    case 'leaveDelivery':
      return leave(draft, event);
    case 'rescueDelivery':
      return rescue(draft, event);
    case 'raisePay':
      return raisePay(draft, event);
    case 'resumeSearch':
      return resumeSearch(draft, event);
    case 'releaseDriver':
      return driverLeft(draft, event);
    case 'readDelivery':
      return { outcome: 'noted' };
    default:
      return unknownEvent(event);
  }
}

function unknownEvent(event: never): never {
  throw new Error(`unknown event ${JSON.stringify(event)}`);
}

const NOTED = { outcome: 'noted' } as const;
const refuse = (refused: RefusalCode, detail: string): Refusal => ({ refused, detail });

/**
 * Before every event: an offer that another delivery's change withdrew leaves its own delivery OFFERED to
 * nobody, which is a search.
 */
function settle(draft: Draft): void {
  if (draft.delivery.status === 'OFFERED' && draft.liveOffers().length === 0)
    draft.searchAgain('offer withdrawn');
  if (draft.activeAssignment() && !isClosed(draft.delivery.status)) draft.clearSearch();
}

// ---- finding a driver ----

/** What was chosen is held to the truth as it is now: who changed since the look is left out. */
function search(
  draft: Draft,
  { search: { chosen, ...outcome }, freed }: Extract<DeliveryEvent, { kind: 'lookForDriver' }>,
): Answer {
  if (freed && !chosen.some(({ driverId }) => driverId === freed.driverId)) draft.passOn(freed);
  if (draft.delivery.status === 'PENDING' && draft.delivery.searchAt <= draft.now) draft.beginSearch();
  if (draft.delivery.status !== 'SEARCHING') return NOTED;
  draft.escalateIfDue();
  if (draft.delivery.heldReason !== null) return NOTED;
  if (outcome.isBroadcastOver) draft.endBroadcast();
  const free = chosen.filter(({ driverId }) => takesWork(draft.driver(driverId)));
  const best = free[0];
  if (!best) return nobodyFound(draft, { ...outcome, isWoken: freed !== null });
  if (!outcome.offersOn || !answersOffers(draft.driver(best.driverId).offerVersion)) {
    draft.assign(best.driverId, { way: 'V1', why: best.why, reason: 'nearest driver, without asking' });
  } else if (outcome.isBroadcast && draft.delivery.broadcastSince !== null) {
    draft.makeOffers(
      free.filter(({ driverId }) => answersOffers(draft.driver(driverId).offerVersion)),
      'BROADCAST',
      outcome.ttlMs,
    );
  } else {
    draft.makeOffers([best], 'SINGLE', outcome.ttlMs);
  }
  return NOTED;
}

type Vain = Pick<SearchOutcome, 'inconclusive' | 'exclusionEndsAt'> & { isWoken: boolean };

/** Nobody now: look again after the backoff, or when an exclusion ends before that. */
function nobodyFound(draft: Draft, { inconclusive, exclusionEndsAt, isWoken }: Vain): Answer {
  const {
    now,
    limits,
    delivery: { searchRound, searchAgainAt: plannedAt },
  } = draft;
  if (inconclusive !== null) return lookAgainSoon(draft, inconclusive);
  // A wake in vain is no round of the delivery's own: many of them must not put its next search off.
  if (isWoken && plannedAt !== null && plannedAt > now) return NOTED;
  const backoffAt = now + searchBackoffMs(searchRound + 1, limits.search);
  const searchAgainAt =
    exclusionEndsAt !== null && exclusionEndsAt > now ? Math.min(backoffAt, exclusionEndsAt) : backoffAt;
  draft.setDelivery({ searchRound: searchRound + 1, searchAgainAt });
  return NOTED;
}

/** No round is counted: the radius grows only where all in it were looked at. */
function lookAgainSoon(draft: Draft, inconclusive: Inconclusive): Answer {
  switch (inconclusive) {
    case 'CONTENDED':
      draft.setDelivery({ searchAgainAt: draft.now + CONTENDED_RETRY_MS });
      break;
    case 'MAP_AWAY':
      draft.setDelivery({ searchAgainAt: draft.now + draft.limits.search.backoffMs });
      break;
    case 'NOT_MADE':
      break; // it is searched for since this very event, which has set the time
  }
  return NOTED;
}

function giveUp(draft: Draft): Answer {
  if (draft.delivery.status !== 'SEARCHING') return NOTED;
  draft.close('CANCELLED', 'NO_DRIVER', 'nobody was found in time');
  return NOTED;
}

// ---- the driver's answer ----

function accept(
  draft: Draft,
  { offerId, driverId }: Extract<DeliveryEvent, { kind: 'acceptOffer' }>,
): Answer {
  const offer = draft.offer(offerId);
  if (!offer || offer.driverId !== driverId) return refuse('NOT_FOUND', 'no such offer to this driver');
  switch (offer.state) {
    case 'LIVE':
      return takeOffer(draft, offer);
    case 'ACCEPTED':
      return acceptedAnswer(draft, offer);
    case 'REJECTED':
      return refuse('ALREADY_ANSWERED', 'the offer was rejected before');
    default:
      return overAnswer(offer);
  }
}

/**
 * The order of events decides, not clocks: a live offer can be accepted however late the accept is (spec 2).
 */
function takeOffer(draft: Draft, offer: OfferFacts): Answer {
  const { availability, pending } = draft.driver(offer.driverId);
  const isOnDuty = availability === 'AVAILABLE' || availability === 'BUSY';
  if (!isOnDuty || pending !== null) {
    draft.endOffer(offer, 'WITHDRAWN', 'DRIVER_LEFT');
    draft.searchAgain('driver left before accepting');
    return refuse('OFFER_WITHDRAWN', 'the driver is no longer available');
  }
  draft.endOffer(offer, 'ACCEPTED', 'ACCEPTED');
  draft.clearLapses(offer.driverId);
  for (const other of draft.liveOffers()) draft.endOffer(other, 'WITHDRAWN', 'TAKEN_BY_ANOTHER');
  draft.assign(offer.driverId, { way: 'OFFER', offerId: offer.offerId, why: null, reason: 'offer accepted' });
  return acceptedAnswer(draft, offer);
}

function acceptedAnswer(draft: Draft, { offerId, deliveryId }: OfferFacts): Answer {
  const assignment = draft.assignments().find((each) => each.offerId === offerId);
  if (!assignment) throw new Error(`offer ${offerId} was accepted but has no assignment`);
  return {
    outcome: 'accepted',
    deliveryId,
    offerId,
    assignmentId: assignment.assignmentId,
    at: assignment.startedAt,
  };
}

function overAnswer(offer: OfferFacts): Answer {
  return offer.state === 'EXPIRED'
    ? refuse('OFFER_EXPIRED', 'the offer expired')
    : refuse('OFFER_WITHDRAWN', 'the offer was withdrawn');
}

function reject(
  draft: Draft,
  { offerId, driverId, reason }: Extract<DeliveryEvent, { kind: 'rejectOffer' }>,
): Answer {
  const offer = draft.offer(offerId);
  if (!offer || offer.driverId !== driverId) return refuse('NOT_FOUND', 'no such offer to this driver');
  switch (offer.state) {
    case 'LIVE': {
      draft.endOffer(offer, 'REJECTED', reason);
      draft.clearLapses(offer.driverId);
      draft.searchAgain('offer rejected');
      return { outcome: 'rejected', deliveryId: offer.deliveryId, offerId, at: draft.now };
    }
    case 'REJECTED':
      return { outcome: 'rejected', deliveryId: offer.deliveryId, offerId, at: offer.endedAt ?? draft.now };
    case 'ACCEPTED':
      return refuse('ALREADY_ANSWERED', 'the offer was accepted before');
    default:
      return overAnswer(offer);
  }
}

/** The deadline of an offer. An offer never ends before its expiry unless answered or withdrawn. */
function lapse(draft: Draft, offerId: string): Answer {
  const offer = draft.offer(offerId);
  if (!offer || offer.state !== 'LIVE' || draft.now < offer.expiresAt) return NOTED;
  for (const due of draft.liveOffers().filter(({ expiresAt }) => expiresAt <= draft.now))
    draft.lapseOffer(due); // a broadcast's wave lapses as one
  draft.searchAgain('offer expired');
  return NOTED;
}

/** While somebody is looked for, the search itself does it. */
function escalate(draft: Draft): Answer {
  draft.escalateIfDue();
  return NOTED;
}

// ---- carrying ----

function step(
  draft: Draft,
  { step: name, by, deviceAt }: Extract<DeliveryEvent, { kind: 'takeStep' }>,
): Answer {
  const own = spokenFor(draft, by);
  const { from, to } = STEPS[name];
  const moved = (at: number): Answer => ({
    outcome: 'moved',
    deliveryId: draft.delivery.deliveryId,
    status: to,
    at,
  });
  const doneAt = own ? stepDoneAt(draft, own, name) : null;
  if (doneAt !== null) return moved(doneAt);
  if (!own || !carries(draft, own, by)) return NOT_THE_CARRIER;
  if (name === 'pickUp' && own.way === 'HANDOVER' && draft.delivery.status === 'PICKED_UP') {
    draft.takeGoodsOver(own, deviceAt);
    return moved(draft.now);
  }
  if (draft.delivery.status !== from) return illegal(draft, name);
  draft.takeStep(own, name, deviceAt);
  return moved(draft.now);
}

const NOT_THE_CARRIER: Refusal = refuse('NOT_FOUND', 'this driver does not carry the delivery');

/**
 * The assignment for which this actor speaks: a driver's own, also once the delivery went to another, since
 * an app that has not heard its answer asks again and is to be told the same (design: the row decides); for
 * ops that of whoever carries it.
 */
function spokenFor(draft: Draft, by: Actor): AssignmentFacts | undefined {
  return by.kind === 'driver' ? draft.newestAssignment(by.id) : draft.newestAssignment();
}

function isNewest(draft: Draft, { assignmentId }: AssignmentFacts): boolean {
  return draft.newestAssignment()?.assignmentId === assignmentId;
}

/**
 * A driver whom the delivery lost carries nothing, though nobody came after them; how it stands with it is
 * theirs no more.
 */
function carries(draft: Draft, own: AssignmentFacts, by: Actor): boolean {
  return isNewest(draft, own) && (by.kind !== 'driver' || draft.delivery.driverId === by.id);
}

function stepDoneAt(draft: Draft, own: AssignmentFacts, name: Step): number | null {
  switch (name) {
    case 'arriveAtPickup':
      return own.atPickupAt;
    case 'pickUp':
      return own.pickedUpAt;
    case 'arriveAtDropoff':
      return own.atDropoffAt;
    case 'deliver':
      return closedAsBy(draft, 'DELIVERED', own);
    case 'returnGoods':
      return closedAsBy(draft, 'RETURNED', own);
  }
}

function closedAsBy(draft: Draft, status: DeliveryStatus, own: AssignmentFacts): number | null {
  return draft.delivery.status === status && isNewest(draft, own) ? draft.delivery.closedAt : null;
}

function illegal(draft: Draft, act: string): Refusal {
  return refuse('ILLEGAL_TRANSITION', `cannot ${act}: the delivery is ${draft.delivery.status}`);
}

function fail(draft: Draft, event: Extract<DeliveryEvent, { kind: 'failDelivery' }>): Answer {
  const { by, reason, goods } = event;
  const own = spokenFor(draft, by);
  const before = own && failedBefore(draft, own, event);
  if (before) return before;
  if (!own || !carries(draft, own, by)) return NOT_THE_CARRIER;
  const { status } = draft.delivery;
  const to: DeliveryStatus =
    goods === 'RETURN' && draft.delivery.pickedUpAt !== null ? 'RETURNING' : 'FAILED';
  if (!canMove(status, to)) return illegal(draft, 'fail');
  const allowed: readonly ReasonCode[] = status === 'AT_PICKUP' ? PICKUP_FAILURES : DROPOFF_FAILURES;
  if (!allowed.includes(reason))
    return refuse('REASON_NOT_ALLOWED', `${reason} is no reason to fail in ${status}`);
  if (to === 'RETURNING') {
    draft.move(to, { reasonCode: reason, why: reason });
    draft.answerCarrierCase();
  } else {
    draft.close('FAILED', reason, `failed: ${reason}`);
  }
  return { outcome: 'moved', deliveryId: draft.delivery.deliveryId, status: to, at: draft.now };
}

/**
 * The answer of the first time, where it failed for this reason in these hands. Once the goods are back at
 * the shop, only who gives the key of the first time is told it (api/answers.ts).
 */
function failedBefore(
  draft: Draft,
  own: AssignmentFacts,
  { by, reason, goods }: Extract<DeliveryEvent, { kind: 'failDelivery' }>,
): Answer | undefined {
  const { deliveryId, status, statusSince, reasonCode } = draft.delivery;
  if (reasonCode !== reason) return undefined;
  const failed = status === 'FAILED' && carries(draft, own, by);
  const returning =
    status === 'RETURNING' && goods === 'RETURN' && (own.endedAt === null || own.endedAt >= statusSince);
  return failed || returning ? { outcome: 'moved', deliveryId, status, at: statusSince } : undefined;
}

// ---- ending early, by hand, by loss ----

function cancel(draft: Draft, { reason }: Extract<DeliveryEvent, { kind: 'cancelDelivery' }>): Answer {
  const { delivery } = draft;
  if (delivery.status === 'CANCELLED')
    return {
      outcome: 'moved',
      deliveryId: delivery.deliveryId,
      status: 'CANCELLED',
      at: delivery.closedAt ?? draft.now,
    };
  if (!canMove(delivery.status, 'CANCELLED')) return illegal(draft, 'cancel');
  draft.close('CANCELLED', reason, `cancelled: ${reason}`);
  return { outcome: 'moved', deliveryId: delivery.deliveryId, status: 'CANCELLED', at: draft.now };
}

/**
 * By hand may be assigned: an AVAILABLE driver, or one ON_BREAK or PAUSED with override; live offers on both
 * sides are withdrawn (spec 5).
 */
function assign(draft: Draft, event: Extract<DeliveryEvent, { kind: 'assignDriver' }>): Answer {
  const { delivery } = draft;
  const now = draft.activeAssignment();
  if (now?.driverId === event.driverId) {
    draft.pin(now, event.why);
    return assignedAnswer(draft, now);
  }
  if (!isBeforePickup(delivery.status)) return illegal(draft, 'assign');
  const refused = whyNotByHand(draft, event);
  if (refused) return refused;
  if (now) draft.endAssignment(now, 'CANCELLED', 'assigned to another by hand', 'DELIVERY_UNASSIGNED');
  for (const offer of draft.liveOffers()) draft.endOffer(offer, 'WITHDRAWN', 'ASSIGNED_BY_HAND');
  for (const offer of draft.liveOffersOf(event.driverId))
    draft.endOffer(offer, 'WITHDRAWN', 'DRIVER_ASSIGNED_BY_HAND');
  draft.assign(event.driverId, {
    way: 'MANUAL',
    why: { byHand: event.by.id, why: event.why },
    reason: event.why,
  });
  const made = draft.activeAssignment();
  if (!made) throw new Error('an assignment by hand left no active assignment');
  return assignedAnswer(draft, made);
}

function assignedAnswer({ delivery }: Draft, { driverId, assignmentId, startedAt }: AssignmentFacts): Answer {
  return { outcome: 'assigned', deliveryId: delivery.deliveryId, driverId, assignmentId, at: startedAt };
}

function whyNotByHand(
  draft: Draft,
  { driverId, override }: Extract<DeliveryEvent, { kind: 'assignDriver' | 'handOver' }>,
): Refusal | undefined {
  const driver = draft.driverOrNone(driverId);
  if (!driver) return refuse('NOT_FOUND', 'no such driver');
  if (driver.cityId !== draft.delivery.cityId)
    return refuse('DRIVER_IN_OTHER_CITY', `the driver works in ${driver.cityId}`);
  if (driver.availability === 'OFFLINE' || driver.availability === 'SHIFT_ENDED')
    return refuse('DRIVER_OFF_DUTY', `the driver is ${driver.availability}`);
  const isGoing = driver.pending?.kind === 'OFFLINE' || driver.pending?.kind === 'SHIFT_END';
  if (isGoing) return refuse('DRIVER_OFF_DUTY', 'the driver goes off duty when the present work ends');
  const resting = driver.availability === 'ON_BREAK' || driver.availability === 'PAUSED';
  const leaves = resting || driver.pending !== null;
  if (leaves && !override)
    return refuse(
      'DRIVER_ON_BREAK',
      `the driver is ${driver.availability}, or about to rest; set override to end that`,
    );
  if (driver.activeAssignments >= driver.capacity)
    return refuse('DRIVER_HAS_NO_ROOM', 'the driver carries as much as they can');
  return undefined;
}

/** Which live thing is meant is said by its id, so that late or doubled news cannot end a newer one. */
function driverLeft(
  draft: Draft,
  { driverId, offerId, assignmentId, why }: Extract<DeliveryEvent, { kind: 'releaseDriver' }>,
): Answer {
  withdrawOffer(draft, { driverId, offerId }, `driver left: ${why}`);
  const assignment = draft.activeAssignment();
  if (!assignment || assignment.assignmentId !== assignmentId || isClosed(draft.delivery.status))
    return NOTED;
  if (isNoticedLoss(why)) noticeLoss(draft, assignment, why);
  else if (isBeforePickup(draft.delivery.status)) lose(draft, assignment, why);
  // gone with the goods in hand, or before taking them over from another
  else askOps(draft, assignment, 'CARRIER_GAVE_UP');
  return NOTED;
}

function withdrawOffer(
  draft: Draft,
  { driverId, offerId }: { driverId: string; offerId: string | null },
  why: string,
): boolean {
  const offer = offerId === null ? undefined : draft.offer(offerId);
  if (offer?.state !== 'LIVE' || offer.driverId !== driverId) return false;
  draft.endOffer(offer, 'WITHDRAWN', 'DRIVER_LEFT');
  draft.searchAgain(why);
  return true;
}

/**
 * Before pickup: the search goes on, but not where a person chose the driver, nor where automatic
 * reassignment is off; then ops are asked (spec 5).
 */
function lose(draft: Draft, assignment: AssignmentFacts, why: string): void {
  draft.endAssignment(assignment, 'LOST', why, 'DELIVERY_UNASSIGNED');
  if (assignment.pinned) draft.loseDriverToOps('PINNED_DRIVER_LOST', why, assignment.driverId);
  else if (!draft.reassigns) draft.loseDriverToOps('REASSIGNMENT_OFF', why, assignment.driverId);
  else draft.loseDriver(why);
}

/**
 * We noticed it; nobody said so. Who has the goods keeps them, and who was assigned by hand keeps the
 * delivery: ops are asked.
 */
function noticeLoss(draft: Draft, assignment: AssignmentFacts, why: NoticedLoss): void {
  // by now they may look at something worse
  if (isKnownToOps(draft.supportCase, assignment.driverId, why)) return;
  if (why === 'NO_PROGRESS' && draft.delivery.status !== 'ASSIGNED') return; // by now they have arrived
  const isBefore = isBeforePickup(draft.delivery.status);
  if (isBefore && !assignment.pinned) return lose(draft, assignment, why);
  const reason = noticedReason(why, isBefore);
  if (reason !== null) draft.openCase(reason, assignment.driverId);
}

function noticedReason(why: NoticedLoss, isBefore: boolean): CaseReason | null {
  switch (why) {
    case 'FELL_SILENT':
      return isBefore ? 'PINNED_DRIVER_SILENT' : 'CARRIER_SILENT';
    case 'NO_PROGRESS':
      return isBefore ? 'PINNED_DRIVER_STANDS_STILL' : null;
  }
}

/** A driver gives the delivery up. */
function leave(
  draft: Draft,
  { driverId, assignmentId, reason }: Extract<DeliveryEvent, { kind: 'leaveDelivery' }>,
): Answer {
  const assignment = draft
    .assignments()
    .find((each) => each.assignmentId === assignmentId && each.driverId === driverId);
  if (!assignment) return refuse('NOT_FOUND', 'this driver does not carry the delivery');
  if (assignment.state !== 'ACTIVE') return leftBefore(draft, assignment);
  if (endsDuty(reason)) draft.endDuty(driverId);
  if (!isBeforePickup(draft.delivery.status))
    return toOps(
      draft,
      assignment,
      reason === 'VEHICLE_BREAKDOWN' ? 'CARRIER_BROKE_DOWN' : 'CARRIER_GAVE_UP',
    );
  lose(draft, assignment, reason);
  return { outcome: 'released', deliveryId: draft.delivery.deliveryId, at: draft.now };
}

/**
 * Ops free a driver of this job; even what was assigned by hand is searched for anew, since a person says so
 * (spec 5).
 */
function rescue(
  draft: Draft,
  { driverId, offerId, assignmentId, why }: Extract<DeliveryEvent, { kind: 'rescueDelivery' }>,
): Answer {
  const { deliveryId, status } = draft.delivery;
  if (withdrawOffer(draft, { driverId, offerId }, `rescued: ${why}`))
    return { outcome: 'released', deliveryId, at: draft.now };
  // An offer that was accepted meanwhile is a job now.
  const assignment = draft
    .assignments()
    .find(
      (each) =>
        each.driverId === driverId &&
        (each.assignmentId === assignmentId || (offerId !== null && each.offerId === offerId)),
    );
  if (!assignment) return withdrawnBefore(draft, { driverId, offerId });
  if (assignment.state !== 'ACTIVE') return leftBefore(draft, assignment);
  if (!isBeforePickup(status)) return toOps(draft, assignment, 'CARRIER_GAVE_UP');
  // what ops write is for the trail, not for the driver
  draft.endAssignment(assignment, 'LOST', 'RESCUED', 'DELIVERY_UNASSIGNED');
  draft.loseDriver(`rescued: ${why}`);
  return { outcome: 'released', deliveryId, at: draft.now };
}

/** What a driver said first stays: other words for the same are no news. */
function askOps(
  draft: Draft,
  { driverId }: AssignmentFacts,
  reason: 'CARRIER_BROKE_DOWN' | 'CARRIER_GAVE_UP',
): void {
  const open = draft.supportCase;
  const isSaid =
    open?.driverId === driverId &&
    (open.reason === 'CARRIER_BROKE_DOWN' || open.reason === 'CARRIER_GAVE_UP') &&
    open.state !== 'RESOLVED';
  if (!isSaid) draft.openCase(reason, driverId);
}

function toOps(
  draft: Draft,
  assignment: AssignmentFacts,
  reason: 'CARRIER_BROKE_DOWN' | 'CARRIER_GAVE_UP',
): Answer {
  askOps(draft, assignment, reason);
  return { outcome: 'escalated', deliveryId: draft.delivery.deliveryId };
}

/** A repeat, or too late: the answer is that of what ended it. */
function leftBefore(draft: Draft, { state, endedAt }: AssignmentFacts): Answer {
  const { deliveryId } = draft.delivery;
  switch (state) {
    case 'LOST':
      return { outcome: 'released', deliveryId, at: endedAt ?? draft.now };
    case 'HANDED_OVER':
      return { outcome: 'escalated', deliveryId };
    case 'ACTIVE':
    case 'COMPLETED':
    case 'CANCELLED':
    case 'FAILED':
      return illegal(draft, 'give it up');
  }
}

function withdrawnBefore(
  draft: Draft,
  { driverId, offerId }: { driverId: string; offerId: string | null },
): Answer {
  const offer = offerId === null ? undefined : draft.offer(offerId);
  if (!offer || offer.driverId !== driverId)
    return refuse('NOT_FOUND', 'this driver has neither offer nor job here');
  return { outcome: 'released', deliveryId: draft.delivery.deliveryId, at: offer.endedAt ?? draft.now };
}

// ---- what ops do ----

/**
 * After pickup another driver takes the goods over, at a meeting point; by hand, so the same drivers may be
 * named as for an assignment.
 */
function handOver(draft: Draft, event: Extract<DeliveryEvent, { kind: 'handOver' }>): Answer {
  const { status } = draft.delivery;
  const from = draft.activeAssignment();
  if (from?.driverId === event.driverId && from.way === 'HANDOVER') return assignedAnswer(draft, from);
  if (isClosed(status)) return illegal(draft, 'hand over');
  if (!from || isBeforePickup(status))
    return refuse('NOT_PICKED_UP', 'nobody has the goods yet: assign the other driver in place of this one');
  if (from.driverId === event.driverId)
    return refuse('DRIVER_HAS_NO_ROOM', 'this driver has the goods already');
  const refused = whyNotByHand(draft, event);
  if (refused) return refused;
  for (const offer of draft.liveOffersOf(event.driverId))
    draft.endOffer(offer, 'WITHDRAWN', 'DRIVER_ASSIGNED_BY_HAND');
  draft.handOver(from, event.driverId, {
    meeting: event.meeting,
    why: { byHand: event.by.id, why: event.why },
  });
  const made = draft.activeAssignment();
  if (!made) throw new Error('a hand-over left no active assignment');
  return assignedAnswer(draft, made);
}

/** By its new height, not by how much, so that a repeat raises nothing. */
function raisePay(draft: Draft, { bonusCents, why }: Extract<DeliveryEvent, { kind: 'raisePay' }>): Answer {
  const { deliveryId, status, payCents, bonusCents: now } = draft.delivery;
  if (!isBeforePickup(status)) return illegal(draft, 'raise the pay');
  if (bonusCents < now) return refuse('PAY_NOT_RAISED', `the bonus is ${now} cents already`);
  if (bonusCents > now) draft.raisePay(bonusCents, why);
  return { outcome: 'payRaised', deliveryId, payCents: payCents + bonusCents };
}

function resumeSearch(draft: Draft, { why }: Extract<DeliveryEvent, { kind: 'resumeSearch' }>): Answer {
  const { deliveryId, status, heldReason } = draft.delivery;
  if (status !== 'SEARCHING') return illegal(draft, 'look for a driver');
  if (heldReason !== null) draft.resumeSearch(why);
  return { outcome: 'searching', deliveryId };
}
