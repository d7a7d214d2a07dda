import { v7 as newId } from 'uuid';
import { type DriverProfile, type WorkingProfile } from '../../domain/driver/driverProfile';
import { type Entry } from '../../domain/delivery/deliveryState';
import { type EntryOrigin, writeDriverEntry } from './chainEntries';
import { readerOf, sql, type Tx } from './database';

export type LockedProfile = { profile: WorkingProfile; auditHash: Uint8Array | null };

/** Locks a driver's row. @returns undefined if there is none */
export async function lockProfile(tx: Tx, driverId: string): Promise<LockedProfile | undefined> {
  const [row] = await readerOf(tx)<WorkingProfile & { auditHash: Uint8Array | null }>(sql`
    SELECT city_id AS "cityId", name, phone, vehicle_kind AS "vehicleKind", capacity,
      offer_version AS "offerVersion", live_offers AS "liveOffers", active_assignments AS "activeAssignments",
      audit_hash AS "auditHash"
    FROM drivers WHERE id = ${driverId}::uuid FOR UPDATE`);
  if (!row) return undefined;
  const { auditHash, ...profile } = row;
  return { profile, auditHash };
}

/**
 * Writes a changed profile of a locked driver, with its entry in the driver's audit chain. The version rises, so that
 * the live map takes it. Another vehicle retires the one before.
 */
export async function writeProfile(
  tx: Tx,
  driverId: string,
  { profile: before, auditHash }: LockedProfile,
  { phoneE164, ...next }: DriverProfile & { phoneE164: string | null },
  entry: Entry,
  origin: EntryOrigin,
): Promise<void> {
  const head = await writeDriverEntry(
    tx,
    { facts: { driverId, cityId: next.cityId }, auditHash },
    entry,
    origin,
  );
  await tx.$executeRaw`
    UPDATE drivers SET city_id = ${next.cityId}, name = ${next.name}, phone = ${next.phone},
      phone_e164 = ${phoneE164}, vehicle_kind = ${next.vehicleKind}, capacity = ${next.capacity},
      offer_version = ${next.offerVersion}, availability_version = availability_version + 1,
      audit_hash = ${head}
    WHERE id = ${driverId}::uuid`;
  if (before.vehicleKind === next.vehicleKind) return;
  const now = new Date(origin.at);
  await tx.vehicle.updateMany({ where: { driverId, retiredAt: null }, data: { retiredAt: now } });
  await tx.vehicle.create({ data: { id: newId(), driverId, kind: next.vehicleKind, createdAt: now } });
}
