import { type ErasedBy, eraseTexts, readTexts } from './erasedTexts';
import { sql, type Tx } from './database';

/** A delivery that is over and holds personal data. `erasureId` null: only its age ends them. */
export type DueDelivery = { deliveryId: string; erasureId: string | null };
type Row = { id: string; erasure_id: string | null };

/** Locks some deliveries that are to be erased on request, and have ended. */
export async function lockRequested(tx: Tx, limit: number): Promise<DueDelivery[]> {
  const rows = await tx.$queryRaw<Row[]>`
    SELECT id, erasure_id FROM deliveries
    WHERE erasure_id IS NOT NULL AND erased_at IS NULL AND closed_at IS NOT NULL
    ORDER BY id LIMIT ${limit} FOR UPDATE SKIP LOCKED`;
  return rows.map(({ id, erasure_id: erasureId }) => ({ deliveryId: id, erasureId }));
}

/** Locks some deliveries that ended before an instant (epoch ms), the oldest first. */
export async function lockAged(tx: Tx, before: number, limit: number): Promise<DueDelivery[]> {
  const rows = await tx.$queryRaw<Row[]>`
    SELECT id, erasure_id FROM deliveries WHERE closed_at < ${new Date(before)} AND erased_at IS NULL
    ORDER BY closed_at LIMIT ${limit} FOR UPDATE SKIP LOCKED`;
  return rows.map(({ id, erasure_id: erasureId }) => ({ deliveryId: id, erasureId }));
}

/**
 * Erases what deliveries, locked by the caller, hold of people. Places become the centre of the city, addresses
 * empty; an offer of a trip no longer shows its stops. What was carried, when, for how much and by which driver
 * stays, and so do the merchant's key and the zone.
 */
export async function eraseDeliveries(
  tx: Tx,
  due: readonly DueDelivery[],
  by: (delivery: DueDelivery) => ErasedBy,
  now: number,
): Promise<void> {
  if (due.length === 0) return;
  const ids = sql`${due.map(({ deliveryId }) => deliveryId)}::uuid[]`;
  const texts = await readTexts(
    tx,
    due.map(({ deliveryId }) => `delivery/${deliveryId}`),
  );
  for (const delivery of due) {
    const chain = `delivery/${delivery.deliveryId}`;
    const entries = texts.get(chain) ?? [];
    if (entries.length > 0 || delivery.erasureId !== null) await eraseTexts(tx, chain, entries, by(delivery));
  }
  await tx.$executeRaw`
    WITH place AS (
      SELECT d.id, c.center_lat AS lat, c.center_lng AS lng,
        jsonb_build_object('address', '', 'point', jsonb_build_object('lat', c.center_lat, 'lng', c.center_lng))
          AS shown
      FROM deliveries d JOIN cities c ON c.id = d.city_id WHERE d.id = ANY(${ids})
    ), s AS (
      UPDATE stops SET address = '', lat = place.lat, lng = place.lng, contact_name = NULL,
        contact_phone = NULL, contact_phone_e164 = NULL, notes = NULL
      FROM place WHERE stops.delivery_id = place.id
    ), o AS (
      UPDATE offers SET end_reason = CASE WHEN end_reason LIKE 'rescued: %' THEN 'RESCUED' ELSE end_reason END,
        payload = payload - 'trip' || jsonb_build_object('pickup', place.shown || '{"notes": null}',
          'dropoff', place.shown)
      FROM place WHERE offers.delivery_id = place.id
    ), t AS (
      UPDATE offers SET payload = payload - 'trip'
      WHERE trip_id IN (SELECT trip_id FROM offers WHERE delivery_id = ANY(${ids}) AND trip_id IS NOT NULL)
        AND trip_seat = 0 AND delivery_id <> ALL(${ids})
    ), a AS (
      UPDATE assignments SET meeting_lat = NULL, meeting_lng = NULL, meeting_address = NULL,
        choice = choice - 'why'
      FROM place WHERE assignments.delivery_id = place.id
    ), e AS (
      UPDATE escalations SET note = NULL FROM place WHERE escalations.delivery_id = place.id
    ), c AS (
      UPDATE order_changes SET content = NULL FROM place WHERE order_changes.delivery_id = place.id
    ), m AS (
      DELETE FROM meeting_points USING place WHERE meeting_points.delivery_id = place.id
    )
    UPDATE deliveries SET erased_at = ${new Date(now)}, request_hash = 'erased', request_fingerprint = NULL,
      request_fields = '{}'
    FROM place WHERE deliveries.id = place.id`;
}
