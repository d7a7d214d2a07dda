import { v7 as newId } from 'uuid';
import { type ConfigurationChain, type Entry } from '../../domain/delivery/deliveryState';
import { chainEntry, ENTRY_ROWS, INSERT_ENTRIES } from './audit';
import { type Tx } from './database';

/**
 * Locks the head of a chain until the end of the transaction, so that the changes of one thing take turns.
 * @returns the hash of its last entry; null = it has none
 */
export async function lockChain(
  tx: Tx,
  chain: ConfigurationChain,
  cityId: string,
): Promise<Uint8Array | null> {
  await tx.$executeRaw`INSERT INTO audit_heads (chain, city_id) VALUES (${chain}, ${cityId}) ON CONFLICT DO NOTHING`;
  const [row] = await tx.$queryRaw<{ hash: Uint8Array | null }[]>`
    SELECT hash FROM audit_heads WHERE chain = ${chain} FOR UPDATE`;
  return row?.hash ?? null;
}

/** Adds an entry to a chain whose head is locked. */
export async function writeConfigurationEntry(
  tx: Tx,
  entry: Entry,
  place: { cityId: string; head: Uint8Array | null; at: number; correlationId: string },
): Promise<void> {
  const { cityId, head, at, correlationId } = place;
  const nobody = { deliveryId: null, merchantId: null, sellerOrderId: null };
  const { row, hash } = chainEntry({ ...entry, ...nobody, id: newId(), at, cityId, correlationId }, head);
  await tx.$executeRawUnsafe(`${INSERT_ENTRIES} FROM ${ENTRY_ROWS('$1')}`, JSON.stringify([row]));
  await tx.$executeRaw`UPDATE audit_heads SET hash = ${hash} WHERE chain = ${entry.chain}`;
}
