import type { PrismaClient } from '../../prisma/client/client';

/** A browser's subscription, as its PushManager returns it. */
export type BrowserSubscription = { endpoint: string; p256dh: string; auth: string };

/** Enough for two phones and some stale subscriptions. */
export const MAX_SUBSCRIPTIONS = 5;

/**
 * Stores a subscription of an existing driver, and removes the oldest beyond the limit. An endpoint belongs to
 * the driver who subscribed last.
 * @returns the number of subscriptions of the driver
 */
export function keepSubscription(
  db: PrismaClient,
  driverId: string,
  { endpoint, p256dh, auth }: BrowserSubscription,
  newId: string,
): Promise<number> {
  return db.$transaction(async (tx) => {
    // Serializes the requests of one driver, so that each counts the others. The driver's row is for dispatch.
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`push/${driverId}`}, 0))`;
    const fields = { driverId, p256dh, auth, createdAt: new Date() };
    await tx.pushSubscription.upsert({
      where: { endpoint },
      create: { id: newId, endpoint, ...fields },
      update: fields,
    });
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
  });
}

/** Removes a subscription of the driver. @returns the number of those left */
export async function removeSubscription(
  db: PrismaClient,
  driverId: string,
  endpoint: string,
): Promise<number> {
  await db.pushSubscription.deleteMany({ where: { driverId, endpoint } });
  return db.pushSubscription.count({ where: { driverId } });
}
