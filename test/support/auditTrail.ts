/** The audit trail as an auditor reads it: from what is stored alone. */
import { rehash, type StoredSeal } from '../../adapters/postgres/audit';
import { type Database, sql } from '../../adapters/postgres/database';
import { chainOf } from '../../domain/audit/auditChain';
import type { AuditRecord } from '../../domain/audit/auditRecord';
import type { Actor } from '../../domain/delivery/status';

type StoredEntry = {
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

export type AuditChain = { chain: string; entries: AuditRecord[]; problems: string[]; head: string };

/** Every chain of the database, each followed from its first entry by its hashes, which are computed anew. */
export async function readChains(db: Database): Promise<AuditChain[]> {
  const rows = await db.$queryRaw<StoredEntry[]>(sql`SELECT * FROM audit_entries`);
  const byChain = new Map<string, StoredEntry[]>();
  for (const row of rows) byChain.set(row.chain, [...(byChain.get(row.chain) ?? []), row]);
  return [...byChain].map(([chain, stored]) => follow(chain, stored));
}

/**
 * What is wrong with the trail, in words: hashes that do not fit, entries that no chain reaches, heads that
 * differ from the rows'.
 */
export async function auditProblems(db: Database): Promise<string[]> {
  const chains = await readChains(db);
  const heads = await db.$queryRaw<{ chain: string; head: Uint8Array | null }[]>(sql`
    SELECT 'delivery/' || id AS chain, audit_hash AS head FROM deliveries UNION ALL SELECT 'driver/' || id,
      audit_hash FROM drivers UNION ALL SELECT chain, hash FROM audit_heads`);
  const headOf = new Map(heads.map(({ chain, head }) => [chain, head === null ? 'none' : hex(head)]));
  const reached = new Set(chains.map(({ chain }) => chain));
  return [
    ...chains.flatMap(({ problems }) => problems),
    ...chains
      .filter(({ chain, head }) => headOf.get(chain) !== head)
      .map(({ chain }) => `${chain} does not end where its row says`),
    ...heads
      .filter(({ chain, head }) => head !== null && !reached.has(chain))
      .map(({ chain }) => `${chain} has a head and no entries`),
  ];
}

function follow(chain: string, stored: readonly StoredEntry[]): AuditChain {
  const after = new Map(
    stored.map((entry) => [entry.prev_hash === null ? 'none' : hex(entry.prev_hash), entry]),
  );
  const entries: AuditRecord[] = [];
  const problems: string[] = [];
  let head = 'none';
  for (let next = after.get(head); next && entries.length < stored.length; next = after.get(head)) {
    const record = recordOf(next);
    const found = rehash({
      record,
      chain,
      previous: next.prev_hash && hex(next.prev_hash),
      hash: hex(next.hash),
      salt: next.texts?.salt ?? null,
    });
    if (found.hash !== hex(next.hash) || (found.texts !== 'NONE' && found.texts !== 'INTACT'))
      problems.push(`${chain}: entry ${next.id} is not what was hashed`);
    entries.push(record);
    head = hex(next.hash);
  }
  if (entries.length !== stored.length)
    problems.push(`${chain}: of ${stored.length} entries ${entries.length} hang together`);
  return { chain, entries, problems, head };
}

function recordOf(row: StoredEntry): AuditRecord {
  return {
    id: row.id,
    at: row.at.getTime(),
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
    deviceAt: row.device_at?.getTime() ?? null,
    detail: row.detail,
    chain: chainOf(row.chain),
    ...(row.texts === null ? {} : { texts: { fields: row.texts.fields, digest: row.texts.digest } }),
  };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
