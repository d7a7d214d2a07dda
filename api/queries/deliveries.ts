import type { NewDelivery, NewStop } from '../../services/orders';
import type { Read } from '../../services/ports';
import { Prisma, type PrismaClient } from '../../prisma/client/client';
import type { Caller } from '../auth/caller';
import { deliveriesOf, deliveryIsOf } from './scope';
import { lowestIdSince } from '../../domain/timedIds';

export type DeliveryFilters = {
  status?: string;
  cityId?: string;
  driverId?: string;
  merchantId?: string;
  sellerOrderId?: string;
  /** Created at or after this instant, in epoch ms. */
  since?: number;
};

const STOP = {
  kind: true,
  address: true,
  lat: true,
  lng: true,
  contactName: true,
  contactPhone: true,
  contactPhoneE164: true,
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
const SUMMARY = {
  ...COLUMNS,
  city: { select: { locale: true } },
  stops: { select: STOP },
} satisfies Prisma.DeliverySelect;

export type DeliverySummaryRow = Prisma.DeliveryGetPayload<{ select: typeof SUMMARY }>;

/** One page, newest first, plus one row if there are more. */
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
  return { createdAt: { gte: new Date(since) }, id: { gte: lowestIdSince(since) } };
}

/** The column of a field: the schema maps field names to snake case. */
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

/** @returns null where the caller can see no such delivery */
export async function findDelivery(
  read: Read,
  caller: Caller,
  id: string,
): Promise<DeliverySummaryRow | null> {
  const [found] = await read<DeliverySummaryRow>(Prisma.sql`
    SELECT ${SUMMARY_COLUMNS},
      (SELECT jsonb_build_object('locale', locale) FROM cities WHERE cities.id = deliveries.city_id) AS city,
      (SELECT jsonb_agg(jsonb_build_object(${STOP_FIELDS}))
       FROM stops WHERE stops.delivery_id = deliveries.id) AS stops
    FROM deliveries WHERE id = ${id}::uuid AND ${deliveryIsOf(caller)}`);
  return found ?? null;
}

/** The row of a delivery that was just taken, as it was written. */
export function newSummary(delivery: NewDelivery, locale: string | null): DeliverySummaryRow {
  const { deliveryId: id, merchantId, sellerOrderId, cityId, zoneId, parcelSize, currency } = delivery;
  const { feeCents, payCents, distanceMeters, correlationId } = delivery;
  const createdAt = new Date(delivery.createdAt);
  return {
    ...{ id, merchantId, sellerOrderId, cityId, zoneId, parcelSize, currency },
    ...{ feeCents, payCents, distanceMeters, correlationId, createdAt },
    ...NOT_BEGUN,
    statusChangedAt: createdAt,
    readyAt: new Date(delivery.readyAt),
    windowFrom: dateOf(delivery.windowFrom),
    windowTo: dateOf(delivery.windowTo),
    searchAt: new Date(delivery.searchAt),
    city: { locale },
    stops: [stopOf('PICKUP', delivery.pickup), stopOf('DROPOFF', delivery.dropoff)],
  };
}

/** What every delivery has when it is taken. */
const NOT_BEGUN = {
  status: 'PENDING',
  reasonCode: null,
  bonusCents: 0,
  escalationLevel: 0,
  escalatedAt: null,
  broadcastSince: null,
  heldReason: null,
  losses: 0,
  delayedSince: null,
  driverId: null,
  pinned: false,
  assignedAt: null,
  pickedUpAt: null,
  closedAt: null,
};

function stopOf(kind: string, { point, ...stop }: NewStop): DeliverySummaryRow['stops'][number] {
  const { address, contactName, contactPhone, contactPhoneE164, notes } = stop;
  return { kind, address, ...point, contactName, contactPhone, contactPhoneE164, notes };
}

const dateOf = (at: number | null): Date | null => (at === null ? null : new Date(at));

/**
 * What a command to a delivery's workflow needs. `assignmentId` is the newest one; for a driver, the newest of
 * their own. `isSettled` means that the delivery is closed or no longer this driver's, so that the row has the
 * answer to every command.
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
 * Finds the delivery of a command. A driver also finds a delivery that was once theirs, so that a repeated
 * command gets its first answer. `findDelivery` is stricter.
 * @returns null where the caller can command no such delivery
 */
export async function addressDelivery(
  read: Read,
  caller: Caller,
  id: string,
): Promise<AddressedDelivery | null> {
  const { isOf, assignments, isSettled } = commandScopeOf(caller);
  const [found] = await read<AddressedDelivery>(Prisma.sql`
    SELECT id, merchant_id AS "merchantId", seller_order_id AS "sellerOrderId", status,
      ${isSettled} AS "isSettled",
      (SELECT a.id FROM assignments a WHERE a.delivery_id = deliveries.id AND ${assignments}
       ORDER BY a.started_at DESC, a.id DESC LIMIT 1) AS "assignmentId"
    FROM deliveries WHERE id = ${id}::uuid AND ${isOf}`);
  return found ?? null;
}

function commandScopeOf(caller: Caller): Record<'isOf' | 'assignments' | 'isSettled', Prisma.Sql> {
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

/** A driver's newest assignment of a delivery, active or ended. */
export type CarriedDelivery = {
  assignmentId: string;
  driverId: string;
  isOver: boolean;
  isPickedUp: boolean;
  delivery: { deliveryId: string; merchantId: string; sellerOrderId: string };
};

/** @returns null where the driver was never assigned to the delivery */
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

/** The most rows of each kind that one delivery shows. */
export const MAX_OFFERS = 200;
export const MAX_TIMELINE = 500;

/** The history of a delivery; each list is oldest first. */
export type DeliveryHistory = {
  offers: Prisma.OfferGetPayload<{ omit: { payload: true } }>[];
  assignments: Prisma.AssignmentGetPayload<object>[];
  timeline: Prisma.AuditEntryGetPayload<object>[];
  driver: { id: string; name: string; vehicleKind: string } | null;
};

/**
 * Reads the history of a delivery. Drivers see only their own part. Merchants see who has the delivery, but not
 * who was asked or lost.
 */
export async function readHistory(
  db: PrismaClient,
  caller: Caller,
  delivery: DeliverySummaryRow,
): Promise<DeliveryHistory> {
  const ofCaller = caller.role === 'driver' ? { driverId: caller.driverId } : {};
  const isMerchant = caller.role === 'merchant';
  const [offers, assignments, timeline, driver] = await Promise.all([
    isMerchant
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
      take: isMerchant ? 1 : MAX_OFFERS,
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
    assignments: assignments.reverse().filter(({ state }) => !isMerchant || state !== 'LOST'),
    timeline: timeline.reverse(),
    driver,
  };
}

/** The audit entries that merchants see: nothing about offers, lost drivers and the work of ops. */
const MERCHANT_KINDS = [
  'delivery_created',
  'delivery_moved',
  'delivery_reassigned',
  'delivery_handed_over',
  'goods_taken_over',
  'order_changed',
];
/**
 * The audit entries that drivers see: about the delivery without a driver, and about themselves. They do not see
 * the notes of ops.
 */
const UNASSIGNED_KINDS = ['delivery_created', 'delivery_moved', 'order_changed'];
const DRIVER_KINDS = [
  'delivery_moved',
  'delivery_reassigned',
  'delivery_handed_over',
  'goods_taken_over',
  'order_changed',
  'availability_changed',
  'offer_created',
  'offer_accepted',
  'offer_rejected',
  'offer_expired',
  'offer_withdrawn',
];

/**
 * The bound on time skips the partitions from before the delivery. Kinds are listed, so that a new kind is shown
 * only on purpose.
 */
function timelineOf(caller: Caller, { id, createdAt }: DeliverySummaryRow): Prisma.AuditEntryWhereInput {
  return { deliveryId: id, at: { gte: createdAt }, ...visibleTo(caller) };
}

function visibleTo(caller: Caller): Prisma.AuditEntryWhereInput {
  switch (caller.role) {
    case 'ops':
      return {};
    case 'driver':
      return {
        OR: [
          { driverId: null, kind: { in: UNASSIGNED_KINDS } },
          { driverId: caller.driverId, kind: { in: DRIVER_KINDS } },
        ],
      };
    case 'merchant':
    case 'customer':
    case 'tracking':
      return {
        kind: { in: MERCHANT_KINDS },
        NOT: {
          kind: 'delivery_moved',
          OR: [{ toState: 'OFFERED' }, { fromState: 'OFFERED', toState: 'SEARCHING' }],
        },
      };
  }
}
