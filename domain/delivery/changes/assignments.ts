/** Changes to assignments that several rules make: a driver gets the delivery, or no longer has it. */

import { driverRoom } from '../../notices/message';
import { type AssignmentFacts, type AssignmentState, type DeliveryFacts } from '../deliveryState';
import { isDetectedLoss } from '../../driver/loss';
import { stopClock } from '../unassignedClock';
import { type ChangeSet, iso } from './changeSet';
import { announceRoom, changeAvailability, closeNextSlot, countAssignment } from './drivers';
import { resolveCase } from './supportQueue';

/** How a driver gets a delivery. `why` is stored for ops; null = the accepted offer has it. */
type NewAssignmentFacts = Pick<AssignmentFacts, 'way' | 'offerId' | 'meeting'> & {
  why: Record<string, unknown> | null;
};

/** `reason` is for the audit trail. */
type Assigning = Pick<NewAssignmentFacts, 'way' | 'why'> & { offerId?: string | null; reason: string };

/**
 * Assigns the delivery to a driver: the unassigned clock stops, and search, broadcast and case end. An accepted offer
 * must end first, so that the assignment gets its capacity.
 */
export function assign(
  changes: ChangeSet,
  driverId: string,
  { way, offerId = null, why, reason }: Assigning,
): AssignmentFacts {
  const assignment = beginAssignment(changes, driverId, { way, offerId, why, meeting: null });
  const set = {
    driverId,
    pinned: assignment.pinned,
    assignedAt: changes.now,
    searchAgainAt: null,
    searchRound: 0,
    clock: stopClock(changes.delivery.clock, changes.now),
    why: reason,
    heldReason: null,
    broadcastSince: null,
    lostAt: null,
  };
  if (changes.delivery.status === 'ASSIGNED') reassign(changes, set);
  else changes.move('ASSIGNED', set);
  announceAssignment(changes, assignment);
  resolveCase(changes, 'ASSIGNED');
  return assignment;
}

/** The status stays ASSIGNED and the driver changes, which only ops can cause. */
function reassign(changes: ChangeSet, { why, ...set }: Partial<DeliveryFacts> & { why: string }): void {
  changes.setDelivery({ ...set, statusSince: changes.now });
  changes.note('delivery_reassigned', { from: 'ASSIGNED', to: 'ASSIGNED', why });
  changes.announceDelivery({ toMerchant: true });
}

/** Adds an active assignment and makes its driver BUSY. The delivery itself is left to the caller. */
export function beginAssignment(
  changes: ChangeSet,
  driverId: string,
  { way, offerId, why, meeting }: NewAssignmentFacts,
): AssignmentFacts {
  const { now, delivery } = changes;
  const isByHand = way === 'MANUAL' || way === 'HANDOVER';
  const assignment: AssignmentFacts = {
    assignmentId: changes.newId(),
    driverId,
    offerId,
    way,
    state: 'ACTIVE',
    pinned: isByHand,
    payCents: delivery.payCents + delivery.bonusCents,
    startedAt: now,
    atPickupAt: null,
    pickedUpAt: null,
    atDropoffAt: null,
    endedAt: null,
    endReason: null,
    meeting,
    goodsClaimedAt: null,
  };
  changes.addAssignment(assignment, why);
  countAssignment(changes, driverId, 1);
  const origin = isByHand ? 'BY_HAND_OVERRIDE' : way === 'OFFER' ? 'OFFER' : 'DIRECT';
  changeAvailability(changes, driverId, { kind: 'workBegins', origin });
  return assignment;
}

/**
 * Ends an assignment. Its driver starts what is pending, or becomes free. A driver who was detected as lost goes
 * OFFLINE, until they act.
 * @param why kept with the assignment, and shown to the driver with the event
 * @param event the event for the driver's app; null = none
 */
export function endAssignment(
  changes: ChangeSet,
  assignment: AssignmentFacts,
  state: Exclude<AssignmentState, 'ACTIVE'>,
  why: string,
  event: 'DELIVERY_CANCELLED' | 'DELIVERY_UNASSIGNED' | null,
): void {
  const { driverId } = assignment;
  changes.putAssignment({ ...assignment, state, endedAt: changes.now, endReason: why });
  countAssignment(changes, driverId, -1);
  closeNextSlot(changes, driverId);
  const ending = isDetectedLoss(why) ? ({ kind: 'lost', why } as const) : ({ kind: 'workEnds' } as const);
  if (!changeAvailability(changes, driverId, ending)) announceRoom(changes, driverId);
  if (event === null) return;
  const { deliveryId } = changes.delivery;
  const body = { deliveryId, driverId, reason: why, at: iso(changes.now) };
  changes.emit({ rooms: [driverRoom(driverId)], event, body });
}

/** Notifies the driver of a new assignment. docs/behaviour.md#realtime. */
export function announceAssignment(
  changes: ChangeSet,
  { assignmentId, driverId, way, meeting }: AssignmentFacts,
): void {
  const rooms = [driverRoom(driverId)];
  const body = { deliveryId: changes.delivery.deliveryId, driverId };
  // The body for v1 apps; newer apps read the rest from /v2/me.
  changes.emit({ rooms, event: 'DELIVERY_ASSIGNED', body });
  changes.emit({
    rooms,
    event: 'DELIVERY_ASSIGNED_V2',
    body: { ...body, assignmentId, way, meeting, at: iso(changes.now) },
  });
}
