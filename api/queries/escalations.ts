import type { CaseReason, CaseState } from '../../domain/support/supportCase';
import { Prisma, type PrismaClient } from '../../prisma/client/client';
import type { Caller } from '../auth/caller';
import { escalationIsOf, escalationsOf } from './scope';
import { lowestIdSince } from '../../domain/timedIds';

export type EscalationFilters = {
  state: CaseState | 'UNRESOLVED';
  /** The lowest level to list. */
  level?: number;
  reason?: CaseReason;
  cityId?: string;
  zoneId?: string;
  deliveryId?: string;
  driverId?: string;
  /** Opened at or after this instant, in epoch ms. */
  since?: number;
};

/** A position in the queue, for pagination. */
export type QueuePosition = { level: number; openedAt: number; id: string };

const ESCALATION = {
  id: true,
  deliveryId: true,
  level: true,
  state: true,
  reason: true,
  driverId: true,
  openedAt: true,
  roseAt: true,
  acknowledgedAt: true,
  acknowledgedBy: true,
  resolvedAt: true,
  resolvedBy: true,
  resolution: true,
  note: true,
  delivery: {
    select: {
      status: true,
      cityId: true,
      zoneId: true,
      merchantId: true,
      sellerOrderId: true,
      driverId: true,
      unassignedMs: true,
      unassignedSince: true,
      currency: true,
      payCents: true,
      bonusCents: true,
      city: { select: { locale: true } },
      heldReason: true,
    },
  },
} satisfies Prisma.EscalationSelect;

export type EscalationRow = Prisma.EscalationGetPayload<{ select: typeof ESCALATION }>;

/**
 * One page, plus one row if there are more. Unresolved cases are ordered by urgency: highest level first, then
 * oldest first. They are few, and have a partial index. Resolved cases are newest first.
 */
export function listEscalations(
  db: PrismaClient,
  caller: Caller,
  filters: EscalationFilters,
  { after, limit }: { after?: QueuePosition; limit: number },
): Promise<EscalationRow[]> {
  const { state, level, since, ...equal } = filters;
  const isResolved = state === 'RESOLVED';
  const where: Prisma.EscalationWhereInput = {
    AND: [
      // `not RESOLVED` is also stated for a single state, so that the planner uses the partial index.
      escalationsOf(caller),
      equal,
      isResolved ? { state } : { state: { not: 'RESOLVED' } },
      state === 'OPEN' || state === 'ACKNOWLEDGED' ? { state } : {},
      level === undefined ? {} : { level: { gte: level } },
      since === undefined ? {} : { openedAt: { gte: new Date(since) }, id: { gte: lowestIdSince(since) } },
      after === undefined ? {} : isResolved ? { id: { lt: after.id } } : behind(after),
    ],
  };
  return db.escalation.findMany({
    where,
    select: ESCALATION,
    orderBy: isResolved ? { id: 'desc' } : [{ level: 'desc' }, { openedAt: 'asc' }, { id: 'asc' }],
    take: limit + 1,
  });
}

function behind({ level, openedAt, id }: QueuePosition): Prisma.EscalationWhereInput {
  const at = new Date(openedAt);
  return {
    OR: [{ level: { lt: level } }, { level, openedAt: { gt: at } }, { level, openedAt: at, id: { gt: id } }],
  };
}

/** @returns null where the caller can see no such case */
export function findEscalation(db: PrismaClient, caller: Caller, id: string): Promise<EscalationRow | null> {
  return db.escalation.findFirst({ where: { AND: [{ id }, escalationsOf(caller)] }, select: ESCALATION });
}

export type CaseGroupRow = {
  cityId: string;
  zoneId: string | null;
  zoneName: string | null;
  reason: CaseReason;
  cases: number;
  acknowledged: number;
  level0: number;
  level1: number;
  level2: number;
  level3: number;
  oldestOpenedAt: Date;
  longestUnassignedMs: number;
};

/** The most groups in one reply. */
export const MAX_GROUPS = 500;

/**
 * Unresolved cases by city, zone and reason: the highest level first, then the oldest. One more than MAX_GROUPS where
 * there are more.
 * @param now epoch ms
 */
export function groupEscalations(
  db: PrismaClient,
  caller: Caller,
  { cityId, zoneId, level }: Pick<EscalationFilters, 'cityId' | 'zoneId' | 'level'>,
  now: number,
): Promise<CaseGroupRow[]> {
  const isCity = cityId === undefined ? Prisma.empty : Prisma.sql`AND e.city_id = ${cityId}`;
  const isZone = zoneId === undefined ? Prisma.empty : Prisma.sql`AND e.zone_id = ${zoneId}`;
  const isLevel = level === undefined ? Prisma.empty : Prisma.sql`AND e.level >= ${level}`;
  return db.$queryRaw<CaseGroupRow[]>`
    SELECT e.city_id AS "cityId", e.zone_id AS "zoneId", z.name AS "zoneName", e.reason, count(*)::int AS cases,
      count(*) FILTER (WHERE e.state = 'ACKNOWLEDGED')::int AS acknowledged,
      count(*) FILTER (WHERE e.level = 0)::int AS level0, count(*) FILTER (WHERE e.level = 1)::int AS level1,
      count(*) FILTER (WHERE e.level = 2)::int AS level2, count(*) FILTER (WHERE e.level = 3)::int AS level3,
      min(e.opened_at) AS "oldestOpenedAt",
      max(d.unassigned_ms + CASE WHEN d.unassigned_since IS NULL THEN 0 ELSE greatest(0,
        extract(epoch FROM ${new Date(now)}::timestamptz - d.unassigned_since) * 1000) END)::float8
        AS "longestUnassignedMs"
    FROM escalations e JOIN deliveries d ON d.id = e.delivery_id LEFT JOIN zones z ON z.id = e.zone_id
    WHERE e.state <> 'RESOLVED' AND ${escalationIsOf(caller)} ${isCity} ${isZone} ${isLevel}
    GROUP BY e.city_id, e.zone_id, z.name, e.reason
    ORDER BY max(e.level) DESC, min(e.opened_at), e.city_id, e.zone_id, e.reason LIMIT ${MAX_GROUPS + 1}`;
}
