import { type Message } from '../../domain/notices/message';
import { type Point } from '../../domain/geo/places';
import {
  acceptanceOf,
  type Acceptance,
  type ZoneFigures,
  type ZoneReason,
  type ZoneState,
} from '../../domain/zones/zoneHealth';
import { type Zone } from '../../domain/zones/zones';
import { type Database, empty, msOf, sql, type Tx } from './database';
import { areaOf } from './zoneArea';
import { enqueue } from './outbox';

export type CityZones = { cityId: string; escalationMinutes: number[]; zones: Zone[] };

/** The place of a count; `zoneId` null: in none of the city's zones. */
export type Place = { cityId: string; zoneId: string | null };
export type CountedDeliveries = Place &
  Pick<
    ZoneFigures,
    'openDeliveries' | 'searching' | 'carried' | 'waitingP50Ms' | 'waitingMaxMs' | 'escalationsByLevel'
  >;
export type CountedAnswers = Place & { acceptance15m: Acceptance };
export type CountedCases = Place & { openCases: number };

/** Cities with their zones: one city, or all if `cityId` is null. */
export async function readCityZones(db: Database, cityId: string | null): Promise<CityZones[]> {
  const cities = await db.city.findMany({
    where: cityId === null ? {} : { id: cityId },
    orderBy: { id: 'asc' },
    select: {
      id: true,
      escalationMinutes: true,
      zones: { select: { id: true, polygon: true, priority: true }, orderBy: { id: 'asc' } },
    },
  });
  return cities.map(({ id, escalationMinutes, zones }) => ({
    cityId: id,
    escalationMinutes,
    zones: zones.map((zone) => ({ zoneId: zone.id, area: areaOf(zone.polygon), priority: zone.priority })),
  }));
}

type DeliveryCount = Place & {
  openDeliveries: number;
  searching: number;
  carried: number;
  waitingP50Ms: number;
  waitingMaxMs: number;
  level1: number;
  level2: number;
  level3: number;
};

/**
 * Open deliveries by zone, and for how long they have waited at `at` (epoch ms). Reads open deliveries only,
 * by their partial index.
 */
export async function countDeliveries(
  db: Database,
  at: number,
  cityId: string | null,
): Promise<CountedDeliveries[]> {
  const rows = await db.$queryRaw<DeliveryCount[]>`
    SELECT city_id AS "cityId", zone_id AS "zoneId", count(*)::int AS "openDeliveries",
      count(*) FILTER (WHERE searching)::int AS searching, count(*) FILTER (WHERE carried)::int AS carried,
      coalesce(percentile_disc(0.5) WITHIN GROUP (ORDER BY waited) FILTER (WHERE searching),
        0)::float8 AS "waitingP50Ms",
      coalesce(max(waited) FILTER (WHERE searching), 0)::float8 AS "waitingMaxMs",
      count(*) FILTER (WHERE searching AND escalation_level = 1)::int AS level1,
      count(*) FILTER (WHERE searching AND escalation_level = 2)::int AS level2,
      count(*) FILTER (WHERE searching AND escalation_level = 3)::int AS level3
    FROM (
      SELECT city_id, zone_id, escalation_level, status IN ('SEARCHING', 'OFFERED') AS searching,
        status IN ('ASSIGNED', 'AT_PICKUP', 'PICKED_UP', 'AT_DROPOFF', 'RETURNING') AS carried,
        unassigned_ms + greatest(0, round(extract(epoch
          FROM ${new Date(at)}::timestamptz - unassigned_since) * 1000)) AS waited
      FROM deliveries WHERE closed_at IS NULL ${ofCity(cityId, sql`city_id`)}) AS open
    GROUP BY city_id, zone_id`;
  return rows.map(({ level1, level2, level3, ...rest }) => ({
    ...rest,
    escalationsByLevel: { 1: level1, 2: level2, 3: level3 },
  }));
}

/**
 * An offer lives for an hour at most, and its id is created within the hour of its row: so version 7 ids
 * bound the scan, and `ended_at` needs no index.
 */
const OLDEST_OFFER_MS = 2 * 3_600_000;

/** Offers that were answered or lapsed after `since` (epoch ms), by the zone of their delivery. */
export async function countAnswers(
  db: Database,
  since: number,
  cityId: string | null,
): Promise<CountedAnswers[]> {
  const rows = await db.$queryRaw<(Place & { accepted: number; answered: number })[]>`
    SELECT d.city_id AS "cityId", d.zone_id AS "zoneId",
      count(*) FILTER (WHERE o.state = 'ACCEPTED')::int AS accepted, count(*)::int AS answered
    FROM offers o JOIN deliveries d ON d.id = o.delivery_id
    WHERE o.id >= ${firstIdAt(since - OLDEST_OFFER_MS)}::uuid AND o.ended_at > ${new Date(since)}
      AND o.state IN ('ACCEPTED', 'REJECTED', 'EXPIRED')
      ${ofCity(cityId, sql`d.city_id`)}
    GROUP BY d.city_id, d.zone_id`;
  return rows.map(({ accepted, answered, ...place }) => ({
    ...place,
    acceptance15m: acceptanceOf(accepted, answered),
  }));
}

/** The smallest version 7 UUID of an instant. */
function firstIdAt(at: number): string {
  const hex = Math.max(0, Math.floor(at)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7000-8000-000000000000`;
}

/** Unresolved cases, by the zone of their delivery. */
export async function countCases(db: Database, cityId: string | null): Promise<CountedCases[]> {
  return db.$queryRaw<CountedCases[]>`
    SELECT d.city_id AS "cityId", d.zone_id AS "zoneId", count(*)::int AS "openCases"
    FROM escalations e JOIN deliveries d ON d.id = e.delivery_id
    WHERE e.state IN ('OPEN', 'ACKNOWLEDGED') ${ofCity(cityId, sql`e.city_id`)} GROUP BY d.city_id,
      d.zone_id`;
}

function ofCity(cityId: string | null, column: typeof empty): typeof empty {
  return cityId === null ? empty : sql`AND ${column} = ${cityId}`;
}

/**
 * A page of a city's BUSY drivers, by id. `point` null: their position is unknown.
 * @param afterId the last id of the page before
 */
export async function readBusyPlaces(
  db: Database,
  cityId: string,
  afterId: string | null,
  limit: number,
): Promise<{ driverId: string; point: Point | null }[]> {
  const rows = await db.driver.findMany({
    where: { cityId, availability: 'BUSY', ...(afterId === null ? {} : { id: { gt: afterId } }) },
    orderBy: { id: 'asc' },
    take: limit,
    select: { id: true, lastLat: true, lastLng: true },
  });
  return rows.map(({ id, lastLat: lat, lastLng: lng }) => ({
    driverId: id,
    point: lat === null || lng === null ? null : { lat, lng },
  }));
}

/**
 * Figures from a clock that was ahead must not block newer ones until their time has come. Compares with
 * PostgreSQL's clock, plus the difference that clocks may have (`databaseClock`).
 */
const NOT_AHEAD = sql`at <= now() + interval '5 seconds'`;

export type HealthRow = {
  zoneId: string | null;
  state: ZoneState;
  reasons: ZoneReason[];
  figures: ZoneFigures;
};

/** The newest figures of a city and their time (epoch ms); null if there are none. */
export type NewestHealth = { at: number; states: Map<string | null, ZoneState> } | null;

/**
 * Writes the figures of one city and the messages about them, in one transaction. Writers of the same city
 * wait for each other.
 * @param decide what to store and report, given the newest figures; null: nothing, since newer figures were
 *   written meanwhile
 * @returns what was written
 */
export async function writeHealth(
  db: Database,
  cityId: string,
  at: number,
  correlationId: string,
  decide: (newest: NewestHealth) => { rows: readonly HealthRow[]; messages: readonly Message[] } | null,
): Promise<readonly HealthRow[]> {
  return db.$transaction(async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext(${`zone health/${cityId}`}))`;
    const decided = decide(await readNewest(tx, cityId));
    if (decided === null) return [];
    await tx.zoneHealth.createMany({
      data: decided.rows.map(({ figures, ...row }) => ({
        ...row,
        cityId,
        at: new Date(at),
        figures: { ...figures },
      })),
    });
    await enqueue(tx, `zones/${cityId}`, correlationId, decided.messages);
    return decided.rows;
  });
}

async function readNewest(tx: Tx, cityId: string): Promise<NewestHealth> {
  const rows = await tx.$queryRaw<{ zoneId: string | null; state: ZoneState; at: Date }[]>`
    SELECT zone_id AS "zoneId", state, at FROM zone_health
    WHERE city_id = ${cityId} AND at = (SELECT max(at) FROM zone_health WHERE city_id = ${cityId}
      AND ${NOT_AHEAD})`;
  const [first] = rows;
  return first === undefined
    ? null
    : { at: msOf(first.at), states: new Map(rows.map(({ zoneId, state }) => [zoneId, state])) };
}

export type LatestHealth = Place & { state: ZoneState; figures: ZoneFigures };

/** The newest figures of each city that were computed after `since` (epoch ms). */
export async function readLatestHealth(db: Database, since: number): Promise<LatestHealth[]> {
  return db.$queryRaw<LatestHealth[]>`
    SELECT h.city_id AS "cityId", h.zone_id AS "zoneId", h.state, h.figures
    FROM cities c CROSS JOIN LATERAL (SELECT at FROM zone_health WHERE city_id = c.id
      AND at > ${new Date(since)} AND ${NOT_AHEAD} ORDER BY at DESC LIMIT 1) newest
    JOIN zone_health h ON h.city_id = c.id AND h.at = newest.at`;
}

/** Those of these cities (null: of all) without figures after `since` (epoch ms). */
export async function readStaleCities(
  db: Database,
  cityIds: readonly string[] | null,
  since: number,
): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT id FROM cities c WHERE (${cityIds === null} OR id = ANY(${[...(cityIds ?? [])]}::text[]))
      AND NOT EXISTS (SELECT FROM zone_health WHERE city_id = c.id AND at > ${new Date(since)}
        AND ${NOT_AHEAD}) ORDER BY id`;
  return rows.map(({ id }) => id);
}

/** Deletes old figures, a limited number in one statement. @returns how many rows */
export async function pruneHealth(db: Database, olderThanMs: number): Promise<number> {
  return db.$executeRaw`DELETE FROM zone_health WHERE id IN (
    SELECT id FROM zone_health WHERE at < now() - ${olderThanMs} * interval '1 millisecond' ORDER BY at
      LIMIT 10000)`;
}
