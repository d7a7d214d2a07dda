import { type Tx } from './database';

/**
 * Notes that the driver holds the goods of their newest assignment to the delivery.
 * @returns the assignment; null where it was noted before, or they never had the delivery
 */
export async function claimGoodsOf(
  tx: Tx,
  { deliveryId, driverId, at }: { deliveryId: string; driverId: string; at: number },
): Promise<string | null> {
  const [claimed] = await tx.$queryRaw<{ id: string }[]>`
    UPDATE assignments SET goods_claimed_at = ${new Date(at)}
    WHERE goods_claimed_at IS NULL AND id = (SELECT id FROM assignments
      WHERE delivery_id = ${deliveryId}::uuid AND driver_id = ${driverId}::uuid
      ORDER BY started_at DESC, id DESC LIMIT 1)
    RETURNING id`;
  return claimed?.id ?? null;
}
