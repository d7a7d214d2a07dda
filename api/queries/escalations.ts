import type { CaseReason, CaseState } from '../../domain/support/supportCase';
import type { Prisma, PrismaClient } from '../../prisma/client/client';
import type { Caller } from '../auth/caller';
import { escalationsOf } from './scope';
import { leastIdSince } from './timedIds';

export type EscalationFilters = {
  state: CaseState | 'UNRESOLVED';
  /** At least. */
  level?: number;
  reason?: CaseReason;
  cityId?: string;
  zoneId?: string;
  deliveryId?: string;
  driverId?: string;
  /** Opened at or after, epoch ms. */
  since?: number;
};

/** A place in the queue. */
export type QueuePlace = { level: number; openedAt: number; id: string };

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
      payCents: true,
      bonusCents: true,
      heldReason: true,
    },
  },
} satisfies Prisma.EscalationSelect;

export type EscalationRow = Prisma.EscalationGetPayload<{ select: typeof ESCALATION }>;

/**
 * One page, and one row more where there are more. What is not resolved comes as it is to be worked through,
 * the highest level first and of those the oldest: these are few, and an index holds them alone. What is
 * resolved comes newest first.
 */
export function listEscalations(
  db: PrismaClient,
  caller: Caller,
  filters: EscalationFilters,
  { after, limit }: { after?: QueuePlace; limit: number },
): Promise<EscalationRow[]> {
  const { state, level, since, ...equal } = filters;
  const isOver = state === 'RESOLVED';
  const where: Prisma.EscalationWhereInput = {
    AND: [
      // Twice, so that the partial index of what is not resolved is seen to hold for one state of it too.
      escalationsOf(caller),
      equal,
      isOver ? { state } : { state: { not: 'RESOLVED' } },
      state === 'OPEN' || state === 'ACKNOWLEDGED' ? { state } : {},
      level === undefined ? {} : { level: { gte: level } },
      since === undefined ? {} : { openedAt: { gte: new Date(since) }, id: { gte: leastIdSince(since) } },
      after === undefined ? {} : isOver ? { id: { lt: after.id } } : behind(after),
    ],
  };
  return db.escalation.findMany({
    where,
    select: ESCALATION,
    orderBy: isOver ? { id: 'desc' } : [{ level: 'desc' }, { openedAt: 'asc' }, { id: 'asc' }],
    take: limit + 1,
  });
}

function behind({ level, openedAt, id }: QueuePlace): Prisma.EscalationWhereInput {
  const at = new Date(openedAt);
  return {
    OR: [{ level: { lt: level } }, { level, openedAt: { gt: at } }, { level, openedAt: at, id: { gt: id } }],
  };
}

/** @returns null where there is none for this caller */
export function findEscalation(db: PrismaClient, caller: Caller, id: string): Promise<EscalationRow | null> {
  return db.escalation.findFirst({ where: { AND: [{ id }, escalationsOf(caller)] }, select: ESCALATION });
}
