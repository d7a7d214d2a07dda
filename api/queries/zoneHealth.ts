import { type ZoneFigures, type ZoneReason, type ZoneState } from '../../domain/zones/zoneHealth';
import { Prisma, type PrismaClient } from '../../prisma/client/client';
import type { Caller } from '../auth/caller';

export type ZoneHealthRow = {
  cityId: string;
  zoneId: string | null;
  zoneName: string | null;
  state: ZoneState;
  reasons: ZoneReason[];
  figures: ZoneFigures;
  at: Date;
};

/** The most zones in one reply. */
export const MAX_ZONES = 1_000;
/** The most history rows in one reply: one per minute for more than a day. */
export const MAX_HISTORY = 1_500;

/**
 * The latest health of each zone, worst first, for one city or for all cities that the caller may see. A result
 * with a timestamp in the future is ignored until then.
 */
export function latestHealth(
  db: PrismaClient,
  caller: Caller,
  cityId: string | undefined,
): Promise<ZoneHealthRow[]> {
  const isCity = cityId === undefined ? Prisma.sql`true` : Prisma.sql`c.id = ${cityId}`;
  return db.$queryRaw<ZoneHealthRow[]>`
    SELECT h.city_id AS "cityId", h.zone_id AS "zoneId", z.name AS "zoneName", h.state, h.reasons, h.figures, h.at
    FROM cities c
    CROSS JOIN LATERAL (
      SELECT at FROM zone_health WHERE city_id = c.id AND at <= now() + interval '5 seconds'
      ORDER BY at DESC LIMIT 1
    ) newest
    JOIN zone_health h ON h.city_id = c.id AND h.at = newest.at
    LEFT JOIN zones z ON z.id = h.zone_id
    WHERE ${ofCaller(caller, Prisma.sql`c.id`)} AND ${isCity}
    ORDER BY CASE h.state WHEN 'CRITICAL' THEN 0 WHEN 'STRAINED' THEN 1 ELSE 2 END, h.city_id, h.zone_id
    LIMIT ${MAX_ZONES}`;
}

/**
 * The health of one zone from `since` to `until` (epoch ms), newest first, plus one row if there are more.
 * `zoneId` null: the area of the city that lies in no zone.
 */
export function healthHistory(
  db: PrismaClient,
  { cityId, zoneId }: { cityId: string; zoneId: string | null },
  { since, until }: { since: number; until: number },
): Promise<ZoneHealthRow[]> {
  const isZone = zoneId === null ? Prisma.sql`h.zone_id IS NULL` : Prisma.sql`h.zone_id = ${zoneId}`;
  return db.$queryRaw<ZoneHealthRow[]>`
    SELECT h.city_id AS "cityId", h.zone_id AS "zoneId", z.name AS "zoneName", h.state, h.reasons, h.figures, h.at
    FROM zone_health h LEFT JOIN zones z ON z.id = h.zone_id
    WHERE h.city_id = ${cityId} AND ${isZone} AND h.at BETWEEN ${new Date(since)} AND ${new Date(until)}
    ORDER BY h.at DESC LIMIT ${MAX_HISTORY + 1}`;
}

/** @returns the city of the zone; null where the caller can see no such zone */
export async function cityOfZone(db: PrismaClient, caller: Caller, zoneId: string): Promise<string | null> {
  const [found] = await db.$queryRaw<
    { cityId: string }[]
  >`SELECT city_id AS "cityId" FROM zones WHERE id = ${zoneId} AND ${ofCaller(caller, Prisma.sql`city_id`)}`;
  return found?.cityId ?? null;
}

/** @returns whether the city exists and the caller may see it */
export async function seesCity(db: PrismaClient, caller: Caller, cityId: string): Promise<boolean> {
  const rows = await db.$queryRaw<
    { id: string }[]
  >`SELECT id FROM cities WHERE id = ${cityId} AND ${ofCaller(caller, Prisma.sql`id`)}`;
  return rows.length > 0;
}

/** The condition for the cities that the caller may see: ops only, within their cities. */
function ofCaller(caller: Caller, column: Prisma.Sql): Prisma.Sql {
  if (caller.role !== 'ops') return Prisma.sql`false`;
  return caller.cities === 'all' ? Prisma.sql`true` : Prisma.sql`${column} = ANY(${[...caller.cities]})`;
}
