import { type Tx } from './database';

/** A live offer or active assignment of a driver, with its delivery. */
export type DriverWork = {
  offers: { offerId: string; deliveryId: string }[];
  assignments: { assignmentId: string; deliveryId: string; isPickedUp: boolean }[];
};

/**
 * The driver's live offers and active assignments. `isPickedUp` is the delivery's, also where the driver
 * still has to take the goods over from another one. Their number cannot change while the driver's row is
 * locked.
 */
export async function readDriverWork(tx: Tx, driverId: string): Promise<DriverWork> {
  const rows = await tx.$queryRaw<
    { id: string; delivery_id: string; is_offer: boolean; is_picked_up: boolean }[]
  >`
    SELECT id, delivery_id, true AS is_offer, false AS is_picked_up FROM offers
      WHERE driver_id = ${driverId}::uuid AND state = 'LIVE'
    UNION ALL
    SELECT a.id, a.delivery_id, false, d.picked_up_at IS NOT NULL FROM assignments a JOIN deliveries d
      ON d.id = a.delivery_id WHERE a.driver_id = ${driverId}::uuid AND a.state = 'ACTIVE'`;
  return {
    offers: rows
      .filter((row) => row.is_offer)
      .map((row) => ({ offerId: row.id, deliveryId: row.delivery_id })),
    assignments: rows
      .filter((row) => !row.is_offer)
      .map((row) => ({ assignmentId: row.id, deliveryId: row.delivery_id, isPickedUp: row.is_picked_up })),
  };
}
