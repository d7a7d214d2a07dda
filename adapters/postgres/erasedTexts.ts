import { ERASED_KIND, splitTexts, textFieldsOf } from '../../domain/audit/auditTexts';
import { type ChainedEntry, chainOf } from '../../domain/audit/auditChain';
import { type Entry } from '../../domain/delivery/deliveryState';
import { type Actor } from '../../domain/delivery/status';
import { rehash } from './audit';
import { chainedEntry, type StoredEntry } from './auditChains';
import { addToDeliveryChain, addToDriverChain } from './chainEntries';
import { lockChain, writeConfigurationEntry } from './configurationTrail';
import { sql, type Tx } from './database';

/** Who erases: ops on request, or the service by age. `erasureId` null: by age. */
export type ErasedBy = { actor: Actor; erasureId: string | null; at: number; correlationId: string };

/**
 * The condition for entries that still hold texts, on `audit_entries e`: sealed ones by their salt, and those
 * of older releases by what may be a text. `textFieldsOf` decides.
 */
export const HOLDS_TEXTS = sql`(e.texts ? 'salt' OR (e.texts IS NULL AND (
  (e.why IS NOT NULL AND e.actor_kind IN ('ops', 'customer'))
  OR e.detail ?| ARRAY['note', 'meeting', 'reason', 'pending', 'personal'])))`;

/** Entries of these chains that hold texts, by chain. */
export async function readTexts(tx: Tx, chains: readonly string[]): Promise<Map<string, ChainedEntry[]>> {
  const rows = await tx.$queryRaw<StoredEntry[]>`
    SELECT e.* FROM audit_entries e WHERE e.chain = ANY(${[...chains]}::text[]) AND ${HOLDS_TEXTS}`;
  return byChain(rows.map(chainedEntry));
}

export function byChain(entries: readonly ChainedEntry[]): Map<string, ChainedEntry[]> {
  const chains = new Map<string, ChainedEntry[]>();
  for (const entry of entries) {
    if (fieldsOf(entry).length === 0) continue;
    chains.set(entry.chain, [...(chains.get(entry.chain) ?? []), entry]);
  }
  return chains;
}

const fieldsOf = ({ record }: ChainedEntry): readonly string[] =>
  record.texts?.fields ?? textFieldsOf(record);

/**
 * Erases the texts of entries of one chain, and adds the entry that says so. Locks the row with the head of the
 * chain. A chain whose row is gone keeps its texts: nothing could be added to it.
 * @param besides adds the entry even where no text was erased
 * @returns how many entries lost their texts
 */
export async function eraseTexts(
  tx: Tx,
  chain: string,
  entries: readonly ChainedEntry[],
  by: ErasedBy,
): Promise<number> {
  const head = await lockHead(tx, chain);
  if (!head) return 0;
  const listed = entries.map((entry) => ({
    id: entry.record.id,
    at: entry.record.at,
    fields: fieldsOf(entry),
  }));
  if (listed.length > 0)
    await tx.$queryRaw`SELECT erase_audit_texts(${JSON.stringify(
      listed.map((each) => ({ ...each, at: new Date(each.at).toISOString() })),
    )}::jsonb)`;
  const hashes = Object.fromEntries(entries.map((entry) => [entry.record.id, hashSince(entry)]));
  const detail = { ...(by.erasureId === null ? {} : { erasureId: by.erasureId }), entries: hashes };
  await head.add(
    {
      kind: ERASED_KIND,
      chain: head.chain,
      driverId: head.driverId,
      actor: by.actor,
      from: null,
      to: null,
      why: null,
      deviceAt: null,
      detail,
    },
    by,
  );
  return listed.length;
}

/** The hash that an entry has once its texts are gone: its own where they were sealed. */
function hashSince(entry: ChainedEntry): string {
  if (entry.record.texts !== undefined) return entry.hash;
  return rehash({ ...entry, record: splitTexts(entry.record, fieldsOf(entry)).rest }).hash;
}

type Head = {
  chain: ChainedEntry['record']['chain'];
  driverId: string | null;
  add: (entry: Entry, by: ErasedBy) => Promise<void>;
};

type Delivery = {
  city_id: string;
  merchant_id: string;
  seller_order_id: string;
  audit_hash: Uint8Array | null;
};

async function lockHead(tx: Tx, chain: string): Promise<Head | null> {
  const [kind = '', id = ''] = chain.split('/');
  if (kind === 'delivery') return lockDelivery(tx, id);
  if (kind === 'driver') return lockDriverHead(tx, id);
  const name = chainOf(chain);
  const [row] = await tx.$queryRaw<{ city_id: string }[]>`
    SELECT city_id FROM audit_heads WHERE chain = ${chain}`;
  if (!row || name === 'delivery' || name === 'driver') return null;
  const head = await lockChain(tx, name, row.city_id);
  return {
    chain: name,
    driverId: null,
    add: (entry, { at, correlationId }) =>
      writeConfigurationEntry(tx, entry, { cityId: row.city_id, head, at, correlationId }),
  };
}

async function lockDelivery(tx: Tx, deliveryId: string): Promise<Head | null> {
  const [row] = await tx.$queryRaw<Delivery[]>`
    SELECT city_id, merchant_id, seller_order_id, audit_hash FROM deliveries WHERE id = ${deliveryId}::uuid
    FOR UPDATE`;
  if (!row) return null;
  const {
    city_id: cityId,
    merchant_id: merchantId,
    seller_order_id: sellerOrderId,
    audit_hash: auditHash,
  } = row;
  const delivery = { facts: { deliveryId, cityId, merchantId, sellerOrderId }, auditHash };
  return {
    chain: 'delivery',
    driverId: null,
    add: (entry, by) => addToDeliveryChain(tx, delivery, entry, by),
  };
}

async function lockDriverHead(tx: Tx, driverId: string): Promise<Head | null> {
  const [row] = await tx.$queryRaw<{ city_id: string; audit_hash: Uint8Array | null }[]>`
    SELECT city_id, audit_hash FROM drivers WHERE id = ${driverId}::uuid FOR UPDATE`;
  if (!row) return null;
  const driver = { facts: { driverId, cityId: row.city_id }, auditHash: row.audit_hash };
  return {
    chain: 'driver',
    driverId,
    add: async (entry, by) => void (await addToDriverChain(tx, driver, entry, by)),
  };
}
