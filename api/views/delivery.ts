import { z } from 'zod';
import { REASON_CODES } from '../../domain/delivery/status';
import { moneyText } from '../../domain/money/currency';
import { deliveryStatus } from '../../domain/notices/wireFields';
import type { HeldReason } from '../../domain/support/supportCase';
import { PARCEL_SIZES, VEHICLE_KINDS } from '../../domain/driver/vehicles';
import type { Caller } from '../auth/caller';
import { instantText, iso, point } from '../http/fields';
import type { DeliveryHistory, DeliverySummaryRow } from '../queries/deliveries';

export const HELD_REASON = z.enum([
  'REASSIGNMENT_OFF',
  'PINNED_DRIVER_LOST',
  'GOODS_IN_HAND',
] satisfies HeldReason[]);

const stopView = z
  .strictObject({
    address: z.string(),
    point,
    contactName: z.string().nullable(),
    contactPhone: z.string().nullable(),
    contactPhoneE164: z
      .string()
      .nullable()
      .meta({ description: 'The number to call; null: none could be found in contactPhone' }),
    notes: z.string().nullable(),
  })
  .meta({ id: 'Stop', description: 'Contact and notes are null for drivers once the delivery is closed' });

const summaryFields = {
  deliveryId: z.uuid(),
  sellerOrderId: z.string(),
  merchantId: z.string(),
  cityId: z.string(),
  zoneId: z.string().nullable(),
  status: deliveryStatus,
  statusChangedAt: instantText,
  reasonCode: z.enum(REASON_CODES).nullable(),
  parcelSize: z.enum(PARCEL_SIZES),
  readyAt: instantText,
  windowFrom: instantText.nullable(),
  windowTo: instantText.nullable(),
  currency: z.string().meta({ description: 'ISO 4217. Amounts are in its minor units: cents, yen, fils' }),
  feeCents: z.int().nullable().meta({ description: 'What the merchant pays; null for drivers' }),
  feeText: z
    .string()
    .nullable()
    .meta({ description: 'feeCents as people of the city read it; null for drivers' }),
  payCents: z
    .int()
    .nullable()
    .meta({ description: 'What the driver earns, including the bonus; null for merchants' }),
  payText: z
    .string()
    .nullable()
    .meta({ description: 'payCents as people of the city read it; null for merchants' }),
  distanceMeters: z.int(),
  searchAt: instantText,
  escalationLevel: z.int(),
  escalatedAt: instantText.nullable().meta({
    description:
      'When the level was reached, or its page and broadcast were last repeated. ' +
      'Ops only, like the next four fields; null for other roles',
  }),
  broadcastSince: instantText
    .nullable()
    .meta({ description: 'When the broadcast to several drivers began; null: drivers are asked one by one' }),
  heldReason: HELD_REASON.nullable().meta({ description: 'Why the search waits for ops' }),
  losses: z.int().nullable().meta({ description: 'The number of drivers that were lost' }),
  bonusCents: z.int().nullable().meta({ description: 'The part of payCents added by escalation and ops' }),
  delayedSince: instantText
    .nullable()
    .meta({ description: 'When merchant and customer were notified of the delay; null for drivers' }),
  driverId: z.uuid().nullable(),
  pinned: z.boolean(),
  assignedAt: instantText.nullable(),
  pickedUpAt: instantText.nullable(),
  closedAt: instantText.nullable(),
  createdAt: instantText,
  correlationId: z.string(),
  pickup: stopView,
  dropoff: stopView,
};

export const deliveryView = z.strictObject(summaryFields).meta({ id: 'Delivery' });
type DeliveryView = z.input<typeof deliveryView>;

const offerLine = z
  .strictObject({
    offerId: z.uuid(),
    driverId: z.uuid(),
    kind: z.enum(['SINGLE', 'BROADCAST']),
    state: z.enum(['LIVE', 'ACCEPTED', 'REJECTED', 'EXPIRED', 'WITHDRAWN']),
    round: z.int(),
    payCents: z.int().nullable(),
    createdAt: instantText,
    expiresAt: instantText,
    reachedAt: instantText.nullable(),
    endedAt: instantText.nullable(),
    endReason: z.string().nullable(),
    tripId: z
      .uuid()
      .nullable()
      .meta({ description: 'Offers of one trip are for several deliveries; null: for this one alone' }),
    choice: z
      .unknown()
      .meta({ description: 'The scores and exclusions behind the choice of the driver; ops only' }),
  })
  .meta({ id: 'DeliveryOffer' });

const meetingView = z.strictObject({ point, address: z.string().nullable() });

const assignmentLine = z
  .strictObject({
    assignmentId: z.uuid(),
    driverId: z.uuid(),
    offerId: z.uuid().nullable(),
    way: z.enum(['OFFER', 'V1', 'MANUAL', 'HANDOVER']),
    state: z.enum(['ACTIVE', 'COMPLETED', 'LOST', 'CANCELLED', 'FAILED', 'HANDED_OVER']),
    pinned: z.boolean(),
    payCents: z.int().nullable(),
    startedAt: instantText,
    atPickupAt: instantText.nullable(),
    pickedUpAt: instantText.nullable(),
    atDropoffAt: instantText.nullable(),
    endedAt: instantText.nullable(),
    endReason: z.string().nullable().meta({ description: 'Null for merchants' }),
    meeting: meetingView.nullable().meta({
      description: 'Where this driver takes the goods over from another driver; null for merchants',
    }),
    choice: z.unknown(),
  })
  .meta({ id: 'DeliveryAssignment' });

const timelineLine = z
  .strictObject({
    at: instantText,
    kind: z.string(),
    actor: z.strictObject({ kind: z.string(), id: z.string().nullable() }),
    from: z.string().nullable(),
    to: z.string().nullable(),
    why: z.string().nullable(),
    driverId: z.uuid().nullable(),
    deviceAt: instantText.nullable(),
    correlationId: z.string(),
    detail: z.unknown(),
  })
  .meta({
    id: 'TimelineEntry',
    description:
      'Who did what and when. Only ops see the ids of other actors, detail, and entries about offers, ' +
      'lost drivers and the support queue',
  });

export const deliveryDetailView = z
  .strictObject({
    ...summaryFields,
    driver: z
      .strictObject({ driverId: z.uuid(), name: z.string(), vehicleKind: z.enum(VEHICLE_KINDS) })
      .nullable(),
    offers: z
      .array(offerLine)
      .meta({ description: 'The newest 200, oldest first. Drivers see their own, merchants none' }),
    assignments: z
      .array(assignmentLine)
      .meta({ description: 'Drivers see their own, merchants the current or last one' }),
    timeline: z.array(timelineLine).meta({ description: 'The newest 500, oldest first' }),
  })
  .meta({ id: 'DeliveryDetail' });

export const deliveryListView = z
  .strictObject({ deliveries: z.array(deliveryView), nextCursor: z.string().nullable() })
  .meta({ id: 'DeliveryList' });

/** A delivery as this caller may see it. Check constraints of the database enforce the values of unions. */
export function showDelivery(row: DeliverySummaryRow, caller: Caller): Record<keyof DeliveryView, unknown> {
  const isDriver = caller.role === 'driver';
  const isOps = caller.role === 'ops';
  const shown = (amount: number): string => moneyText(amount, row.currency, row.city.locale);
  return {
    deliveryId: row.id,
    sellerOrderId: row.sellerOrderId,
    merchantId: row.merchantId,
    cityId: row.cityId,
    zoneId: row.zoneId,
    status: row.status,
    statusChangedAt: iso(row.statusChangedAt),
    reasonCode: row.reasonCode,
    parcelSize: row.parcelSize,
    readyAt: iso(row.readyAt),
    windowFrom: iso(row.windowFrom),
    windowTo: iso(row.windowTo),
    currency: row.currency,
    feeCents: isDriver ? null : row.feeCents,
    feeText: isDriver ? null : shown(row.feeCents),
    payCents: caller.role === 'merchant' ? null : row.payCents + row.bonusCents,
    payText: caller.role === 'merchant' ? null : shown(row.payCents + row.bonusCents),
    distanceMeters: row.distanceMeters,
    searchAt: iso(row.searchAt),
    escalationLevel: row.escalationLevel,
    escalatedAt: isOps ? iso(row.escalatedAt) : null,
    broadcastSince: isOps ? iso(row.broadcastSince) : null,
    heldReason: isOps ? row.heldReason : null,
    losses: isOps ? row.losses : null,
    bonusCents: isOps ? row.bonusCents : null,
    delayedSince: isDriver ? null : iso(row.delayedSince),
    driverId: row.driverId,
    pinned: row.pinned,
    assignedAt: iso(row.assignedAt),
    pickedUpAt: iso(row.pickedUpAt),
    closedAt: iso(row.closedAt),
    createdAt: iso(row.createdAt),
    correlationId: row.correlationId,
    pickup: showStop(row, 'PICKUP', isDriver),
    dropoff: showStop(row, 'DROPOFF', isDriver),
  };
}

/** The contacts of a closed delivery are hidden from its driver. */
function showStop(
  { stops, closedAt }: DeliverySummaryRow,
  kind: 'PICKUP' | 'DROPOFF',
  isDriver: boolean,
): unknown {
  const stop = stops.find((each) => each.kind === kind);
  if (!stop) throw new Error(`the delivery has no ${kind} stop`);
  const { address, lat, lng, contactName, contactPhone, contactPhoneE164, notes } = stop;
  const place = { address, point: { lat, lng } };
  return isDriver && closedAt !== null
    ? { ...place, contactName: null, contactPhone: null, contactPhoneE164: null, notes: null }
    : { ...place, contactName, contactPhone, contactPhoneE164, notes };
}

export function showDeliveryDetail(
  row: DeliverySummaryRow,
  history: DeliveryHistory,
  caller: Caller,
): Record<string, unknown> {
  const { driver } = history;
  return {
    ...showDelivery(row, caller),
    driver: driver && { driverId: driver.id, name: driver.name, vehicleKind: driver.vehicleKind },
    offers: history.offers.map((offer) => showOfferLine(offer, caller)),
    assignments: history.assignments.map((assignment) => showAssignment(assignment, caller)),
    timeline: history.timeline.map((entry) => showEntry(entry, caller)),
  };
}

function showOfferLine(offer: DeliveryHistory['offers'][number], { role }: Caller): unknown {
  const { id: offerId, driverId, kind, state, round, endReason, tripId } = offer;
  return {
    offerId,
    driverId,
    kind,
    state,
    round,
    payCents: role === 'merchant' ? null : offer.payCents,
    createdAt: iso(offer.createdAt),
    expiresAt: iso(offer.expiresAt),
    reachedAt: iso(offer.reachedAt),
    endedAt: iso(offer.endedAt),
    endReason,
    tripId,
    choice: role === 'ops' ? offer.choice : null,
  };
}

function showAssignment(assignment: DeliveryHistory['assignments'][number], { role }: Caller): unknown {
  const { id: assignmentId, driverId, offerId, way, state, pinned, endReason } = assignment;
  const isMerchant = role === 'merchant';
  return {
    assignmentId,
    driverId,
    offerId,
    way,
    state,
    pinned,
    payCents: isMerchant ? null : assignment.payCents,
    startedAt: iso(assignment.startedAt),
    atPickupAt: iso(assignment.atPickupAt),
    pickedUpAt: iso(assignment.pickedUpAt),
    atDropoffAt: iso(assignment.atDropoffAt),
    endedAt: iso(assignment.endedAt),
    endReason: isMerchant ? null : endReason,
    meeting: isMerchant ? null : meetingOf(assignment),
    choice: role === 'ops' ? assignment.choice : null,
  };
}

function meetingOf({
  meetingLat: lat,
  meetingLng: lng,
  meetingAddress: address,
}: DeliveryHistory['assignments'][number]): unknown {
  return lat === null || lng === null ? null : { point: { lat, lng }, address };
}

function showEntry(entry: DeliveryHistory['timeline'][number], caller: Caller): unknown {
  const isOps = caller.role === 'ops';
  const isOwn = caller.role === 'driver' && entry.actorId === caller.driverId;
  return {
    at: iso(entry.at),
    kind: entry.kind,
    actor: { kind: entry.actorKind, id: isOps || isOwn ? entry.actorId : null },
    from: entry.fromState,
    to: entry.toState,
    why: isOps || isOwn || isReasonPublic(entry) ? entry.why : null,
    driverId: entry.driverId,
    deviceAt: iso(entry.deviceAt),
    correlationId: entry.correlationId,
    detail: isOps ? entry.detail : null,
  };
}

/** Only ops see the notes of ops, who was asked, who rejected, and why a driver was lost. */
function isReasonPublic({
  kind,
  actorKind,
  fromState,
  toState,
}: DeliveryHistory['timeline'][number]): boolean {
  if (actorKind === 'ops') return false;
  return (
    kind !== 'delivery_moved' ||
    (toState !== 'OFFERED' && (toState !== 'SEARCHING' || fromState === 'PENDING'))
  );
}

/** The state of a delivery, as a member of a problem that the state causes. */
export function showState({
  id,
  status,
  statusChangedAt,
  driverId,
}: DeliverySummaryRow): Record<string, unknown> {
  return { deliveryId: id, status, statusChangedAt: iso(statusChangedAt), driverId };
}
