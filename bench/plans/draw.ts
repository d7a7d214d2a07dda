import { randomInt } from 'node:crypto';
import type { Client } from 'pg';
import { CITIES } from './seed';

/** Random existing ids. */
export type Draw = {
  city(): string;
  /** A random row of the named list. Lists are cyclic. */
  one(of: Listed): Row;
};

export type Row = {
  id: string;
  deliveryId: string;
  driverId: string;
  cityId: string;
  zoneId: string;
  merchantId: string;
  sellerOrderId: string;
};
export type Listed = keyof typeof LISTS;

const OF_DELIVERY = `id, id AS "deliveryId", coalesce(driver_id::text, '') AS "driverId", city_id AS "cityId",
  zone_id AS "zoneId", merchant_id AS "merchantId", seller_order_id AS "sellerOrderId"`;
const OF_DRIVER = `id, '' AS "deliveryId", id AS "driverId", city_id AS "cityId",
  '' AS "zoneId", '' AS "merchantId", '' AS "sellerOrderId"`;
const OF_CASE = `e.id, e.delivery_id AS "deliveryId", coalesce(e.driver_id::text, '') AS "driverId",
  e.city_id AS "cityId", e.zone_id AS "zoneId", '' AS "merchantId", '' AS "sellerOrderId"`;
const open = (status: string, and = 'true'): string =>
  `SELECT ${OF_DELIVERY} FROM deliveries WHERE closed_at IS NULL AND status = '${status}' AND held_reason IS NULL
    AND ${and} ORDER BY md5(id::text) LIMIT 1000`;
const offers = (
  condition: string,
): string => `SELECT o.id, delivery_id AS "deliveryId", o.driver_id AS "driverId", city_id AS "cityId",
  zone_id AS "zoneId", merchant_id AS "merchantId", seller_order_id AS "sellerOrderId"
  FROM offers o JOIN deliveries d ON d.id = o.delivery_id WHERE state = 'LIVE' AND ${condition}
    ORDER BY md5(o.id::text) LIMIT 1000`;
const onDuty = (availability: string): string =>
  `SELECT ${OF_DRIVER} FROM drivers WHERE availability = '${availability}' AND pending IS NULL AND live_offers = 0
    ORDER BY md5(id::text) LIMIT 1000`;

const LISTS = {
  closed: `SELECT ${OF_DELIVERY} FROM deliveries TABLESAMPLE BERNOULLI (1) WHERE status = 'DELIVERED' LIMIT 1000`,
  searching: open('SEARCHING', 'NOT EXISTS (SELECT FROM escalations e WHERE e.delivery_id = deliveries.id)'),
  assigned: open('ASSIGNED'),
  atPickup: open('AT_PICKUP'),
  pickedUp: open('PICKED_UP'),
  atDropoff: open('AT_DROPOFF'),
  returning: open('RETURNING'),
  held: `SELECT ${OF_DELIVERY} FROM deliveries WHERE closed_at IS NULL AND held_reason IS NOT NULL
    ORDER BY md5(id::text) LIMIT 1000`,
  meetings: `SELECT m.id, d.id AS "deliveryId", d.driver_id AS "driverId", d.city_id AS "cityId",
    d.zone_id AS "zoneId", merchant_id AS "merchantId", seller_order_id AS "sellerOrderId"
    FROM meeting_points m JOIN deliveries d ON d.id = m.delivery_id WHERE d.status = 'PICKED_UP' LIMIT 1000`,
  liveOffers: offers('expires_at > now()'),
  lapsedOffers: offers('expires_at < now()'),
  free: onDuty('AVAILABLE'),
  busy: `SELECT ${OF_DRIVER} FROM drivers WHERE availability = 'BUSY' ORDER BY md5(id::text) LIMIT 1000`,
  onBreak: `SELECT ${OF_DRIVER} FROM drivers WHERE availability = 'ON_BREAK' ORDER BY md5(id::text) LIMIT 1000`,
  offDuty: onDuty('OFFLINE'),
  ended: onDuty('SHIFT_ENDED'),
  cases: `SELECT ${OF_CASE} FROM escalations e WHERE state = 'OPEN' AND reason = 'UNASSIGNED'
    ORDER BY md5(e.id::text) LIMIT 1000`,
  driverCases: `SELECT ${OF_CASE} FROM escalations e WHERE driver_id IS NOT NULL LIMIT 1000`,
  carrierCases: `SELECT ${OF_CASE} FROM escalations e
    WHERE driver_id IS NOT NULL AND state <> 'RESOLVED' AND reason = 'CARRIER_SILENT' LIMIT 1000`,
} as const;

/** @throws Error, on drawing, where the seed left a list empty */
export async function createDraw(owner: Client): Promise<Draw> {
  const lists = new Map<string, Row[]>();
  for (const [name, query] of Object.entries(LISTS)) lists.set(name, (await owner.query<Row>(query)).rows);
  return {
    city: () => `city-${randomInt(CITIES)}`,
    one: (of) => {
      const list = lists.get(of) ?? [];
      const row = list.shift();
      if (!row) throw new Error(`the seed has no deliveries, drivers or cases that are ${of}`);
      list.push(row);
      return row;
    },
  };
}
