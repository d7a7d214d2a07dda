import { Prisma, type PrismaClient } from '../../prisma/client/client';
import type { Caller } from '../auth/caller';
import type { TimedPlace } from '../http/fields';

/** What is asked of the audit trail. Instants in epoch ms, `since` included, `until` not. */
export type AuditFilters = {
  deliveryId?: string;
  driverId?: string;
  order?: { merchantId: string; sellerOrderId: string };
  actor?: { kind: string; id: string };
  kind?: string;
  cityId?: string;
  since?: number;
  until?: number;
};

export type AuditEntryRow = Prisma.AuditEntryGetPayload<object>;

const COLUMNS = Prisma.sql`id, at, kind, city_id AS "cityId", delivery_id AS "deliveryId", driver_id AS "driverId", merchant_id AS "merchantId",
  seller_order_id AS "sellerOrderId", actor_kind AS "actorKind", actor_id AS "actorId", from_state AS "fromState", to_state AS "toState", why,
  correlation_id AS "correlationId", device_at AS "deviceAt", detail, chain, prev_hash AS "prevHash", hash`;

/**
 * One page, newest first, and one row more where there are more. Each form of it reads one index in its
 * order, of the months that may have what is asked for (ADR 11).
 */
export function listAuditEntries(
  db: PrismaClient,
  caller: Caller,
  filters: AuditFilters,
  page: { after?: TimedPlace; limit: number },
): Promise<AuditEntryRow[]> {
  return db.$queryRaw<AuditEntryRow[]>(auditQuery(caller, filters, page));
}

/** The statement of `listAuditEntries`, for whoever wants to see its plan. */
export function auditQuery(
  caller: Caller,
  filters: AuditFilters,
  { after, limit }: { after?: TimedPlace; limit: number },
): Prisma.Sql {
  const { deliveryId, driverId, order, actor, kind } = filters;
  const named = [
    ...(deliveryId === undefined ? [] : [Prisma.sql`delivery_id = ${deliveryId}::uuid`]),
    ...(driverId === undefined ? [] : [Prisma.sql`driver_id = ${driverId}::uuid`]),
    ...(order === undefined
      ? []
      : [Prisma.sql`merchant_id = ${order.merchantId} AND seller_order_id = ${order.sellerOrderId}`]),
    ...(actor === undefined ? [] : [Prisma.sql`actor_kind = ${actor.kind} AND actor_id = ${actor.id}`]),
    ...(kind === undefined ? [] : [Prisma.sql`kind = ${kind}`]),
  ];
  const cities = citiesOf(caller, filters.cityId);
  const conditions = [...named, ...timeOf(filters, after)];
  const newest = Prisma.sql`ORDER BY at DESC, id DESC LIMIT ${limit + 1}`;
  if (named.length > 0)
    return Prisma.sql`SELECT ${COLUMNS} FROM audit_entries WHERE ${Prisma.join([...conditions, ...(cities === 'all' ? [] : [cityIn(cities)])], ' AND ')} ${newest}`;
  // No index is by time alone: the newest of each city are read, and of those the newest.
  const ofCity = Prisma.sql`SELECT ${COLUMNS} FROM audit_entries WHERE ${Prisma.join([Prisma.sql`city_id = c.id`, ...conditions], ' AND ')} ${newest}`;
  return Prisma.sql`SELECT entry.* FROM cities c CROSS JOIN LATERAL (${ofCity}) entry ${cities === 'all' ? Prisma.empty : Prisma.sql`WHERE c.id = ANY(${cities}::text[])`} ${newest}`;
}

/** Ops limited to cities see those cities' entries and no others. Nobody but ops reads the trail itself. */
function citiesOf(caller: Caller, asked: string | undefined): 'all' | string[] {
  const allowed = caller.role === 'ops' ? caller.cities : [];
  if (asked === undefined) return allowed === 'all' ? 'all' : [...allowed];
  return allowed === 'all' || allowed.includes(asked) ? [asked] : [];
}

function cityIn(cities: string[]): Prisma.Sql {
  return Prisma.sql`city_id = ANY(${cities}::text[])`;
}

/** The place where the list goes on is said twice, since a comparison of pairs leaves out no month. */
function timeOf({ since, until }: AuditFilters, after: TimedPlace | undefined): Prisma.Sql[] {
  return [
    ...(since === undefined ? [] : [Prisma.sql`at >= ${new Date(since)}`]),
    ...(until === undefined ? [] : [Prisma.sql`at < ${new Date(until)}`]),
    ...(after === undefined
      ? []
      : [Prisma.sql`at <= ${new Date(after.at)} AND (at, id) < (${new Date(after.at)}, ${after.id}::uuid)`]),
  ];
}

/** The most lines of one kind in a case. */
export const MAX_CASE_LINES = 1_000;

export type CaseRows = {
  offers: Prisma.OfferGetPayload<{ omit: { payload: true } }>[];
  assignments: Prisma.AssignmentGetPayload<object>[];
};

/**
 * Whom a delivery was offered and given to, the newest of each, oldest first. The caller must have found the
 * delivery.
 */
export async function readCaseRows(db: PrismaClient, deliveryId: string): Promise<CaseRows> {
  const [offers, assignments] = await Promise.all([
    db.offer.findMany({
      where: { deliveryId },
      omit: { payload: true },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      take: MAX_CASE_LINES,
    }),
    db.assignment.findMany({
      where: { deliveryId },
      orderBy: [{ startedAt: 'desc' }, { id: 'desc' }],
      take: MAX_CASE_LINES,
    }),
  ]);
  return { offers: offers.reverse(), assignments: assignments.reverse() };
}

export type AuditCheckRow = Prisma.AuditCheckGetPayload<object>;

/** The last checks, newest first. */
export function listAuditChecks(db: PrismaClient, limit: number): Promise<AuditCheckRow[]> {
  return db.auditCheck.findMany({ orderBy: [{ startedAt: 'desc' }, { id: 'desc' }], take: limit });
}
