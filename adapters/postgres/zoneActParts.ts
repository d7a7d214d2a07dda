import { type DeliveryFacts } from '../../domain/delivery/deliveryState';
import { type Message } from '../../domain/notices/message';
import { type ActPlace, type HitFacts } from '../../domain/zones/zoneAct';
import { type Read } from '../../services/ports';
import { msOf, numberOf, sql, type Tx } from './database';

type Row = Pick<HitFacts, 'deliveryId' | 'status'> & {
  searchAt: Date;
  unassignedMs: bigint | string;
  unassignedSince: Date | null;
};

/** The deliveries of a place that nobody has and whose search is due; the rule decides on each. */
export async function readUnassigned(
  read: Read,
  { cityId, zoneId }: ActPlace,
  now: number,
): Promise<HitFacts[]> {
  const isOfZone = zoneId === null ? sql`` : sql`AND zone_id = ${zoneId}`;
  const rows = await read<Row>(sql`
    SELECT id AS "deliveryId", status, search_at AS "searchAt", unassigned_ms AS "unassignedMs",
      unassigned_since AS "unassignedSince"
    FROM deliveries WHERE city_id = ${cityId} AND status IN ('PENDING', 'SEARCHING', 'OFFERED')
      AND closed_at IS NULL AND (status <> 'PENDING' OR search_at <= ${new Date(now).toISOString()}::timestamptz)
      ${isOfZone} ORDER BY id`);
  return rows.map(({ searchAt, unassignedMs, unassignedSince, ...row }) => ({
    ...row,
    searchAt: searchAt.getTime(),
    clock: { accumulatedMs: numberOf(unassignedMs) ?? 0, runningSince: msOf(unassignedSince) },
  }));
}

/**
 * Adds the parts of an act, each with its message, in one statement: there may be thousands. They fall due one after
 * another, whichever process sends them; until then they do not count as late.
 */
export async function insertParts(
  tx: Tx,
  {
    actId,
    deliveryIds,
    correlationId,
  }: { actId: string; deliveryIds: readonly string[]; correlationId: string },
  perSecond: number,
): Promise<void> {
  const kind: Message['kind'] = 'zoneAct';
  await tx.$executeRaw`
    WITH hit AS (
      SELECT id, now() + (n - 1) / ${perSecond}::float8 * interval '1 second' AS due
      FROM unnest(${[...deliveryIds]}::uuid[]) WITH ORDINALITY AS given (id, n)
    ), part AS (
      INSERT INTO zone_act_deliveries (act_id, delivery_id) SELECT ${actId}::uuid, id FROM hit
    )
    INSERT INTO outbox (kind, key, payload, correlation_id, created_at, next_at)
    SELECT ${kind}, id::text, jsonb_build_object('actId', ${actId}::text, 'deliveryId', id), ${correlationId}, due, due
    FROM hit ORDER BY due`;
}

/** A part that is open, and how its delivery stands. @returns null where it is done, or there is none */
export async function readOpenPart(
  read: Read,
  { actId, deliveryId }: { actId: string; deliveryId: string },
): Promise<Pick<DeliveryFacts, 'status' | 'reasonCode'> | null> {
  const [row] = await read<Pick<DeliveryFacts, 'status' | 'reasonCode'>>(sql`
    SELECT d.status, d.reason_code AS "reasonCode"
    FROM zone_act_deliveries part JOIN deliveries d ON d.id = part.delivery_id
    WHERE part.act_id = ${actId}::uuid AND part.delivery_id = ${deliveryId}::uuid AND part.outcome IS NULL`);
  return row ?? null;
}

/** Keeps the first outcome of a part. */
export async function closePart(
  read: Read,
  { actId, deliveryId }: { actId: string; deliveryId: string },
  { outcome, at }: { outcome: string; at: number },
): Promise<void> {
  await read(sql`
    UPDATE zone_act_deliveries SET outcome = ${outcome}, at = ${new Date(at).toISOString()}::timestamptz
    WHERE act_id = ${actId}::uuid AND delivery_id = ${deliveryId}::uuid AND outcome IS NULL`);
}

/** How many parts of an act came to what; null = not answered yet. */
export function countParts(
  read: Read,
  actId: string,
): Promise<{ outcome: string | null; deliveries: number }[]> {
  return read<{ outcome: string | null; deliveries: number }>(sql`
    SELECT outcome, count(*)::int AS deliveries FROM zone_act_deliveries WHERE act_id = ${actId}::uuid
    GROUP BY outcome ORDER BY outcome`);
}
