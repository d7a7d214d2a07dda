/** A driver who was lost is back as soon as they do something. docs/behaviour.md#reassignment; ADR 34. */

import { type ChangeSet } from './changes/changeSet';
import { changeAvailability } from './changes/drivers';
import { actingDriverOf, type DeliveryEvent } from './events';
import { isClosed } from './status';

/** A closed delivery changes no more, and neither does a driver by it: its row has the answer. */
export function noteAct(changes: ChangeSet, event: DeliveryEvent): void {
  const driverId = actingDriverOf(event);
  if (driverId === null || isClosed(changes.delivery.status) || !changes.driverOrNone(driverId)) return;
  changeAvailability(changes, driverId, { kind: 'acted' });
}
