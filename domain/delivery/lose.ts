/**
 * A delivery loses its driver: they give it up, can no longer do it, are noticed to be lost, or are freed of
 * it by ops. Before pickup the search goes on; after it ops decide about the goods.
 * docs/behaviour.md#reassignment.
 */

import { endsDuty, isNoticedLoss, type NoticedLoss } from '../driver/loss';
import { type CaseReason, type HeldReason, isKnownToOps } from '../support/supportCase';
import { endAssignment } from './changes/assignments';
import { type ChangeSet } from './changes/changeSet';
import { changeAvailability } from './changes/drivers';
import { endLiveOffer } from './changes/offers';
import { openCase } from './changes/supportQueue';
import { type Answer, type AssignmentFacts, illegalMove, NOTED, refuse } from './deliveryState';
import { requeue } from './escalate';
import { type EventOf } from './events';
import { searchAgain } from './search';
import { isBeforePickup, isClosed } from './status';
import { startClock } from './unassignedClock';

/** A driver gives the delivery up. After a breakdown or an emergency they go off duty as well. */
export function leaveDelivery(
  changes: ChangeSet,
  { driverId, assignmentId, reason }: EventOf<'leaveDelivery'>,
): Answer {
  const assignment = changes
    .assignments()
    .find((each) => each.assignmentId === assignmentId && each.driverId === driverId);
  if (!assignment) return refuse('NOT_FOUND', 'this driver does not carry the delivery');
  if (assignment.state !== 'ACTIVE') return answerOfEnd(changes, assignment);
  if (endsDuty(reason)) endDuty(changes, driverId);
  if (isBeforePickup(changes.delivery.status)) {
    loseDriver(changes, assignment, reason);
    return releasedAnswer(changes, changes.now);
  }
  askOps(changes, assignment, reason === 'VEHICLE_BREAKDOWN' ? 'CARRIER_BROKE_DOWN' : 'CARRIER_GAVE_UP');
  return escalatedAnswer(changes);
}

/**
 * A driver can no longer do what is named: they went off duty, or were noticed to be lost. Offer and
 * assignment are named by id, so that news that is late or doubled cannot end a newer one.
 */
export function releaseDriver(
  changes: ChangeSet,
  { driverId, offerId, assignmentId, why }: EventOf<'releaseDriver'>,
): Answer {
  withdrawOffer(changes, { driverId, offerId }, `driver left: ${why}`);
  const { status } = changes.delivery;
  const assignment = changes.activeAssignment();
  if (!assignment || assignment.assignmentId !== assignmentId || isClosed(status)) return NOTED;
  if (isNoticedLoss(why)) noticeLoss(changes, assignment, why);
  else if (isBeforePickup(status)) loseDriver(changes, assignment, why);
  // They have the goods, or were to take them over from another driver.
  else askOps(changes, assignment, 'CARRIER_GAVE_UP');
  return NOTED;
}

/**
 * Ops free a driver of an offer or an assignment. A person decides, so the search goes on even for what was
 * assigned by hand or while automatic reassignment is off.
 */
export function rescueDelivery(
  changes: ChangeSet,
  { driverId, offerId, assignmentId, why }: EventOf<'rescueDelivery'>,
): Answer {
  if (withdrawOffer(changes, { driverId, offerId }, `rescued: ${why}`))
    return releasedAnswer(changes, changes.now);
  const assignment = changes
    .assignments()
    .filter((each) => each.driverId === driverId)
    .find(
      (each) =>
        each.assignmentId === assignmentId ||
        // The offer was accepted in the meantime.
        (offerId !== null && each.offerId === offerId),
    );
  if (!assignment) return answerOfOffer(changes, { driverId, offerId });
  if (assignment.state !== 'ACTIVE') return answerOfEnd(changes, assignment);
  if (isBeforePickup(changes.delivery.status)) {
    // What ops write goes into the audit trail, not to the driver.
    endAssignment(changes, assignment, 'LOST', 'RESCUED', 'DELIVERY_UNASSIGNED');
    searchForAnother(changes, `rescued: ${why}`);
    return releasedAnswer(changes, changes.now);
  }
  askOps(changes, assignment, 'CARRIER_GAVE_UP');
  return escalatedAnswer(changes);
}

// ---- before pickup ----

/**
 * The search goes on, unless a person chose the driver or automatic reassignment is off: then it waits for
 * ops.
 */
function loseDriver(changes: ChangeSet, assignment: AssignmentFacts, why: string): void {
  endAssignment(changes, assignment, 'LOST', why, 'DELIVERY_UNASSIGNED');
  const heldReason = heldReasonOf(changes, assignment);
  if (heldReason === null) return searchForAnother(changes, why);
  goBackToSearching(changes, why);
  changes.setDelivery({ heldReason, searchAgainAt: null });
  openCase(changes, heldReason, assignment.driverId);
}

function heldReasonOf({ features }: ChangeSet, { pinned }: AssignmentFacts): HeldReason | null {
  if (pinned) return 'PINNED_DRIVER_LOST';
  return features.autoReassignment ? null : 'REASSIGNMENT_OFF';
}

function searchForAnother(changes: ChangeSet, why: string): void {
  goBackToSearching(changes, why);
  requeue(changes, 'RELEASED');
}

/** The unassigned clock goes on from where it stopped, and so does escalation. */
function goBackToSearching(changes: ChangeSet, why: string): void {
  const { losses, clock, searchAt } = changes.delivery;
  // A delivery that was assigned by hand before its search was to begin waits until then.
  const from = Math.max(changes.now, searchAt);
  changes.move('SEARCHING', {
    why: `driver lost: ${why}`,
    driverId: null,
    pinned: false,
    assignedAt: null,
    searchAgainAt: from,
    searchRound: 0,
    clock: startClock(clock, from),
    lostAt: changes.now,
    losses: losses + 1,
    heldReason: null,
    broadcastSince: null,
  });
}

/** @returns whether this driver's offer was live */
function withdrawOffer(
  changes: ChangeSet,
  { driverId, offerId }: { driverId: string; offerId: string | null },
  why: string,
): boolean {
  const offer = offerId === null ? undefined : changes.offer(offerId);
  if (offer?.state !== 'LIVE' || offer.driverId !== driverId) return false;
  endLiveOffer(changes, offer, 'WITHDRAWN', 'DRIVER_LEFT');
  searchAgain(changes, why);
  return true;
}

/**
 * OFFLINE as soon as this work is over. Other deliveries that count on the driver are told, and release them.
 */
function endDuty(changes: ChangeSet, driverId: string): void {
  const request = { kind: 'set', availability: 'OFFLINE', carrying: 'AFTER_PICKUP' } as const;
  if (changeAvailability(changes, driverId, request)) changes.send({ kind: 'letGo', driverId });
}

// ---- noticed losses ----

/**
 * We noticed it; nobody reported it. A driver who has the goods, or whom a person chose, keeps the delivery,
 * and ops are asked. ADR 14.
 */
function noticeLoss(changes: ChangeSet, assignment: AssignmentFacts, why: NoticedLoss): void {
  const { status } = changes.delivery;
  if (isKnownToOps(changes.supportCase, assignment.driverId, why)) return;
  // They arrived in the meantime.
  if (why === 'NO_PROGRESS' && status !== 'ASSIGNED') return;
  const isBefore = isBeforePickup(status);
  if (isBefore && !assignment.pinned) return loseDriver(changes, assignment, why);
  const reason = caseReasonOf(why, isBefore);
  if (reason !== null) openCase(changes, reason, assignment.driverId);
}

function caseReasonOf(why: NoticedLoss, isBefore: boolean): CaseReason | null {
  switch (why) {
    case 'FELL_SILENT':
      return isBefore ? 'PINNED_DRIVER_SILENT' : 'CARRIER_SILENT';
    case 'NO_PROGRESS':
      return isBefore ? 'PINNED_DRIVER_STANDS_STILL' : null;
  }
}

// ---- after pickup ----

type CarrierReason = Extract<CaseReason, 'CARRIER_BROKE_DOWN' | 'CARRIER_GAVE_UP'>;

/** Opens a case about the goods. Another report of the same driver's adds nothing to the first. */
function askOps(changes: ChangeSet, { driverId }: AssignmentFacts, reason: CarrierReason): void {
  const open = changes.supportCase;
  const isReported =
    open?.driverId === driverId &&
    (open.reason === 'CARRIER_BROKE_DOWN' || open.reason === 'CARRIER_GAVE_UP') &&
    open.state !== 'RESOLVED';
  if (!isReported) openCase(changes, reason, driverId);
}

// ---- answers ----

function releasedAnswer({ delivery: { deliveryId } }: ChangeSet, at: number): Answer {
  return { outcome: 'released', deliveryId, at };
}

function escalatedAnswer({ delivery: { deliveryId } }: ChangeSet): Answer {
  return { outcome: 'escalated', deliveryId };
}

/** A repeat, or an event that comes too late, is answered by what ended the assignment. */
function answerOfEnd(changes: ChangeSet, { state, endedAt }: AssignmentFacts): Answer {
  switch (state) {
    case 'LOST':
      return releasedAnswer(changes, endedAt ?? changes.now);
    case 'HANDED_OVER':
      return escalatedAnswer(changes);
    case 'ACTIVE':
    case 'COMPLETED':
    case 'CANCELLED':
    case 'FAILED':
      return illegalMove(changes.delivery, 'give it up');
  }
}

/** A rescue that finds no assignment is answered by the end of the offer. */
function answerOfOffer(
  changes: ChangeSet,
  { driverId, offerId }: { driverId: string; offerId: string | null },
): Answer {
  const offer = offerId === null ? undefined : changes.offer(offerId);
  if (!offer || offer.driverId !== driverId)
    return refuse('NOT_FOUND', 'this driver has neither offer nor job here');
  return releasedAnswer(changes, offer.endedAt ?? changes.now);
}
