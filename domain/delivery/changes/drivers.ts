/** Changes to drivers: their availability and free capacity. */

import {
  type AvailabilityChange,
  type AvailabilityRequest,
  decideAvailability,
  takesWork,
} from '../../driver/availability';
import { driverRoom, opsRoom } from '../../notices/message';
import { type ChangeSet, iso } from './changeSet';

/**
 * Applies a request to a driver's availability, with its audit entry, realtime event and messages.
 * @returns whether the availability, or what is pending of it, changed
 * @throws where the request is refused: rules request only what the driver's state allows
 */
export function changeAvailability(
  changes: ChangeSet,
  driverId: string,
  request: AvailabilityRequest,
): boolean {
  const decision = decideAvailability(
    changes.driver(driverId),
    request,
    changes.limits.availability,
    { availabilityStates: changes.features.availabilityStates(driverId) },
    changes.now,
  );
  if (decision.kind === 'refused')
    throw new Error(`driver ${driverId}: ${decision.code}: ${decision.detail}`);
  if (decision.kind === 'unchanged') return false;
  changes.setDriver(driverId, decision.next);
  recordAvailability(changes, decision);
  return true;
}

function recordAvailability(
  changes: ChangeSet,
  { next, from, to, why, timer, wakes }: AvailabilityChange,
): void {
  const { driverId, cityId, availabilityUntil } = next;
  const { deliveryId } = changes.delivery;
  const until = availabilityUntil === null ? null : iso(availabilityUntil);
  changes.note('availability_changed', { chain: 'driver', driverId, from, to, why, detail: { deliveryId } });
  changes.emit({
    rooms: [driverRoom(driverId), opsRoom(cityId)],
    event: 'AVAILABILITY_CHANGED',
    body: { driverId, availability: to, until, reason: why, at: iso(changes.now) },
  });
  changes.send({ kind: 'syncDriver', driverId });
  if (timer) changes.send({ kind: 'endAvailabilityLater', driverId, ...timer });
  if (wakes) announceRoom(changes, driverId);
}

/** Announces a driver who can take work, so that a delivery that waits for one can search. */
export function announceRoom(changes: ChangeSet, driverId: string): void {
  if (takesWork(changes.driver(driverId)))
    changes.send({ kind: 'driverFree', driverId, passed: [changes.delivery.deliveryId] });
}

/** Counts one more (or one less) live offer of a driver. */
export function countOffer(changes: ChangeSet, driverId: string, by: 1 | -1): void {
  changes.setDriver(driverId, { liveOffers: changes.driver(driverId).liveOffers + by });
}

/** Counts one more (or one less) active assignment of a driver. */
export function countAssignment(changes: ChangeSet, driverId: string, by: 1 | -1): void {
  changes.setDriver(driverId, { activeAssignments: changes.driver(driverId).activeAssignments + by });
}

/** Opens the place of a next job, beyond the driver's capacity, for the offer that is made with it. */
export function openNextSlot(changes: ChangeSet, driverId: string): void {
  changes.setDriver(driverId, { nextSlots: 1 });
}

/** The place of a next job goes with the work that was beyond the capacity. */
export function closeNextSlot(changes: ChangeSet, driverId: string): void {
  const { nextSlots, liveOffers, activeAssignments, capacity } = changes.driver(driverId);
  if (nextSlots > 0 && liveOffers + activeAssignments <= capacity)
    changes.setDriver(driverId, { nextSlots: 0 });
}
