import { type Actor } from '../domain/delivery';
import { type VehicleKind } from '../domain/vehicles';
import { chainEntries } from './adapters/audit';
import { type Database } from './adapters/database';
import { insertDriver } from './adapters/driverRegistry';

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

export type Registration = {
  /** Registers a driver, OFFLINE. The same driver again is `again`, so that a retry does no harm; another under the same id is refused. `now` in epoch ms. */
  register(driver: NewDriver, by: Actor, correlationId: string, now: number): Promise<'new' | 'again' | 'idTaken' | 'unknownCity'>;
};

export function createRegistration({ db }: { db: Database }): Registration {
  return {
    register: async (driver, by, correlationId, now) => {
      if ((await db.city.count({ where: { id: driver.cityId } })) === 0) return 'unknownCity';
      const { cityId, driverId } = driver;
      const subject = { cityId, deliveryId: null, merchantId: null, sellerOrderId: null, deliveryHash: null, driverHashes: { [driverId]: null } };
      const detail = { vehicleKind: driver.vehicleKind, offerVersion: driver.offerVersion, capacity: driver.capacity };
      const entry = { kind: 'driver_registered', chain: 'driver', driverId, actor: by, from: null, to: 'OFFLINE', why: null, deviceAt: null, detail } as const;
      const { rows, heads } = chainEntries(subject, [entry], now, correlationId);
      if (await insertDriver(db, driver, { entries: rows, auditHash: heads.driverHashes[driverId] ?? null, now })) return 'new';
      return (await isTheSame(db, driver)) ? 'again' : 'idTaken';
    },
  };
}

async function isTheSame(db: Database, { driverId, ...driver }: NewDriver): Promise<boolean> {
  return (await db.driver.count({ where: { id: driverId, ...driver } })) === 1;
}
