import { type AvailabilityLimits } from '../domain/driver/availability';
import { carryingOf, decideAvailability } from '../domain/driver/availabilityChange';
import { type Actor } from '../domain/delivery/status';
import { type Message } from '../domain/notices/message';
import { writeAvailability } from '../adapters/postgres/availabilityWriter';
import { type Tx } from '../adapters/postgres/database';
import { type ReadDriver } from '../adapters/postgres/deliveryRow';
import { type DriverWork } from '../adapters/postgres/driverWork';
import { availabilityMessages } from './availability';
import { type Features } from './ports';

export type EndDutyDeps = { limits: AvailabilityLimits; features: Features };

/**
 * Sets the driver OFFLINE, at once or once they no longer carry goods. The change sends no message to the
 * deliveries: the caller tells them why.
 */
export async function endDuty(
  tx: Tx,
  { limits, features }: EndDutyDeps,
  driver: ReadDriver,
  { assignments }: DriverWork,
  { by, correlationId }: { by: Actor; correlationId: string },
  at: number,
): Promise<Message[]> {
  const { cityId, driverId } = driver.facts;
  const pickedUp = assignments.filter(({ isPickedUp }) => isPickedUp).length;
  const request = {
    kind: 'set',
    availability: 'OFFLINE',
    carrying: carryingOf(assignments.length - pickedUp, pickedUp),
  } as const;
  const decision = decideAvailability(
    driver.facts,
    request,
    limits,
    { availabilityStates: features.isOn('availability_states', { cityId, key: driverId }) },
    at,
  );
  switch (decision.kind) {
    case 'refused':
      // A change to OFFLINE is never refused.
      throw new Error(`driver ${driverId} could not be taken off duty: ${decision.detail}`);
    case 'unchanged':
      return [];
    case 'changed': {
      await writeAvailability(tx, driver, decision, { by, at, correlationId });
      return availabilityMessages(decision, at);
    }
  }
}
