/** The stored audit trail. Hashes are recomputed here, independently of the service. */
import { createHash } from 'node:crypto';
import { type AuditRecord } from '../../domain/audit/auditRecord';
import { canonicalJson } from '../../domain/audit/canonicalJson';
import {
  type ChainedEntry,
  chainOf,
  type FollowedChain,
  followChain,
  type Rehashed,
} from '../../domain/audit/auditChain';
import { splitTexts } from '../../domain/audit/auditTexts';
import type { Actor } from '../../domain/delivery/status';
import type { Reader, RecordedMove } from '../../simulator/kit/record';
import { groupedBy } from './momentRules';
import type { Violation } from './violation';
import { ms } from './snapshot';

type StoredEntry = Omit<AuditRecord, 'actor' | 'chain' | 'texts'> & {
  actorKind: Actor['kind'];
  actorId: string;
  chain: string;
  texts: { fields: string[]; digest: string; salt?: string } | null;
  previous: string | null;
  hash: string;
};

/** The name of a chain and what its row stores of it; the hash in hex. */
export type Head = { chain: string; hash: string | null; cityId: string };

/**
 * Reads these chains, each from its first entry to the head that its row names. The caller's transaction
 * provides the snapshot.
 */
export async function readTrails(reader: Reader, heads: readonly Head[]): Promise<FollowedChain[]> {
  const { rows } = await reader.query<StoredEntry>(ENTRIES, [heads.map(({ chain }) => chain)]);
  const byChain = groupedBy(rows.map(chainedEntry), ({ chain }) => chain);
  return heads.map(({ chain, hash, cityId }) =>
    followChain(chain, byChain.get(chain) ?? [], { hash, cityId }, rehash),
  );
}

/**
 * Drivers whose chain lacks the entry that their row names as the last. Searches the entries since then
 * (epoch ms).
 */
export async function readLastEntries(
  reader: Reader,
  heads: readonly Head[],
  since: number,
): Promise<Map<string, { to: string | null; kind: string }>> {
  const { rows } = await reader.query<{ chain: string; kind: string; to: string | null }>(LAST, [
    heads.map(({ chain }) => chain),
    heads.map(({ hash }) => hash),
    new Date(since),
  ]);
  return new Map(rows.map(({ chain, kind, to }) => [chain, { kind, to }]));
}

/**
 * Ends of these deliveries' offers that are recorded in the chains of other deliveries, because ops assigned
 * the driver there, or one delivery of a trip ended the offers of all.
 */
export async function readForeignEnds(
  reader: Reader,
  deliveryIds: readonly string[],
): Promise<Map<string, RecordedMove[]>> {
  const { rows } = await reader.query<RecordedMove & { deliveryId: string }>(FOREIGN_ENDS, [
    [...deliveryIds],
  ]);
  return groupedBy(rows, ({ deliveryId }) => deliveryId);
}

/** The entries in chain order. */
export function movesOf({ entries }: FollowedChain): RecordedMove[] {
  return entries.map(({ record: { kind, from, to, driverId, detail } }) => ({
    kind,
    from,
    to,
    driverId,
    offerId: typeof detail?.offerId === 'string' ? detail.offerId : null,
  }));
}

/** Broken links of the chain (invariant 7). */
export function chainProblems({ chain, problems }: FollowedChain): Violation[] {
  const [kind, id = null] = chain.split('/');
  return problems.map(({ kind: problem, entryId, detail }) => ({
    invariant: 7,
    what: `audit chain ${chain}: ${problem}${entryId === null ? '' : ` at entry ${entryId}`}: ${detail}`,
    deliveryId: kind === 'delivery' ? id : null,
    driverId: kind === 'driver' ? id : null,
  }));
}

/**
 * SHA-256 over the hash before and all that the entry says, its texts by their digest (ADR 5,
 * docs/privacy.md#in-the-audit-trail).
 */
function rehash({ record, previous, salt }: ChainedEntry): Rehashed {
  const { texts: seal } = record;
  const { rest, texts } = splitTexts(record, seal?.fields ?? []);
  const hash = sha256(previous ?? '', rest);
  if (seal === undefined) return { hash, texts: 'NONE' };
  if (salt === null) return { hash, texts: Object.keys(texts).length === 0 ? 'ERASED' : 'ALTERED' };
  return { hash, texts: sha256(salt, texts) === seal.digest ? 'INTACT' : 'ALTERED' };
}

function sha256(hex: string, said: object): string {
  return createHash('sha256').update(Buffer.from(hex, 'hex')).update(canonicalJson(said)).digest('hex');
}

function chainedEntry({
  actorKind,
  actorId,
  chain,
  texts,
  previous,
  hash,
  ...said
}: StoredEntry): ChainedEntry {
  return {
    record: {
      ...said,
      actor: { kind: actorKind, id: actorId },
      chain: chainOf(chain),
      ...(texts === null ? {} : { texts: { fields: texts.fields, digest: texts.digest } }),
    },
    chain,
    previous,
    hash,
    salt: texts?.salt ?? null,
  };
}

const ENTRIES = `SELECT id, ${ms('at')} AS at, kind, city_id AS "cityId", delivery_id AS "deliveryId",
  driver_id AS "driverId", merchant_id AS "merchantId",
    seller_order_id AS "sellerOrderId", actor_kind AS "actorKind", actor_id AS "actorId",
      from_state AS "from", to_state AS "to", why, correlation_id AS "correlationId",
    ${ms('device_at')} AS "deviceAt", detail, chain, texts, encode(prev_hash, 'hex') AS previous,
      encode(hash, 'hex') AS hash
  FROM audit_entries WHERE chain = ANY($1::text[])`;

const LAST = `SELECT e.chain, e.kind, e.to_state AS "to" FROM unnest($1::text[], $2::text[]) AS named(chain, hash)
  JOIN audit_entries e ON e.chain = named.chain AND e.at >= $3 AND e.hash = decode(named.hash, 'hex')`;

const FOREIGN_ENDS = `SELECT o.delivery_id AS "deliveryId", e.kind, e.from_state AS "from", e.to_state AS "to",
  e.driver_id AS "driverId", o.id AS "offerId"
  FROM offers o JOIN audit_entries e ON e.driver_id = o.driver_id AND e.at = o.ended_at
    AND e.detail->>'offerId' = o.id::text AND e.chain <> 'delivery/' || o.delivery_id
  WHERE o.delivery_id = ANY($1::uuid[]) AND (o.end_reason = 'DRIVER_ASSIGNED_BY_HAND' OR o.trip_id IS NOT NULL)`;
