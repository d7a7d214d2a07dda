import { type Actor } from '../domain/delivery/status';
import { type Entry } from '../domain/delivery/deliveryState';
import { type VehicleKind } from '../domain/driver/vehicles';

/** A driver as ops register them. */
export type NewDriver = {
  driverId: string;
  cityId: string;
  name: string;
  phone: string | null;
  vehicleKind: VehicleKind;
  /** What the driver's app understands; null or 1 = v1. */
  offerVersion: number | null;
  /** Jobs that they may have at once. */
  capacity: number;
};

/** Where drivers are kept. */
export interface DriverRegistry {
  cityExists(cityId: string): Promise<boolean>;
  /**
   * Writes driver, vehicle and audit entry at once, or nothing where the id is taken.
   * @returns whether it wrote
   */
  insert(driver: NewDriver, entry: Entry, at: number, correlationId: string): Promise<boolean>;
  /** Whether there is a driver who was registered with just these words. */
  has(driver: NewDriver): Promise<boolean>;
}

export type Registration = {
  /**
   * Registers a driver, OFFLINE. The same driver again is `again`, so that a retry does no harm; another
   * under the same id is refused. `now` in epoch ms.
   */
  register(
    driver: NewDriver,
    by: Actor,
    correlationId: string,
    now: number,
  ): Promise<'new' | 'again' | 'idTaken' | 'unknownCity'>;
};

export function createRegistration(registry: DriverRegistry): Registration {
  return {
    register: async (driver, by, correlationId, now) => {
      if (!(await registry.cityExists(driver.cityId))) return 'unknownCity';
      if (await registry.insert(driver, entryOf(driver, by), now, correlationId)) return 'new';
      return (await registry.has(driver)) ? 'again' : 'idTaken';
    },
  };
}

/** Without name and number: the trail is kept longer than a person may want to be known. */
function entryOf({ driverId, vehicleKind, offerVersion, capacity }: NewDriver, actor: Actor): Entry {
  const detail = { vehicleKind, offerVersion, capacity };
  return {
    kind: 'driver_registered',
    chain: 'driver',
    driverId,
    actor,
    from: null,
    to: 'OFFLINE',
    why: null,
    deviceAt: null,
    detail,
  };
}
