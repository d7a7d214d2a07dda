import { type Actor } from '../domain/delivery/status';
import { type Entry } from '../domain/delivery/deliveryState';
import { type VehicleKind } from '../domain/driver/vehicles';

import { type CityPlace, countryOf } from '../domain/orders/country';
import { e164Of } from '../domain/orders/phone';

/** A driver as registered by ops. */
export type NewDriver = {
  driverId: string;
  cityId: string;
  name: string;
  /** As it was given. */
  phone: string | null;
  vehicleKind: VehicleKind;
  /** The offer version of the driver's app; null or 1 = v1. */
  offerVersion: number | null;
  /** The most concurrent jobs. */
  capacity: number;
};

/** The store of drivers. */
export interface DriverRegistry {
  /** Null for an unknown city. */
  city(cityId: string): Promise<CityPlace | null>;
  /**
   * Writes driver, vehicle and audit entry in one transaction, or nothing if the id is taken. `phoneE164` is
   * the phone number that can be called.
   * @returns whether it wrote
   */
  insert(
    driver: NewDriver & { phoneE164: string | null },
    entry: Entry,
    at: number,
    correlationId: string,
  ): Promise<boolean>;
  /** Whether a driver with exactly these fields is registered. */
  has(driver: NewDriver): Promise<boolean>;
}

export type Registration = {
  /**
   * Registers a driver as OFFLINE. A repeat returns `again`, so that a retry is safe. Another driver with the
   * same id is refused. `now` is epoch ms.
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
      const city = await registry.city(driver.cityId);
      if (!city) return 'unknownCity';
      const callable = { ...driver, phoneE164: e164Of(driver.phone, countryOf(city)) };
      if (await registry.insert(callable, entryOf(driver, by), now, correlationId)) return 'new';
      return (await registry.has(driver)) ? 'again' : 'idTaken';
    },
  };
}

/** Without name and phone number, because the audit trail outlives personal data. */
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
