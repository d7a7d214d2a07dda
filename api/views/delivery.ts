import { z } from 'zod';
import { REASON_CODES } from '../../domain/delivery/status';
import { deliveryStatus } from '../../domain/notices/wireFields';
import type { HeldReason } from '../../domain/support/supportCase';
import { PARCEL_SIZES, VEHICLE_KINDS } from '../../domain/driver/vehicles';
import type { Caller } from '../auth/caller';
import { instantText, iso, point } from '../http/fields';
import type { DeliveryHistory, DeliverySummaryRow } from '../queries/deliveries';

export const HELD_REASON = z.enum(['REASSIGNMENT_OFF', 'PINNED_DRIVER_LOST'] satisfies HeldReason[]);

const stopView = z
  .strictObject({
    address: z.string(),
    point,
    contactName: z.string().nullable(),
    contactPhone: z.string().nullable(),
    notes: z.string().nullable(),
  })
  .meta({ id: 'Stop', description: 'Contact and notes are null for a driver once the delivery is over' });

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
  currency: z.string(),
  feeCents: z.int().nullable().meta({ description: 'What the merchant pays; null for drivers' }),
  payCents: z
    .int()
    .nullable()
    .meta({ description: 'What the driver gets, bonus included; null for merchants' }),
  distanceMeters: z.int(),
  searchAt: instantText,
  escalationLevel: z.int(),
  escalatedAt: instantText.nullable().meta({
    description:
      'When that level was reached, or its page and broadcast last came again; null but for ops, as the four that follow',
  }),
  broadcastSince: instantText
    .nullable()
    .meta({ description: 'Since when several drivers are asked at once; null: one by one' }),
  heldReason: HELD_REASON.nullable().meta({ description: 'Why the search waits for ops' }),
  losses: z.int().nullable().meta({ description: 'How many drivers were lost' }),
  bonusCents: z.int().nullable().meta({ description: 'The part of payCents that escalation and ops added' }),
  delayedSince: instantText
    .nullable()
    .meta({ description: 'Since when merchant and customer know that it will be late; null for drivers' }),
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
    choice: z.unknown().meta({ description: 'Scores and exclusions: why this driver? Null but for ops' }),
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
    meeting: meetingView
      .nullable()
      .meta({ description: 'Where the goods are taken over from another driver; null for merchants' }),
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
      'Who did what and when; the ids of others, and detail, are for ops. Who is asked, who was lost, and the support queue are no part of it but for ops',
  });

export const deliveryDetailView = z
  .strictObject({
    ...summaryFields,
    driver: z
      .strictObject({ driverId: z.uuid(), name: z.string(), vehicleKind: z.enum(VEHICLE_KINDS) })
      .nullable(),
    offers: z
      .array(offerLine)
      .meta({ description: 'The newest 200, oldest first; for drivers their own, for merchants none' }),
    assignments: z
      .array(assignmentLine)
      .meta({ description: 'For drivers their own; for merchants the present or last one' }),
    timeline: z.array(timelineLine).meta({ description: 'The newest 500, oldest first' }),
  })
  .meta({ id: 'DeliveryDetail' });

export const deliveryListView = z
  .strictObject({ deliveries: z.array(deliveryView), nextCursor: z.string().nullable() })
  .meta({ id: 'DeliveryList' });

/** A delivery as this caller may see it. Texts of unions are held to them by the checks of the database. */
export function showDelivery(row: DeliverySummaryRow, caller: Caller): Record<keyof DeliveryView, unknown> {
  const isDriver = caller.role === 'driver';
  const isOps = caller.role === 'ops';
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
    payCents: caller.role === 'merchant' ? null : row.payCents + row.bonusCents,
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

/** Who carried it needs name and number of the people at its ends no longer. */
function showStop(
  { stops, closedAt }: DeliverySummaryRow,
  kind: 'PICKUP' | 'DROPOFF',
  isDriver: boolean,
): unknown {
  const stop = stops.find((each) => each.kind === kind);
  if (!stop) throw new Error(`a delivery without its ${kind}`);
  const { address, lat, lng, contactName, contactPhone, notes } = stop;
  const place = { address, point: { lat, lng } };
  return isDriver && closedAt !== null
    ? { ...place, contactName: null, contactPhone: null, notes: null }
    : { ...place, contactName, contactPhone, notes };
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
  const { id: offerId, driverId, kind, state, round, endReason } = offer;
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
    choice: role === 'ops' ? offer.choice : null,
  };
}

function showAssignment(assignment: DeliveryHistory['assignments'][number], { role }: Caller): unknown {
  const { id: assignmentId, driverId, offerId, way, state, pinned, endReason } = assignment;
  const isShop = role === 'merchant';
  return {
    assignmentId,
    driverId,
    offerId,
    way,
    state,
    pinned,
    payCents: isShop ? null : assignment.payCents,
    startedAt: iso(assignment.startedAt),
    atPickupAt: iso(assignment.atPickupAt),
    pickedUpAt: iso(assignment.pickedUpAt),
    atDropoffAt: iso(assignment.atDropoffAt),
    endedAt: iso(assignment.endedAt),
    endReason: isShop ? null : endReason,
    meeting: isShop ? null : meetingOf(assignment),
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
    why: isOps || isOwn || isWhyForAll(entry) ? entry.why : null,
    driverId: entry.driverId,
    deviceAt: iso(entry.deviceAt),
    correlationId: entry.correlationId,
    detail: isOps ? entry.detail : null,
  };
}

/**
 * What ops write when they act by hand is for ops; so is whom we asked, who said no, and how a driver was
 * lost.
 */
function isWhyForAll({ kind, actorKind, fromState, toState }: DeliveryHistory['timeline'][number]): boolean {
  if (actorKind === 'ops') return false;
  return (
    kind !== 'delivery_moved' ||
    (toState !== 'OFFERED' && (toState !== 'SEARCHING' || fromState === 'PENDING'))
  );
}

/** The state of a delivery, for a refusal that comes from it. */
export function showState({
  id,
  status,
  statusChangedAt,
  driverId,
}: DeliverySummaryRow): Record<string, unknown> {
  return { deliveryId: id, status, statusChangedAt: iso(statusChangedAt), driverId };
}
