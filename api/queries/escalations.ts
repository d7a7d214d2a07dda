import type { CaseReason, CaseState } from '../../domain/support/supportCase';
import type { Prisma, PrismaClient } from '../../prisma/client/client';
import type { Caller } from '../auth/caller';
import { escalationsOf } from './scope';
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
