import { VEHICLE_KINDS } from '../../domain/driver/vehicles';
import type { World } from './world';

/** A driver counts as silent only for time in which ingest was up; here it has been up for this long. */
const HEARD_FOR_MS = 3_600_000;
const SILENT_FOR_MS = 2 * 3_600_000;
const AT_ONCE = 500;
/** One driver with work in so many is silent: in each city too few for an outage, in all enough for losses. */
const FEW = 20;

/** Marks ingest as up for the whole time. */
export async function markIngestUp({ map, clock }: Pick<World, 'map' | 'clock'>): Promise<void> {
  await map.reportIngestUp(clock() - HEARD_FOR_MS);
}

/**
 * Puts all drivers on duty on a new map, heard from just now. `but for a few`: some of those with work
 * were heard from long ago; `long ago`: all of them. Times in the database are moved back.
 */
export async function syncDrivers(
  { db, map, clock, redis, keyPrefix }: Pick<World, 'db' | 'map' | 'clock' | 'redis' | 'keyPrefix'>,
  heard: 'all' | 'but for a few' | 'long ago',
): Promise<void> {
  const now = clock();
  const known = await redis.keys(`${keyPrefix}*`);
  if (known.length > 0) await redis.unlink(...known);
  await db.$executeRaw`UPDATE drivers
    SET last_fix_at = ${new Date(now - SILENT_FOR_MS)},
      idle_since = least(idle_since, ${new Date(now - SILENT_FOR_MS)})
    WHERE availability IN ('AVAILABLE', 'BUSY')`;
  // A job counts as silent from its start on: those that the run itself began would not be lost yet.
  await db.$executeRaw`UPDATE assignments SET started_at = least(started_at, ${new Date(now - SILENT_FOR_MS)})
    WHERE state = 'ACTIVE'`;
  const rows = await db.driver.findMany({
    where: { availability: { in: ['AVAILABLE', 'BUSY'] } },
    select: {
      id: true,
      cityId: true,
      availability: true,
      availabilityVersion: true,
      vehicleKind: true,
      lastLat: true,
      lastLng: true,
    },
    orderBy: { id: 'asc' },
  });
  const busy = rows.filter(({ availability }) => availability === 'BUSY').map(({ id }) => id);
  const few = new Set(busy.filter((_, index) => index % FEW === 0));
  for (let from = 0; from < rows.length; from += AT_ONCE) {
    await Promise.all(
      rows
        .slice(from, from + AT_ONCE)
        .map(async ({ id, cityId, availability, availabilityVersion, vehicleKind, lastLat, lastLng }) => {
          const at =
            heard === 'all' || (heard === 'but for a few' && !few.has(id)) ? now : now - SILENT_FOR_MS;
          const lastFix = { point: { lat: lastLat ?? 0, lng: lastLng ?? 0 }, at, receivedAt: at };
          if (availability !== 'AVAILABLE' && availability !== 'BUSY') return;
          await map.sync(
            {
              driverId: id,
              cityId,
              availability,
              hasRoom: availability === 'AVAILABLE',
              vehicle: VEHICLE_KINDS.find((kind) => kind === vehicleKind) ?? null,
              version: Number(availabilityVersion),
              lastFix,
            },
            now,
          );
        }),
    );
  }
}
