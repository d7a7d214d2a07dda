/**
 * A delivery loses its driver: the driver gives it up, goes off duty, is detected as lost, or is released by ops.
 * Before pickup the search continues; after pickup ops decide about the goods.
 * docs/behaviour.md#reassignment.
 */

import { endsDuty, isDetectedLoss, type LossReason } from '../driver/loss';
import { SUSPENDED } from '../driver/suspension';
import { type CaseReason, type HeldReason, isKnownToOps } from '../support/supportCase';
import { endAssignment } from './changes/assignments';
import { type ChangeSet } from './changes/changeSet';
import { pushToDriver } from './changes/driverPush';
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
 * A driver can no longer do the named job: they went off duty, or were detected as lost. Offer and assignment are
 * named by id, so that a late or repeated event cannot end a newer one.
 */
export function releaseDriver(changes: ChangeSet, event: EventOf<'releaseDriver'>): Answer {
  const { driverId, offerId, assignmentId, why } = event;
  if (why === SUSPENDED) return releaseSuspended(changes, event);
  withdrawOffer(changes, { driverId, offerId }, `driver left: ${why}`);
  const { status } = changes.delivery;
  const assignment = changes.activeAssignment();
  if (!assignment || assignment.assignmentId !== assignmentId || isClosed(status)) return NOTED;
  if (isDetectedLoss(why)) handleDetectedLoss(changes, assignment, why);
  else if (isBeforePickup(status)) loseDriver(changes, assignment, why);
  // They have the goods, or were to take them over from another driver.
  else askOps(changes, assignment, 'CARRIER_GAVE_UP');
  return NOTED;
}

/**
 * Ops suspended the driver. Since a person decides, the search continues even after an assignment by hand, or while
 * automatic reassignment is off; and each job that the driver had becomes a case.
 */
function releaseSuspended(
  changes: ChangeSet,
  { driverId, offerId, assignmentId }: EventOf<'releaseDriver'>,
): Answer {
  if (withdrawOffer(changes, { driverId, offerId }, 'driver suspended')) return NOTED;
  const { status } = changes.delivery;
  const assignment = changes.activeAssignment();
  if (assignment?.driverId !== driverId || isClosed(status)) return NOTED;
  // The offer may have been accepted in the meantime.
  const isMeant =
    assignment.assignmentId === assignmentId || (offerId !== null && assignment.offerId === offerId);
  if (!isMeant) return NOTED;
  if (isBeforePickup(status)) {
    // An accept that came in between has brought the driver back.
    changeAvailability(changes, driverId, { kind: 'set', availability: 'OFFLINE', carrying: 'AFTER_PICKUP' });
    endAssignment(changes, assignment, 'LOST', SUSPENDED, 'DELIVERY_UNASSIGNED');
    searchForAnother(changes, SUSPENDED);
    openCase(changes, 'DRIVER_SUSPENDED', driverId);
  } else {
    openCase(changes, 'CARRIER_SUSPENDED', driverId);
  }
  return NOTED;
}

/**
 * Ops release a driver from an offer or an assignment. Since a person decides, the search continues even after an
 * assignment by hand, or while automatic reassignment is off.
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
 * The search continues, unless the driver was assigned by hand or automatic reassignment is off: then it waits for
 * ops.
 */
function loseDriver(changes: ChangeSet, assignment: AssignmentFacts, why: string): void {
  endAssignment(changes, assignment, 'LOST', why, 'DELIVERY_UNASSIGNED');
  if (isDetectedLoss(why)) takeOffMap(changes, assignment.driverId, why);
  const heldReason = heldReasonOf(changes, assignment);
  if (heldReason === null) return searchForAnother(changes, why);
  const about = heldReason === 'GOODS_IN_HAND' ? changes.supportCase?.driverId : assignment.driverId;
  goBackToSearching(changes, why);
  changes.setDelivery({ heldReason, searchAgainAt: null });
  openCase(changes, heldReason, about ?? null);
}

/**
 * Till they act, nobody is to choose this driver: a phone that lies still would be lost again and again. The
 * driver is told, since their app may have been closed.
 */
function takeOffMap(changes: ChangeSet, driverId: string, why: LossReason): void {
  for (const offer of changes.liveOffersOf(driverId))
    endLiveOffer(changes, offer, 'WITHDRAWN', 'DRIVER_LEFT');
  pushToDriver(changes, driverId, {
    about: `driver/${driverId}/lost`,
    title: 'You get no deliveries now',
    text:
      why === 'FELL_SILENT'
        ? 'We heard nothing from your phone, and gave your delivery to another driver. Open the app to go on.'
        : 'You came no nearer to the pickup, and we gave the delivery to another driver. Open the app to go on.',
  });
}

function heldReasonOf({ features, supportCase }: ChangeSet, { pinned }: AssignmentFacts): HeldReason | null {
  // The next driver would find no goods at the shop.
  if (supportCase?.reason === 'GOODS_IN_HAND' && supportCase.state !== 'RESOLVED') return 'GOODS_IN_HAND';
  if (pinned) return 'PINNED_DRIVER_LOST';
  return features.autoReassignment ? null : 'REASSIGNMENT_OFF';
}

function searchForAnother(changes: ChangeSet, why: string): void {
  goBackToSearching(changes, why);
  requeue(changes, 'RELEASED');
}

/** The unassigned clock and escalation continue from where they stopped. */
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
 * OFFLINE as soon as this work is over. The driver's other deliveries are notified, and release them.
 */
function endDuty(changes: ChangeSet, driverId: string): void {
  const request = { kind: 'set', availability: 'OFFLINE', carrying: 'AFTER_PICKUP' } as const;
  if (changeAvailability(changes, driverId, request)) changes.send({ kind: 'letGo', driverId });
}

// ---- detected losses ----

/**
 * The service detected the loss; nobody reported it. A driver who has the goods or may get them at this moment, or
 * who was assigned by hand, keeps the delivery, and ops decide. ADR 14.
 */
function handleDetectedLoss(changes: ChangeSet, assignment: AssignmentFacts, why: LossReason): void {
  const { status } = changes.delivery;
  if (isKnownToOps(changes.supportCase, assignment.driverId, why)) return;
  // They arrived in the meantime.
  if (why === 'NO_PROGRESS' && status !== 'ASSIGNED') return;
  const isBefore = isBeforePickup(status);
  const isAtPickup = status === 'AT_PICKUP';
  if (isBefore && !assignment.pinned && !isAtPickup) return loseDriver(changes, assignment, why);
  const reason = isAtPickup && !assignment.pinned ? 'DRIVER_AT_PICKUP_SILENT' : caseReasonOf(why, isBefore);
  if (reason !== null) openCase(changes, reason, assignment.driverId);
}

function caseReasonOf(why: LossReason, isBefore: boolean): CaseReason | null {
  switch (why) {
    case 'FELL_SILENT':
      return isBefore ? 'PINNED_DRIVER_SILENT' : 'CARRIER_SILENT';
    case 'NO_PROGRESS':
      return isBefore ? 'PINNED_DRIVER_STANDS_STILL' : null;
  }
}

// ---- after pickup ----

type CarrierReason = Extract<CaseReason, 'CARRIER_BROKE_DOWN' | 'CARRIER_GAVE_UP'>;

/** Opens a case about the goods. A second report of the same driver changes nothing. */
function askOps(changes: ChangeSet, { driverId }: AssignmentFacts, reason: CarrierReason): void {
  const open = changes.supportCase;
  const isReported =
    open?.driverId === driverId &&
    (open.reason === 'CARRIER_BROKE_DOWN' ||
      open.reason === 'CARRIER_GAVE_UP' ||
      open.reason === 'CARRIER_SUSPENDED') &&
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

/** The answer to a repeated or late event, by how the assignment ended. */
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
      return illegalMove(changes.delivery, 'give up the delivery');
  }
}

/** The answer to a rescue without an assignment, by the end of the offer. */
function answerOfOffer(
  changes: ChangeSet,
  { driverId, offerId }: { driverId: string; offerId: string | null },
): Answer {
  const offer = offerId === null ? undefined : changes.offer(offerId);
  if (!offer || offer.driverId !== driverId)
    return refuse('NOT_FOUND', 'this driver has neither an offer nor an assignment of the delivery');
  return releasedAnswer(changes, offer.endedAt ?? changes.now);
}
