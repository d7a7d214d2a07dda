import { Client } from 'pg';
import { readPolicy as readNewest } from '../../adapters/postgres/policyRows';
import { distanceMeters, type Point, TRAVEL_MODEL } from '../../domain/geo/places';
import { type WeightChanges } from '../../domain/matching/policies';
import { MATCH_WEIGHTS } from '../../domain/matching/weights';
import type { Read, Statement } from '../../services/ports';
import { UsageError } from '../../simulator/kit/arguments';
import type { DayCourier, DayOrder, DayRestaurant, DayRules, Place } from '../../simulator/replay/day';

/** An order as it went. `earned` is the pay of its driver, in major units; all times are minutes of the day. */
export type PastOrder = DayOrder & {
  pickedMinute: number | null;
  deliveredMinute: number | null;
  driverId: string | null;
  tripId: string | null;
  earned: number | null;
};

/** A day of a city as its rows tell it. A driver's time on duty may have several parts, each of them a courier. */
export type PastRows = {
  rules: DayRules;
  orders: readonly PastOrder[];
  couriers: readonly DayCourier[];
  restaurants: ReadonlyMap<string, DayRestaurant>;
  driverOf: ReadonlyMap<string, string>;
  /** Of the answered offers, the shares that were rejected and that lapsed. */
  refuse: number;
  lapse: number;
};

const DAY_MINUTES = 1_440;
/** A driver's first position may come a little after they begin. */
const FIRST_FIX_MINUTES = 10;
const ON_DUTY = ['AVAILABLE', 'BUSY'];

/**
 * Reads a calendar day of a city, in one read-only snapshot.
 * @param date such as `2026-11-28`, in the city's time zone
 * @throws UsageError for an unknown city, or a day without orders
 */
export async function readPastDay(
  databaseUrl: string,
  { cityId, date }: { cityId: string; date: string },
): Promise<PastRows> {
  return inSnapshot(databaseUrl, async (client) => {
    const city = await readCity(client, cityId, date);
    const orders = await readOrders(client, city);
    if (orders.length === 0) throw new UsageError(`${cityId} has no orders on ${date}`);
    const shifts = await readShifts(client, city);
    const { refuse, lapse } = await readAnswers(client, city);
    return {
      rules: await readRules(client, city),
      orders: orders.map(({ pickup: _, ...order }) => order),
      couriers: shifts.map(({ driverId: _, ...courier }) => courier),
      restaurants: new Map(
        orders.map(({ restaurantId, pickup }) => [restaurantId, { id: restaurantId, ...pickup }]),
      ),
      driverOf: new Map(shifts.map(({ id, driverId }) => [id, driverId])),
      refuse,
      lapse,
    };
  });
}

/**
 * The newest version of a policy.
 * @throws UsageError for an unknown one
 */
export async function readPolicy(databaseUrl: string, name: string): Promise<WeightChanges> {
  return inSnapshot(databaseUrl, async (client) => {
    const read: Read = async <R extends Record<string, unknown>>({ text, values }: Statement) =>
      (await client.query<R>(text, [...values])).rows;
    const policy = await readNewest(read, { name, version: null });
    if (!policy) throw new UsageError(`there is no policy ${JSON.stringify(name)}`);
    return policy.weights;
  });
}

async function inSnapshot<T>(databaseUrl: string, read: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: databaseUrl, application_name: 'past-day' });
  await client.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    return await read(client);
  } finally {
    await client.end();
  }
}

// ---- the city ----

type City = { cityId: string; from: Date; to: Date; center: Point };

async function readCity(client: Client, cityId: string, date: string): Promise<City> {
  const { rows } = await client.query<{ from: Date; to: Date; lat: number; lng: number }>(
    `SELECT $2::timestamp AT TIME ZONE timezone AS from, ($2::timestamp + interval '1 day') AT TIME ZONE timezone AS to,
       center_lat AS lat, center_lng AS lng FROM cities WHERE id = $1`,
    [cityId, date],
  );
  const [row] = rows;
  if (!row) throw new UsageError(`there is no city ${JSON.stringify(cityId)}`);
  return { cityId, from: row.from, to: row.to, center: { lat: row.lat, lng: row.lng } };
}

/** Metres east and north of the city's centre. */
function placeOf({ center }: City, point: Point): Place {
  const east = distanceMeters({ lat: center.lat, lng: point.lng }, center);
  const north = distanceMeters({ lat: point.lat, lng: center.lng }, center);
  return { x: Math.sign(point.lng - center.lng) * east, y: Math.sign(point.lat - center.lat) * north };
}

function minuteOf({ from }: City, at: Date): number {
  return (at.getTime() - from.getTime()) / 60_000;
}

/** One speed for all: the mean of the drivers' vehicles, over the detour of the roads. */
async function readRules(client: Client, { cityId }: City): Promise<DayRules> {
  const { rows } = await client.query<{ kind: keyof typeof TRAVEL_MODEL.metersPerMinute; drivers: number }>(
    'SELECT vehicle_kind AS kind, count(*)::int AS drivers FROM drivers WHERE city_id = $1 GROUP BY vehicle_kind',
    [cityId],
  );
  const drivers = rows.reduce((sum, row) => sum + row.drivers, 0);
  const meters = rows.reduce((sum, row) => sum + row.drivers * TRAVEL_MODEL.metersPerMinute[row.kind], 0);
  const speed = drivers === 0 ? TRAVEL_MODEL.metersPerMinute.CAR : meters / drivers;
  return {
    metersPerMinute: speed / TRAVEL_MODEL.detourFactor,
    pickupServiceMinutes: MATCH_WEIGHTS.pickupStopMs / 60_000,
    dropoffServiceMinutes: MATCH_WEIGHTS.dropoffStopMs / 60_000,
  };
}

// ---- orders and answers ----

type OrderRow = {
  id: string;
  created_at: Date;
  ready_at: Date;
  status: string;
  picked_up_at: Date | null;
  closed_at: Date | null;
  pickup_lat: number;
  pickup_lng: number;
  dropoff_lat: number;
  dropoff_lng: number;
  driver_id: string | null;
  trip_id: string | null;
  pay_cents: number | null;
};

/** Orders that shop, customer or ops cancelled before a driver had them are left out: no policy could serve them. */
async function readOrders(client: Client, city: City): Promise<(PastOrder & { pickup: Place })[]> {
  const { rows } = await client.query<OrderRow>(
    `SELECT d.id, d.created_at, d.ready_at, d.status, d.picked_up_at, d.closed_at, p.lat AS pickup_lat,
       p.lng AS pickup_lng, o.lat AS dropoff_lat, o.lng AS dropoff_lng, a.driver_id, f.trip_id, a.pay_cents
     FROM deliveries d
     JOIN stops p ON p.delivery_id = d.id AND p.kind = 'PICKUP'
     JOIN stops o ON o.delivery_id = d.id AND o.kind = 'DROPOFF'
     LEFT JOIN assignments a ON a.delivery_id = d.id AND a.state = 'COMPLETED'
     LEFT JOIN offers f ON f.id = a.offer_id
     WHERE d.city_id = $1 AND d.created_at >= $2 AND d.created_at < $3
       AND NOT (d.status = 'CANCELLED' AND d.reason_code IS DISTINCT FROM 'NO_DRIVER')
     ORDER BY d.created_at, d.id`,
    [city.cityId, city.from, city.to],
  );
  return rows.map((row) => {
    const placementMinute = minuteOf(city, row.created_at);
    return {
      id: row.id,
      ...placeOf(city, { lat: row.dropoff_lat, lng: row.dropoff_lng }),
      restaurantId: `${row.pickup_lat},${row.pickup_lng}`,
      pickup: placeOf(city, { lat: row.pickup_lat, lng: row.pickup_lng }),
      placementMinute,
      readyMinute: Math.max(placementMinute, minuteOf(city, row.ready_at)),
      pickedMinute: row.picked_up_at && minuteOf(city, row.picked_up_at),
      deliveredMinute: row.status === 'DELIVERED' && row.closed_at ? minuteOf(city, row.closed_at) : null,
      driverId: row.driver_id,
      tripId: row.trip_id,
      earned: row.pay_cents === null ? null : row.pay_cents / 100,
    };
  });
}

async function readAnswers(client: Client, city: City): Promise<{ refuse: number; lapse: number }> {
  const { rows } = await client.query<{ state: string; offers: number }>(
    `SELECT f.state, count(*)::int AS offers FROM offers f JOIN deliveries d ON d.id = f.delivery_id
     WHERE d.city_id = $1 AND f.created_at >= $2 AND f.created_at < $3
       AND (f.state IN ('ACCEPTED', 'REJECTED') OR (f.state = 'EXPIRED' AND f.reached_at IS NOT NULL))
     GROUP BY f.state`,
    [city.cityId, city.from, city.to],
  );
  const all = rows.reduce((sum, { offers }) => sum + offers, 0);
  const shareOf = (state: string): number =>
    all === 0 ? 0 : (rows.find((row) => row.state === state)?.offers ?? 0) / all;
  return { refuse: shareOf('REJECTED'), lapse: shareOf('EXPIRED') };
}

// ---- drivers ----

type Duty = { driverId: string; onMinute: number; offMinute: number };
type Shift = DayCourier & { driverId: string };

/** When drivers were on duty, by the audit trail, and where they began. Who was never seen anywhere is left out. */
async function readShifts(client: Client, city: City): Promise<Shift[]> {
  const shifts: Shift[] = [];
  for (const duty of await readDuties(client, city)) {
    const place = await whereBegun(client, city, duty);
    if (place) shifts.push({ id: `${duty.driverId}#${shifts.length}`, ...duty, ...place });
  }
  return shifts;
}

async function readDuties(client: Client, city: City): Promise<Duty[]> {
  const { rows } = await client.query<{ driver_id: string; to_state: string; at: Date }>(
    `SELECT driver_id, to_state, at FROM audit_entries
     WHERE city_id = $1 AND kind = 'availability_changed' AND at >= $2::timestamptz - interval '1 day' AND at < $3
     ORDER BY driver_id, at, id`,
    [city.cityId, city.from, city.to],
  );
  const duties: Duty[] = [];
  let open: Duty | null = null;
  for (const { driver_id: driverId, to_state: to, at } of rows) {
    const minute = Math.max(0, minuteOf(city, at));
    if (open && open.driverId !== driverId) open = null;
    const isOn = ON_DUTY.includes(to);
    if (open === null && isOn) duties.push((open = { driverId, onMinute: minute, offMinute: DAY_MINUTES }));
    if (open === null || isOn) continue;
    open.offMinute = minute;
    open = null;
  }
  return duties.filter(({ onMinute, offMinute }) => offMinute > onMinute);
}

async function whereBegun(client: Client, city: City, { driverId, onMinute }: Duty): Promise<Place | null> {
  const by = new Date(city.from.getTime() + (onMinute + FIRST_FIX_MINUTES) * 60_000);
  const { rows } = await client.query<Point>(
    `SELECT lat, lng FROM position_fixes WHERE driver_id = $1 AND at <= $2 ORDER BY at DESC LIMIT 1`,
    [driverId, by],
  );
  return rows[0] ? placeOf(city, rows[0]) : null;
}
