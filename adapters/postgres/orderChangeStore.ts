import { type ChangeContext, type OrderChangeStore } from '../../services/orderChanges';
import { type OrderCity } from '../../services/orders';
import { type Database, msOf, readerOf, sql } from './database';
import { areaOf } from './orderStore';

type Row = Omit<OrderCity, 'zones' | 'center'> & {
  lat: number;
  lng: number;
  zones: { id: string; polygon: unknown; priority: number }[] | null;
  windowFrom: Date | null;
  windowTo: Date | null;
  keptId: string | null;
};

/** Stores changes of orders in PostgreSQL. */
export function createOrderChangeStore(db: Database): OrderChangeStore {
  const read = readerOf(db);
  return {
    context: async (deliveryId, requestKey) => {
      const [row] = await read<Row>(sql`
        SELECT c.currency, c.center_lat AS lat, c.center_lng AS lng, c.country, c.timezone,
          c.service_radius_meters AS "serviceRadiusMeters", d.window_from AS "windowFrom",
          d.window_to AS "windowTo",
          (SELECT id FROM order_changes WHERE delivery_id = d.id AND request_key = ${requestKey}) AS "keptId",
          (SELECT jsonb_agg(jsonb_build_object('id', id, 'polygon', polygon, 'priority', priority))
            FROM zones WHERE zones.city_id = c.id) AS zones
        FROM deliveries d JOIN cities c ON c.id = d.city_id WHERE d.id = ${deliveryId}::uuid`);
      return row ? contextOf(row) : null;
    },
    // The row that is there already is written as it is, so that it comes back too.
    keep: async ({ changeId, deliveryId, requestKey, content }, at) => {
      const [row] = await read<{ id: string }>(sql`
        INSERT INTO order_changes (id, delivery_id, request_key, content, created_at)
        VALUES (${changeId}::uuid, ${deliveryId}::uuid, ${requestKey}, ${JSON.stringify(content)}::jsonb,
          ${new Date(at).toISOString()}::timestamptz)
        ON CONFLICT (delivery_id, request_key) DO UPDATE SET request_key = excluded.request_key
        RETURNING id`);
      if (!row) throw new Error('an INSERT that returns its row returned none');
      return row.id;
    },
    blank: async (changeId) => {
      await read(sql`
        UPDATE order_changes SET content = NULL WHERE id = ${changeId}::uuid AND applied_at IS NULL
        RETURNING id`);
    },
  };
}

/** Blanks in limited batches. @returns how many; 0 if there are no more */
export async function blankChanges(db: Database, olderThanMs: number): Promise<number> {
  return db.$executeRaw`UPDATE order_changes SET content = NULL WHERE id IN (
    SELECT id FROM order_changes WHERE content IS NOT NULL
      AND created_at < now() - ${olderThanMs} * interval '1 millisecond' ORDER BY created_at LIMIT 1000)`;
}

function contextOf({ keptId, windowFrom, windowTo, zones, lat, lng, ...city }: Row): ChangeContext {
  return {
    keptId,
    windowFrom: msOf(windowFrom),
    windowTo: msOf(windowTo),
    city: {
      ...city,
      center: { lat, lng },
      zones: (zones ?? []).map(({ id, polygon, priority }) => ({
        zoneId: id,
        area: areaOf(polygon),
        priority,
      })),
    },
  };
}
