/**
 * Manual commands of ops: assign a driver, hand the goods over to another driver, raise the pay, resume the search,
 * and cancel. Merchants and customers may cancel too. docs/behaviour.md#reassignment.
 */

import { type DriverFacts } from '../driver/availability';
import { payMaxIn } from '../money/cityPay';
import { moneyText } from '../money/currency';
import { driverRoom } from '../notices/message';
import { announceAssignment, assign, beginAssignment, endAssignment } from './changes/assignments';
import { type ChangeSet, iso } from './changes/changeSet';
import { close } from './changes/closing';
import { endLiveOffer } from './changes/offers';
import { callRound } from './changes/rounds';
import { resolveCase } from './changes/supportQueue';
import { type Answer, type AssignmentFacts, illegalMove, refuse, type Refusal } from './deliveryState';
import { requeue } from './escalate';
import { type EventOf } from './events';
import { canMove, isBeforePickup, isClosed } from './status';
import { isSearching, isWaiting } from './waiting';

// ---- assigning by hand ----

/**
 * Ops assign a driver before pickup, in place of the current one. Live offers of the delivery and of the
 * driver are withdrawn. Automation does not undo the assignment: it is pinned, also where the driver has the
 * delivery already.
 */
export function assignDriver(changes: ChangeSet, event: EventOf<'assignDriver'>): Answer {
  const { driverId, by, why } = event;
  const current = changes.activeAssignment();
  if (current?.driverId === driverId) {
    pin(changes, current, why);
    return assignedAnswer(changes, current);
  }
  if (!isBeforePickup(changes.delivery.status)) return illegalMove(changes.delivery, 'assign');
  const refused = refusalByHand(changes, event);
  if (refused) return refused;
  if (current)
    endAssignment(changes, current, 'CANCELLED', 'assigned to another by hand', 'DELIVERY_UNASSIGNED');
  for (const offer of changes.liveOffers()) endLiveOffer(changes, offer, 'WITHDRAWN', 'ASSIGNED_BY_HAND');
  withdrawOffersOf(changes, driverId);
  const assigning = { way: 'MANUAL', why: { byHand: by.id, why }, reason: why } as const;
  return assignedAnswer(changes, assign(changes, driverId, assigning));
}

function pin(changes: ChangeSet, assignment: AssignmentFacts, why: string): void {
  if (assignment.pinned) return;
  changes.putAssignment({ ...assignment, pinned: true });
  changes.setDelivery({ pinned: true });
  changes.note('assignment_pinned', { why });
}

function withdrawOffersOf(changes: ChangeSet, driverId: string): void {
  for (const offer of changes.liveOffersOf(driverId))
    endLiveOffer(changes, offer, 'WITHDRAWN', 'DRIVER_ASSIGNED_BY_HAND');
}

function assignedAnswer(
  { delivery: { deliveryId } }: ChangeSet,
  { driverId, assignmentId, startedAt }: AssignmentFacts,
): Answer {
  return { outcome: 'assigned', deliveryId, driverId, assignmentId, at: startedAt };
}

/** The refusal to choose this driver by hand; undefined = the driver may be chosen. */
function refusalByHand(
  changes: ChangeSet,
  { driverId, override }: EventOf<'assignDriver' | 'handOver'>,
): Refusal | undefined {
  const driver = changes.driverOrNone(driverId);
  if (!driver) return refuse('NOT_FOUND', 'no such driver');
  if (driver.cityId !== changes.delivery.cityId)
    return refuse('DRIVER_IN_OTHER_CITY', `the driver works in ${driver.cityId}`);
  return refusalOffDuty(driver) ?? refusalAtRest(driver, override) ?? refusalForRoom(driver);
}

function refusalOffDuty({ availability, pending }: DriverFacts): Refusal | undefined {
  if (availability === 'OFFLINE' || availability === 'SHIFT_ENDED')
    return refuse('DRIVER_OFF_DUTY', `the driver is ${availability}`);
  if (pending?.kind === 'OFFLINE' || pending?.kind === 'SHIFT_END')
    return refuse('DRIVER_OFF_DUTY', 'the driver goes off duty when their current work ends');
  return undefined;
}

function refusalAtRest({ availability, pending }: DriverFacts, override: boolean): Refusal | undefined {
  const rests = availability === 'ON_BREAK' || availability === 'PAUSED' || pending !== null;
  if (!rests || override) return undefined;
  const detail = `the driver is ${availability}, or has a rest pending; set override to end it`;
  return refuse('DRIVER_ON_BREAK', detail);
}

function refusalForRoom({ activeAssignments, capacity }: DriverFacts): Refusal | undefined {
  if (activeAssignments < capacity) return undefined;
  return refuse('DRIVER_HAS_NO_ROOM', 'the driver is at capacity');
}

// ---- handing over ----

/**
 * After pickup another driver takes the goods over, at a meeting point or where they are. The same drivers
 * may be chosen as for an assignment by hand.
 */
export function handOver(changes: ChangeSet, event: EventOf<'handOver'>): Answer {
  const { driverId } = event;
  const { status } = changes.delivery;
  const from = changes.activeAssignment();
  if (from?.driverId === driverId && from.way === 'HANDOVER') return assignedAnswer(changes, from);
  if (isClosed(status)) return illegalMove(changes.delivery, 'hand over');
  if (!from || isBeforePickup(status))
    return refuse('NOT_PICKED_UP', 'the goods are not picked up yet: assign the other driver instead');
  if (from.driverId === driverId) return refuse('DRIVER_HAS_NO_ROOM', 'this driver already has the goods');
  const refused = refusalByHand(changes, event);
  if (refused) return refused;
  withdrawOffersOf(changes, driverId);
  return assignedAnswer(changes, passGoods(changes, from, event));
}

/** One assignment ends and the next begins. A delivery AT_DROPOFF goes back to PICKED_UP. */
function passGoods(
  changes: ChangeSet,
  from: AssignmentFacts,
  { driverId, by, meeting, why }: EventOf<'handOver'>,
): AssignmentFacts {
  const { status } = changes.delivery;
  // What ops write goes into the audit trail, not to the driver.
  endAssignment(changes, from, 'HANDED_OVER', 'HANDED_OVER', 'DELIVERY_UNASSIGNED');
  const kept = { byHand: by.id, why };
  const made = beginAssignment(changes, driverId, { way: 'HANDOVER', offerId: null, why: kept, meeting });
  const set = { driverId, pinned: true, assignedAt: changes.now };
  if (status === 'AT_DROPOFF') changes.move('PICKED_UP', { ...set, why: 'handed over to another driver' });
  else changes.setDelivery(set);
  changes.note('delivery_handed_over', {
    from: status,
    to: changes.delivery.status,
    why,
    detail: { from: from.driverId, to: driverId, meeting: meeting?.point ?? null },
  });
  if (status !== 'AT_DROPOFF') changes.announceDelivery({ toMerchant: true });
  announceAssignment(changes, made);
  resolveCase(changes, 'HANDED_OVER');
  return made;
}

// ---- pay, search, cancellation ----

/**
 * The event names the new bonus, not the difference, so a repeat raises nothing.
 * docs/behaviour.md#escalation.
 */
export function raisePay(changes: ChangeSet, { bonusCents, why, onlyWaiting }: EventOf<'raisePay'>): Answer {
  const { deliveryId, status, payCents, bonusCents: current } = changes.delivery;
  if (!isBeforePickup(status) || isTooLate(changes, onlyWaiting))
    return illegalMove(changes.delivery, 'raise the pay');
  const { cityPay, cityLocale, currency } = changes.delivery;
  const shown = (amount: number): string => moneyText(amount, currency, cityLocale);
  if (bonusCents < current) return refuse('PAY_NOT_RAISED', `the bonus is already ${shown(current)}`);
  if (bonusCents > current) {
    const { payMaxCents } = payMaxIn(cityPay, changes.limits.orders);
    if (payCents + bonusCents > payMaxCents)
      return refuse('PAY_NOT_ALLOWED', `the pay with its bonus is at most ${shown(payMaxCents)}`);
    raiseBonus(changes, bonusCents, why);
  }
  return { outcome: 'payRaised', deliveryId, payCents: payCents + bonusCents };
}

/** A running search continues at once: drivers who rejected the delivery may be asked again at the new pay. */
function raiseBonus(changes: ChangeSet, bonusCents: number, why: string): void {
  const { payCents } = changes.delivery;
  changes.setDelivery({
    bonusCents,
    ...(isSearching(changes.delivery) ? { searchAgainAt: changes.now } : {}),
  });
  changes.note('pay_raised', { why, detail: { bonusCents } });
  callRound(changes);
  const active = changes.activeAssignment();
  if (active) payMore(changes, active, payCents + bonusCents);
}

/** The carrier gets more from now on, and is told. */
export function payMore(changes: ChangeSet, assignment: AssignmentFacts, payCents: number): void {
  const { driverId } = assignment;
  const { deliveryId, currency, cityLocale } = changes.delivery;
  const payText = moneyText(payCents, currency, cityLocale);
  changes.putAssignment({ ...assignment, payCents });
  changes.emit({
    rooms: [driverRoom(driverId)],
    event: 'PAY_RAISED',
    body: { deliveryId, driverId, payCents, currency, payText, at: iso(changes.now) },
  });
}

/** Ops resume a search that waits for them. Any other search is unchanged. */
export function resumeSearch(changes: ChangeSet, { why }: EventOf<'resumeSearch'>): Answer {
  const { deliveryId, status, heldReason, searchAt } = changes.delivery;
  if (status !== 'SEARCHING') return illegalMove(changes.delivery, 'resume the search');
  if (heldReason !== null) {
    changes.setDelivery({ heldReason: null, searchAgainAt: Math.max(changes.now, searchAt) });
    changes.note('search_resumed', { why });
    requeue(changes, 'SEARCH_RESUMED');
    callRound(changes);
  }
  return { outcome: 'searching', deliveryId };
}

/**
 * A delivery of a zone whose searches ops have widened does not wait for its next search. Where that is due, where a
 * driver is asked, or where ops are to decide, nothing changes: every search reads how far it reaches.
 */
export function searchFarther(changes: ChangeSet, { radiusMeters, why }: EventOf<'searchFarther'>): Answer {
  const { deliveryId, searchAgainAt } = changes.delivery;
  if (!isWaiting(changes.delivery, changes.now)) return illegalMove(changes.delivery, 'search farther');
  if (isSearching(changes.delivery) && (searchAgainAt === null || searchAgainAt > changes.now)) {
    changes.setDelivery({ searchAgainAt: changes.now });
    changes.note('search_widened', { why, detail: { radiusMeters } });
    callRound(changes);
  }
  return { outcome: 'searching', deliveryId };
}

/** A delivery can be cancelled before pickup. A repeat gets the time of the first, whatever its reason. */
export function cancelDelivery(
  changes: ChangeSet,
  { reason, onlyWaiting }: EventOf<'cancelDelivery'>,
): Answer {
  const { deliveryId, status, closedAt } = changes.delivery;
  const cancelledAt = (at: number): Answer => ({ outcome: 'moved', deliveryId, status: 'CANCELLED', at });
  if (status === 'CANCELLED') return cancelledAt(closedAt ?? changes.now);
  if (!canMove(status, 'CANCELLED') || isTooLate(changes, onlyWaiting))
    return illegalMove(changes.delivery, 'cancel');
  close(changes, 'CANCELLED', reason, `cancelled: ${reason}`);
  return cancelledAt(changes.now);
}

/** An act on a zone reaches its deliveries one after another: a driver may have this one by now. */
function isTooLate({ delivery, now }: ChangeSet, onlyWaiting = false): boolean {
  return onlyWaiting && !isWaiting(delivery, now);
}
