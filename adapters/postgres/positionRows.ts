import { type Database } from './database';
import { type ReceivedPosition } from '../redis/positionStream';

/** Adds positions to the history. One with the same driver and device time is there already, and stays. */
export async function insertPositions(db: Database, fixes: readonly ReceivedPosition[]): Promise<void> {
  if (fixes.length === 0) return;
  await db.$executeRaw`
    INSERT INTO position_fixes (driver_id, at, received_at, lat, lng, accuracy_meters, speed_mps,
      heading_degrees)
    SELECT driver_id, at, received_at, lat, lng, accuracy_meters, speed_mps, heading_degrees
    FROM jsonb_populate_recordset(null::position_fixes, ${JSON.stringify(fixes.map(fixRow))}::jsonb)
    ON CONFLICT (driver_id, at) DO NOTHING`;
}

/**
 * Deletes old positions, a limited number in one statement. Ids rise with the time of receipt, so the oldest
 * are found without an index on time.
 * @returns how many
 */
export async function prunePositions(db: Database, olderThanMs: number): Promise<number> {
  return db.$executeRaw`DELETE FROM position_fixes WHERE id IN (
    SELECT id FROM (SELECT id, received_at FROM position_fixes ORDER BY id LIMIT 10000) oldest
      WHERE received_at < now() - ${olderThanMs} * interval '1 millisecond')`;
}

/**
 * Updates the drivers' last known positions, never backwards. Their availability version stays, since their
 * availability does. Rows that a transaction holds are skipped: the archive must neither wait for a dispatch
 * nor lock in another order.
 * @returns the positions of skipped drivers, to be retried
 */
export async function updateLastPlaces(
  db: Database,
  fixes: readonly ReceivedPosition[],
): Promise<ReceivedPosition[]> {
  if (fixes.length === 0) return [];
  const newest = new Map(fixes.map((fix) => [fix.driverId, fix]));
  const passed = await db.$queryRaw<{ id: string }[]>`
    WITH new AS (SELECT * FROM jsonb_populate_recordset(null::position_fixes,
      ${JSON.stringify([...newest.values()].map(fixRow))}::jsonb)),
    due AS (SELECT d.id FROM drivers d JOIN new ON new.driver_id = d.id WHERE d.last_fix_at IS NULL
      OR d.last_fix_at < new.received_at),
    held AS (
      SELECT d.id FROM drivers d JOIN new ON new.driver_id = d.id
      WHERE d.last_fix_at IS NULL OR d.last_fix_at < new.received_at ORDER BY d.id
        FOR NO KEY UPDATE OF d SKIP LOCKED),
    moved AS (
      UPDATE drivers SET last_lat = new.lat, last_lng = new.lng, last_fix_at = new.received_at
      FROM new JOIN held ON held.id = new.driver_id WHERE drivers.id = held.id)
    SELECT id FROM due EXCEPT SELECT id FROM held`;
  return passed.flatMap(({ id }) => newest.get(id) ?? []);
}

function fixRow({
  driverId,
  at,
  receivedAt,
  point,
  accuracyMeters,
  speedMps,
  headingDegrees,
}: ReceivedPosition): object {
  return {
    driver_id: driverId,
    at: new Date(at).toISOString(),
    received_at: new Date(receivedAt).toISOString(),
    lat: point.lat,
    lng: point.lng,
    accuracy_meters: accuracyMeters,
    speed_mps: speedMps,
    heading_degrees: headingDegrees,
  };
}
