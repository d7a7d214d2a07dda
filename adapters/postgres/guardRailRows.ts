import { type RoundCounts } from '../../domain/matching/guardRails';
import { type Read } from '../../services/ports';
import { type Database, instant, msOf, sql } from './database';

/** How a round ended; `ended` in time. */
export type RoundEnd = keyof RoundCounts;

/** Counts a round of a city in its minute. Deliveries that wait leave it to the rounds as long as these end in time. */
export async function noteRound(
  read: Read,
  cityId: string,
  { at, end }: { at: number; end: RoundEnd },
): Promise<void> {
  const when = instant(at);
  await read(sql`
    WITH noted AS (UPDATE cities SET matched_at = ${when} WHERE id = ${cityId} AND ${end}::text = 'ended')
    INSERT INTO matching_round_counts AS counts (city_id, minute, ended, slow, failed)
    VALUES (${cityId}, date_trunc('minute', ${when}), (${end}::text = 'ended')::int, (${end}::text = 'slow')::int,
      (${end}::text = 'failed')::int)
    ON CONFLICT (city_id, minute) DO UPDATE SET ended = counts.ended + excluded.ended,
      slow = counts.slow + excluded.slow, failed = counts.failed + excluded.failed`);
}

/** The rounds of a city since an instant, in whole minutes. */
export async function readRoundCounts(read: Read, cityId: string, since: number): Promise<RoundCounts> {
  const [row] = await read<RoundCounts>(sql`
    SELECT coalesce(sum(ended), 0)::int AS ended, coalesce(sum(slow), 0)::int AS slow,
      coalesce(sum(failed), 0)::int AS failed
    FROM matching_round_counts WHERE city_id = ${cityId} AND minute >= ${instant(since)}`);
  return row ?? { ended: 0, slow: 0, failed: 0 };
}

/** Deletes a limited number of old rows. @returns how many */
export async function pruneRoundCounts(db: Database, olderThanMs: number): Promise<number> {
  return db.$executeRaw`DELETE FROM matching_round_counts WHERE (city_id, minute) IN (
    SELECT city_id, minute FROM matching_round_counts WHERE minute < now() - ${olderThanMs} * interval '1 millisecond'
    ORDER BY minute LIMIT 10000)`;
}

/** A delivery of the window of the guard rails. Instants are epoch ms. */
export type WatchedRow = {
  deliveryId: string;
  searchAt: number;
  placedAt: number;
  windowTo: number | null;
  /** When a driver first accepted, and when any first had it. */
  acceptedAt: number | null;
  assignedAt: number | null;
  closedAt: number | null;
  deliveredAt: number | null;
  accepted: number;
  refused: number;
};

/** Orders that are placed longer before their search are not watched: ids bound the scan. */
const PLACED_BEFORE_MS = 2 * 3_600_000;

/** The deliveries of a city whose search began in the window, the newest first. */
export async function readWatched(
  read: Read,
  { cityId, since, now, limit }: { cityId: string; since: number; now: number; limit: number },
): Promise<WatchedRow[]> {
  const rows = await read<{
    id: string;
    search_at: Date;
    created_at: Date;
    window_to: Date | null;
    accepted_at: Date | null;
    assigned_at: Date | null;
    closed_at: Date | null;
    delivered_at: Date | null;
    accepted: number;
    refused: number;
  }>(sql`
    SELECT d.id, d.search_at, d.created_at, d.window_to, drivers.accepted_at, drivers.assigned_at, d.closed_at,
      CASE WHEN d.status = 'DELIVERED' THEN o.completed_at END AS delivered_at, answers.accepted, answers.refused
    FROM deliveries d JOIN stops o ON o.delivery_id = d.id AND o.kind = 'DROPOFF'
    CROSS JOIN LATERAL (SELECT min(started_at) FILTER (WHERE offer_id IS NOT NULL) AS accepted_at,
        min(started_at) AS assigned_at
      FROM assignments WHERE delivery_id = d.id) AS drivers
    CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE state = 'ACCEPTED')::int AS accepted,
        count(*) FILTER (WHERE state IN ('REJECTED', 'EXPIRED'))::int AS refused
      FROM offers WHERE delivery_id = d.id) AS answers
    WHERE d.city_id = ${cityId} AND d.id >= ${firstIdAt(since - PLACED_BEFORE_MS)}::uuid
      AND d.search_at >= ${instant(since)} AND d.search_at <= ${instant(now)}
    ORDER BY d.id DESC LIMIT ${limit}`);
  return rows.map((row) => ({
    deliveryId: row.id,
    searchAt: msOf(row.search_at),
    placedAt: msOf(row.created_at),
    windowTo: msOf(row.window_to),
    acceptedAt: msOf(row.accepted_at),
    assignedAt: msOf(row.assigned_at),
    closedAt: msOf(row.closed_at),
    deliveredAt: msOf(row.delivered_at),
    accepted: row.accepted,
    refused: row.refused,
  }));
}

/** The smallest version 7 UUID of an instant. */
function firstIdAt(at: number): string {
  const hex = Math.max(0, Math.floor(at)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7000-8000-000000000000`;
}

/** Deliveries that wait in a city, and drivers who are free, by the newest health of its zones; null: none is kept. */
export async function readPlenty(
  read: Read,
  cityId: string,
  since: number,
): Promise<{ waiting: number; free: number } | null> {
  const [row] = await read<{ waiting: number | null; free: number | null }>(sql`
    SELECT sum((figures->>'searching')::int)::int AS waiting, sum((figures->>'freeDrivers')::int)::int AS free
    FROM zone_health WHERE city_id = ${cityId} AND at = (
      SELECT max(at) FROM zone_health WHERE city_id = ${cityId} AND at >= ${instant(since)})`);
  const { waiting = null, free = null } = row ?? {};
  return waiting === null || free === null ? null : { waiting, free };
}
