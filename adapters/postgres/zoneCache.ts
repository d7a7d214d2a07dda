import { type Prisma } from '../../prisma/client/client';
import { type Point } from '../../domain/geo/places';
import { zoneFinder } from '../../domain/zones/zones';
import { type Read } from '../../services/ports';
import { sql } from './database';
import { areaOf } from './zoneArea';

/** The id of the zone at a place; null outside all zones. */
export type ZoneAt = (point: Point) => string | null;
/** The zones of a city at this version or a later one; null = it has none. */
export type ZonesOf = (cityId: string, version: string | null) => Promise<ZoneAt>;
type CachedZones = { version: string; zoneAt: ZoneAt };
type Row = { version: string | null; zones: { id: string; polygon: unknown; priority: number }[] | null };

/** The most cities remembered, the least recently read ones forgotten first. */
const MAX_CITIES = 100;

/**
 * What changes whenever a zone of the city does, whoever changed it: the versions of the rows. Null without
 * zones. It reads no polygon.
 */
export function zonesVersion(cityId: string | Prisma.Sql): Prisma.Sql {
  return sql`SELECT md5(string_agg(concat_ws(' ', id, xmin, ctid), ',' ORDER BY id)) FROM zones
    WHERE city_id = ${cityId}`;
}

/**
 * The zones of cities, parsed once for each change: most orders read only the version of their city's zones.
 */
export function createZoneCache(read: Read): ZonesOf {
  const known = new Map<string, CachedZones>();
  const reading = new Map<string, Promise<CachedZones>>();
  const remember = (cityId: string, zones: CachedZones): ZoneAt => {
    known.delete(cityId);
    known.set(cityId, zones);
    const [oldest] = known.keys();
    if (known.size > MAX_CITIES && oldest !== undefined) known.delete(oldest);
    return zones.zoneAt;
  };
  return async (cityId, version) => {
    if (version === null) return () => null;
    const before = known.get(cityId);
    if (before?.version === version) return remember(cityId, before);
    // By version: a read that began before may be of an older one.
    const key = `${cityId} ${version}`;
    const now = reading.get(key) ?? readZones(read, cityId).finally(() => reading.delete(key));
    reading.set(key, now);
    return remember(cityId, await now);
  };
}

async function readZones(read: Read, cityId: string): Promise<CachedZones> {
  const [row] = await read<Row>(sql`
    SELECT (${zonesVersion(cityId)}) AS version,
      (SELECT jsonb_agg(jsonb_build_object('id', id, 'polygon', polygon, 'priority', priority))
        FROM zones WHERE city_id = ${cityId}) AS zones`);
  const find = zoneFinder(
    (row?.zones ?? []).map(({ id, polygon, priority }) => ({ zoneId: id, area: areaOf(polygon), priority })),
  );
  return { version: row?.version ?? '', zoneAt: (point) => find(point)?.zoneId ?? null };
}
