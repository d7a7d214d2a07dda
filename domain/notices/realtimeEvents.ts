/**
 * Every event sent over a socket, with its audience and the schema of its body. The types of emits,
 * /asyncapi.json and the types of the client are generated from them. Names never change
 * (docs/behaviour.md#realtime).
 */

import { z } from 'zod';
import { PARCEL_SIZES } from '../driver/vehicles';
import { escalationChanged, featureChanged, ordersStopChanged, zoneHealthChanged } from './opsEvents';
import {
  merchantState,
  opsState,
  sessionExpiring,
  sessionRefresh,
  sessionRefreshed,
  tracking,
} from './stateEvents';
import {
  availability,
  deliveryStatus,
  instantText,
  pendingAvailability,
  point,
  reasonCode,
} from './wireFields';

/** The roles that may connect. The token of the handshake determines the role of a socket. */
export const AUDIENCES = ['driver', 'ops', 'merchant', 'tracking'] as const;
export type Audience = (typeof AUDIENCES)[number];

const at = instantText.meta({ description: 'When it happened' });

// ---- offers ----

const offerIds = { offerId: z.uuid(), deliveryId: z.uuid(), driverId: z.uuid() };

const tripStop = z
  .strictObject({
    deliveryId: z.uuid(),
    kind: z.enum(['PICKUP', 'DROPOFF']),
    address: z.string(),
    point,
    notes: z.string().nullable(),
    readyAt: instantText.nullable().meta({ description: 'When the goods are ready; null at a dropoff' }),
    expectedAt: instantText.meta({ description: 'When the parcel is expected to change hands' }),
  })
  .meta({ id: 'TripStop' });

const offerTrip = z
  .strictObject({
    tripId: z.uuid(),
    deliveryIds: z
      .array(z.uuid())
      .meta({ description: 'All that one answer takes, in the order of dropoffs' }),
    stops: z.array(tripStop).meta({ description: 'All stops in the order of the route' }),
    payCents: z.int().meta({ description: 'The pay for all of it, with bonuses, in minor units' }),
    payText: z.string().meta({ description: 'payCents as people of the city read it' }),
  })
  .meta({
    id: 'OfferTrip',
    description:
      'The offer is for several deliveries, and the answer to it is for all of them. Only apps with an ' +
      'offerVersion of 3 or more get such offers',
  });

const offerPayload = z
  .strictObject({
    currency: z.string().meta({ description: 'ISO 4217' }),
    merchant: z.string().meta({ description: 'Name of the shop' }),
    parcelSize: z.enum(PARCEL_SIZES),
    distanceMeters: z.int().meta({ description: 'Distance from pickup to drop-off' }),
    readyAt: instantText,
    pickup: z.strictObject({ address: z.string(), point, notes: z.string().nullable() }),
    dropoff: z.strictObject({ address: z.string(), point }),
    payCents: z.int().meta({ description: 'Pay of the driver, including the bonus, in minor units' }),
    payText: z
      .string()
      .optional()
      .meta({ description: 'payCents as people of the city read it; absent in offers of release 2.1.0' }),
    toPickupMeters: z.int().meta({ description: 'Distance from the driver to the pickup' }),
    afterDeliveryId: z
      .uuid()
      .optional()
      .meta({ description: 'It is the next job, after this delivery of theirs; absent: it is not' }),
    trip: offerTrip.optional(),
  })
  .meta({ id: 'OfferPayload', description: 'The delivery as shown to the driver' });

const offer = z
  .strictObject({ ...offerIds, expiresAt: instantText, offerPayload })
  .meta({ id: 'Offer', description: 'An offer to this driver, open until it expires' });

const offerEnd = z
  .strictObject({
    ...offerIds,
    state: z.enum(['ACCEPTED', 'REJECTED', 'EXPIRED', 'WITHDRAWN']),
    reason: z.string().nullable(),
    at,
  })
  .meta({ id: 'OfferEnd' });

const offerMade = z
  .strictObject({ ...offerIds, expiresAt: instantText, kind: z.enum(['SINGLE', 'BROADCAST']) })
  .meta({ id: 'OfferMade' });

// ---- a driver's deliveries ----

const assignmentWay = z.enum(['OFFER', 'V1', 'MANUAL', 'HANDOVER']).meta({
  id: 'AssignmentWay',
  description: 'HANDOVER: the driver takes the goods over from another driver',
});

const carriedStop = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.enum(['PICKUP', 'DROPOFF']),
      address: z.string(),
      point,
      contactName: z.string().nullable(),
      contactPhone: z.string().nullable(),
      contactPhoneE164: z.string().nullable().meta({ description: 'The number to call; null: unknown' }),
      notes: z.string().nullable(),
    }),
    z.strictObject({ kind: z.literal('HANDOVER'), address: z.string().nullable(), point }),
  ])
  .meta({
    id: 'CarriedStop',
    description:
      'Stops are in route order. HANDOVER: the meeting point with the previous driver. ' +
      'Later versions may add kinds; ignore unknown ones',
  });

const routeStop = z
  .strictObject({
    deliveryId: z.uuid(),
    kind: z.enum(['PICKUP', 'HANDOVER', 'DROPOFF', 'RETURN']),
    address: z.string().nullable(),
    point,
    expectedAt: instantText.meta({
      description: 'When the driver is expected there, by estimated travel times',
    }),
    isBegun: z.boolean().meta({ description: 'The driver has arrived there' }),
  })
  .meta({
    id: 'RouteStop',
    description: 'RETURN: the goods go back to the shop. Later versions may add kinds; ignore unknown ones',
  });

const driverState = z.strictObject({
  driverId: z.uuid(),
  availability: z.strictObject({
    availability,
    until: instantText.nullable(),
    reason: z.string().nullable(),
    pending: pendingAvailability.nullable(),
  }),
  offer: offer.nullable().meta({ description: 'The live offer, as in DELIVERY_OFFERED_V2' }),
  deliveries: z.array(
    z.strictObject({
      deliveryId: z.uuid(),
      assignmentId: z.uuid(),
      way: assignmentWay,
      status: deliveryStatus,
      stops: z.array(carriedStop),
    }),
  ),
  route: z
    .array(routeStop)
    .meta({ description: 'All stops that are left, of all deliveries, in the order to take them' }),
});

/** The state of a driver in HTTP responses. STATE omits `offerVersion`, which the app itself reported. */
export const driverStateView = driverState
  .extend({ offerVersion: z.int().nullable() })
  .meta({ id: 'DriverState' });
export type DriverState = z.output<typeof driverStateView>;
export type DriverStop = z.output<typeof carriedStop>;
export type DriverRouteStop = z.output<typeof routeStop>;

const assignedV1 = z.strictObject({ deliveryId: z.uuid(), driverId: z.uuid() }).meta({ id: 'AssignedV1' });

const assigned = z
  .strictObject({
    deliveryId: z.uuid(),
    driverId: z.uuid(),
    assignmentId: z.uuid(),
    way: assignmentWay,
    meeting: z
      .strictObject({ point, address: z.string().nullable() })
      .nullable()
      .meta({ description: 'Meeting point for the goods; null: at the pickup, or at their current place' }),
    at,
  })
  .meta({ id: 'Assigned' });

const assignmentEnd = z
  .strictObject({ deliveryId: z.uuid(), driverId: z.uuid(), reason: z.string(), at })
  .meta({ id: 'AssignmentEnd' });

const payRaised = z
  .strictObject({
    deliveryId: z.uuid(),
    driverId: z.uuid(),
    payCents: z.int().meta({ description: 'Total pay, including the bonus, in minor units' }),
    currency: z.string().optional().meta({ description: 'ISO 4217' }),
    payText: z.string().optional().meta({ description: 'payCents as people of the city read it' }),
    at,
  })
  .meta({ id: 'PayRaised' });

const orderChanged = z
  .strictObject({
    deliveryId: z.uuid(),
    driverId: z.uuid(),
    fields: z
      .array(z.string())
      .meta({ description: 'What changed: `dropoff.address`, `pickup.notes`, `readyAt` and the like' }),
    at,
  })
  .meta({ id: 'OrderChanged' });

const stepOverdue = z
  .strictObject({
    deliveryId: z.uuid(),
    driverId: z.uuid(),
    status: deliveryStatus,
    dueAt: instantText.meta({ description: 'When the stage should have been over' }),
    at,
  })
  .meta({ id: 'StepOverdue' });

const availabilityChanged = z
  .strictObject({
    driverId: z.uuid(),
    availability,
    until: instantText
      .nullable()
      .meta({ description: 'When the state ends automatically; null: it does not' }),
    reason: z.string(),
    at,
  })
  .meta({ id: 'AvailabilityChanged' });

// ---- events for merchants ----

const deliveryChange = z
  .strictObject({
    deliveryId: z.uuid(),
    sellerOrderId: z.string(),
    status: deliveryStatus,
    driverId: z.uuid().nullable(),
    reasonCode: reasonCode.nullable(),
    at,
  })
  .meta({ id: 'DeliveryChange' });

const DELAY_REASONS = ['NO_DRIVER', 'WINDOW_AT_RISK'] as const;
export type DelayReason = (typeof DELAY_REASONS)[number];

const deliveryDelayed = z
  .strictObject({
    deliveryId: z.uuid(),
    sellerOrderId: z.string(),
    why: z
      .enum(DELAY_REASONS)
      .optional()
      .meta({
        description:
          'NO_DRIVER: the search for a driver is taking long. ' +
          'WINDOW_AT_RISK: it is not expected within its window. Absent in events of release 2.1.0',
      }),
    at,
  })
  .meta({ id: 'DeliveryDelayed' });

// ---- the events ----

type EventKind = { to: readonly Audience[]; summary: string; body: z.ZodObject };

/** The events the service sends. An event may arrive twice; a disconnected client misses it. */
export const REALTIME_EVENTS = {
  STATE: {
    to: ['driver'],
    summary: 'The current offer and deliveries of the driver; sent on every connection',
    body: driverState.meta({ id: 'State' }),
  },
  DELIVERY_OFFERED_V2: { to: ['driver'], summary: 'A delivery was offered to the driver', body: offer },
  OFFER_EXPIRED: { to: ['driver'], summary: 'The offer expired without an answer', body: offerEnd },
  OFFER_WITHDRAWN: { to: ['driver'], summary: 'The offer was withdrawn', body: offerEnd },
  DELIVERY_ASSIGNED: {
    to: ['driver'],
    summary: 'A delivery was assigned to the driver (v1 apps)',
    body: assignedV1,
  },
  DELIVERY_ASSIGNED_V2: { to: ['driver'], summary: 'A delivery was assigned to the driver', body: assigned },
  DELIVERY_UNASSIGNED: {
    to: ['driver'],
    summary: 'The delivery was unassigned from the driver',
    body: assignmentEnd,
  },
  DELIVERY_CANCELLED: { to: ['driver'], summary: 'The delivery was cancelled', body: assignmentEnd },
  PAY_RAISED: { to: ['driver'], summary: 'The pay of an assigned delivery was raised', body: payRaised },
  ORDER_CHANGED: {
    to: ['driver'],
    summary: 'The order of an assigned delivery was changed; /v2/me has it as it is now',
    body: orderChanged,
  },
  STEP_OVERDUE: {
    to: ['driver'],
    summary: 'The next step of a delivery should have been reported by now',
    body: stepOverdue,
  },
  AVAILABILITY_CHANGED: {
    to: ['driver', 'ops'],
    summary: 'The availability of a driver changed',
    body: availabilityChanged,
  },
  delivery_created: { to: ['ops', 'merchant'], summary: 'A delivery was created', body: deliveryChange },
  delivery_changed: {
    to: ['ops', 'merchant'],
    summary:
      'The status or driver of a delivery changed; merchants receive no changes from offers or driver losses',
    body: deliveryChange,
  },
  delivery_delayed: {
    to: ['merchant', 'tracking'],
    summary: 'The delivery will be late',
    body: deliveryDelayed,
  },
  offer_created: { to: ['ops'], summary: 'An offer was made to a driver', body: offerMade },
  offer_accepted: { to: ['ops'], summary: 'A driver accepted an offer', body: offerEnd },
  offer_rejected: { to: ['ops'], summary: 'A driver rejected an offer', body: offerEnd },
  offer_expired: { to: ['ops'], summary: 'An offer expired without an answer', body: offerEnd },
  offer_withdrawn: { to: ['ops'], summary: 'An offer was withdrawn', body: offerEnd },
  escalation_changed: {
    to: ['ops'],
    summary: 'A case of the support queue changed',
    body: escalationChanged,
  },
  FEATURE_CHANGED: { to: ['ops'], summary: 'A feature flag changed; sent to all ops', body: featureChanged },
  zone_health_changed: { to: ['ops'], summary: 'The health of a zone changed', body: zoneHealthChanged },
  orders_stop_changed: {
    to: ['ops', 'merchant'],
    summary: 'A zone or city takes no orders for a time, or takes them again; sent to all merchants',
    body: ordersStopChanged,
  },
  OPS_STATE: {
    to: ['ops'],
    summary: 'Open deliveries and cases of the cities of the token; sent on every connection',
    body: opsState,
  },
  MERCHANT_STATE: {
    to: ['merchant'],
    summary: 'Open and lately closed deliveries; sent on every connection',
    body: merchantState,
  },
  TRACKING_STATE: {
    to: ['tracking'],
    summary: 'The delivery of the tracking token; sent on every connection',
    body: tracking,
  },
  tracking_changed: { to: ['tracking'], summary: 'The delivery has another status', body: tracking },
  SESSION_EXPIRING: {
    to: AUDIENCES,
    summary: 'The token ends soon, and the connection with it',
    body: sessionExpiring,
  },
} as const satisfies Record<string, EventKind>;

export type EventName = keyof typeof REALTIME_EVENTS;
export type EventBody<E extends EventName> = z.output<(typeof REALTIME_EVENTS)[E]['body']>;

/** The payload of an offer. Pay and distance to pickup depend on the driver, the rest on the delivery. */
export type OfferPayload = z.output<typeof offerPayload>;
export type ShownDelivery = Omit<OfferPayload, 'payCents' | 'payText' | 'toPickupMeters' | 'trip'>;
/** What an offer for several deliveries shows beside its first. */
export type OfferTrip = z.output<typeof offerTrip>;

type MessageKind = { from: readonly Audience[]; summary: string; body: z.ZodObject; reply: z.ZodObject };

/** Messages that clients send. Everything else is an HTTP request. */
export const CLIENT_MESSAGES = {
  OFFER_SEEN: {
    from: ['driver'],
    summary: 'The app displayed the offer',
    body: z.strictObject({ offerId: z.uuid() }).meta({ id: 'OfferSeen' }),
    reply: z
      .strictObject({
        noted: z.boolean().meta({ description: 'False: recorded before, or not an offer to this driver' }),
      })
      .meta({ id: 'Noted' }),
  },
  SESSION_REFRESH: {
    from: AUDIENCES,
    summary: 'Goes on with a new token of the same subject, without another connection',
    body: sessionRefresh,
    reply: sessionRefreshed,
  },
} as const satisfies Record<string, MessageKind>;

export type MessageName = keyof typeof CLIENT_MESSAGES;
