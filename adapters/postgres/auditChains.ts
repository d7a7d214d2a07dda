import { type AuditRecord } from '../../domain/audit/auditRecord';
import { type ChainedEntry, type ChainHead, chainOf } from '../../domain/audit/auditChain';
import { type Actor } from '../../domain/delivery/status';
import { type AuditChains, type FinishedCheck, type StoredChain } from '../../services/auditChains';
import { rehash, type StoredSeal } from './audit';
import { type Database, msOf, type Tx } from './database';

/** The daily check may take long: no delivery waits for it. */
const CHECK_STATEMENT_MS = 60_000;
/** The longest time for one chain; it passes some ten thousand entries a second. */
const WALK_MS = 3_600_000;
const WALKED_AT_ONCE = 2_000;

/** How many rows one statement searches for missing entries. */
const ROWS_AT_ONCE = 2_000;

/** @param statementMs the statement timeout: long for the daily check, the usual one if a caller waits */
export function createAuditChains(db: Database, statementMs = CHECK_STATEMENT_MS): AuditChains {
  const atOneMoment = snapshots(db, statementMs);
  return {
    // In the order of the index on chain, so that each page starts where the last one ended.
    dueChains: ({ since, lastDigits }, after, limit) =>
      atOneMoment(
        (tx) => tx.$queryRaw<{ chain: string; entries: number }[]>`
      SELECT due.chain, (SELECT count(*)::int FROM audit_entries e WHERE e.chain = due.chain) AS entries
        FROM (
        SELECT chain FROM audit_entries WHERE chain > ${after}
          AND (at >= ${new Date(since)} OR right(chain, 1) = ANY(${[...lastDigits]}::text[]))
        GROUP BY chain ORDER BY chain LIMIT ${limit}) due
      ORDER BY due.chain`,
      ),
    readChains: (names) =>
      atOneMoment(async (tx) => {
        const heads = await readHeads(tx, names);
        const entries = await tx.$queryRaw<
          StoredEntry[]
        >`SELECT * FROM audit_entries WHERE chain = ANY(${[...names]}::text[])`;
        const byChain = new Map<string, ChainedEntry[]>(names.map((name) => [name, []]));
        for (const row of entries) byChain.get(row.chain)?.push(chainedEntry(row));
        return [...byChain].map(([chain, stored]): StoredChain => ({
          chain,
          entries: stored,
          head: heads.get(chain),
        }));
      }),
    walkChain: (name, onSome) =>
      atOneMoment(async (tx) => {
        const heads = await readHeads(tx, [name]);
        await tx.$executeRaw`
          DECLARE walk NO SCROLL CURSOR FOR
            SELECT * FROM audit_entries WHERE chain = ${name} ORDER BY at, id`;
        for (;;) {
          const some = await tx.$queryRawUnsafe<StoredEntry[]>(`FETCH ${WALKED_AT_ONCE} FROM walk`);
          if (some.length === 0 || !(await onSome(some.map(chainedEntry)))) return heads.get(name);
        }
      }, WALK_MS),
    withoutEntries: ({ since, lastDigits }, kind, after) =>
      atOneMoment(async (tx) => {
        if (kind === 'configuration') return configurationWithout(tx, after);
        const table = kind === 'delivery' ? 'deliveries' : 'drivers';
        const rows = await tx.$queryRawUnsafe<{ id: string; has: boolean }[]>(
          `
        SELECT r.id, NOT (created_at >= $2 OR right(r.id::text, 1) = ANY($3::text[]))
          OR EXISTS (SELECT FROM audit_entries e WHERE e.chain = $4 || '/' || r.id) AS has
        FROM ${table} r WHERE r.id > $1::uuid ORDER BY r.id LIMIT ${ROWS_AT_ONCE}`,
          after,
          new Date(since),
          [...lastDigits],
          kind,
        );
        return {
          chains: rows.filter(({ has }) => !has).map(({ id }) => `${kind}/${id}`),
          next: rows.length < ROWS_AT_ONCE ? null : (rows.at(-1)?.id ?? null),
        };
      }),
    rehash,
    checkedTo: async () =>
      msOf(
        (
          await db.auditCheck.findFirst({
            where: { finishedAt: { not: null } },
            orderBy: { startedAt: 'desc' },
          })
        )?.checkedTo ?? null,
      ),
    begin: async ({ startedAt, checkedTo }) => {
      const { id } = await db.auditCheck.create({
        data: {
          startedAt: new Date(startedAt),
          checkedTo: new Date(checkedTo),
          problems: { count: 0, named: [] },
        },
      });
      return Number(id);
    },
    finish: async ({ checkId, finishedAt, chains, entries, problemCount, named }) => {
      await db.auditCheck.update({
        where: { id: checkId },
        data: {
          finishedAt: new Date(finishedAt),
          chains,
          entries,
          problems: { count: problemCount, named: [...named] },
        },
      });
    },
  };
}

/**
 * One snapshot for all statements, so that a change in progress is seen whole or not at all: an entry and the
 * head that names it are written together.
 */
function snapshots(
  db: Database,
  statementMs: number,
): <T>(read: (tx: Tx) => Promise<T>, timeoutMs?: number) => Promise<T> {
  return (read, timeoutMs = 2 * statementMs) =>
    db.$transaction(
      async (tx) => {
        await tx.$executeRawUnsafe(`SET LOCAL statement_timeout = ${statementMs}`);
        return read(tx);
      },
      { isolationLevel: 'RepeatableRead', timeout: timeoutMs, maxWait: 3 * statementMs },
    );
}

/** Heads outside of deliveries and drivers whose chains have no entry. There are few: each check reads all. */
async function configurationWithout(
  tx: Tx,
  after: string,
): Promise<{ chains: string[]; next: string | null }> {
  const rows = await tx.$queryRaw<{ chain: string; has: boolean }[]>`
    SELECT h.chain, EXISTS (SELECT FROM audit_entries e WHERE e.chain = h.chain) AS has
    FROM audit_heads h WHERE h.chain > ${after} ORDER BY h.chain LIMIT ${ROWS_AT_ONCE}`;
  return {
    chains: rows.filter(({ has }) => !has).map(({ chain }) => chain),
    next: rows.length < ROWS_AT_ONCE ? null : (rows.at(-1)?.chain ?? null),
  };
}

type HeadRow = { chain: string; city_id: string; head: Uint8Array | null };

async function readHeads(tx: Tx, names: readonly string[]): Promise<Map<string, ChainHead>> {
  const rows = await tx.$queryRaw<HeadRow[]>`
    SELECT 'delivery/' || id AS chain, city_id, audit_hash AS head FROM deliveries
      WHERE id = ANY(${idsOf(names, 'delivery')}::uuid[])
    UNION ALL SELECT 'driver/' || id, city_id, audit_hash FROM drivers
      WHERE id = ANY(${idsOf(names, 'driver')}::uuid[])
    UNION ALL SELECT chain, city_id, hash FROM audit_heads WHERE chain = ANY(${[...names]}::text[])`;
  return new Map(
    rows.map(({ chain, city_id: cityId, head }) => [
      chain,
      { cityId, hash: head === null ? null : hex(head) },
    ]),
  );
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A chain whose name cannot belong to a row has no row. */
function idsOf(names: readonly string[], kind: 'delivery' | 'driver'): string[] {
  return names
    .filter((name) => name.startsWith(`${kind}/`))
    .map((name) => name.slice(kind.length + 1))
    .filter((id) => UUID.test(id));
}

export type StoredEntry = {
  id: string;
  at: Date;
  kind: string;
  city_id: string;
  delivery_id: string | null;
  driver_id: string | null;
  merchant_id: string | null;
  seller_order_id: string | null;
  actor_kind: Actor['kind'];
  actor_id: string;
  from_state: string | null;
  to_state: string | null;
  why: string | null;
  correlation_id: string;
  device_at: Date | null;
  detail: Record<string, unknown> | null;
  chain: string;
  texts: StoredSeal | null;
  prev_hash: Uint8Array | null;
  hash: Uint8Array;
};

export function chainedEntry(row: StoredEntry): ChainedEntry {
  const record: AuditRecord = {
    id: row.id,
    at: msOf(row.at),
    kind: row.kind,
    cityId: row.city_id,
    deliveryId: row.delivery_id,
    driverId: row.driver_id,
    merchantId: row.merchant_id,
    sellerOrderId: row.seller_order_id,
    actor: { kind: row.actor_kind, id: row.actor_id },
    from: row.from_state,
    to: row.to_state,
    why: row.why,
    correlationId: row.correlation_id,
    deviceAt: msOf(row.device_at),
    detail: row.detail,
    chain: chainOf(row.chain),
    ...(row.texts === null ? {} : { texts: { fields: row.texts.fields, digest: row.texts.digest } }),
  };
  return {
    record,
    chain: row.chain,
    previous: row.prev_hash === null ? null : hex(row.prev_hash),
    hash: hex(row.hash),
    salt: row.texts?.salt ?? null,
  };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The result of the last finished check; null if there was none. */
export async function lastFinishedCheck(db: Database): Promise<FinishedCheck | null> {
  const [row] = await db.$queryRaw<{ finished_at: Date; problem_count: number }[]>`
    SELECT finished_at, (problems ->> 'count')::int AS problem_count FROM audit_checks
      WHERE finished_at IS NOT NULL ORDER BY started_at DESC LIMIT 1`;
  return row ? { finishedAt: msOf(row.finished_at), problemCount: row.problem_count } : null;
}

/**
 * How long, in ms, the newest state of an open delivery has had no audit entry; 0 if each has one. Entries
 * are written with their change, so anything else is a bug.
 */
export async function auditLagMs(db: Database): Promise<number> {
  const [row] = await db.$queryRaw<{ lag_ms: number | null }[]>`
    SELECT (extract(epoch FROM now() - min(d.status_changed_at)) * 1000)::float8 AS lag_ms FROM deliveries d
    WHERE d.closed_at IS NULL AND NOT EXISTS (SELECT FROM audit_entries e WHERE e.delivery_id = d.id
      AND e.at >= d.status_changed_at)`;
  return Math.max(0, row?.lag_ms ?? 0);
}
