import { v7 as newId } from 'uuid';
import { type NewDriver } from '../registration';
import { type AuditRow, ENTRY_ROWS, INSERT_ENTRIES } from './audit';
import { type Database } from './database';

type Written = { entries: readonly AuditRow[]; auditHash: Uint8Array | null; now: number };

/** Writes driver, vehicle and audit entry in one statement, or nothing where the id is taken. @returns whether it wrote */
export async function insertDriver(db: Database, driver: NewDriver, { entries, auditHash, now }: Written): Promise<boolean> {
  const createdAt = new Date(now).toISOString();
  const { driverId, cityId, name, phone, vehicleKind, offerVersion, capacity } = driver;
  const row = {
    id: driverId, city_id: cityId, name, phone, vehicle_kind: vehicleKind, offer_version: offerVersion, capacity, created_at: createdAt,
    audit_hash: auditHash === null ? null : `\\x${Buffer.from(auditHash).toString('hex')}`,
  };
  const vehicle = { id: newId(), driver_id: driverId, kind: vehicleKind, created_at: createdAt };
  const [written] = await db.$queryRawUnsafe<{ count: number }[]>(INSERT, JSON.stringify([row]), JSON.stringify([vehicle]), JSON.stringify(entries));
  return written?.count === 1;
}

const INSERT = `
  WITH d AS (
    INSERT INTO drivers (id, city_id, name, phone, vehicle_kind, offer_version, capacity, created_at, audit_hash)
    SELECT id, city_id, name, phone, vehicle_kind, offer_version, capacity, created_at, audit_hash FROM jsonb_populate_recordset(null::drivers, $1::jsonb)
    ON CONFLICT (id) DO NOTHING
    RETURNING id
  ), v AS (
    INSERT INTO vehicles (id, driver_id, kind, created_at)
    SELECT vehicle.id, vehicle.driver_id, vehicle.kind, vehicle.created_at FROM jsonb_populate_recordset(null::vehicles, $2::jsonb) AS vehicle WHERE EXISTS (SELECT FROM d)
  ), e AS (
    ${INSERT_ENTRIES} FROM ${ENTRY_ROWS('$3')} WHERE EXISTS (SELECT FROM d)
  )
  SELECT count(*)::int AS count FROM d`;
