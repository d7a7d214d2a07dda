import { type ReachedLevel } from '../../domain/delivery/escalation';
import { type Point } from '../../domain/geo/places';
import { type ParcelSize } from '../../domain/driver/vehicles';
import { type Widening } from '../../domain/zones/widening';
import { type Read } from '../../services/ports';
import { type Database, msOf, readerOf, sql } from './database';
import { widenedMeters, wideningsInForce } from './zoneActRows';

/** A delivery that is looking for a driver. `payCents` includes the bonus, as an offer would show it. */
export type WaitingDelivery = {
  deliveryId: string;
  pickup: Point;
  round: number;
  level: ReachedLevel;
  parcelSize: ParcelSize;
  payCents: number;
  readyAt: number;
  broadcastSince: number | null;
  /** How far its searches reach at least; null: as far as usual. */
  widenedToMeters: number | null;
};

type Row = Omit<WaitingDelivery, 'pickup' | 'readyAt' | 'broadcastSince' | 'widenedToMeters'> &
  Point & {
    readyAt: Date;
    broadcastSince: Date | null;
    zoneId: string | null;
    widenings: Widening[] | null;
  };

/** A page of a city's waiting deliveries, the most urgent first. */
export async function readWaiting(
  db: Database,
  { cityId, limit, offset, now }: { cityId: string; limit: number; offset: number; now: number },
): Promise<WaitingDelivery[]> {
  const read = readerOf(db);
  const rows = await read<Row>(sql`
    SELECT d.id AS "deliveryId", s.lat, s.lng, d.search_round AS round, d.escalation_level AS level,
      d.parcel_size AS "parcelSize", d.pay_cents + d.bonus_cents AS "payCents", d.ready_at AS "readyAt",
      d.broadcast_since AS "broadcastSince", d.zone_id AS "zoneId",
      (${wideningsInForce(sql`${cityId}`, now)}) AS widenings
    FROM deliveries d JOIN stops s ON s.delivery_id = d.id AND s.kind = 'PICKUP'
    WHERE d.city_id = ${cityId} AND d.status = 'SEARCHING' AND d.held_reason IS NULL
      ORDER BY d.escalation_level DESC, d.search_at, d.id LIMIT ${limit} OFFSET ${offset}`);
  return rows.map(({ lat, lng, readyAt, broadcastSince, zoneId, widenings, ...row }) => ({
    ...row,
    pickup: { lat, lng },
    readyAt: msOf(readyAt),
    broadcastSince: msOf(broadcastSince),
    widenedToMeters: widenedMeters(widenings, zoneId, now),
  }));
}

/** How many other deliveries of a city look for a driver, counted up to `atMost`. */
export async function countOthersWaiting(
  read: Read,
  { cityId, deliveryId, atMost }: { cityId: string; deliveryId: string; atMost: number },
): Promise<number> {
  const rows = await read(sql`
    SELECT d.id FROM deliveries d WHERE d.city_id = ${cityId} AND d.status = 'SEARCHING' AND d.held_reason IS NULL
      AND d.id <> ${deliveryId}::uuid LIMIT ${atMost}`);
  return rows.length;
}
