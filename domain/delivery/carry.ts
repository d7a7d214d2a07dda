/**
 * The carrier's steps from pickup to dropoff or back, and failure.
 * docs/behaviour.md#deliveries.
 */

import { type ChangeSet } from './changes/changeSet';
import { close } from './changes/closing';
import { resolveCarrierCase } from './changes/supportQueue';
import { type Answer, type AssignmentFacts, type DeliveryFacts, illegalMove, refuse } from './deliveryState';
import { type EventOf } from './events';
import { canHaveBack, claimGoods, giveBack, saysGoodsInHand, wasTakenBeforeCancel } from './lateSteps';
import {
  type Actor,
  canMove,
  type DeliveryStatus,
  DROPOFF_FAILURES,
  isClosed,
  PICKUP_FAILURES,
  type ReasonCode,
  type Step,
  STEPS,
} from './status';

/**
 * A step of the carrier's, reported by their app or by ops. A repeat gets the time of the first report, even
 * once the delivery went to another driver.
 */
export function takeStep(changes: ChangeSet, event: EventOf<'takeStep'>): Answer {
  const { step, by, deviceAt } = event;
  const own = assignmentOf(changes, by);
  const { from, to } = STEPS[step];
  const doneAt = own ? stepDoneAt(changes, own, step) : null;
  if (doneAt !== null) return movedAnswer(changes, to, doneAt);
  if (!own) return NOT_THE_CARRIER;
  if (!isCarrier(changes, own, by) || wasTakenBeforeCancel(own, event))
    return takeLateStep(changes, own, event);
  if (takesGoodsOver(changes, own, step)) recordTakeover(changes, own, deviceAt);
  else if (changes.delivery.status !== from) return illegalMove(changes.delivery, step);
  else recordStep(changes, own, step, deviceAt);
  return movedAnswer(changes, to, changes.now);
}

/**
 * The carrier, or ops, report that the delivery failed. After pickup the goods go back to the shop, or are
 * lost with it. The reasons allowed differ at pickup and after it.
 */
export function failDelivery(changes: ChangeSet, event: EventOf<'failDelivery'>): Answer {
  const { by, reason } = event;
  const own = assignmentOf(changes, by);
  const failedAt = own ? failedBeforeAt(changes, own, event) : null;
  if (failedAt !== null) return movedAnswer(changes, changes.delivery.status, failedAt);
  if (!own) return NOT_THE_CARRIER;
  if (!isCarrier(changes, own, by))
    return saysGoodsInHand(changes, own, 'fail') ? claimGoods(changes, own, null) : NOT_THE_CARRIER;
  const { status } = changes.delivery;
  const to = failureOf(changes.delivery, event);
  if (!canMove(status, to)) return illegalMove(changes.delivery, 'fail');
  if (!failureReasonsIn(status).includes(reason))
    return refuse('REASON_NOT_ALLOWED', `${reason} is not a failure reason in ${status}`);
  if (to === 'RETURNING') turnBack(changes, reason);
  else close(changes, to, reason, `failed: ${reason}`);
  return movedAnswer(changes, to, changes.now);
}

function movedAnswer({ delivery: { deliveryId } }: ChangeSet, status: DeliveryStatus, at: number): Answer {
  return { outcome: 'moved', deliveryId, status, at };
}

// ---- the reporting actor ----

const NOT_THE_CARRIER = refuse('NOT_FOUND', 'this driver does not carry the delivery');

/**
 * The assignment that an actor reports on. For a driver it is their own, even after the delivery went to another
 * driver, so that a retry of a missed answer gets it (ADR 2). For ops it is the carrier's.
 */
function assignmentOf(changes: ChangeSet, by: Actor): AssignmentFacts | undefined {
  return by.kind === 'driver' ? changes.newestAssignment(by.id) : changes.newestAssignment();
}

/** A driver who lost the delivery is not its carrier, even if no other driver has it. */
function isCarrier(changes: ChangeSet, own: AssignmentFacts, by: Actor): boolean {
  return isNewest(changes, own) && (by.kind !== 'driver' || changes.delivery.driverId === by.id);
}

function isNewest(changes: ChangeSet, { assignmentId }: AssignmentFacts): boolean {
  return changes.newestAssignment()?.assignmentId === assignmentId;
}

// ---- steps ----

function stepDoneAt(changes: ChangeSet, own: AssignmentFacts, step: Step): number | null {
  switch (step) {
    case 'arriveAtPickup':
      return own.atPickupAt;
    case 'pickUp':
      return own.pickedUpAt;
    case 'arriveAtDropoff':
      return own.atDropoffAt;
    case 'deliver':
      return closedAt(changes, own, 'DELIVERED');
    case 'returnGoods':
      return closedAt(changes, own, 'RETURNED');
  }
}

function closedAt(changes: ChangeSet, own: AssignmentFacts, status: DeliveryStatus): number | null {
  return changes.delivery.status === status && isNewest(changes, own) ? changes.delivery.closedAt : null;
}

/** A step of a driver who does not have the delivery any more. */
function takeLateStep(changes: ChangeSet, own: AssignmentFacts, event: EventOf<'takeStep'>): Answer {
  const { step, deviceAt } = event;
  if (canHaveBack(changes, own, event)) {
    const back = giveBack(changes, own);
    if (step === 'pickUp') recordStep(changes, back, 'arriveAtPickup', null);
    recordStep(changes, changes.activeAssignment() ?? back, step, deviceAt);
    return movedAnswer(changes, STEPS[step].to, changes.now);
  }
  return saysGoodsInHand(changes, own, step) ? claimGoods(changes, own, deviceAt) : NOT_THE_CARRIER;
}

/** After a hand-over the pickup is at the meeting point, and the delivery is PICKED_UP already. */
function takesGoodsOver({ delivery }: ChangeSet, own: AssignmentFacts, step: Step): boolean {
  return step === 'pickUp' && own.way === 'HANDOVER' && delivery.status === 'PICKED_UP';
}

function recordTakeover(changes: ChangeSet, own: AssignmentFacts, deviceAt: number | null): void {
  changes.putAssignment({ ...own, pickedUpAt: changes.now });
  changes.note('goods_taken_over', { driverId: own.driverId, deviceAt });
  resolveCarrierCase(changes);
}

/** The last step closes the delivery. */
function recordStep(changes: ChangeSet, own: AssignmentFacts, step: Step, deviceAt: number | null): void {
  const { to } = STEPS[step];
  const { delivery, now } = changes;
  if (isClosed(to)) return close(changes, to, delivery.reasonCode, step, deviceAt);
  changes.putAssignment({ ...own, ...stepTimes(own, step, now) });
  changes.move(to, { why: step, deviceAt, ...(step === 'pickUp' ? { pickedUpAt: now } : {}) });
  resolveCarrierCase(changes);
}

function stepTimes(own: AssignmentFacts, step: Step, now: number): Partial<AssignmentFacts> {
  switch (step) {
    case 'arriveAtPickup':
      return { atPickupAt: now };
    case 'pickUp':
      return { pickedUpAt: now };
    case 'arriveAtDropoff':
      return { atDropoffAt: now, pickedUpAt: own.pickedUpAt ?? now };
    case 'deliver':
    case 'returnGoods':
      return {};
  }
}

// ---- failure ----

/** When the delivery failed for this reason under this assignment; null = it did not. */
function failedBeforeAt(
  changes: ChangeSet,
  own: AssignmentFacts,
  { by, reason, goods }: EventOf<'failDelivery'>,
): number | null {
  const { status, statusSince, reasonCode } = changes.delivery;
  if (reasonCode !== reason) return null;
  const failed = status === 'FAILED' && isCarrier(changes, own, by);
  const hadIt = own.endedAt === null || own.endedAt >= statusSince;
  const turnedBack = status === 'RETURNING' && goods === 'RETURN' && hadIt;
  return failed || turnedBack ? statusSince : null;
}

function failureOf(
  { pickedUpAt }: DeliveryFacts,
  { goods }: EventOf<'failDelivery'>,
): 'RETURNING' | 'FAILED' {
  return goods === 'RETURN' && pickedUpAt !== null ? 'RETURNING' : 'FAILED';
}

function failureReasonsIn(status: DeliveryStatus): readonly ReasonCode[] {
  return status === 'AT_PICKUP' ? PICKUP_FAILURES : DROPOFF_FAILURES;
}

function turnBack(changes: ChangeSet, reason: ReasonCode): void {
  changes.move('RETURNING', { reasonCode: reason, why: reason });
  resolveCarrierCase(changes);
}
