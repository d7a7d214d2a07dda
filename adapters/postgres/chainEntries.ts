import { type DeliveryFacts, type Entry } from '../../domain/delivery/deliveryState';
import { type DriverFacts } from '../../domain/driver/availability';
import { writeEntries } from './audit';
import { type Tx } from './database';

/** A locked delivery or driver, as far as its chain of audit entries needs it. `auditHash`: the head of the chain. */
type ChainOf<Facts> = { facts: Facts; auditHash: Uint8Array | null };
export type DeliveryChain = ChainOf<
  Pick<DeliveryFacts, 'deliveryId' | 'cityId' | 'merchantId' | 'sellerOrderId'>
>;
export type DriverChain = ChainOf<Pick<DriverFacts, 'driverId' | 'cityId'>>;

/** `at`: epoch ms. */
export type EntryOrigin = { at: number; correlationId: string };

/** Adds an entry to the chain of a delivery, and writes the new head into its row. The caller has locked the row. */
export async function addToDeliveryChain(
  tx: Tx,
  { facts: { deliveryId, cityId, merchantId, sellerOrderId }, auditHash }: DeliveryChain,
  entry: Entry,
  { at, correlationId }: EntryOrigin,
): Promise<void> {
  const subject = {
    cityId,
    deliveryId,
    merchantId,
    sellerOrderId,
    deliveryHash: auditHash,
    driverHashes: {},
  };
  const { deliveryHash } = await writeEntries(tx, subject, [entry], at, correlationId);
  await tx.$executeRaw`UPDATE deliveries SET audit_hash = ${deliveryHash} WHERE id = ${deliveryId}::uuid`;
}

/** The same for a driver. @returns the new head */
export async function addToDriverChain(
  tx: Tx,
  driver: DriverChain,
  entry: Entry,
  origin: EntryOrigin,
): Promise<Uint8Array | null> {
  const head = await writeDriverEntry(tx, driver, entry, origin);
  await tx.$executeRaw`UPDATE drivers SET audit_hash = ${head} WHERE id = ${driver.facts.driverId}::uuid`;
  return head;
}

/** Writes an entry of a driver's chain. @returns the new head, for the caller to write with the rest of the row */
export async function writeDriverEntry(
  tx: Tx,
  { facts: { driverId, cityId }, auditHash }: DriverChain,
  entry: Entry,
  { at, correlationId }: EntryOrigin,
): Promise<Uint8Array | null> {
  const subject = {
    cityId,
    deliveryId: null,
    merchantId: null,
    sellerOrderId: null,
    deliveryHash: null,
    driverHashes: { [driverId]: auditHash },
  };
  const { driverHashes } = await writeEntries(tx, subject, [entry], at, correlationId);
  return driverHashes[driverId] ?? null;
}
