import { z } from 'zod';
import { type OrderWrite } from '../../domain/delivery/deliveryState';
import {
  type ChangeRequest,
  type OrderChange,
  type OrderState,
  type StopChange,
  type StopState,
} from '../../domain/orders/orderChange';
import { type Read } from '../../services/ports';
import { msOf, sql } from './database';
import { type Transaction } from './transaction';

type StopRow = Omit<StopState, 'point'> & { lat: number; lng: number };
type Row = Omit<OrderState, 'pickup' | 'dropoff' | 'readyAt' | 'windowFrom' | 'windowTo' | 'searchAt'> & {
  content: unknown;
  appliedAt: Date | null;
  pickup: StopRow;
  dropoff: StopRow;
  readyAt: Date;
  windowFrom: Date | null;
  windowTo: Date | null;
  searchAt: Date;
};

/** A change that was kept, with the order as it is. @returns null if there is none */
export async function readOrderChange(
  read: Read,
  deliveryId: string,
  changeId: string,
): Promise<ChangeRequest | null> {
  const [row] = await read<Row>(sql`
    SELECT c.content, c.applied_at AS "appliedAt", d.ready_at AS "readyAt", d.window_from AS "windowFrom",
      d.window_to AS "windowTo", d.parcel_size AS "parcelSize", d.fee_cents AS "feeCents",
      d.pay_cents AS "payCents", d.distance_meters AS "distanceMeters", d.zone_id AS "zoneId",
      d.search_at AS "searchAt", ${stopOf('PICKUP')} AS pickup, ${stopOf('DROPOFF')} AS dropoff
    FROM order_changes c JOIN deliveries d ON d.id = c.delivery_id
    WHERE c.id = ${changeId}::uuid AND c.delivery_id = ${deliveryId}::uuid`);
  if (!row) return null;
  const { content, appliedAt, pickup, dropoff, readyAt, windowFrom, windowTo, searchAt, ...order } = row;
  return {
    change: content === null ? null : CHANGE.parse(content),
    appliedAt: msOf(appliedAt),
    order: {
      ...order,
      pickup: stopState(pickup),
      dropoff: stopState(dropoff),
      readyAt: msOf(readyAt),
      windowFrom: msOf(windowFrom),
      windowTo: msOf(windowTo),
      searchAt: msOf(searchAt),
    },
  };
}

function stopOf(kind: 'PICKUP' | 'DROPOFF') {
  return sql`(SELECT jsonb_build_object('address', address, 'lat', lat, 'lng', lng, 'contactName', contact_name,
      'contactPhone', contact_phone, 'contactPhoneE164', contact_phone_e164, 'notes', notes)
    FROM stops WHERE stops.delivery_id = d.id AND kind = ${kind})`;
}

function stopState({ lat, lng, ...stop }: StopRow): StopState {
  return { ...stop, point: { lat, lng } };
}

/** Writes the order with the decision that changes it. What was asked for is blanked: the order has it now. */
export function writeOrder(
  tx: Transaction,
  deliveryId: string,
  { changeId, order, fields }: OrderWrite,
  at: number,
): void {
  const stops =
    fields.length === 0 ? [] : [stopRow('PICKUP', order.pickup), stopRow('DROPOFF', order.dropoff)];
  const delivery = {
    ready_at: iso(order.readyAt),
    search_at: iso(order.searchAt),
    fee_cents: order.feeCents,
    pay_cents: order.payCents,
    distance_meters: order.distanceMeters,
    zone_id: order.zoneId,
  };
  const isPickupMoved = fields.includes('pickup.point');
  const values = [deliveryId, changeId, iso(at), JSON.stringify(fields), JSON.stringify([delivery])];
  void tx.write(WRITE, [...values, JSON.stringify(stops), String(isPickupMoved)]);
}

// A driver on the way to another place than before starts anew to come near it.
const WRITE = `
  WITH c AS (
    UPDATE order_changes SET applied_at = $3::timestamptz, content = NULL,
      fields = ARRAY(SELECT jsonb_array_elements_text($4::jsonb))
    WHERE id = $2::uuid
  ), d AS (
    UPDATE deliveries SET ready_at = new.ready_at, search_at = new.search_at, fee_cents = new.fee_cents,
      pay_cents = new.pay_cents, distance_meters = new.distance_meters, zone_id = new.zone_id
    FROM jsonb_populate_recordset(null::deliveries, $5::jsonb) AS new WHERE deliveries.id = $1::uuid
  ), a AS (
    UPDATE assignments SET nearest_meters = NULL, progress_at = $3::timestamptz
    WHERE delivery_id = $1::uuid AND state = 'ACTIVE' AND $7::boolean
  )
  UPDATE stops SET address = new.address, lat = new.lat, lng = new.lng, contact_name = new.contact_name,
    contact_phone = new.contact_phone, contact_phone_e164 = new.contact_phone_e164, notes = new.notes
  FROM jsonb_populate_recordset(null::stops, $6::jsonb) AS new
  WHERE stops.delivery_id = $1::uuid AND stops.kind = new.kind`;

function stopRow(kind: 'PICKUP' | 'DROPOFF', stop: StopState): object {
  return {
    kind,
    address: stop.address,
    lat: stop.point.lat,
    lng: stop.point.lng,
    contact_name: stop.contactName,
    contact_phone: stop.contactPhone,
    contact_phone_e164: stop.contactPhoneE164,
    notes: stop.notes,
  };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

const text = z.string().nullable().optional();
const STOP_CHANGE: z.ZodType<StopChange> = z.object({
  address: z.string().optional(),
  point: z.object({ lat: z.number(), lng: z.number() }).optional(),
  contactName: text,
  contactPhone: text,
  contactPhoneE164: text,
  notes: text,
});
/** The service validates changes. The stored ones are parsed again nevertheless. */
const CHANGE: z.ZodType<OrderChange> = z.object({
  pickup: STOP_CHANGE,
  dropoff: STOP_CHANGE,
  readyAt: z.number().optional(),
  feeCents: z.number().optional(),
  zoneId: text,
});
