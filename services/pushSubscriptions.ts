import { type Database, readerOf, type Tx } from '../adapters/postgres/database';
import { addToDriverChain } from '../adapters/postgres/chainEntries';
import { lockDriver } from '../adapters/postgres/deliveryRow';
import { type ChangedBy } from './configuration';
import { type Clock, type NewId } from './ports';

/** A browser's subscription, as its PushManager returns it. */
export type BrowserSubscription = { endpoint: string; p256dh: string; auth: string };

/** Enough for two phones and some stale subscriptions. */
export const MAX_SUBSCRIPTIONS = 5;

export type PushSubscriptions = {
  /**
   * Stores a subscription of an existing driver, and removes the oldest beyond the limit. An endpoint belongs
   * to the driver who subscribed last.
   * @returns the number of subscriptions of the driver
   */
  keep(driverId: string, subscription: BrowserSubscription, by: ChangedBy): Promise<number>;
  /** Removes a subscription of the driver. @returns the number of those left */
  remove(driverId: string, endpoint: string, by: ChangedBy): Promise<number>;
};

/** Changes are in the driver's audit chain, by the host of the push service: the address is a secret. */
export function createPushSubscriptions(deps: {
  db: Database;
  clock: Clock;
  newId: NewId;
}): PushSubscriptions {
  const { db, clock, newId } = deps;
  return {
    keep: (driverId, { endpoint, p256dh, auth }, by) =>
      db.$transaction(async (tx) => {
        const before = await tx.pushSubscription.findUnique({ where: { endpoint } });
        const isSame = before?.driverId === driverId && before.p256dh === p256dh && before.auth === auth;
        // A repeat of what stands there takes no lock on the driver: each start of the app sends it.
        if (!isSame) await record(tx, driverId, { kind: 'push_subscribed', endpoint }, by, clock());
        const fields = { driverId, p256dh, auth, createdAt: new Date() };
        await tx.pushSubscription.upsert({
          where: { endpoint },
          create: { id: newId(), endpoint, ...fields },
          update: fields,
        });
        return removeOldest(tx, driverId);
      }),
    remove: (driverId, endpoint, by) =>
      db.$transaction(async (tx) => {
        const isTheirs = (await tx.pushSubscription.count({ where: { driverId, endpoint } })) > 0;
        if (isTheirs) await record(tx, driverId, { kind: 'push_unsubscribed', endpoint }, by, clock());
        await tx.pushSubscription.deleteMany({ where: { driverId, endpoint } });
        return tx.pushSubscription.count({ where: { driverId } });
      }),
  };
}

async function removeOldest(tx: Tx, driverId: string): Promise<number> {
  const kept = await tx.pushSubscription.findMany({
    where: { driverId },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    select: { id: true },
  });
  const tooMany = kept.slice(MAX_SUBSCRIPTIONS).map(({ id }) => id);
  if (tooMany.length > 0)
    // not those that another driver has taken over in the meantime
    await tx.pushSubscription.deleteMany({ where: { id: { in: tooMany }, driverId } });
  return Math.min(kept.length, MAX_SUBSCRIPTIONS);
}

/** The lock on the driver's row serializes the requests of one driver, so that each counts the others. */
async function record(
  tx: Tx,
  driverId: string,
  { kind, endpoint }: { kind: 'push_subscribed' | 'push_unsubscribed'; endpoint: string },
  { by, correlationId }: ChangedBy,
  at: number,
): Promise<void> {
  const driver = await lockDriver(readerOf(tx), driverId);
  if (!driver) throw new Error(`there is no driver ${driverId}`);
  const entry = {
    kind,
    chain: 'driver',
    driverId,
    actor: by,
    from: null,
    to: null,
    why: null,
    deviceAt: null,
    detail: { service: new URL(endpoint).host },
  } as const;
  await addToDriverChain(tx, driver, entry, { at, correlationId });
}
