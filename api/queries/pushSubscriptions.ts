import type { PrismaClient } from '../../prisma/client/client';

/** A browser's subscription, as its PushManager gives it. */
export type PushSubscriptionAsked = { endpoint: string; p256dh: string; auth: string };

/** A driver has a phone, perhaps a second one, and what browsers left behind. */
export const MAX_SUBSCRIPTIONS = 5;

/**
 * Keeps a subscription of a driver who exists; the oldest go where there are too many. A browser is its last
 * driver's: an endpoint that was another's is theirs now.
 * @returns how many the driver has
 */
export function keepSubscription(
  db: PrismaClient,
  driverId: string,
  { endpoint, p256dh, auth }: PushSubscriptionAsked,
  newId: string,
): Promise<number> {
  return db.$transaction(async (tx) => {
    // One after another a driver, or each would count without the other; the driver's row is dispatch's.
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
      // not what became another's meanwhile
      await tx.pushSubscription.deleteMany({ where: { id: { in: tooMany }, driverId } });
    return Math.min(kept.length, MAX_SUBSCRIPTIONS);
  });
}

/** Forgets a subscription, where it is the driver's. @returns how many they have left */
export async function removeSubscription(
  db: PrismaClient,
  driverId: string,
  endpoint: string,
): Promise<number> {
  await db.pushSubscription.deleteMany({ where: { driverId, endpoint } });
  return db.pushSubscription.count({ where: { driverId } });
}
