import { type ChangeContext, type OrderChangeStore } from '../../services/orderChanges';
import { type OrderCity } from '../../services/orders';
import { type Database, msOf, readerOf, sql } from './database';
import { createZoneCache, type ZoneAt, type ZonesOf, zonesVersion } from './zoneCache';

type Row = Omit<OrderCity, 'zoneAt' | 'center'> & {
  cityId: string;
  lat: number;
  lng: number;
  zonesVersion: string | null;
  windowFrom: Date | null;
  windowTo: Date | null;
  keptId: string | null;
};

/** Stores changes of orders in PostgreSQL. */
export function createOrderChangeStore(
  db: Database,
  zonesOf: ZonesOf = createZoneCache(readerOf(db)),
): OrderChangeStore {
  const read = readerOf(db);
  return {
    context: async (deliveryId, requestKey) => {
      const [row] = await read<Row>(sql`
        SELECT c.id AS "cityId", c.currency, c.center_lat AS lat, c.center_lng AS lng, c.country, c.timezone,
          c.locale, c.pay,
          c.service_radius_meters AS "serviceRadiusMeters", d.window_from AS "windowFrom",
          d.window_to AS "windowTo",
          (SELECT id FROM order_changes WHERE delivery_id = d.id AND request_key = ${requestKey}) AS "keptId",
          (${zonesVersion(sql`c.id`)}) AS "zonesVersion"
        FROM deliveries d JOIN cities c ON c.id = d.city_id WHERE d.id = ${deliveryId}::uuid`);
      return row ? contextOf(row, await zonesOf(row.cityId, row.zonesVersion)) : null;
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

function contextOf({ keptId, windowFrom, windowTo, lat, lng, ...row }: Row, zoneAt: ZoneAt): ChangeContext {
  const { currency, locale, pay, country, timezone, serviceRadiusMeters } = row;
  const center = { lat, lng };
  return {
    keptId,
    windowFrom: msOf(windowFrom),
    windowTo: msOf(windowTo),
    city: { currency, locale, pay, country, timezone, serviceRadiusMeters, center, zoneAt },
  };
}
