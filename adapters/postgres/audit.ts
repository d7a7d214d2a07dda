import { createHash, randomBytes } from 'node:crypto';
import { v7 as newId } from 'uuid';
import { type AuditRecord, type TextSeal } from '../../domain/audit/auditRecord';
import { canonicalJson } from '../../domain/audit/canonicalJson';
import { chainNameOf, type ChainedEntry, type Rehashed } from '../../domain/audit/auditChain';
import { splitTexts, textFieldsOf } from '../../domain/audit/auditTexts';
import { type Entry } from '../../domain/delivery/deliveryState';
import { type Tx } from './database';

/**
 * The subject of audit entries. The caller must hold locks on the rows of the delivery and of these drivers:
 * the heads of their hash chains are stored there.
 */
export type AuditSubject = {
  cityId: string;
  deliveryId: string | null;
  merchantId: string | null;
  sellerOrderId: string | null;
  deliveryHash: Uint8Array | null;
  driverHashes: Readonly<Record<string, Uint8Array | null>>;
};

/** Heads of the chains: as they were read with the locked rows, or new ones for the caller to write there. */
export type ChainHeads = { deliveryHash: Uint8Array | null; driverHashes: Record<string, Uint8Array | null> };

/** A seal with the salt of its digest, in hex; without it once the texts are erased. */
export type StoredSeal = TextSeal & { salt?: string };

/** An entry as the table stores it: instants as ISO text, hashes as hex. */
export type AuditRow = Record<string, unknown>;

/**
 * Adds the hashes that link entries into their chains. Pure but for the ids. `writeEntries` writes the
 * result.
 */
export function chainEntries(
  subject: AuditSubject,
  entries: readonly Entry[],
  at: number,
  correlationId: string,
): { rows: AuditRow[]; heads: ChainHeads } {
  const heads: ChainHeads = { deliveryHash: subject.deliveryHash, driverHashes: { ...subject.driverHashes } };
  const rows = entries.map((entry) => {
    const { cityId, deliveryId, merchantId, sellerOrderId } = subject;
    const record: AuditRecord = {
      ...entry,
      id: newId(),
      at,
      cityId,
      deliveryId,
      merchantId,
      sellerOrderId,
      correlationId,
    };
    const previous =
      entry.chain === 'delivery' ? heads.deliveryHash : (heads.driverHashes[driverOf(entry)] ?? null);
    const { row, hash } = chainEntry(record, previous);
    if (entry.chain === 'delivery') heads.deliveryHash = hash;
    else heads.driverHashes[driverOf(entry)] = hash;
    return row;
  });
  return { rows, heads };
}

/** Seals the texts of an entry, and links it to the previous one. */
export function chainEntry(
  record: AuditRecord,
  previous: Uint8Array | null,
): { row: AuditRow; hash: Uint8Array } {
  const fields = textFieldsOf(record);
  if (fields.length === 0) {
    const hash = hashOf(previous, record);
    return { row: rowOf(record, previous, hash, null), hash };
  }
  const { rest, texts } = splitTexts(record, fields);
  const salt = randomBytes(SALT_BYTES).toString('hex');
  const seal = { fields, digest: digestOf(salt, texts) };
  const hash = hashOf(previous, { ...rest, texts: seal });
  return { row: rowOf(record, previous, hash, { ...seal, salt }), hash };
}

/** Long enough that nobody finds erased words by guessing: the salt ends with them. */
const SALT_BYTES = 16;

function digestOf(salt: string, texts: Readonly<Record<string, unknown>>): string {
  return createHash('sha256').update(Buffer.from(salt, 'hex')).update(canonicalJson(texts)).digest('hex');
}

/** Hashes a stored entry anew, its texts by their digest, and says what became of them. */
export function rehash({ record, previous, salt }: ChainedEntry): Rehashed {
  const before = previous === null ? null : Buffer.from(previous, 'hex');
  const { texts: seal } = record;
  if (seal === undefined) return { hash: hex(hashOf(before, record)), texts: 'NONE' };
  const { rest, texts } = splitTexts(record, seal.fields);
  return { hash: hex(hashOf(before, rest)), texts: stateOf(salt, texts, seal.digest) };
}

function stateOf(
  salt: string | null,
  texts: Readonly<Record<string, unknown>>,
  digest: string,
): Rehashed['texts'] {
  if (salt === null) return Object.keys(texts).length === 0 ? 'ERASED' : 'ALTERED';
  return digestOf(salt, texts) === digest ? 'INTACT' : 'ALTERED';
}

/** SHA-256 over the previous hash of the chain and the whole record. */
export function hashOf(previous: Uint8Array | null, record: AuditRecord): Uint8Array {
  return createHash('sha256')
    .update(previous ?? '')
    .update(canonicalJson(record))
    .digest();
}

/** Writes entries. @returns the new heads of their chains, for the caller to write into the locked rows */
export async function writeEntries(
  tx: Tx,
  subject: AuditSubject,
  entries: readonly Entry[],
  at: number,
  correlationId: string,
): Promise<ChainHeads> {
  const { rows, heads } = chainEntries(subject, entries, at, correlationId);
  if (rows.length > 0)
    await tx.$executeRawUnsafe(`${INSERT_ENTRIES} FROM ${ENTRY_ROWS('$1')}`, JSON.stringify(rows));
  return heads;
}

const COLUMNS = `id, at, kind, city_id, delivery_id, driver_id, merchant_id, seller_order_id, actor_kind,
  actor_id, from_state, to_state, why, correlation_id, device_at, detail, chain, texts`;

/** The INSERT without its rows, for use inside a larger statement. */
export const INSERT_ENTRIES = `INSERT INTO audit_entries (${COLUMNS}, prev_hash, hash)
  SELECT ${COLUMNS}, decode(prev_hash, 'hex'), decode(hash, 'hex')`;

/**
 * The rows of a JSON array.
 * @param json the parameter or expression that holds it
 */
export const ENTRY_ROWS = (
  json: string,
): string => `jsonb_to_recordset(${json}::jsonb) AS entry(id uuid, at timestamptz, kind text, city_id text,
  delivery_id uuid, driver_id uuid, merchant_id text, seller_order_id text, actor_kind text, actor_id text,
  from_state text, to_state text, why text, correlation_id text, device_at timestamptz, detail jsonb, chain text,
  texts jsonb, prev_hash text, hash text)`;

function driverOf({ driverId, kind, chain }: Entry): string {
  if (chain !== 'driver') throw new Error(`audit entry ${kind} belongs to ${chain}, whose head is not here`);
  if (driverId === null) throw new Error(`audit entry ${kind} is in a driver's chain but names no driver`);
  return driverId;
}

function rowOf(
  record: AuditRecord,
  previous: Uint8Array | null,
  hash: Uint8Array,
  texts: StoredSeal | null,
): AuditRow {
  return {
    id: record.id,
    at: iso(record.at),
    kind: record.kind,
    city_id: record.cityId,
    delivery_id: record.deliveryId,
    driver_id: record.driverId,
    merchant_id: record.merchantId,
    seller_order_id: record.sellerOrderId,
    actor_kind: record.actor.kind,
    actor_id: record.actor.id,
    from_state: record.from,
    to_state: record.to,
    why: record.why,
    correlation_id: record.correlationId,
    device_at: record.deviceAt === null ? null : iso(record.deviceAt),
    detail: record.detail,
    chain: chainNameOf(record),
    texts,
    prev_hash: previous === null ? null : hex(previous),
    hash: hex(hash),
  };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const iso = (at: number): string => new Date(at).toISOString();
