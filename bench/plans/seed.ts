import type { Client } from 'pg';

/** A year of work and what is open now. `now` is the instant (epoch ms) to which all of it leads. */
export type Seed = { deliveries: number; now: number };

export const CITIES = 20;
const ZONES_PER_CITY = 3;
const MERCHANTS = 500;
/** Keys repeat after so many: so a delivery and the driver of its number are in one city. */
const CYCLE = 1_000;

/** One delivery in a hundred is open: in every state, the oldest for three hours. */
export const openOf = ({ deliveries }: Seed): number => Math.max(200, Math.floor(deliveries / 100));
/** Each open delivery has its own driver, and four times as many drivers are off duty. */
export const driversOf = (seed: Seed): number =>
  Math.max(4 * CYCLE, Math.ceil((openOf(seed) * 5) / CYCLE) * CYCLE);

/** Rows per delivery or driver. */
const TRAIL_DAYS = 365;
const POSITIONS_PER_DELIVERY = 2;
const FIX_DAYS = 30;

/**
 * Fills every table in time order, and recreates the indexes and foreign keys afterwards, which is several
 * times faster. Hashes are invalid.
 */
export async function seedAll(owner: Client, seed: Seed, log: (line: string) => void): Promise<void> {
  const restore = await withoutIndexes(owner);
  const days = Array.from(
    { length: 13 },
    (_, month) => new Date(seed.now - (12 - month) * 30.5 * 86_400_000),
  );
  for (const day of days) await owner.query('SELECT ensure_audit_partitions($1::date, 2)', [day]);
  for (const [what, statement] of statementsOf(seed)) {
    await owner.query(statement);
    log(`seeded ${what}`);
  }
  await owner.query(`SET maintenance_work_mem = '512MB'`);
  for (const statement of restore) await owner.query(statement);
  log('created the indexes');
  await owner.query('VACUUM (ANALYZE)');
}

/** @returns the statements that recreate what was dropped */
async function withoutIndexes(owner: Client): Promise<string[]> {
  const { rows: keys } = await owner.query<{ drop: string; make: string }>(`
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop,
      format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname,
        pg_get_constraintdef(oid)) AS make
    FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND conparentid = 0`);
  const { rows: indexes } = await owner.query<{ drop: string; make: string }>(`
    SELECT format('DROP INDEX %s', indexrelid::regclass) AS drop,
      replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') AS make
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relnamespace = 'public'::regnamespace AND NOT indisprimary AND NOT relispartition
      AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
      AND indrelid <> '_prisma_migrations'::regclass`);
  for (const { drop } of [...keys, ...indexes]) await owner.query(drop);
  return [...indexes, ...keys].map(({ make }) => make);
}

const FUNCTIONS = `
  CREATE FUNCTION key_of(what text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (left(h, 12) || '4' || substr(h, 14, 3) || '8' || substr(h, 18))::uuid
      FROM (SELECT md5(what || n) AS h) AS hashed $$;
  CREATE FUNCTION id_at(at timestamptz, salt text) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(salt), 1,
      3) || '8' || substr(md5(salt), 4, 15))::uuid $$;
  -- A few cities and merchants have most of the work.
  CREATE FUNCTION city_of(n bigint) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT floor(${CITIES} * power((n * 7919 % ${CYCLE}) / ${CYCLE}.0, 2))::int $$;
  CREATE FUNCTION merchant_of(n bigint) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT floor(${MERCHANTS} * power((n * 104729 % 9973) / 9973.0, 2))::int $$;
  -- Within some 4 km of the middle of the city.
  CREATE FUNCTION lat_of(n bigint) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 40 + city_of(n) * 0.5 + ((n * 3571 % 997) / 997.0 - 0.5) * 0.07 $$;
  CREATE FUNCTION lng_of(n bigint) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 5 + ((n * 2833 % 991) / 991.0 - 0.5) * 0.09 $$`;

/** The life of each delivery, in a table that the others are derived from. */
function deliveriesPlan(seed: Seed): string {
  const [total, open] = [seed.deliveries, openOf(seed)];
  const now = `'${new Date(seed.now).toISOString()}'::timestamptz`;
  return `
    CREATE TABLE seed_plan AS
    SELECT k, n, id_at(created_at, 'delivery' || k) AS id, key_of('driver', n) AS driver, created_at, status,
      status IN ('DELIVERED', 'CANCELLED', 'FAILED', 'RETURNED') AS is_closed,
        status NOT IN ('PENDING', 'SEARCHING', 'OFFERED', 'CANCELLED') AS has_driver,
      CASE WHEN status IN ('DELIVERED', 'CANCELLED', 'FAILED', 'RETURNED')
        THEN created_at + interval '35 minutes'
        ELSE least(created_at + interval '5 minutes', ${now}) END AS changed_at
    FROM (
      SELECT k, k % ${driversOf(seed)} AS n,
        date_trunc('milliseconds', CASE WHEN k > ${total - open}
          THEN ${now} - interval '3 hours' * ((${total} - k) / ${open}::float8)
          ELSE ${now} - interval '${TRAIL_DAYS} days'
            + (interval '${TRAIL_DAYS} days' - interval '4 hours') * (k / ${total}::float8) END) AS created_at,
        CASE WHEN k > ${total - open} THEN (ARRAY['PENDING', 'PENDING', 'PENDING', 'PENDING', 'SEARCHING',
          'SEARCHING', 'SEARCHING', 'SEARCHING', 'OFFERED', 'ASSIGNED', 'ASSIGNED', 'ASSIGNED', 'ASSIGNED',
            'AT_PICKUP', 'AT_PICKUP', 'PICKED_UP', 'PICKED_UP', 'PICKED_UP', 'AT_DROPOFF',
              'RETURNING'])[k % 20 + 1]
          WHEN k % 100 < 93 THEN 'DELIVERED' WHEN k % 100 < 97 THEN 'CANCELLED' WHEN k % 100 < 99
            THEN 'FAILED' ELSE 'RETURNED' END AS status
      FROM generate_series(1::bigint, ${total}) k) AS planned ORDER BY k`;
}

const POLYGON = (
  city: string,
  zone: string,
): string => `jsonb_build_object('type', 'Polygon', 'coordinates', jsonb_build_array((
  SELECT jsonb_agg(jsonb_build_array(corner.lng, corner.lat) ORDER BY place) FROM (VALUES
    (1, 4.9 + 0.07 * ${zone}, 39.9 + ${city} * 0.5), (2, 4.97 + 0.07 * ${zone}, 39.9 + ${city} * 0.5),
      (3, 4.97 + 0.07 * ${zone}, 40.1 + ${city} * 0.5),
    (4, 4.9 + 0.07 * ${zone}, 40.1 + ${city} * 0.5),
      (5, 4.9 + 0.07 * ${zone}, 39.9 + ${city} * 0.5)) AS corner(place, lng, lat))))`;

const FIGURES = `'{"openDeliveries":120,"searching":30,"carried":70,"freeDrivers":25,"busyDrivers":70,
  "waitingP50Ms":60000,"waitingMaxMs":400000,"acceptance15m":{"accepted":40,"answered":50,"rate":0.8},
  "escalationsByLevel":{"1":3,"2":1,"3":0},"openCases":2}'::jsonb`;

const OFFER = `INSERT INTO offers (id, delivery_id, driver_id, state, round, pay_cents, payload, choice,
  created_at, expires_at, reached_at, ended_at, end_reason)`;
const PAYLOAD = `jsonb_build_object('payCents', 700, 'pickup', jsonb_build_object('address', 'Start ' || k),
  'dropoff', jsonb_build_object('address', 'Finish ' || k))`;
const CHOICE = `jsonb_build_object('kind', 'SINGLE', 'round', 1, 'radiusMeters', 3000, 'ranked',
  jsonb_build_array(jsonb_build_object('driverId', driver, 'score', k % 100)), 'excluded', '[]'::jsonb)`;

/** Each table and the statement that fills it, in order. */
function statementsOf(seed: Seed): [what: string, statement: string][] {
  const [drivers, open] = [driversOf(seed), openOf(seed)];
  const now = `'${new Date(seed.now).toISOString()}'::timestamptz`;
  // Messages of a day's deliveries are kept; in a small seed, enough that the plan matters.
  const recent = Math.max(5_000, Math.ceil(seed.deliveries / 20));
  const minutesApart = Math.max(1, Math.round(1_000_000 / seed.deliveries));
  return [
    ['functions', FUNCTIONS],
    [
      'cities',
      `INSERT INTO cities (id, name, timezone, currency, center_lat, center_lng)
        SELECT 'city-' || n, 'City', 'UTC', 'EUR', 40 + n * 0.5, 5 FROM generate_series(0, ${CITIES - 1}) n`,
    ],
    [
      'zones',
      `INSERT INTO zones (id, city_id, name, polygon)
        SELECT 'zone-' || c || '-' || z, 'city-' || c, 'Zone', ${POLYGON('c', 'z')}
        FROM generate_series(0, ${CITIES - 1}) c, generate_series(0, ${ZONES_PER_CITY - 1}) z`,
    ],
    [
      'merchants',
      `INSERT INTO merchants (id, name) SELECT 'merchant-' || n, 'Shop' FROM generate_series(0, ${MERCHANTS - 1}) n`,
    ],
    ['the plan of deliveries', deliveriesPlan(seed)],
    [
      'drivers',
      `
      INSERT INTO drivers (id, city_id, name, vehicle_kind, offer_version, capacity, live_offers,
        active_assignments, availability, availability_until, availability_version, pending, idle_since,
        last_lat, last_lng,
        last_fix_at, created_at)
      SELECT key_of('driver', n), 'city-' || city_of(n), 'Driver', 'CAR', 2, 1,
        coalesce(status = 'OFFERED', false)::int, coalesce(carries, false)::int,
        CASE WHEN carries THEN 'BUSY' WHEN status IN ('OFFERED', 'PENDING') THEN 'AVAILABLE'
          WHEN status = 'SEARCHING' AND n % 40 < 20 THEN 'ON_BREAK' WHEN status = 'SEARCHING' THEN 'PAUSED'
          WHEN n % 20 = 0 THEN 'SHIFT_ENDED' WHEN n % 20 = 1 THEN 'AVAILABLE' ELSE 'OFFLINE' END,
        CASE WHEN status = 'SEARCHING' AND n % 40 < 20
          THEN ${now} + interval '20 minutes' - n % 30 * interval '1 minute' END, 1,
        CASE WHEN carries AND n % 50 = 9 THEN '{"kind":"BREAK","minutes":15}'::jsonb WHEN carries
          AND n % 50 = 10 THEN '{"kind":"OFFLINE"}'::jsonb END,
        CASE WHEN status IN ('OFFERED', 'PENDING') OR (status IS NULL AND n % 20 = 1)
          THEN ${now} - n % 60 * interval '1 minute' END, lat_of(n), lng_of(n), CASE WHEN status IS NULL
          AND n % 20 <> 1 THEN ${now} - interval '1 day' ELSE ${now} END,
          ${now} - interval '${TRAIL_DAYS} days'
      FROM generate_series(0, ${drivers - 1}) n LEFT
        JOIN (SELECT n, status, has_driver AS carries FROM seed_plan WHERE NOT is_closed) AS open USING (n)`,
    ],
    [
      'vehicles',
      `INSERT INTO vehicles (id, driver_id, kind) SELECT key_of('vehicle', n), key_of('driver', n), 'CAR'
        FROM generate_series(0, ${drivers - 1}) n`,
    ],
    [
      'deliveries',
      `
      INSERT INTO deliveries (id, merchant_id, seller_order_id, request_hash, city_id, zone_id, status,
        status_changed_at, reason_code, parcel_size, ready_at, currency, fee_cents, pay_cents,
        distance_meters, search_at,
        unassigned_ms, unassigned_since, search_round, search_again_at, escalation_level, escalated_at,
          escalated_after_ms, held_reason, driver_id, assigned_at, picked_up_at, closed_at, correlation_id,
          audit_hash, created_at)
      SELECT id, 'merchant-' || merchant_of(k), 'order-' || k, md5('request' || k), 'city-' || city_of(k),
        'zone-' || city_of(k) || '-' || k % ${ZONES_PER_CITY}, status, changed_at,
        CASE status WHEN 'CANCELLED' THEN 'NO_DRIVER' WHEN 'FAILED' THEN 'REFUSED' WHEN 'RETURNED'
          THEN 'NOT_AT_HOME' WHEN 'RETURNING' THEN 'NOT_AT_HOME' END,
        (ARRAY['SMALL', 'SMALL', 'MEDIUM', 'LARGE'])[k % 4 + 1], created_at + interval '15 minutes', 'EUR',
          500, 600 + k % 400, 2500, CASE WHEN status = 'PENDING' THEN ${now} + k % 240 * interval '1 minute'
          ELSE created_at END,
        CASE WHEN is_closed THEN 60000 ELSE 0 END, CASE WHEN status IN ('SEARCHING', 'OFFERED')
          THEN created_at END, CASE WHEN status = 'SEARCHING' THEN 5 ELSE 0 END,
        CASE WHEN status = 'SEARCHING' AND k % 40 <> 5 THEN ${now} + k % 150 * interval '1 second' END, CASE
          WHEN status = 'SEARCHING' THEN k / 20 % 4 ELSE 0 END,
        CASE WHEN status = 'SEARCHING' AND k / 20 % 4 > 0 THEN created_at + interval '20 minutes' END, CASE
          WHEN status = 'SEARCHING' AND k / 20 % 4 > 0 THEN 1200000 END,
        CASE WHEN status = 'SEARCHING' AND k % 40 = 5 THEN 'REASSIGNMENT_OFF' END, CASE WHEN has_driver
          THEN driver END, CASE WHEN has_driver THEN created_at + interval '2 minutes' END,
        CASE WHEN status IN ('PICKED_UP', 'AT_DROPOFF', 'RETURNING', 'DELIVERED', 'RETURNED')
          THEN created_at + interval '12 minutes' END, CASE WHEN is_closed THEN changed_at END,
          md5('request' || k),
        sha256(('delivery' || k || '/1')::bytea), created_at
      FROM seed_plan`,
    ],
    [
      'stops',
      `
      INSERT INTO stops (id, delivery_id, kind, address, lat, lng, arrived_at, completed_at)
      SELECT id_at(created_at, kind || k), id, kind, 'Main Street ' || k % 300, lat_of(k) + CASE kind
        WHEN 'PICKUP' THEN 0 ELSE 0.02 END, lng_of(k), CASE WHEN is_closed THEN changed_at END, CASE
        WHEN is_closed THEN changed_at END
      FROM seed_plan CROSS JOIN (VALUES ('PICKUP'), ('DROPOFF')) AS kinds(kind)`,
    ],
    [
      'offers',
      `
      ${OFFER} SELECT id_at(created_at + interval '1 minute', 'expired' || k), id,
        key_of('driver', (n + ${CYCLE}) % ${drivers}), 'EXPIRED', 1, 700, ${PAYLOAD}, ${CHOICE},
        created_at + interval '1 minute', created_at + interval '90 seconds',
        created_at + interval '61 seconds', created_at + interval '90 seconds', 'LAPSED' FROM seed_plan
          WHERE status <> 'PENDING' AND k % 4 = 0;
      ${OFFER} SELECT id_at(created_at + interval '1 minute', 'rejected' || k), id,
        key_of('driver', (n + 2 * ${CYCLE}) % ${drivers}), 'REJECTED', 1, 700, ${PAYLOAD}, ${CHOICE},
        created_at + interval '1 minute',
        created_at + interval '90 seconds', created_at + interval '61 seconds',
          created_at + interval '70 seconds', 'TOO_FAR' FROM seed_plan WHERE status <> 'PENDING'
          AND k % 10 = 5;
      ${OFFER} SELECT id_at(created_at + interval '2 minutes', 'accepted' || k), id, driver, 'ACCEPTED', 1,
        700, ${PAYLOAD}, ${CHOICE}, created_at + interval '2 minutes', created_at + interval '150 seconds',
        created_at + interval '121 seconds',
        created_at + interval '130 seconds', 'ACCEPTED' FROM seed_plan WHERE has_driver;
      ${OFFER} SELECT id_at(${now}, 'live' || k), id, driver, 'LIVE', 1, 700, ${PAYLOAD}, ${CHOICE},
        ${now} - interval '10 minutes',
        ${now} + CASE WHEN k % 40 = 8 THEN interval '-9 minutes' ELSE interval '50 minutes' END,
        NULL, NULL, NULL FROM seed_plan WHERE status = 'OFFERED'`,
    ],
    [
      'assignments',
      `
      INSERT INTO assignments (id, delivery_id, driver_id, offer_id, way, state, pay_cents, started_at,
        at_pickup_at, picked_up_at, ended_at, end_reason)
      SELECT id_at(created_at + interval '3 minutes', 'lost' || k), id,
        key_of('driver', (n + 3 * ${CYCLE}) % ${drivers}), NULL, 'V1', 'LOST', 700,
        created_at + interval '3 minutes', NULL, NULL, created_at + interval '5 minutes', 'FELL_SILENT'
      FROM seed_plan WHERE has_driver AND k % 50 = 0
      UNION ALL
      SELECT id_at(created_at + interval '2 minutes', 'assignment' || k), id, driver,
        id_at(created_at + interval '2 minutes', 'accepted' || k), 'OFFER',
        CASE WHEN NOT is_closed THEN 'ACTIVE' WHEN status = 'FAILED' THEN 'FAILED' ELSE 'COMPLETED' END, 700,
          created_at + interval '2 minutes', CASE WHEN status <> 'ASSIGNED'
          THEN created_at + interval '10 minutes' END,
        CASE WHEN status NOT IN ('ASSIGNED', 'AT_PICKUP', 'FAILED')
          THEN created_at + interval '12 minutes' END, CASE WHEN is_closed THEN changed_at END, NULL
      FROM seed_plan WHERE has_driver`,
    ],
    [
      'escalations',
      `
      INSERT INTO escalations (id, delivery_id, city_id, zone_id, level, state, reason, driver_id, opened_at,
        rose_at, acknowledged_at, acknowledged_by, resolved_at, resolved_by, resolution)
      SELECT id_at(created_at + interval '16 minutes', 'case' || k), id, 'city-' || city_of(k),
        'zone-' || city_of(k) || '-' || k % ${ZONES_PER_CITY}, CASE WHEN k % 40 = 5 THEN 0 ELSE 2 + k % 2 END,
        CASE WHEN is_closed THEN 'RESOLVED' WHEN k % 40 = 4 THEN 'OPEN' WHEN k % 40 = 5 THEN 'OPEN'
          ELSE 'ACKNOWLEDGED' END, CASE WHEN NOT is_closed AND k % 40 = 5 THEN 'REASSIGNMENT_OFF'
          WHEN has_driver AND k % 99 = 0 THEN 'CARRIER_SILENT' ELSE 'UNASSIGNED' END,
        CASE WHEN has_driver AND k % 99 = 0 THEN driver END, created_at + interval '16 minutes',
          created_at + interval '16 minutes', CASE WHEN k % 40 = 6
          THEN created_at + interval '20 minutes' END, CASE WHEN k % 40 = 6 THEN 'olga' END,
        CASE WHEN is_closed THEN changed_at END, CASE WHEN is_closed THEN 'search' END, CASE WHEN is_closed
          THEN 'CLOSED' END
      FROM seed_plan WHERE (is_closed AND k % 33 = 0) OR (status = 'SEARCHING' AND k % 40 IN (4, 5, 6))
        OR (NOT is_closed AND has_driver AND k % 99 = 0)`,
    ],
    [
      'audit_entries',
      `
      INSERT INTO audit_entries (id, at, kind, city_id, delivery_id, merchant_id, seller_order_id, actor_kind,
        actor_id, from_state, to_state, correlation_id, detail, chain, prev_hash, hash)
      SELECT id_at(created_at, 'created' || k), created_at, 'delivery_created', 'city-' || city_of(k), id,
        'merchant-' || merchant_of(k), 'order-' || k, 'merchant', 'merchant-' || merchant_of(k), NULL,
        'PENDING', md5('request' || k),
        '{"payCents":700}'::jsonb, 'delivery/' || id, NULL::bytea, sha256(('delivery' || k || '/0')::bytea)
          FROM seed_plan
      UNION ALL
      SELECT id_at(changed_at, 'moved' || k), changed_at, 'delivery_moved', 'city-' || city_of(k), id,
        'merchant-' || merchant_of(k), 'order-' || k, 'system', 'search', 'SEARCHING', status,
        md5('request' || k), '{"round":1}'::jsonb,
        'delivery/' || id, sha256(('delivery' || k || '/0')::bytea), sha256(('delivery' || k || '/1')::bytea)
          FROM seed_plan;
      INSERT INTO audit_entries (id, at, kind, city_id, driver_id, actor_kind, actor_id, from_state, to_state,
        correlation_id, chain, prev_hash, hash)
      SELECT id_at(at, 'driver' || n), at, 'availability_changed', 'city-' || city_of(n), key_of('driver', n),
        'driver', key_of('driver', n)::text, 'OFFLINE', 'AVAILABLE', md5('change' || n),
        'driver/' || key_of('driver', n), NULL, sha256(('driver' || n)::bytea)
      FROM (SELECT n, date_trunc('milliseconds', ${now} - n % 43200 * interval '1 minute') AS at
        FROM generate_series(0, ${drivers - 1}) n) AS changes`,
    ],
    [
      'outbox',
      `
      INSERT INTO outbox (kind, key, payload, correlation_id, attempts, created_at, next_at, sent_at)
      SELECT kind, id::text, jsonb_build_object('deliveryId', id) || CASE kind WHEN 'emit'
        THEN jsonb_build_object('emits',
        jsonb_build_array(jsonb_build_object('rooms', jsonb_build_array('ops:city-0'), 'event',
        'delivery_moved', 'body', '{}'::jsonb)))
          WHEN 'syncDriver' THEN jsonb_build_object('driverId', driver) ELSE '{}' END, md5('request' || k), 1,
            at, at, CASE WHEN k > ${seed.deliveries} - 40 THEN NULL ELSE at + interval '20 milliseconds' END
      FROM (SELECT k, id, driver, ${now} - interval '1 day' * ((${seed.deliveries} - k) / ${recent}::float8) AS at
        FROM seed_plan WHERE k > ${seed.deliveries} - ${recent}) AS recent
        CROSS JOIN (VALUES ('startDelivery'), ('emit'), ('syncDriver')) AS kinds(kind) ORDER BY at`,
    ],
    [
      'position_fixes',
      `
      INSERT INTO position_fixes (driver_id, at, received_at, lat, lng, accuracy_meters)
      SELECT key_of('driver', n), at, at, lat_of(n), lng_of(n), 10
      FROM (SELECT k % ${drivers} AS n,
        date_trunc('milliseconds', ${now} - interval '${FIX_DAYS} days'
          * (1 - k / ${seed.deliveries * POSITIONS_PER_DELIVERY}::float8)) AS at
        FROM generate_series(1::bigint, ${seed.deliveries * POSITIONS_PER_DELIVERY}) k) AS fixes`,
    ],
    [
      'zone_health',
      `
      INSERT INTO zone_health (city_id, zone_id, at, state, reasons, figures)
      SELECT 'city-' || c, CASE WHEN z < ${ZONES_PER_CITY} THEN 'zone-' || c || '-' || z END,
        ${now} - m * interval '${minutesApart} minutes', 'OK', '{}', ${FIGURES}
      FROM generate_series(0, ${Math.floor((7 * 1_440) / minutesApart)}) m,
        generate_series(0, ${CITIES - 1}) c, generate_series(0, ${ZONES_PER_CITY}) z ORDER BY m DESC`,
    ],
    [
      'rescues',
      `INSERT INTO rescues (id, driver_id, key, by_id, why, jobs)
        SELECT key_of('rescue', n), key_of('driver', n), 'olga/' || n, 'olga', 'ill', '[]'
        FROM generate_series(0, ${Math.ceil(drivers / 50)}) n`,
    ],
    [
      'suspensions',
      `INSERT INTO suspensions (id, subject_kind, subject_id, why, by_id, since, lifted_at)
        SELECT key_of('suspension', n), 'driver', key_of('driver', n)::text, 'ill', 'olga', now(), now()
        FROM generate_series(0, ${Math.ceil(drivers / 50)}) n`,
    ],
    [
      'zone_acts',
      `INSERT INTO zone_acts (id, kind, city_id, zone_id, request_key, reason, why, by_id, correlation_id,
          created_at, until_at)
        SELECT key_of('act', n), 'STOP_ORDERS', 'city-' || n % ${CITIES}, NULL, 'act/' || n, 'WEATHER', 'storm',
          'olga', 'seed', ${now} - n * interval '1 hour', ${now} - n * interval '1 hour' + interval '5 minutes'
        FROM generate_series(1, ${Math.ceil(drivers / 5)}) n`,
    ],
    [
      'zone_act_deliveries',
      `INSERT INTO zone_act_deliveries (act_id, delivery_id, outcome, at)
        SELECT key_of('act', k % 100 + 1), id, 'DONE', ${now} FROM seed_plan WHERE k % 50 = 0`,
    ],
    [
      'request_fingerprints',
      `INSERT INTO request_fingerprints (key_hash, fingerprint, created_at)
        SELECT sha256(n::text::bytea), sha256('x'), now() - n * interval '1 minute'
        FROM generate_series(0, ${drivers}) n`,
    ],
    [
      'push_subscriptions',
      `
      INSERT INTO push_subscriptions (id, driver_id, endpoint, p256dh, auth)
      SELECT key_of('push', n), key_of('driver', n), 'http://push.example/' || n, 'key', 'auth'
        FROM generate_series(0, ${drivers - 1}, 2) n`,
    ],
    [
      'meeting_points',
      `INSERT INTO meeting_points (id, delivery_id, lat, lng, by_id)
        SELECT key_of('meeting', k), id, lat_of(k), lng_of(k), 'olga' FROM seed_plan
        WHERE k % 1000 = 0 OR (status = 'PICKED_UP' AND k % 20 = 16 AND k > ${seed.deliveries - open})`,
    ],
    [
      'feature_settings',
      `INSERT INTO feature_settings (name, enabled, who, why)
        SELECT (ARRAY['driver_offers', 'escalation'])[n % 2 + 1], NULL, 'olga', 'a test'
        FROM generate_series(1, 400) n`,
    ],
    [
      'city_matching',
      `INSERT INTO city_matching (city_id, live_id, live_percent, live_since, shadow_id, who, why)
        SELECT id, 0, 100, ${now}, 0, 'olga', 'a test' FROM cities, generate_series(1, 10)`,
    ],
    [
      'matching_round_counts',
      `INSERT INTO matching_round_counts (city_id, minute, ended, slow, failed)
        SELECT id, date_trunc('minute', now()) - n * interval '1 minute', 20, 1, 0
        FROM cities, generate_series(1, 10000) n`,
    ],
    [
      'shadow_rounds',
      `INSERT INTO shadow_rounds (city_id, at, live_id, shadow_id, compared)
        SELECT 'city-' || city_of(n), ${now} - k * interval '1 second', 0, 0,
          jsonb_build_array(jsonb_build_array(id, '{"a":"OFFER","d":"x","p":1}', '{"a":"HOLD","d":"x","p":1}'))
        FROM seed_plan WHERE k % 10 = 0`,
    ],
    [
      'audit_checks',
      `INSERT INTO audit_checks (started_at, finished_at, checked_to, problems)
        SELECT at, at + interval '5 minutes', at, '{"count":0,"named":[]}'
        FROM (SELECT ${now} - n * interval '1 day' AS at FROM generate_series(0, 364) n) AS days`,
    ],
    ['no more', 'DROP TABLE seed_plan'],
  ];
}
