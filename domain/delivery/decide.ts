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
import { ChangeSet, type DecisionContext } from './changeSet';
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
  type DeliveryState,
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
export function decide(state: DeliveryState, event: DeliveryEvent, context: DecisionContext): Decision {
  const changes = new ChangeSet(state, context);
  settle(changes);
  return changes.decision(apply(changes, event));
}

function apply(changes: ChangeSet, event: DeliveryEvent): Answer {
  switch (event.kind) {
    case 'lookForDriver':
      return search(changes, event);
    case 'lapseOffer':
      return lapse(changes, event.offerId);
    case 'giveUpSearch':
      return giveUp(changes);
    case 'escalate':
      return escalate(changes);
    case 'acceptOffer':
      return accept(changes, event);
    case 'rejectOffer':
      return reject(changes, event);
    case 'takeStep':
      return step(changes, event);
    case 'failDelivery':
      return fail(changes, event);
    case 'cancelDelivery':
      return cancel(changes, event);
    case 'assignDriver':
      return assign(changes, event);
    case 'handOver':
      return handOver(changes, event);
    case 'leaveDelivery':
      return leave(changes, event);
    case 'rescueDelivery':
      return rescue(changes, event);
    case 'raisePay':
      return raisePay(changes, event);
    case 'resumeSearch':
      return resumeSearch(changes, event);
    case 'releaseDriver':
      return driverLeft(changes, event);
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
function settle(changes: ChangeSet): void {
  if (changes.delivery.status === 'OFFERED' && changes.liveOffers().length === 0)
    changes.searchAgain('offer withdrawn');
  if (changes.activeAssignment() && !isClosed(changes.delivery.status)) changes.clearSearch();
}

// ---- finding a driver ----

/** What was chosen is held to the truth as it is now: who changed since the look is left out. */
function search(
  changes: ChangeSet,
  { search: { chosen, ...outcome }, freed }: Extract<DeliveryEvent, { kind: 'lookForDriver' }>,
): Answer {
  if (freed && !chosen.some(({ driverId }) => driverId === freed.driverId)) changes.passOn(freed);
  if (changes.delivery.status === 'PENDING' && changes.delivery.searchAt <= changes.now)
    changes.beginSearch();
  if (changes.delivery.status !== 'SEARCHING') return NOTED;
  changes.escalateIfDue();
  if (changes.delivery.heldReason !== null) return NOTED;
  if (outcome.isBroadcastOver) changes.endBroadcast();
  const free = chosen.filter(({ driverId }) => takesWork(changes.driver(driverId)));
  const best = free[0];
  if (!best) return nobodyFound(changes, { ...outcome, isWoken: freed !== null });
  if (!outcome.offersOn || !answersOffers(changes.driver(best.driverId).offerVersion)) {
    changes.assign(best.driverId, { way: 'V1', why: best.why, reason: 'nearest driver, without asking' });
  } else if (outcome.isBroadcast && changes.delivery.broadcastSince !== null) {
    changes.makeOffers(
      free.filter(({ driverId }) => answersOffers(changes.driver(driverId).offerVersion)),
      'BROADCAST',
      outcome.ttlMs,
    );
  } else {
    changes.makeOffers([best], 'SINGLE', outcome.ttlMs);
  }
  return NOTED;
}

type Vain = Pick<SearchOutcome, 'inconclusive' | 'exclusionEndsAt'> & { isWoken: boolean };

/** Nobody now: look again after the backoff, or when an exclusion ends before that. */
function nobodyFound(changes: ChangeSet, { inconclusive, exclusionEndsAt, isWoken }: Vain): Answer {
  const {
    now,
    limits,
    delivery: { searchRound, searchAgainAt: plannedAt },
  } = changes;
  if (inconclusive !== null) return lookAgainSoon(changes, inconclusive);
  // A wake in vain is no round of the delivery's own: many of them must not put its next search off.
  if (isWoken && plannedAt !== null && plannedAt > now) return NOTED;
  const backoffAt = now + searchBackoffMs(searchRound + 1, limits.search);
  const searchAgainAt =
    exclusionEndsAt !== null && exclusionEndsAt > now ? Math.min(backoffAt, exclusionEndsAt) : backoffAt;
  changes.setDelivery({ searchRound: searchRound + 1, searchAgainAt });
  return NOTED;
}

/** No round is counted: the radius grows only where all in it were looked at. */
function lookAgainSoon(changes: ChangeSet, inconclusive: Inconclusive): Answer {
  switch (inconclusive) {
    case 'CONTENDED':
      changes.setDelivery({ searchAgainAt: changes.now + CONTENDED_RETRY_MS });
      break;
    case 'MAP_AWAY':
      changes.setDelivery({ searchAgainAt: changes.now + changes.limits.search.backoffMs });
      break;
    case 'NOT_MADE':
      break; // it is searched for since this very event, which has set the time
  }
  return NOTED;
}

function giveUp(changes: ChangeSet): Answer {
  if (changes.delivery.status !== 'SEARCHING') return NOTED;
  changes.close('CANCELLED', 'NO_DRIVER', 'nobody was found in time');
  return NOTED;
}

// ---- the driver's answer ----

function accept(
  changes: ChangeSet,
  { offerId, driverId }: Extract<DeliveryEvent, { kind: 'acceptOffer' }>,
): Answer {
  const offer = changes.offer(offerId);
  if (!offer || offer.driverId !== driverId) return refuse('NOT_FOUND', 'no such offer to this driver');
  switch (offer.state) {
    case 'LIVE':
      return takeOffer(changes, offer);
    case 'ACCEPTED':
      return acceptedAnswer(changes, offer);
    case 'REJECTED':
      return refuse('ALREADY_ANSWERED', 'the offer was rejected before');
    default:
      return overAnswer(offer);
  }
}

/**
 * The order of events decides, not clocks: a live offer can be accepted however late the accept is (spec 2).
 */
function takeOffer(changes: ChangeSet, offer: OfferFacts): Answer {
  const { availability, pending } = changes.driver(offer.driverId);
  const isOnDuty = availability === 'AVAILABLE' || availability === 'BUSY';
  if (!isOnDuty || pending !== null) {
    changes.endOffer(offer, 'WITHDRAWN', 'DRIVER_LEFT');
    changes.searchAgain('driver left before accepting');
    return refuse('OFFER_WITHDRAWN', 'the driver is no longer available');
  }
  changes.endOffer(offer, 'ACCEPTED', 'ACCEPTED');
  changes.clearLapses(offer.driverId);
  for (const other of changes.liveOffers()) changes.endOffer(other, 'WITHDRAWN', 'TAKEN_BY_ANOTHER');
  changes.assign(offer.driverId, {
    way: 'OFFER',
    offerId: offer.offerId,
    why: null,
    reason: 'offer accepted',
  });
  return acceptedAnswer(changes, offer);
}

function acceptedAnswer(changes: ChangeSet, { offerId, deliveryId }: OfferFacts): Answer {
  const assignment = changes.assignments().find((each) => each.offerId === offerId);
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
  changes: ChangeSet,
  { offerId, driverId, reason }: Extract<DeliveryEvent, { kind: 'rejectOffer' }>,
): Answer {
  const offer = changes.offer(offerId);
  if (!offer || offer.driverId !== driverId) return refuse('NOT_FOUND', 'no such offer to this driver');
  switch (offer.state) {
    case 'LIVE': {
      changes.endOffer(offer, 'REJECTED', reason);
      changes.clearLapses(offer.driverId);
      changes.searchAgain('offer rejected');
      return { outcome: 'rejected', deliveryId: offer.deliveryId, offerId, at: changes.now };
    }
    case 'REJECTED':
      return { outcome: 'rejected', deliveryId: offer.deliveryId, offerId, at: offer.endedAt ?? changes.now };
    case 'ACCEPTED':
      return refuse('ALREADY_ANSWERED', 'the offer was accepted before');
    default:
      return overAnswer(offer);
  }
}

/** The deadline of an offer. An offer never ends before its expiry unless answered or withdrawn. */
function lapse(changes: ChangeSet, offerId: string): Answer {
  const offer = changes.offer(offerId);
  if (!offer || offer.state !== 'LIVE' || changes.now < offer.expiresAt) return NOTED;
  for (const due of changes.liveOffers().filter(({ expiresAt }) => expiresAt <= changes.now))
    changes.lapseOffer(due); // a broadcast's wave lapses as one
  changes.searchAgain('offer expired');
  return NOTED;
}

/** While somebody is looked for, the search itself does it. */
function escalate(changes: ChangeSet): Answer {
  changes.escalateIfDue();
  return NOTED;
}

// ---- carrying ----

function step(
  changes: ChangeSet,
  { step: name, by, deviceAt }: Extract<DeliveryEvent, { kind: 'takeStep' }>,
): Answer {
  const own = spokenFor(changes, by);
  const { from, to } = STEPS[name];
  const moved = (at: number): Answer => ({
    outcome: 'moved',
    deliveryId: changes.delivery.deliveryId,
    status: to,
    at,
  });
  const doneAt = own ? stepDoneAt(changes, own, name) : null;
  if (doneAt !== null) return moved(doneAt);
  if (!own || !carries(changes, own, by)) return NOT_THE_CARRIER;
  if (name === 'pickUp' && own.way === 'HANDOVER' && changes.delivery.status === 'PICKED_UP') {
    changes.takeGoodsOver(own, deviceAt);
    return moved(changes.now);
  }
  if (changes.delivery.status !== from) return illegal(changes, name);
  changes.takeStep(own, name, deviceAt);
  return moved(changes.now);
}

const NOT_THE_CARRIER: Refusal = refuse('NOT_FOUND', 'this driver does not carry the delivery');

/**
 * The assignment for which this actor speaks: a driver's own, also once the delivery went to another, since
 * an app that has not heard its answer asks again and is to be told the same (design: the row decides); for
 * ops that of whoever carries it.
 */
function spokenFor(changes: ChangeSet, by: Actor): AssignmentFacts | undefined {
  return by.kind === 'driver' ? changes.newestAssignment(by.id) : changes.newestAssignment();
}

function isNewest(changes: ChangeSet, { assignmentId }: AssignmentFacts): boolean {
  return changes.newestAssignment()?.assignmentId === assignmentId;
}

/**
 * A driver whom the delivery lost carries nothing, though nobody came after them; how it stands with it is
 * theirs no more.
 */
function carries(changes: ChangeSet, own: AssignmentFacts, by: Actor): boolean {
  return isNewest(changes, own) && (by.kind !== 'driver' || changes.delivery.driverId === by.id);
}

function stepDoneAt(changes: ChangeSet, own: AssignmentFacts, name: Step): number | null {
  switch (name) {
    case 'arriveAtPickup':
      return own.atPickupAt;
    case 'pickUp':
      return own.pickedUpAt;
    case 'arriveAtDropoff':
      return own.atDropoffAt;
    case 'deliver':
      return closedAsBy(changes, 'DELIVERED', own);
    case 'returnGoods':
      return closedAsBy(changes, 'RETURNED', own);
  }
}

function closedAsBy(changes: ChangeSet, status: DeliveryStatus, own: AssignmentFacts): number | null {
  return changes.delivery.status === status && isNewest(changes, own) ? changes.delivery.closedAt : null;
}

function illegal(changes: ChangeSet, act: string): Refusal {
  return refuse('ILLEGAL_TRANSITION', `cannot ${act}: the delivery is ${changes.delivery.status}`);
}

function fail(changes: ChangeSet, event: Extract<DeliveryEvent, { kind: 'failDelivery' }>): Answer {
  const { by, reason, goods } = event;
  const own = spokenFor(changes, by);
  const before = own && failedBefore(changes, own, event);
  if (before) return before;
  if (!own || !carries(changes, own, by)) return NOT_THE_CARRIER;
  const { status } = changes.delivery;
  const to: DeliveryStatus =
    goods === 'RETURN' && changes.delivery.pickedUpAt !== null ? 'RETURNING' : 'FAILED';
  if (!canMove(status, to)) return illegal(changes, 'fail');
  const allowed: readonly ReasonCode[] = status === 'AT_PICKUP' ? PICKUP_FAILURES : DROPOFF_FAILURES;
  if (!allowed.includes(reason))
    return refuse('REASON_NOT_ALLOWED', `${reason} is no reason to fail in ${status}`);
  if (to === 'RETURNING') {
    changes.move(to, { reasonCode: reason, why: reason });
    changes.answerCarrierCase();
  } else {
    changes.close('FAILED', reason, `failed: ${reason}`);
  }
  return { outcome: 'moved', deliveryId: changes.delivery.deliveryId, status: to, at: changes.now };
}

/**
 * The answer of the first time, where it failed for this reason in these hands. Once the goods are back at
 * the shop, only who gives the key of the first time is told it (api/answers.ts).
 */
function failedBefore(
  changes: ChangeSet,
  own: AssignmentFacts,
  { by, reason, goods }: Extract<DeliveryEvent, { kind: 'failDelivery' }>,
): Answer | undefined {
  const { deliveryId, status, statusSince, reasonCode } = changes.delivery;
  if (reasonCode !== reason) return undefined;
  const failed = status === 'FAILED' && carries(changes, own, by);
  const returning =
    status === 'RETURNING' && goods === 'RETURN' && (own.endedAt === null || own.endedAt >= statusSince);
  return failed || returning ? { outcome: 'moved', deliveryId, status, at: statusSince } : undefined;
}

// ---- ending early, by hand, by loss ----

function cancel(changes: ChangeSet, { reason }: Extract<DeliveryEvent, { kind: 'cancelDelivery' }>): Answer {
  const { delivery } = changes;
  if (delivery.status === 'CANCELLED')
    return {
      outcome: 'moved',
      deliveryId: delivery.deliveryId,
      status: 'CANCELLED',
      at: delivery.closedAt ?? changes.now,
    };
  if (!canMove(delivery.status, 'CANCELLED')) return illegal(changes, 'cancel');
  changes.close('CANCELLED', reason, `cancelled: ${reason}`);
  return { outcome: 'moved', deliveryId: delivery.deliveryId, status: 'CANCELLED', at: changes.now };
}

/**
 * By hand may be assigned: an AVAILABLE driver, or one ON_BREAK or PAUSED with override; live offers on both
 * sides are withdrawn (spec 5).
 */
function assign(changes: ChangeSet, event: Extract<DeliveryEvent, { kind: 'assignDriver' }>): Answer {
  const { delivery } = changes;
  const now = changes.activeAssignment();
  if (now?.driverId === event.driverId) {
    changes.pin(now, event.why);
    return assignedAnswer(changes, now);
  }
  if (!isBeforePickup(delivery.status)) return illegal(changes, 'assign');
  const refused = whyNotByHand(changes, event);
  if (refused) return refused;
  if (now) changes.endAssignment(now, 'CANCELLED', 'assigned to another by hand', 'DELIVERY_UNASSIGNED');
  for (const offer of changes.liveOffers()) changes.endOffer(offer, 'WITHDRAWN', 'ASSIGNED_BY_HAND');
  for (const offer of changes.liveOffersOf(event.driverId))
    changes.endOffer(offer, 'WITHDRAWN', 'DRIVER_ASSIGNED_BY_HAND');
  changes.assign(event.driverId, {
    way: 'MANUAL',
    why: { byHand: event.by.id, why: event.why },
    reason: event.why,
  });
  const made = changes.activeAssignment();
  if (!made) throw new Error('an assignment by hand left no active assignment');
  return assignedAnswer(changes, made);
}

function assignedAnswer(
  { delivery }: ChangeSet,
  { driverId, assignmentId, startedAt }: AssignmentFacts,
): Answer {
  return { outcome: 'assigned', deliveryId: delivery.deliveryId, driverId, assignmentId, at: startedAt };
}

function whyNotByHand(
  changes: ChangeSet,
  { driverId, override }: Extract<DeliveryEvent, { kind: 'assignDriver' | 'handOver' }>,
): Refusal | undefined {
  const driver = changes.driverOrNone(driverId);
  if (!driver) return refuse('NOT_FOUND', 'no such driver');
  if (driver.cityId !== changes.delivery.cityId)
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
  changes: ChangeSet,
  { driverId, offerId, assignmentId, why }: Extract<DeliveryEvent, { kind: 'releaseDriver' }>,
): Answer {
  withdrawOffer(changes, { driverId, offerId }, `driver left: ${why}`);
  const assignment = changes.activeAssignment();
  if (!assignment || assignment.assignmentId !== assignmentId || isClosed(changes.delivery.status))
    return NOTED;
  if (isNoticedLoss(why)) noticeLoss(changes, assignment, why);
  else if (isBeforePickup(changes.delivery.status)) lose(changes, assignment, why);
  // gone with the goods in hand, or before taking them over from another
  else askOps(changes, assignment, 'CARRIER_GAVE_UP');
  return NOTED;
}

function withdrawOffer(
  changes: ChangeSet,
  { driverId, offerId }: { driverId: string; offerId: string | null },
  why: string,
): boolean {
  const offer = offerId === null ? undefined : changes.offer(offerId);
  if (offer?.state !== 'LIVE' || offer.driverId !== driverId) return false;
  changes.endOffer(offer, 'WITHDRAWN', 'DRIVER_LEFT');
  changes.searchAgain(why);
  return true;
}

/**
 * Before pickup: the search goes on, but not where a person chose the driver, nor where automatic
 * reassignment is off; then ops are asked (spec 5).
 */
function lose(changes: ChangeSet, assignment: AssignmentFacts, why: string): void {
  changes.endAssignment(assignment, 'LOST', why, 'DELIVERY_UNASSIGNED');
  if (assignment.pinned) changes.loseDriverToOps('PINNED_DRIVER_LOST', why, assignment.driverId);
  else if (!changes.reassigns) changes.loseDriverToOps('REASSIGNMENT_OFF', why, assignment.driverId);
  else changes.loseDriver(why);
}

/**
 * We noticed it; nobody said so. Who has the goods keeps them, and who was assigned by hand keeps the
 * delivery: ops are asked.
 */
function noticeLoss(changes: ChangeSet, assignment: AssignmentFacts, why: NoticedLoss): void {
  // by now they may look at something worse
  if (isKnownToOps(changes.supportCase, assignment.driverId, why)) return;
  if (why === 'NO_PROGRESS' && changes.delivery.status !== 'ASSIGNED') return; // by now they have arrived
  const isBefore = isBeforePickup(changes.delivery.status);
  if (isBefore && !assignment.pinned) return lose(changes, assignment, why);
  const reason = noticedReason(why, isBefore);
  if (reason !== null) changes.openCase(reason, assignment.driverId);
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
  changes: ChangeSet,
  { driverId, assignmentId, reason }: Extract<DeliveryEvent, { kind: 'leaveDelivery' }>,
): Answer {
  const assignment = changes
    .assignments()
    .find((each) => each.assignmentId === assignmentId && each.driverId === driverId);
  if (!assignment) return refuse('NOT_FOUND', 'this driver does not carry the delivery');
  if (assignment.state !== 'ACTIVE') return leftBefore(changes, assignment);
  if (endsDuty(reason)) changes.endDuty(driverId);
  if (!isBeforePickup(changes.delivery.status))
    return toOps(
      changes,
      assignment,
      reason === 'VEHICLE_BREAKDOWN' ? 'CARRIER_BROKE_DOWN' : 'CARRIER_GAVE_UP',
    );
  lose(changes, assignment, reason);
  return { outcome: 'released', deliveryId: changes.delivery.deliveryId, at: changes.now };
}

/**
 * Ops free a driver of this job; even what was assigned by hand is searched for anew, since a person says so
 * (spec 5).
 */
function rescue(
  changes: ChangeSet,
  { driverId, offerId, assignmentId, why }: Extract<DeliveryEvent, { kind: 'rescueDelivery' }>,
): Answer {
  const { deliveryId, status } = changes.delivery;
  if (withdrawOffer(changes, { driverId, offerId }, `rescued: ${why}`))
    return { outcome: 'released', deliveryId, at: changes.now };
  // An offer that was accepted meanwhile is a job now.
  const assignment = changes
    .assignments()
    .find(
      (each) =>
        each.driverId === driverId &&
        (each.assignmentId === assignmentId || (offerId !== null && each.offerId === offerId)),
    );
  if (!assignment) return withdrawnBefore(changes, { driverId, offerId });
  if (assignment.state !== 'ACTIVE') return leftBefore(changes, assignment);
  if (!isBeforePickup(status)) return toOps(changes, assignment, 'CARRIER_GAVE_UP');
  // what ops write is for the trail, not for the driver
  changes.endAssignment(assignment, 'LOST', 'RESCUED', 'DELIVERY_UNASSIGNED');
  changes.loseDriver(`rescued: ${why}`);
  return { outcome: 'released', deliveryId, at: changes.now };
}

/** What a driver said first stays: other words for the same are no news. */
function askOps(
  changes: ChangeSet,
  { driverId }: AssignmentFacts,
  reason: 'CARRIER_BROKE_DOWN' | 'CARRIER_GAVE_UP',
): void {
  const open = changes.supportCase;
  const isSaid =
    open?.driverId === driverId &&
    (open.reason === 'CARRIER_BROKE_DOWN' || open.reason === 'CARRIER_GAVE_UP') &&
    open.state !== 'RESOLVED';
  if (!isSaid) changes.openCase(reason, driverId);
}

function toOps(
  changes: ChangeSet,
  assignment: AssignmentFacts,
  reason: 'CARRIER_BROKE_DOWN' | 'CARRIER_GAVE_UP',
): Answer {
  askOps(changes, assignment, reason);
  return { outcome: 'escalated', deliveryId: changes.delivery.deliveryId };
}

/** A repeat, or too late: the answer is that of what ended it. */
function leftBefore(changes: ChangeSet, { state, endedAt }: AssignmentFacts): Answer {
  const { deliveryId } = changes.delivery;
  switch (state) {
    case 'LOST':
      return { outcome: 'released', deliveryId, at: endedAt ?? changes.now };
    case 'HANDED_OVER':
      return { outcome: 'escalated', deliveryId };
    case 'ACTIVE':
    case 'COMPLETED':
    case 'CANCELLED':
    case 'FAILED':
      return illegal(changes, 'give it up');
  }
}

function withdrawnBefore(
  changes: ChangeSet,
  { driverId, offerId }: { driverId: string; offerId: string | null },
): Answer {
  const offer = offerId === null ? undefined : changes.offer(offerId);
  if (!offer || offer.driverId !== driverId)
    return refuse('NOT_FOUND', 'this driver has neither offer nor job here');
  return { outcome: 'released', deliveryId: changes.delivery.deliveryId, at: offer.endedAt ?? changes.now };
}

// ---- what ops do ----

/**
 * After pickup another driver takes the goods over, at a meeting point; by hand, so the same drivers may be
 * named as for an assignment.
 */
function handOver(changes: ChangeSet, event: Extract<DeliveryEvent, { kind: 'handOver' }>): Answer {
  const { status } = changes.delivery;
  const from = changes.activeAssignment();
  if (from?.driverId === event.driverId && from.way === 'HANDOVER') return assignedAnswer(changes, from);
  if (isClosed(status)) return illegal(changes, 'hand over');
  if (!from || isBeforePickup(status))
    return refuse('NOT_PICKED_UP', 'nobody has the goods yet: assign the other driver in place of this one');
  if (from.driverId === event.driverId)
    return refuse('DRIVER_HAS_NO_ROOM', 'this driver has the goods already');
  const refused = whyNotByHand(changes, event);
  if (refused) return refused;
  for (const offer of changes.liveOffersOf(event.driverId))
    changes.endOffer(offer, 'WITHDRAWN', 'DRIVER_ASSIGNED_BY_HAND');
  changes.handOver(from, event.driverId, {
    meeting: event.meeting,
    why: { byHand: event.by.id, why: event.why },
  });
  const made = changes.activeAssignment();
  if (!made) throw new Error('a hand-over left no active assignment');
  return assignedAnswer(changes, made);
}

/** By its new height, not by how much, so that a repeat raises nothing. */
function raisePay(
  changes: ChangeSet,
  { bonusCents, why }: Extract<DeliveryEvent, { kind: 'raisePay' }>,
): Answer {
  const { deliveryId, status, payCents, bonusCents: now } = changes.delivery;
  if (!isBeforePickup(status)) return illegal(changes, 'raise the pay');
  if (bonusCents < now) return refuse('PAY_NOT_RAISED', `the bonus is ${now} cents already`);
  if (bonusCents > now) changes.raisePay(bonusCents, why);
  return { outcome: 'payRaised', deliveryId, payCents: payCents + bonusCents };
}

function resumeSearch(changes: ChangeSet, { why }: Extract<DeliveryEvent, { kind: 'resumeSearch' }>): Answer {
  const { deliveryId, status, heldReason } = changes.delivery;
  if (status !== 'SEARCHING') return illegal(changes, 'look for a driver');
  if (heldReason !== null) changes.resumeSearch(why);
  return { outcome: 'searching', deliveryId };
}
