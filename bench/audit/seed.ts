import type { Client } from 'pg';

/** The seed: this many rows over the twelve months before `endsAt` (epoch ms), the end of the last month. */
export type Seed = { rows: number; firstMonth: Date; months: number };

export const DRIVERS = 100_000;
export const CITIES = 40;
export const MERCHANTS = 500;
const OPS = 200;
/** Six in ten rows belong to deliveries, ten each; the rest to drivers. */
export const deliveriesOf = ({ rows }: Seed): number => Math.floor((rows * 0.6) / 10);

/** The twelve full months before this one. */
export function seedOf(rows: number, now: Date): Seed {
  return {
    rows,
    months: 12,
    firstMonth: new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 12, 1)),
  };
}

export const monthOf = ({ firstMonth }: Seed, month: number): Date =>
  new Date(Date.UTC(firstMonth.getUTCFullYear(), firstMonth.getUTCMonth() + month, 1));

/** Keys derive from numbers, so that queries can name existing keys. */
export const KEYS = `
  CREATE FUNCTION key_of(what text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT md5(what || n)::uuid $$;
  CREATE FUNCTION id_at(at timestamptz, salt text) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(salt), 1,
      3) || '8' || substr(md5(salt), 4, 15))::uuid $$;`;

/** Writes the rows month by month in time order; indexes are created afterwards. Hashes are invalid. */
export async function seedEntries(owner: Client, seed: Seed, log: (line: string) => void): Promise<void> {
  await owner.query(KEYS);
  await owner.query(
    `INSERT INTO cities (id, name, timezone, currency, center_lat, center_lng)
      SELECT 'city-' || n, 'City', 'UTC', 'EUR', 0, 0 FROM generate_series(0, ${CITIES - 1}) n`,
  );
  await owner.query('SELECT ensure_audit_partitions($1::date, $2::int)', [seed.firstMonth, seed.months]);
  const { rows: indexes } = await owner.query<{ name: string; definition: string }>(`
    SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index
      WHERE indrelid = 'audit_entries'::regclass AND NOT indisprimary`);
  for (const { name } of indexes) await owner.query(`DROP INDEX ${name}`);
  for (let month = 0; month < seed.months; month += 1) {
    await owner.query(monthQuery(seed, month));
    log(`seeded month ${month + 1} of ${seed.months}`);
  }
  await owner.query(`SET maintenance_work_mem = '1GB'`);
  for (const { name, definition } of indexes) {
    await owner.query(definition.replace(' ON ONLY ', ' ON '));
    log(`made index ${name}`);
  }
  await owner.query('VACUUM (ANALYZE) audit_entries');
}

function monthQuery(seed: Seed, month: number): string {
  const [from, to] = [monthOf(seed, month).toISOString(), monthOf(seed, month + 1).toISOString()];
  const part = (total: number): [number, number] => [
    Math.floor((total * month) / seed.months) + 1,
    Math.floor((total * (month + 1)) / seed.months),
  ];
  const [firstDelivery, lastDelivery] = part(deliveriesOf(seed));
  const [firstChange, lastChange] = part(seed.rows - deliveriesOf(seed) * 10);
  const spread = (n: string, first: number, last: number): string =>
    `('${from}'::timestamptz + ('${to}'::timestamptz - '${from}'::timestamptz)
      * ((${n} - ${first})::float8 / ${last - first + 1}))`;
  return `
    WITH entry AS (
      SELECT date_trunc('milliseconds',
        least(${spread('k', firstDelivery, lastDelivery)} + j * interval '3 minutes',
        '${to}'::timestamptz - interval '1 millisecond')) AS at,
        'delivery' AS chained, key_of('delivery', k) AS delivery_id, CASE WHEN j >= 3
          THEN key_of('driver', (k * 7919) % ${DRIVERS}) END AS driver_id,
        'merchant-' || k % ${MERCHANTS} AS merchant_id, 'order-' || k AS seller_order_id, j, k,
        (ARRAY['delivery_created', 'delivery_moved', 'offer_made', 'offer_accepted', 'delivery_moved',
          'delivery_moved', 'delivery_moved', 'delivery_moved', 'offer_made',
          'delivery_moved'])[j + 1] AS kind
      FROM generate_series(${firstDelivery}::bigint, ${lastDelivery}) k, generate_series(0, 9) j
      UNION ALL
      SELECT date_trunc('milliseconds', ${spread('k', firstChange, lastChange)}), 'driver', NULL,
        key_of('driver', (k * 6007) % ${DRIVERS}), NULL, NULL, 3, k, 'availability_changed'
      FROM generate_series(${firstChange}::bigint, ${lastChange}) k)
    INSERT INTO audit_entries (id, at, kind, city_id, delivery_id, driver_id, merchant_id, seller_order_id,
      actor_kind, actor_id, from_state, to_state, why, correlation_id, detail, chain, prev_hash, hash)
    SELECT id_at(at, chained || k || '/' || j), at, kind,
      -- A few cities have most of the work.
      'city-' || floor(${CITIES} * power((k * 7919 % 1000) / 1000.0, 2)),
      delivery_id, driver_id, merchant_id, seller_order_id,
      CASE WHEN j = 0 THEN 'merchant' WHEN k % 50 = 0 THEN 'ops' WHEN driver_id IS NULL THEN 'system'
        ELSE 'driver' END,
      CASE WHEN j = 0 THEN merchant_id WHEN k % 50 = 0 THEN 'ops-' || k % ${OPS * 50} / 50
        WHEN driver_id IS NULL THEN 'search' ELSE driver_id::text END,
      'ASSIGNED', 'AT_PICKUP', 'arriveAtPickup', md5('request' || k),
        jsonb_build_object('payCents', 700 + k % 300, 'round', j),
      CASE chained WHEN 'delivery' THEN 'delivery/' || delivery_id ELSE 'driver/' || driver_id END,
      CASE WHEN j > 0 THEN sha256((chained || k || '/' || j - 1)::bytea) END,
        sha256((chained || k || '/' || j)::bytea)
    FROM entry ORDER BY at`;
}
