import { v7 as newId } from 'uuid';
import { type Prisma } from '../../prisma/client/client';
import {
  type NewDelivery,
  type NewStop,
  type NotInserted,
  type OrderCity,
  type OrderContext,
  type OrderStore,
} from '../../services/orders';
import { NO_LEASES } from '../../services/outbox/leasing';
import { type Leasing, type Read, type WrittenMessage } from '../../services/ports';
import { chainEntries, ENTRY_ROWS, INSERT_ENTRIES } from './audit';
import { type Database, readerOf, sql } from './database';
import { INSERT_MESSAGES, MESSAGE_ROWS, messageRows, WRITTEN_MESSAGES } from './outbox';
import { readTakenOrder } from './takenOrderRow';
import { stopsInForce } from './zoneActRows';
import { createZoneCache, type ZoneAt, type ZonesOf, zonesVersion } from './zoneCache';

type CityRow = Omit<OrderCity, 'zoneAt' | 'center'> & { lat: number; lng: number };
type ContextRow = Omit<OrderContext, 'city'> & {
  city: CityRow | null;
  zonesVersion: string | null;
};

/** Stores orders in PostgreSQL. */
export function createOrderStore(
  db: Database,
  zonesOf: ZonesOf = createZoneCache(readerOf(db)),
  leasing: Leasing = NO_LEASES,
): OrderStore {
  const read = readerOf(db);
  return {
    context: async ({ merchantId, sellerOrderId, cityId }, countedTo, now) => {
      const [row] = await read<ContextRow>(sql`
        SELECT (SELECT jsonb_build_object('deliveryId', id, 'requestHash', request_hash,
            'fingerprint', request_fingerprint) FROM deliveries
          WHERE merchant_id = ${merchantId} AND seller_order_id = ${sellerOrderId}) AS known,
          (SELECT jsonb_build_object('currency', currency, 'lat', center_lat, 'lng', center_lng,
            'serviceRadiusMeters', service_radius_meters, 'country', country, 'timezone', timezone,
            'locale', locale, 'pay', pay)
            FROM cities WHERE id = ${cityId}) AS city,
            EXISTS (SELECT FROM merchants WHERE id = ${merchantId}) AS "merchantExists",
          (${openDeliveriesOf(merchantId, countedTo)}) AS "openDeliveries",
          (${stopsInForce(cityId, now)}) AS stops,
          (${zonesVersion(cityId)}) AS "zonesVersion"`);
      if (!row) throw new Error('a SELECT without FROM returned no row');
      const { known, city, merchantExists, openDeliveries, stops, zonesVersion: version } = row;
      // A repeat needs no zone.
      const zoneAt = await zonesOf(cityId, known ? null : version);
      return { known, merchantExists, openDeliveries, stops, city: city && cityOf(city, zoneAt) };
    },
    taken: (deliveryId) => readTakenOrder(read, deliveryId),
    insert: async (delivery, entry, messages, quota) => {
      const { cityId, deliveryId, merchantId, sellerOrderId, createdAt, correlationId } = delivery;
      const subject = { cityId, deliveryId, merchantId, sellerOrderId, deliveryHash: null, driverHashes: {} };
      const { rows, heads } = chainEntries(subject, [entry], createdAt, correlationId);
      // The delivery's workflow writes the next messages, in a worker.
      const lease = leasing.lease(deliveryId, correlationId, messages, 'elsewhere');
      const values = [
        [deliveryRow(delivery, heads.deliveryHash)],
        [stopRow(deliveryId, 'PICKUP', delivery.pickup), stopRow(deliveryId, 'DROPOFF', delivery.dropoff)],
        rows,
        messageRows(deliveryId, correlationId, messages, lease.known),
      ];
      const write = async (by: Read): Promise<WrittenMessage[] | 'keyTaken'> => {
        const [written] = await by<{ count: number; messages: WrittenMessage[] }>({
          text: INSERT,
          values: values.map((each) => JSON.stringify(each)),
        });
        return written?.count === 1 ? written.messages : 'keyTaken';
      };
      const written = quota === null ? await write(read) : await withinQuota(db, merchantId, quota, write);
      return typeof written === 'string'
        ? { refused: written }
        : { left: lease.send(written, { order: delivery }) };
    },
  };
}

/** By an index of open deliveries, and never further than needed. */
function openDeliveriesOf(merchantId: string, countedTo: number): Prisma.Sql {
  return sql`SELECT count(*)::int FROM (SELECT FROM deliveries WHERE merchant_id = ${merchantId}
    AND closed_at IS NULL LIMIT ${countedTo}) AS open`;
}

/** Orders of one merchant that come at once are written one after another, so that none exceeds the quota. */
function withinQuota(
  db: Database,
  merchantId: string,
  quota: number,
  write: (by: Read) => Promise<WrittenMessage[] | 'keyTaken'>,
): Promise<WrittenMessage[] | NotInserted> {
  return db.$transaction(async (tx) => {
    const locked = readerOf(tx);
    await locked(sql`SELECT pg_advisory_xact_lock(hashtextextended(${`orders of ${merchantId}`}, 0))::text`);
    const [open] = await locked<{ count: number }>(openDeliveriesOf(merchantId, quota));
    return (open?.count ?? 0) >= quota ? 'quotaReached' : write(locked);
  });
}

function cityOf({ lat, lng, ...city }: CityRow, zoneAt: ZoneAt): OrderCity {
  return { ...city, center: { lat, lng }, zoneAt };
}

// One statement: one transaction and one round trip. The rows that belong to a delivery are written only
// where the delivery was.
const INSERT = `
  WITH d AS (
    INSERT INTO deliveries (id, merchant_id, seller_order_id, request_hash, request_fingerprint,
      request_fields, city_id, zone_id, status, status_changed_at, parcel_size, ready_at, window_from,
      window_to, currency, fee_cents, pay_cents, distance_meters, search_at, correlation_id, audit_hash,
        created_at)
    SELECT id, merchant_id, seller_order_id, request_hash, request_fingerprint, request_fields, city_id,
      zone_id, status, status_changed_at, parcel_size, ready_at, window_from,
      window_to, currency, fee_cents, pay_cents, distance_meters, search_at, correlation_id, audit_hash,
        created_at
    FROM jsonb_populate_recordset(null::deliveries, $1::jsonb)
    ON CONFLICT (merchant_id, seller_order_id) DO NOTHING
    RETURNING id
  ), s AS (
    INSERT INTO stops (id, delivery_id, kind, address, lat, lng, contact_name, contact_phone,
      contact_phone_e164, notes)
    SELECT stop.id, stop.delivery_id, stop.kind, stop.address, stop.lat, stop.lng, stop.contact_name,
      stop.contact_phone, stop.contact_phone_e164, stop.notes
    FROM jsonb_populate_recordset(null::stops, $2::jsonb) AS stop WHERE EXISTS (SELECT FROM d)
  ), e AS (
    ${INSERT_ENTRIES} FROM ${ENTRY_ROWS('$3')} WHERE EXISTS (SELECT FROM d)
  ), m AS (
    ${INSERT_MESSAGES} FROM ${MESSAGE_ROWS('$4')} WHERE EXISTS (SELECT FROM d)
    RETURNING ${WRITTEN_MESSAGES}
  )
  SELECT (SELECT count(*)::int FROM d) AS count,
    (SELECT coalesce(jsonb_agg(m ORDER BY m.id::bigint), '[]') FROM m) AS messages`;

function deliveryRow(delivery: NewDelivery, auditHash: Uint8Array | null): object {
  const { createdAt } = delivery;
  return {
    id: delivery.deliveryId,
    merchant_id: delivery.merchantId,
    seller_order_id: delivery.sellerOrderId,
    request_hash: delivery.request.requestHash,
    request_fingerprint: delivery.request.fingerprint,
    request_fields: delivery.request.fields,
    city_id: delivery.cityId,
    zone_id: delivery.zoneId,
    status: 'PENDING',
    status_changed_at: iso(createdAt),
    parcel_size: delivery.parcelSize,
    ready_at: iso(delivery.readyAt),
    window_from: iso(delivery.windowFrom),
    window_to: iso(delivery.windowTo),
    currency: delivery.currency,
    fee_cents: delivery.feeCents,
    pay_cents: delivery.payCents,
    distance_meters: delivery.distanceMeters,
    search_at: iso(delivery.searchAt),
    correlation_id: delivery.correlationId,
    audit_hash: auditHash === null ? null : `\\x${Buffer.from(auditHash).toString('hex')}`,
    created_at: iso(createdAt),
  };
}

function stopRow(
  deliveryId: string,
  kind: 'PICKUP' | 'DROPOFF',
  { address, point, contactName, contactPhone, contactPhoneE164, notes }: NewStop,
): object {
  return {
    id: newId(),
    delivery_id: deliveryId,
    kind,
    address,
    lat: point.lat,
    lng: point.lng,
    contact_name: contactName,
    contact_phone: contactPhone,
    contact_phone_e164: contactPhoneE164,
    notes,
  };
}

function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
