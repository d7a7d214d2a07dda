/** Closes a delivery, for every rule that does. docs/behaviour.md#deliveries. */

import { type AssignmentState } from '../deliveryState';
import { type DeliveryStatus, isClosed, type ReasonCode } from '../status';
import { stopClock } from '../unassignedClock';
import { endAssignment } from './assignments';
import { type ChangeSet } from './changeSet';
import { endLiveOffer } from './offers';
import { resolveCase } from './supportQueue';

/**
 * Closes the delivery and ends its offers, assignment, unassigned clock and case.
 * @param reasonCode null = it ended as planned
 * @param why for the audit trail and the driver
 * @throws where `to` closes no delivery, or the delivery cannot move there
 */
export function close(
  changes: ChangeSet,
  to: DeliveryStatus,
  reasonCode: ReasonCode | null,
  why: string,
  deviceAt: number | null = null,
): void {
  if (!isClosed(to)) throw new Error(`${to} does not close a delivery`);
  endLiveParts(changes, to, why);
  changes.move(to, {
    why,
    deviceAt,
    reasonCode,
    closedAt: changes.now,
    searchAgainAt: null,
    clock: stopClock(changes.delivery.clock, changes.now),
    heldReason: null,
    broadcastSince: null,
  });
  resolveCase(changes, 'CLOSED');
}

function endLiveParts(changes: ChangeSet, to: DeliveryStatus, why: string): void {
  const active = changes.activeAssignment();
  for (const offer of changes.liveOffers()) endLiveOffer(changes, offer, 'WITHDRAWN', 'CANCELLED');
  const event = to === 'CANCELLED' ? 'DELIVERY_CANCELLED' : null;
  if (active) endAssignment(changes, active, assignmentEndOf(to), why, event);
}

function assignmentEndOf(to: DeliveryStatus): Exclude<AssignmentState, 'ACTIVE'> {
  if (to === 'CANCELLED') return 'CANCELLED';
  return to === 'FAILED' ? 'FAILED' : 'COMPLETED';
}
