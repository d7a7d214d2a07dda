import { type Database } from './database';

/** How many rows of the default partition the gauge counts at most. */
const COUNTED_AT_MOST = 100_000;

/**
 * Creates the missing monthly partitions. A month that already has entries in the default partition gets one
 * piece a call: the entries of that piece are moved under a lock that keeps writers out (ADR 5).
 * @param from the first month
 * @param months how many months, the first included
 * @returns how many partitions it created; 0 if none is missing
 * @throws Error where the lock was not free within two seconds; nothing has changed then
 */
export async function ensureAuditPartitions(db: Database, from: Date, months: number): Promise<number> {
  const [row] = await db.$queryRaw<
    { made: number }[]
  >`SELECT ensure_audit_partitions(${from.toISOString().slice(0, 10)}::date, ${months}::int) AS made`;
  // Always: an older worker, or one that was killed here, left its partition without a guard.
  await db.$queryRaw`SELECT guard_audit_partitions()`;
  return row?.made ?? 0;
}

/**
 * @returns `aheadMs`: until when there are partitions, from now, in ms; `defaultRows`: the entries that lie in
 *   the default partition because their month has none, 100,000 at most
 */
export async function auditPartitionsState(db: Database): Promise<{ aheadMs: number; defaultRows: number }> {
  const [row] = await db.$queryRaw<{ ahead_ms: number | null; default_rows: number }[]>`
    SELECT (extract(epoch FROM max(upper) - now()) * 1000)::float8 AS ahead_ms,
      (SELECT count(*)::int FROM (SELECT FROM audit_entries_default LIMIT ${COUNTED_AT_MOST}::int) AS counted)
        AS default_rows
    FROM (SELECT substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \\(''([^'']+)''\\)')::timestamptz AS upper
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = 'audit_entries'::regclass) AS bounds`;
  return { aheadMs: Math.max(0, row?.ahead_ms ?? 0), defaultRows: row?.default_rows ?? 0 };
}
