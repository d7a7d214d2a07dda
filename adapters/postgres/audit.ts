import { createHash } from 'node:crypto';
import { v7 as newId } from 'uuid';
import { type AuditRecord, canonicalJson } from '../../domain/audit/auditRecord';
import { chainNameOf } from '../../domain/audit/auditChain';
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
    const hash = hashOf(previous, record);
    if (entry.chain === 'delivery') heads.deliveryHash = hash;
    else heads.driverHashes[driverOf(entry)] = hash;
    return rowOf(record, previous, hash);
  });
  return { rows, heads };
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
  actor_id, from_state, to_state, why, correlation_id, device_at, detail, chain`;

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
  prev_hash text, hash text)`;

function driverOf({ driverId, kind }: Entry): string {
  if (driverId === null) throw new Error(`audit entry ${kind} is in a driver's chain but names no driver`);
  return driverId;
}

function rowOf(record: AuditRecord, previous: Uint8Array | null, hash: Uint8Array): AuditRow {
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
    prev_hash: previous === null ? null : hex(previous),
    hash: hex(hash),
  };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const iso = (at: number): string => new Date(at).toISOString();
