import { Prisma, type PrismaClient } from '../../prisma/client/client';
import type { Caller } from '../auth/caller';
import type { TimedPosition } from '../http/fields';

/** Filters of the audit trail. Instants are epoch ms; `since` is inclusive, `until` exclusive. */
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

export type AuditEntryRow = Omit<Prisma.AuditEntryGetPayload<object>, 'texts'>;

/** The city of entries that belong to no city, such as those about merchants: ops of all cities see them. */
const NO_CITY = '*';

const COLUMNS = Prisma.sql`id, at, kind, city_id AS "cityId", delivery_id AS "deliveryId",
  driver_id AS "driverId", merchant_id AS "merchantId", seller_order_id AS "sellerOrderId",
  actor_kind AS "actorKind", actor_id AS "actorId", from_state AS "fromState", to_state AS "toState", why,
  correlation_id AS "correlationId", device_at AS "deviceAt", detail, chain, prev_hash AS "prevHash", hash`;

/**
 * One page, newest first, plus one row if there are more. Each form of the query reads one index in its order,
 * only in the monthly partitions that may have matches (ADR 11).
 */
export function listAuditEntries(
  db: PrismaClient,
  caller: Caller,
  filters: AuditFilters,
  page: { after?: TimedPosition; limit: number },
): Promise<AuditEntryRow[]> {
  return db.$queryRaw<AuditEntryRow[]>(auditQuery(caller, filters, page));
}

/** The statement of `listAuditEntries`; exported so that its plan can be examined. */
export function auditQuery(
  caller: Caller,
  filters: AuditFilters,
  { after, limit }: { after?: TimedPosition; limit: number },
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
    return entriesWhere([...conditions, ...(cities === 'all' ? [] : [cityIn(cities)])], newest);
  // No index is by time alone: the newest of each city are read, and of those the newest.
  const ofCity = entriesWhere([Prisma.sql`city_id = c.id`, ...conditions], newest);
  const read =
    cities === 'all'
      ? Prisma.sql`(SELECT id FROM cities UNION ALL SELECT ${NO_CITY})`
      : Prisma.sql`(SELECT id FROM cities WHERE id = ANY(${cities}::text[]))`;
  return Prisma.sql`
    SELECT entry.* FROM ${read} c CROSS JOIN LATERAL (${ofCity}) entry ${newest}`;
}

function entriesWhere(conditions: Prisma.Sql[], order: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`SELECT ${COLUMNS} FROM audit_entries WHERE ${Prisma.join(conditions, ' AND ')} ${order}`;
}

/** Ops limited to cities see only the entries of those cities. Other roles see none. */
function citiesOf(caller: Caller, cityId: string | undefined): 'all' | string[] {
  const allowed = caller.role === 'ops' ? caller.cities : [];
  if (cityId === undefined) return allowed === 'all' ? 'all' : [...allowed];
  return allowed === 'all' || allowed.includes(cityId) ? [cityId] : [];
}

function cityIn(cities: string[]): Prisma.Sql {
  return Prisma.sql`city_id = ANY(${cities}::text[])`;
}

/** The cursor is compared twice, since PostgreSQL prunes no partition by the comparison of a pair. */
function timeOf({ since, until }: AuditFilters, after: TimedPosition | undefined): Prisma.Sql[] {
  return [
    ...(since === undefined ? [] : [Prisma.sql`at >= ${new Date(since)}`]),
    ...(until === undefined ? [] : [Prisma.sql`at < ${new Date(until)}`]),
    ...(after === undefined
      ? []
      : [Prisma.sql`at <= ${new Date(after.at)} AND (at, id) < (${new Date(after.at)}, ${after.id}::uuid)`]),
  ];
}

/** The most rows of one kind in a case. */
export const MAX_CASE_ROWS = 1_000;

export type CaseRows = {
  offers: Prisma.OfferGetPayload<{ omit: { payload: true } }>[];
  assignments: Prisma.AssignmentGetPayload<object>[];
};

/**
 * The newest offers and assignments of a delivery, oldest first. Does not check access: the delivery must have
 * been found for the caller.
 */
export async function readCaseRows(db: PrismaClient, deliveryId: string): Promise<CaseRows> {
  const [offers, assignments] = await Promise.all([
    db.offer.findMany({
      where: { deliveryId },
      omit: { payload: true },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      take: MAX_CASE_ROWS,
    }),
    db.assignment.findMany({
      where: { deliveryId },
      orderBy: [{ startedAt: 'desc' }, { id: 'desc' }],
      take: MAX_CASE_ROWS,
    }),
  ]);
  return { offers: offers.reverse(), assignments: assignments.reverse() };
}

export type AuditCheckRow = Prisma.AuditCheckGetPayload<object>;

/** The latest checks, newest first. */
export function listAuditChecks(db: PrismaClient, limit: number): Promise<AuditCheckRow[]> {
  return db.auditCheck.findMany({ orderBy: [{ startedAt: 'desc' }, { id: 'desc' }], take: limit });
}
