import { chainedEntry, type StoredEntry } from './auditChains';
import { byChain, type ErasedBy, eraseTexts, HOLDS_TEXTS } from './erasedTexts';
import { type Database, msOf } from './database';

/** How much of the trail one step reads. */
const WINDOW_MS = 3_600_000;

/**
 * Erases the texts of the next window of the trail, from the mark where the last step stopped, in the index of
 * each city. Older entries are not read again.
 * @param before epoch ms; entries from then on keep their texts
 * @returns how many entries lost their texts; null = the trail is done up to `before`
 */
export async function eraseAgedTexts(db: Database, before: number, by: ErasedBy): Promise<number | null> {
  const from = await markOf(db);
  if (from === null || from >= before) return null;
  const until = Math.min(from + WINDOW_MS, before);
  const rows = await db.$queryRaw<StoredEntry[]>`
    SELECT entry.* FROM (SELECT id FROM cities UNION ALL SELECT '*') c CROSS JOIN LATERAL (
      SELECT e.* FROM audit_entries e WHERE e.city_id = c.id AND e.at >= ${new Date(from)}
        AND e.at < ${new Date(until)} AND ${HOLDS_TEXTS}) entry`;
  let erased = 0;
  for (const [chain, entries] of byChain(rows.map(chainedEntry)))
    erased += await db.$transaction((tx) => eraseTexts(tx, chain, entries, by));
  await db.$executeRaw`UPDATE erasure_marks SET at = ${new Date(until)} WHERE name = 'audit_texts'`;
  return erased;
}

/** Where the last step stopped; at first, the oldest entry. @returns null while the trail is empty */
async function markOf(db: Database): Promise<number | null> {
  const [row] = await db.$queryRaw<
    { at: Date | null }[]
  >`SELECT at FROM erasure_marks WHERE name = 'audit_texts'`;
  if (row) return msOf(row.at);
  const [first] = await db.$queryRaw<{ at: Date | null }[]>`
    SELECT min(oldest.at) AS at FROM (SELECT id FROM cities UNION ALL SELECT '*') c CROSS JOIN LATERAL (
      SELECT e.at FROM audit_entries e WHERE e.city_id = c.id ORDER BY e.at LIMIT 1) oldest`;
  if (!first?.at) return null;
  await db.$executeRaw`
    INSERT INTO erasure_marks (name, at) VALUES ('audit_texts', ${first.at}) ON CONFLICT DO NOTHING`;
  return msOf(first.at);
}

/** Erases some reasons of old rescues. @returns how many */
export async function eraseAgedRescues(db: Database, before: number, limit: number): Promise<number> {
  return db.$executeRaw`UPDATE rescues SET why = '' WHERE id IN (
    SELECT id FROM rescues WHERE created_at < ${new Date(before)} AND why <> '' ORDER BY created_at LIMIT ${limit})`;
}

/**
 * Erases the last known places of drivers off duty who have been silent since before that, in a page of the
 * drivers by id.
 * @returns the last id of the page; null = it was the last page
 */
export async function eraseAgedPlaces(
  db: Database,
  before: number,
  afterId: string,
  limit: number,
): Promise<string | null> {
  const [row] = await db.$queryRaw<{ last: string | null; read: number }[]>`
    WITH page AS (
      SELECT id, last_fix_at, availability FROM drivers WHERE id > ${afterId}::uuid ORDER BY id LIMIT ${limit}
    ), aged AS (
      UPDATE drivers SET last_lat = NULL, last_lng = NULL, last_fix_at = NULL FROM page
      WHERE drivers.id = page.id AND page.last_fix_at < ${new Date(before)}
        AND page.availability NOT IN ('AVAILABLE', 'BUSY')
    )
    SELECT max(id::text) AS last, count(*)::int AS read FROM page`;
  return row !== undefined && row.read === limit ? row.last : null;
}
