/** Changes to assignments that several rules make: a driver gets the delivery, or no longer has it. */

import { driverRoom } from '../../notices/message';
import { type AssignmentFacts, type AssignmentState, type DeliveryFacts } from '../deliveryState';
import { stopClock } from '../unassignedClock';
import { type ChangeSet, iso } from './changeSet';
import { announceRoom, changeAvailability, countAssignment } from './drivers';
import { resolveCase } from './supportQueue';

/** How a driver comes by a delivery. `why` is kept for ops; null = the accepted offer keeps it. */
type NewAssignmentFacts = Pick<AssignmentFacts, 'way' | 'offerId' | 'meeting'> & {
  why: Record<string, unknown> | null;
};

/** `reason` is for the audit trail. */
type Assigning = Pick<NewAssignmentFacts, 'way' | 'why'> & { offerId?: string | null; reason: string };

/**
 * Assigns the delivery to a driver: the unassigned clock stops, and whatever waited for a driver is over. An
 * accepted offer must have been ended before, so that its place is the assignment's.
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
  };
  changes.addAssignment(assignment, why);
  countAssignment(changes, driverId, 1);
  const origin = isByHand ? 'BY_HAND_OVERRIDE' : way === 'OFFER' ? 'OFFER' : 'DIRECT';
  changeAvailability(changes, driverId, { kind: 'workBegins', origin });
  return assignment;
}

/**
 * Ends an assignment; its driver goes on to what is pending for them, or is free.
 * @param why kept with the assignment, and shown to the driver with the event
 * @param event what the driver's app is told; null = nothing
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
  if (!changeAvailability(changes, driverId, { kind: 'workEnds' })) announceRoom(changes, driverId);
  if (event === null) return;
  const { deliveryId } = changes.delivery;
  const body = { deliveryId, driverId, reason: why, at: iso(changes.now) };
  changes.emit({ rooms: [driverRoom(driverId)], event, body });
}

/** Tells the driver of a new assignment. docs/behaviour.md#realtime. */
export function announceAssignment(
  changes: ChangeSet,
  { assignmentId, driverId, way, meeting }: AssignmentFacts,
): void {
  const rooms = [driverRoom(driverId)];
  const body = { deliveryId: changes.delivery.deliveryId, driverId };
  // The body that v1 apps read; newer apps find the rest under /v2/me.
  changes.emit({ rooms, event: 'DELIVERY_ASSIGNED', body });
  changes.emit({
    rooms,
    event: 'DELIVERY_ASSIGNED_V2',
    body: { ...body, assignmentId, way, meeting, at: iso(changes.now) },
  });
}
