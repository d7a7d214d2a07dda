import type { Read } from '../../services/ports';
import { Prisma, type PrismaClient } from '../../prisma/client/client';
import type { Caller } from '../auth/caller';
import { deliveriesOf, deliveryIsOf } from './scope';
import { leastIdSince } from './timedIds';

export type DeliveryFilters = {
  status?: string;
  cityId?: string;
  driverId?: string;
  merchantId?: string;
  sellerOrderId?: string;
  /** Created at or after, epoch ms. */
  since?: number;
};

const STOP = {
  kind: true,
  address: true,
  lat: true,
  lng: true,
  contactName: true,
  contactPhone: true,
  notes: true,
} satisfies Prisma.StopSelect;
const COLUMNS = {
  id: true,
  merchantId: true,
  sellerOrderId: true,
  cityId: true,
  zoneId: true,
  status: true,
  statusChangedAt: true,
  reasonCode: true,
  parcelSize: true,
  readyAt: true,
  windowFrom: true,
  windowTo: true,
  currency: true,
  feeCents: true,
  payCents: true,
  bonusCents: true,
  distanceMeters: true,
  searchAt: true,
  escalationLevel: true,
  escalatedAt: true,
  broadcastSince: true,
  heldReason: true,
  losses: true,
  delayedSince: true,
  driverId: true,
  pinned: true,
  assignedAt: true,
  pickedUpAt: true,
  closedAt: true,
  createdAt: true,
  correlationId: true,
} satisfies Prisma.DeliverySelect;
const SUMMARY = { ...COLUMNS, stops: { select: STOP } } satisfies Prisma.DeliverySelect;

export type DeliverySummaryRow = Prisma.DeliveryGetPayload<{ select: typeof SUMMARY }>;

/** One page, newest first, and one row more where there are more. */
export function listDeliveries(
  db: PrismaClient,
  caller: Caller,
  filters: DeliveryFilters,
  page: { after?: string; limit: number },
): Promise<DeliverySummaryRow[]> {
  const { since, ...equal } = filters;
  const where: Prisma.DeliveryWhereInput = {
    AND: [
      deliveriesOf(caller),
      equal,
      since === undefined ? {} : createdSince(since),
      page.after === undefined ? {} : { id: { lt: page.after } },
    ],
  };
  return db.delivery.findMany({ where, select: SUMMARY, orderBy: { id: 'desc' }, take: page.limit + 1 });
}

/** The index by id bounds the search. */
function createdSince(since: number): Prisma.DeliveryWhereInput {
  return { createdAt: { gte: new Date(since) }, id: { gte: leastIdSince(since) } };
}

/** The columns have the names of the fields, as the schema has them in snake case. */
const columnOf = (field: string): string => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const SUMMARY_COLUMNS = Prisma.raw(
  Object.keys(COLUMNS)
    .map((field) => `deliveries.${columnOf(field)} AS "${field}"`)
    .join(', '),
);
const STOP_FIELDS = Prisma.raw(
  Object.keys(STOP)
    .map((field) => `'${field}', stops.${columnOf(field)}`)
    .join(', '),
);

/** @returns null where there is none for this caller */
export async function findDelivery(
  read: Read,
  caller: Caller,
  id: string,
): Promise<DeliverySummaryRow | null> {
  const [found] = await read<DeliverySummaryRow>(Prisma.sql`
    SELECT ${SUMMARY_COLUMNS}, (SELECT jsonb_agg(jsonb_build_object(${STOP_FIELDS})) FROM stops WHERE stops.delivery_id = deliveries.id) AS stops
    FROM deliveries WHERE id = ${id}::uuid AND ${deliveryIsOf(caller)}`);
  return found ?? null;
}

/**
 * What is needed to ask a delivery's workflow. `assignmentId`: the newest one, of a driver their own.
 * `isSettled`: it is closed, or no more this driver's, so that the row holds all that is left to be answered.
 */
export type AddressedDelivery = {
  id: string;
  merchantId: string;
  sellerOrderId: string;
  status: string;
  assignmentId: string | null;
  isSettled: boolean;
};

/**
 * A driver may ask of a delivery that was theirs once: what they were told before they are told again; to see
 * it, `findDelivery` asks for more.
 * @returns null where there is none for this caller
 */
export async function addressDelivery(
  read: Read,
  caller: Caller,
  id: string,
): Promise<AddressedDelivery | null> {
  const { isOf, assignments, isSettled } = askedBy(caller);
  const [found] = await read<AddressedDelivery>(Prisma.sql`
    SELECT id, merchant_id AS "merchantId", seller_order_id AS "sellerOrderId", status, ${isSettled} AS "isSettled",
      (SELECT a.id FROM assignments a WHERE a.delivery_id = deliveries.id AND ${assignments} ORDER BY a.started_at DESC, a.id DESC LIMIT 1) AS "assignmentId"
    FROM deliveries WHERE id = ${id}::uuid AND ${isOf}`);
  return found ?? null;
}

function askedBy(caller: Caller): Record<'isOf' | 'assignments' | 'isSettled', Prisma.Sql> {
  if (caller.role !== 'driver')
    return {
      isOf: deliveryIsOf(caller),
      assignments: Prisma.sql`true`,
      isSettled: Prisma.sql`closed_at IS NOT NULL`,
    };
  const assignments = Prisma.sql`a.driver_id = ${caller.driverId}::uuid`;
  return {
    assignments,
    isOf: Prisma.sql`EXISTS (SELECT FROM assignments a WHERE a.delivery_id = deliveries.id AND ${assignments})`,
    isSettled: Prisma.sql`(closed_at IS NOT NULL OR driver_id IS DISTINCT FROM ${caller.driverId}::uuid)`,
  };
}

/** A driver's newest assignment of a delivery, also once they are rid of it. */
export type CarriedDelivery = {
  assignmentId: string;
  driverId: string;
  isOver: boolean;
  isPickedUp: boolean;
  delivery: { deliveryId: string; merchantId: string; sellerOrderId: string };
};

/** @returns null where the driver never had it */
export async function findCarried(
  db: PrismaClient,
  driverId: string,
  deliveryId: string,
): Promise<CarriedDelivery | null> {
  const found = await db.assignment.findFirst({
    where: { deliveryId, driverId },
    orderBy: [{ startedAt: 'desc' }, { id: 'desc' }],
    select: {
      id: true,
      endedAt: true,
      delivery: { select: { id: true, merchantId: true, sellerOrderId: true, pickedUpAt: true } },
    },
  });
  if (!found) return null;
  const { id, pickedUpAt, ...order } = found.delivery;
  return {
    assignmentId: found.id,
    driverId,
    isOver: found.endedAt !== null,
    isPickedUp: pickedUpAt !== null,
    delivery: { deliveryId: id, ...order },
  };
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

/**
 * Reads what happened to a delivery. Drivers see their own part of it; merchants who has it, not who was
 * asked or lost.
 */
export async function readHistory(
  db: PrismaClient,
  caller: Caller,
  delivery: DeliverySummaryRow,
): Promise<DeliveryHistory> {
  const ofCaller = caller.role === 'driver' ? { driverId: caller.driverId } : {};
  const isShop = caller.role === 'merchant';
  const [offers, assignments, timeline, driver] = await Promise.all([
    isShop
      ? []
      : db.offer.findMany({
          where: { deliveryId: delivery.id, ...ofCaller },
          omit: { payload: true },
          orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
          take: MAX_OFFERS,
        }),
    db.assignment.findMany({
      where: { deliveryId: delivery.id, ...ofCaller },
      orderBy: [{ startedAt: 'desc' }, { id: 'desc' }],
      take: isShop ? 1 : MAX_OFFERS,
    }),
    db.auditEntry.findMany({
      where: timelineOf(caller, delivery),
      orderBy: [{ at: 'desc' }, { id: 'desc' }],
      take: MAX_TIMELINE,
    }),
    delivery.driverId === null
      ? null
      : db.driver.findUnique({
          where: { id: delivery.driverId },
          select: { id: true, name: true, vehicleKind: true },
        }),
  ]);
  return {
    offers: offers.reverse(),
    assignments: assignments.reverse().filter(({ state }) => !isShop || state !== 'LOST'),
    timeline: timeline.reverse(),
    driver,
  };
}

/**
 * What happened, as far as it is the business of a shop: who was asked, who was lost, and how ops go about it
 * is ours.
 */
const MERCHANT_KINDS = [
  'delivery_created',
  'delivery_moved',
  'delivery_reassigned',
  'delivery_handed_over',
  'goods_taken_over',
];
/**
 * What happened to the delivery while nobody had it, and what happened with this driver; never what ops note
 * about them.
 */
const NOBODYS_KINDS = ['delivery_created', 'delivery_moved'];
const DRIVER_KINDS = [
  'delivery_moved',
  'delivery_reassigned',
  'delivery_handed_over',
  'goods_taken_over',
  'availability_changed',
  'offer_created',
  'offer_accepted',
  'offer_rejected',
  'offer_expired',
  'offer_withdrawn',
];

/**
 * The bound on time spares the partitions from before the delivery. Kinds are named, so that a new one is
 * shown to nobody by chance.
 */
function timelineOf(caller: Caller, { id, createdAt }: DeliverySummaryRow): Prisma.AuditEntryWhereInput {
  return { deliveryId: id, at: { gte: createdAt }, ...shownTo(caller) };
}

function shownTo(caller: Caller): Prisma.AuditEntryWhereInput {
  switch (caller.role) {
    case 'ops':
      return {};
    case 'driver':
      return {
        OR: [
          { driverId: null, kind: { in: NOBODYS_KINDS } },
          { driverId: caller.driverId, kind: { in: DRIVER_KINDS } },
        ],
      };
    case 'merchant':
    case 'customer':
      return {
        kind: { in: MERCHANT_KINDS },
        NOT: {
          kind: 'delivery_moved',
          OR: [{ toState: 'OFFERED' }, { fromState: 'OFFERED', toState: 'SEARCHING' }],
        },
      };
  }
}
