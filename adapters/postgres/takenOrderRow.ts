import { type SentOrder, type SentStop, type TakenOrder } from '../../domain/orders/fingerprint';
import { type Read } from '../../services/ports';
import { msOf, sql } from './database';

type StopRow = Omit<SentStop, 'point'> & { lat: number; lng: number };
type Row = Omit<SentOrder, 'pickup' | 'dropoff' | 'readyAt' | 'windowFrom' | 'windowTo'> & {
  pickup: StopRow;
  dropoff: StopRow;
  readyAt: Date;
  windowFrom: Date | null;
  windowTo: Date | null;
  fields: string[];
  changedSince: string[];
};

/** An order as its rows have it now, with the fields that were sent. @returns null if there is none */
export async function readTakenOrder(
  read: Read,
  deliveryId: string,
): Promise<(TakenOrder & { changedSince: readonly string[] }) | null> {
  const [row] = await read<Row>(sql`
    SELECT merchant_id AS "merchantId", seller_order_id AS "sellerOrderId", city_id AS "cityId",
      ready_at AS "readyAt", window_from AS "windowFrom", window_to AS "windowTo",
      parcel_size AS "parcelSize", fee_cents AS "feeCents", pay_cents AS "payCents", currency,
      request_fields AS fields,
      ARRAY(SELECT DISTINCT unnest(fields) FROM order_changes
        WHERE delivery_id = deliveries.id AND applied_at IS NOT NULL) AS "changedSince",
      ${stopOf('PICKUP')} AS pickup, ${stopOf('DROPOFF')} AS dropoff
    FROM deliveries WHERE id = ${deliveryId}::uuid`);
  if (!row) return null;
  const { fields, changedSince, pickup, dropoff, readyAt, windowFrom, windowTo, ...order } = row;
  return {
    fields: fields.length === 0 ? null : fields,
    changedSince,
    order: {
      ...order,
      pickup: sentStop(pickup),
      dropoff: sentStop(dropoff),
      readyAt: msOf(readyAt),
      windowFrom: msOf(windowFrom),
      windowTo: msOf(windowTo),
    },
  };
}

function stopOf(kind: 'PICKUP' | 'DROPOFF') {
  return sql`(SELECT jsonb_build_object('address', address, 'lat', lat, 'lng', lng,
      'contactName', contact_name, 'contactPhone', contact_phone, 'notes', notes)
    FROM stops WHERE stops.delivery_id = deliveries.id AND kind = ${kind})`;
}

function sentStop({ lat, lng, ...stop }: StopRow): SentStop {
  return { ...stop, point: { lat, lng } };
}
