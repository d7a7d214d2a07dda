import { v7 as newId } from 'uuid';
import { type DriverRegistry } from '../../services/registration';
import { chainEntries, ENTRY_ROWS, INSERT_ENTRIES } from './audit';
import { type Database } from './database';

/** Registers drivers in PostgreSQL. */
export function createDriverRegistry(db: Database): DriverRegistry {
  return {
    city: (id) => db.city.findUnique({ where: { id }, select: { country: true, timezone: true } }),
    insert: async (driver, entry, at, correlationId) => {
      const { cityId, driverId } = driver;
      const subject = {
        cityId,
        deliveryId: null,
        merchantId: null,
        sellerOrderId: null,
        deliveryHash: null,
        driverHashes: { [driverId]: null },
      };
      const { rows, heads } = chainEntries(subject, [entry], at, correlationId);
      const createdAt = new Date(at).toISOString();
      const vehicle = { id: newId(), driver_id: driverId, kind: driver.vehicleKind, created_at: createdAt };
      const [written] = await db.$queryRawUnsafe<{ count: number }[]>(
        INSERT,
        JSON.stringify([driverRow(driver, createdAt, heads.driverHashes[driverId] ?? null)]),
        JSON.stringify([vehicle]),
        JSON.stringify(rows),
      );
      return written?.count === 1;
    },
    has: async ({ driverId, ...driver }) =>
      (await db.driver.count({ where: { id: driverId, ...driver } })) === 1,
  };
}

type CallableDriver = Parameters<DriverRegistry['insert']>[0];

function driverRow(
  { driverId, cityId, name, phone, phoneE164, vehicleKind, offerVersion, capacity }: CallableDriver,
  createdAt: string,
  auditHash: Uint8Array | null,
): object {
  return {
    id: driverId,
    city_id: cityId,
    name,
    phone,
    phone_e164: phoneE164,
    vehicle_kind: vehicleKind,
    offer_version: offerVersion,
    capacity,
    created_at: createdAt,
    audit_hash: auditHash === null ? null : `\\x${Buffer.from(auditHash).toString('hex')}`,
  };
}

// One statement: one transaction and one round trip.
const INSERT = `
  WITH d AS (
    INSERT INTO drivers (id, city_id, name, phone, phone_e164, vehicle_kind, offer_version, capacity,
      created_at, audit_hash)
    SELECT id, city_id, name, phone, phone_e164, vehicle_kind, offer_version, capacity, created_at, audit_hash
      FROM jsonb_populate_recordset(null::drivers, $1::jsonb)
    ON CONFLICT (id) DO NOTHING
    RETURNING id
  ), v AS (
    INSERT INTO vehicles (id, driver_id, kind, created_at)
    SELECT vehicle.id, vehicle.driver_id, vehicle.kind, vehicle.created_at
      FROM jsonb_populate_recordset(null::vehicles, $2::jsonb) AS vehicle WHERE EXISTS (SELECT FROM d)
  ), e AS (
    ${INSERT_ENTRIES} FROM ${ENTRY_ROWS('$3')} WHERE EXISTS (SELECT FROM d)
  )
  SELECT count(*)::int AS count FROM d`;
