import type { Prisma, PrismaClient } from '../../prisma/client/client';
import type { Caller } from '../caller';
import { deliveriesOf } from './scope';

export type DeliveryFilters = {
  status?: string; cityId?: string; driverId?: string; merchantId?: string; sellerOrderId?: string;
  /** Created at or after, epoch ms. */
  since?: number;
};

const SUMMARY = {
  id: true, merchantId: true, sellerOrderId: true, cityId: true, zoneId: true, status: true, statusChangedAt: true, reasonCode: true, parcelSize: true,
  readyAt: true, windowFrom: true, windowTo: true, currency: true, feeCents: true, payCents: true, bonusCents: true, distanceMeters: true, searchAt: true,
  escalationLevel: true, driverId: true, pinned: true, assignedAt: true, pickedUpAt: true, closedAt: true, createdAt: true, correlationId: true,
  stops: { select: { kind: true, address: true, lat: true, lng: true, contactName: true, contactPhone: true, notes: true } },
} satisfies Prisma.DeliverySelect;

export type DeliverySummaryRow = Prisma.DeliveryGetPayload<{ select: typeof SUMMARY }>;

/** One page, newest first, and one row more where there are more. */
export function listDeliveries(db: PrismaClient, caller: Caller, filters: DeliveryFilters, page: { after?: string; limit: number }): Promise<DeliverySummaryRow[]> {
  const { since, ...equal } = filters;
  const where: Prisma.DeliveryWhereInput = {
    AND: [deliveriesOf(caller), equal, since === undefined ? {} : createdSince(since), page.after === undefined ? {} : { id: { lt: page.after } }],
  };
  return db.delivery.findMany({ where, select: SUMMARY, orderBy: { id: 'desc' }, take: page.limit + 1 });
}

/** Ids are UUIDs of version 7, made within the hour of the row: so the index by id bounds the search. */
function createdSince(since: number): Prisma.DeliveryWhereInput {
  return { createdAt: { gte: new Date(since) }, id: { gte: firstIdAt(since - 3_600_000) } };
}

/** The least UUID of version 7 of an instant. */
function firstIdAt(at: number): string {
  const hex = Math.max(0, Math.floor(at)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7000-8000-000000000000`;
}

/** @returns null where there is none for this caller */
export function findDelivery(db: PrismaClient, caller: Caller, id: string): Promise<DeliverySummaryRow | null> {
  return db.delivery.findFirst({ where: { AND: [{ id }, deliveriesOf(caller)] }, select: SUMMARY });
}

/** What is needed to ask a delivery's workflow. */
export type AddressedDelivery = { id: string; merchantId: string; sellerOrderId: string; cityId: string; status: string; closedAt: Date | null; assignmentId: string | null };

/** @returns null where there is none for this caller */
export async function addressDelivery(db: PrismaClient, caller: Caller, id: string): Promise<AddressedDelivery | null> {
  const found = await db.delivery.findFirst({
    where: { AND: [{ id }, deliveriesOf(caller)] },
    select: {
      id: true, merchantId: true, sellerOrderId: true, cityId: true, status: true, closedAt: true,
      assignments: { select: { id: true }, orderBy: { startedAt: 'desc' }, take: 1 },
    },
  });
  if (!found) return null;
  const { assignments, ...delivery } = found;
  return { ...delivery, assignmentId: assignments[0]?.id ?? null };
}

/** The most lines that one delivery shows of each kind. */
export const MAX_OFFERS = 200;
export const MAX_TIMELINE = 500;

/** What happened to a delivery, each kind oldest first. */
export type DeliveryHistory = {
  offers: Prisma.OfferGetPayload<{ omit: { payload: true } }>[];
  assignments: Prisma.AssignmentGetPayload<object>[];
  timeline: Prisma.AuditEntryGetPayload<object>[];
  driver: { id: string; name: string; vehicleKind: string } | null;
};

/** Reads what happened to a delivery. Drivers see their own part of it. */
export async function readHistory(db: PrismaClient, caller: Caller, delivery: DeliverySummaryRow): Promise<DeliveryHistory> {
  const ofCaller = caller.role === 'driver' ? { driverId: caller.driverId } : {};
  const [offers, assignments, timeline, driver] = await Promise.all([
    db.offer.findMany({ where: { deliveryId: delivery.id, ...ofCaller }, omit: { payload: true }, orderBy: { createdAt: 'desc' }, take: MAX_OFFERS }),
    db.assignment.findMany({ where: { deliveryId: delivery.id, ...ofCaller }, orderBy: { startedAt: 'desc' }, take: MAX_OFFERS }),
    db.auditEntry.findMany({ where: timelineOf(caller, delivery), orderBy: [{ at: 'desc' }, { id: 'desc' }], take: MAX_TIMELINE }),
    delivery.driverId === null ? null : db.driver.findUnique({ where: { id: delivery.driverId }, select: { id: true, name: true, vehicleKind: true } }),
  ]);
  return { offers: offers.reverse(), assignments: assignments.reverse(), timeline: timeline.reverse(), driver };
}

/** The bound on time spares the partitions from before the delivery. */
function timelineOf(caller: Caller, { id, createdAt }: DeliverySummaryRow): Prisma.AuditEntryWhereInput {
  const ofCaller = caller.role === 'driver' ? { OR: [{ driverId: null }, { driverId: caller.driverId }] } : {};
  return { deliveryId: id, at: { gte: createdAt }, ...ofCaller };
}
