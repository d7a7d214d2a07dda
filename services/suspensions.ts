import { type Actor } from '../domain/delivery/status';
import { SUSPENDED, type Suspension } from '../domain/driver/suspension';
import { type Message } from '../domain/notices/message';
import { addToDriverChain } from '../adapters/postgres/chainEntries';
import { type Database, readerOf, type Tx } from '../adapters/postgres/database';
import { lockDriver, type ReadDriver } from '../adapters/postgres/deliveryRow';
import { readDriverWork } from '../adapters/postgres/driverWork';
import { enqueue } from '../adapters/postgres/outbox';
import {
  enqueueMerchantSuspended,
  insertSuspension,
  liftSuspension,
  lockMerchant,
  readSuspension,
  readSuspensions,
} from '../adapters/postgres/suspensionRows';
import { endDuty, type EndDutyDeps } from './endDuty';
import { type Clock, type NewId } from './ports';

export type SuspensionDeps = EndDutyDeps & {
  db: Database;
  clock: Clock;
  newId: NewId;
  /** Called after a commit that wrote to the outbox. */
  notifyRelay: () => void;
};

/** Who suspends, or lifts a suspension, and why. */
export type SuspensionAsked = { by: Actor; why: string; correlationId: string };

/**
 * Ops suspend drivers and merchants (docs/behaviour.md#access, ADR 45). Each act is one transaction; a repeat changes
 * nothing and gets the first.
 */
export type SuspensionService = {
  /** Who is suspended now, the earliest first. */
  list(): Promise<Suspension[]>;
  /**
   * Takes the driver off duty. Their offers are withdrawn and their jobs become cases.
   * @returns null for an unknown driver
   */
  suspendDriver(driverId: string, asked: SuspensionAsked): Promise<Suspension | null>;
  /** The driver stays off duty until they come back themselves. @returns false for an unknown driver */
  liftDriver(driverId: string, asked: SuspensionAsked): Promise<boolean>;
  /** The open deliveries of the merchant go on, and become cases. @returns null for an unknown merchant */
  suspendMerchant(merchantId: string, asked: SuspensionAsked): Promise<Suspension | null>;
  /** @returns false for an unknown merchant */
  liftMerchant(merchantId: string, asked: SuspensionAsked): Promise<boolean>;
};

export function createSuspensions(deps: SuspensionDeps): SuspensionService {
  const { db, notifyRelay } = deps;
  const committed = async <T>(act: (tx: Tx) => Promise<T>): Promise<T> => {
    const result = await db.$transaction(act);
    notifyRelay();
    return result;
  };
  return {
    list: () => readSuspensions(readerOf(db)),
    suspendDriver: (driverId, asked) => committed((tx) => suspendDriver(tx, deps, driverId, asked)),
    liftDriver: (driverId, asked) => committed((tx) => liftDriver(tx, deps, driverId, asked)),
    suspendMerchant: (merchantId, asked) => committed((tx) => suspendMerchant(tx, deps, merchantId, asked)),
    liftMerchant: (merchantId, asked) => committed((tx) => liftMerchant(tx, deps, merchantId, asked)),
  };
}

/** The lock on the driver's row prevents new work, and a second suspension. */
async function suspendDriver(
  tx: Tx,
  deps: SuspensionDeps,
  driverId: string,
  asked: SuspensionAsked,
): Promise<Suspension | null> {
  const driver = await lockDriver(readerOf(tx), driverId);
  if (!driver) return null;
  const subject = { kind: 'driver', id: driverId } as const;
  const before = await readSuspension(readerOf(tx), subject);
  if (before) return before;
  const at = deps.clock();
  const made = { subject, since: at, byId: asked.by.id, why: asked.why };
  await insertSuspension(tx, deps.newId(), made);
  const noted = await writeEntry(tx, driver, 'driver_suspended', asked, at);
  const work = await readDriverWork(tx, driverId);
  await enqueue(tx, driverId, asked.correlationId, await endDuty(tx, deps, noted, work, asked, at));
  const left = { kind: 'driverLeft', driverId, why: SUSPENDED } as const;
  const messages: (Message & { deliveryId: string })[] = [
    ...work.offers.map(({ deliveryId, offerId }) => ({ ...left, deliveryId, offerId })),
    ...work.assignments.map(({ deliveryId, assignmentId }) => ({ ...left, deliveryId, assignmentId })),
  ];
  for (const message of messages) await enqueue(tx, message.deliveryId, asked.correlationId, [message]);
  return made;
}

async function liftDriver(
  tx: Tx,
  { clock }: SuspensionDeps,
  driverId: string,
  asked: SuspensionAsked,
): Promise<boolean> {
  const driver = await lockDriver(readerOf(tx), driverId);
  if (!driver) return false;
  const at = clock();
  const { by, why } = asked;
  if (await liftSuspension(tx, { kind: 'driver', id: driverId }, { at, byId: by.id, why }))
    await writeEntry(tx, driver, 'driver_suspension_lifted', asked, at);
  return true;
}

async function suspendMerchant(
  tx: Tx,
  { clock, newId }: SuspensionDeps,
  merchantId: string,
  { by, why, correlationId }: SuspensionAsked,
): Promise<Suspension | null> {
  if (!(await lockMerchant(tx, merchantId))) return null;
  const subject = { kind: 'merchant', id: merchantId } as const;
  const before = await readSuspension(readerOf(tx), subject);
  if (before) return before;
  const made = { subject, since: clock(), byId: by.id, why };
  await insertSuspension(tx, newId(), made);
  await enqueueMerchantSuspended(tx, merchantId, correlationId, by);
  return made;
}

async function liftMerchant(
  tx: Tx,
  { clock }: SuspensionDeps,
  merchantId: string,
  { by, why }: SuspensionAsked,
): Promise<boolean> {
  if (!(await lockMerchant(tx, merchantId))) return false;
  await liftSuspension(tx, { kind: 'merchant', id: merchantId }, { at: clock(), byId: by.id, why });
  return true;
}

/** Writes an entry in the driver's chain. @returns the driver with the new chain head */
async function writeEntry(
  tx: Tx,
  driver: ReadDriver,
  kind: 'driver_suspended' | 'driver_suspension_lifted',
  { by, why, correlationId }: SuspensionAsked,
  at: number,
): Promise<ReadDriver> {
  const entry = {
    kind,
    chain: 'driver',
    driverId: driver.facts.driverId,
    actor: by,
    from: null,
    to: null,
    why,
    deviceAt: null,
    detail: null,
  } as const;
  return { ...driver, auditHash: await addToDriverChain(tx, driver, entry, { at, correlationId }) };
}
