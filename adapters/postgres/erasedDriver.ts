import { chainedEntry, type StoredEntry } from './auditChains';
import { byChain, type ErasedBy, eraseTexts, HOLDS_TEXTS } from './erasedTexts';
import { type Database, type Tx } from './database';

/** Why a driver cannot be erased now: they work, or may be given work. */
export type DriverBlock = 'notFound' | 'atWork';

/**
 * Erases what the row of a driver says of them, with their vehicles' plates, push subscriptions and the reasons
 * of their rescues. The id stays: it names nobody without the row.
 * @param mayWork erases even a driver whose row says that they work; they were erased before
 */
export async function eraseDriverRow(
  tx: Tx,
  driverId: string,
  cities: readonly string[] | null,
  now: number,
): Promise<DriverBlock | 'erased'> {
  const [row] = await tx.$queryRaw<{ city_id: string; may_go: boolean }[]>`
    SELECT city_id, availability IN ('OFFLINE', 'SHIFT_ENDED') AND live_offers = 0 AND active_assignments = 0
      AS may_go
    FROM drivers WHERE id = ${driverId}::uuid FOR UPDATE`;
  if (!row || (cities !== null && !cities.includes(row.city_id))) return 'notFound';
  if (!row.may_go) return 'atWork';
  await tx.$executeRaw`
    WITH v AS (UPDATE vehicles SET plate = NULL WHERE driver_id = ${driverId}::uuid AND plate IS NOT NULL),
    p AS (DELETE FROM push_subscriptions WHERE driver_id = ${driverId}::uuid),
    s AS (UPDATE suspensions SET why = '', lifted_why = CASE WHEN lifted_why IS NULL THEN NULL ELSE '' END
      WHERE subject_kind = 'driver' AND subject_id = ${driverId}),
    r AS (UPDATE rescues SET why = '' WHERE driver_id = ${driverId}::uuid AND why <> '')
    UPDATE drivers SET name = '', phone = NULL, phone_e164 = NULL, last_lat = NULL, last_lng = NULL,
      last_fix_at = NULL, availability_reason = NULL, pending = NULL,
      availability_version = availability_version + 1, erased_at = coalesce(erased_at, ${new Date(now)})
    WHERE id = ${driverId}::uuid`;
  return 'erased';
}

/** Deletes some of the driver's position history. @returns how many; 0 = none is left */
export async function deletePositionsOf(db: Database, driverId: string, limit: number): Promise<number> {
  return db.$executeRaw`DELETE FROM position_fixes WHERE id IN (
    SELECT id FROM position_fixes WHERE driver_id = ${driverId}::uuid ORDER BY at LIMIT ${limit})`;
}

/**
 * Erases some texts of entries about the driver, in whatever chains: of the driver, and of deliveries that they
 * had. Each chain is one transaction.
 * @returns how many chains; 0 = no such entry is left
 */
export async function eraseTextsAbout(
  db: Database,
  driverId: string,
  by: ErasedBy,
  limit: number,
): Promise<number> {
  const rows = await db.$queryRaw<StoredEntry[]>`
    SELECT e.* FROM audit_entries e WHERE e.driver_id = ${driverId}::uuid AND ${HOLDS_TEXTS} LIMIT ${limit}`;
  const chains = byChain(rows.map(chainedEntry));
  let erased = 0;
  for (const [chain, entries] of chains)
    erased += (await db.$transaction((tx) => eraseTexts(tx, chain, entries, by))) > 0 ? 1 : 0;
  return erased;
}
