import { type ActPlace, type ZoneAct, type ZoneActKind } from '../../domain/zones/zoneAct';
import { type Widening, wideningFor } from '../../domain/zones/widening';
import { type Prisma } from '../../prisma/client/client';
import { type Read } from '../../services/ports';
import { type Database, instant, msOf, sql, type Tx } from './database';

type Row = Omit<ZoneAct, 'createdAt' | 'until' | 'endedAt'> & {
  createdAt: Date;
  until: Date | null;
  endedAt: Date | null;
};

const COLUMNS = sql`id AS "actId", kind, city_id AS "cityId", zone_id AS "zoneId", reason,
  cancel_reason AS "cancelReason", bonus_cents AS "bonusCents",
  waiting_over_minutes AS "waitingOverMinutes", radius_meters AS "radiusMeters",
  why, by_id AS "byId", correlation_id AS "correlationId",
  created_at AS "createdAt", until_at AS "until", ended_at AS "endedAt"`;

/** @returns null where there is none */
export async function readAct(read: Read, actId: string): Promise<ZoneAct | null> {
  const [row] = await read<Row>(sql`SELECT ${COLUMNS} FROM zone_acts WHERE id = ${actId}::uuid`);
  return row ? actOf(row) : null;
}

/** @returns null where the request has not been made before */
export async function readActOfRequest(read: Read, requestKey: string): Promise<ZoneAct | null> {
  const [row] = await read<Row>(sql`SELECT ${COLUMNS} FROM zone_acts WHERE request_key = ${requestKey}`);
  return row ? actOf(row) : null;
}

/** The acts with an end that are in force, the earliest first. @param cities null = all */
export async function readActsInForce(
  read: Read,
  { cities, now }: { cities: readonly string[] | null; now: number },
): Promise<ZoneAct[]> {
  const isOfCity = cities === null ? sql`` : sql`AND city_id = ANY(${[...cities]}::text[])`;
  const rows = await read<Row>(sql`
    SELECT ${COLUMNS} FROM zone_acts WHERE ${isInForce(now)} ${isOfCity} ORDER BY id`);
  return rows.map(actOf);
}

/** A city's stops of orders in force, as one value: part of the statement that reads all that an order needs. */
export function stopsInForce(cityId: string, now: number): Prisma.Sql {
  const stop: ZoneActKind = 'STOP_ORDERS';
  return sql`SELECT coalesce(jsonb_agg(jsonb_build_object('zoneId', zone_id, 'reason', reason,
      'until', floor(extract(epoch FROM until_at) * 1000))), '[]')
    FROM zone_acts WHERE kind = ${stop} AND city_id = ${cityId} AND ${isInForce(now)}`;
}

/** A city's wider searches in force, as one value: part of the statements that searches send anyway. */
export function wideningsInForce(cityId: Prisma.Sql, now: number): Prisma.Sql {
  const widen: ZoneActKind = 'WIDEN';
  return sql`SELECT jsonb_agg(jsonb_build_object('zoneId', zone_id, 'radiusMeters', radius_meters,
      'until', floor(extract(epoch FROM until_at) * 1000)))
    FROM zone_acts WHERE kind = ${widen} AND city_id = ${cityId} AND ${isInForce(now)}`;
}

/** How far the searches of a place reach at least, by what such a statement found. @returns null = as far as usual */
export function widenedMeters(
  found: readonly Widening[] | null,
  zoneId: string | null,
  now: number,
): number | null {
  return wideningFor(found ?? [], zoneId, now)?.radiusMeters ?? null;
}

/** The caller has locked the chain of the city. */
export async function insertAct(
  tx: Tx,
  { actId, createdAt, until, endedAt: _, ...act }: ZoneAct,
  requestKey: string,
): Promise<void> {
  await tx.zoneAct.create({
    data: {
      ...act,
      id: actId,
      requestKey,
      createdAt: new Date(createdAt),
      untilAt: until === null ? null : new Date(until),
    },
  });
}

/** Ends the act of this kind that is in force at this very place. @returns null where there is none */
export async function endAct(
  read: Read,
  { kind, cityId, zoneId }: ActPlace & { kind: ZoneActKind },
  { at, byId }: { at: number; byId: string },
): Promise<ZoneAct | null> {
  const [row] = await read<Row>(sql`
    UPDATE zone_acts SET ended_at = ${instant(at)}, ended_by_id = ${byId}
    WHERE kind = ${kind} AND city_id = ${cityId} AND zone_id IS NOT DISTINCT FROM ${zoneId}::text AND ${isInForce(at)}
    RETURNING ${COLUMNS}`);
  return row ? actOf(row) : null;
}

/** Erases some reasons of old acts. @returns how many */
export async function eraseAgedActs(db: Database, before: number, limit: number): Promise<number> {
  return db.$executeRaw`UPDATE zone_acts SET why = '' WHERE id IN (
    SELECT id FROM zone_acts WHERE created_at < ${new Date(before)} AND why <> '' ORDER BY created_at LIMIT ${limit})`;
}

function isInForce(now: number): Prisma.Sql {
  return sql`ended_at IS NULL AND until_at > ${instant(now)}`;
}

function actOf({ createdAt, until, endedAt, ...row }: Row): ZoneAct {
  return { ...row, createdAt: createdAt.getTime(), until: msOf(until), endedAt: msOf(endedAt) };
}
