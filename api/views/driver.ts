import { z } from 'zod';
import { AVAILABILITIES } from '../../domain/driver/availability';
import { VEHICLE_KINDS } from '../../domain/driver/vehicles';
import type { AvailabilityState } from '../../services/availability';
import { instantText, iso, point } from '../http/fields';
import type { DriverRow } from '../queries/drivers';
import { DELIVERY_STATUS } from './delivery';

const availability = z.enum(AVAILABILITIES).meta({ id: 'Availability' });

const pending = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('BREAK'), minutes: z.int(), reason: z.string().nullable() }),
    z.strictObject({ kind: z.literal('PAUSE'), minutes: z.int().nullable(), reason: z.string().nullable() }),
    z.strictObject({ kind: z.literal('SHIFT_END') }),
    z.strictObject({ kind: z.literal('OFFLINE') }),
  ])
  .meta({ id: 'PendingAvailability', description: 'What begins when the present work ends' });

export const driverView = z
  .strictObject({
    driverId: z.uuid(),
    cityId: z.string(),
    name: z.string(),
    phone: z.string().nullable(),
    vehicleKind: z.enum(VEHICLE_KINDS),
    offerVersion: z.int().nullable(),
    capacity: z.int(),
    liveOffers: z.int(),
    activeAssignments: z.int(),
    availability,
    availabilityUntil: instantText.nullable(),
    availabilityReason: z.string().nullable(),
    pending: pending.nullable(),
    shiftEndsAt: instantText.nullable(),
    lastFix: z
      .strictObject({ point, at: instantText })
      .nullable()
      .meta({ description: 'From the thinned record; the live map knows better' }),
    createdAt: instantText,
  })
  .meta({ id: 'Driver' });

export const driverListView = z
  .strictObject({ drivers: z.array(driverView), nextCursor: z.string().nullable() })
  .meta({ id: 'DriverList' });

export function showDriver({
  id,
  availabilityUntil,
  shiftEndsAt,
  lastLat,
  lastLng,
  lastFixAt,
  createdAt,
  ...row
}: DriverRow): Record<string, unknown> {
  const lastFix =
    lastLat === null || lastLng === null || lastFixAt === null
      ? null
      : { point: { lat: lastLat, lng: lastLng }, at: iso(lastFixAt) };
  return {
    driverId: id,
    ...row,
    availabilityUntil: iso(availabilityUntil),
    shiftEndsAt: iso(shiftEndsAt),
    lastFix,
    createdAt: iso(createdAt),
  };
}

const availabilityFields = {
  availability,
  until: instantText.nullable(),
  reason: z.string().nullable(),
  pending: pending.nullable(),
};

const carriedStop = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.enum(['PICKUP', 'DROPOFF']),
      address: z.string(),
      point,
      contactName: z.string().nullable(),
      contactPhone: z.string().nullable(),
      notes: z.string().nullable(),
    }),
    z.strictObject({ kind: z.literal('HANDOVER'), address: z.string().nullable(), point }),
  ])
  .meta({
    id: 'CarriedStop',
    description:
      'In the order of the way. HANDOVER: where the goods are taken over from another driver. Leave out kinds that you do not know: there may be more',
  });

/** As `DriverState` of services/ports.ts. */
export const driverStateView = z
  .strictObject({
    driverId: z.uuid(),
    offerVersion: z.int().nullable(),
    availability: z.strictObject(availabilityFields),
    offer: z
      .strictObject({
        offerId: z.uuid(),
        deliveryId: z.uuid(),
        driverId: z.uuid(),
        expiresAt: instantText,
        offerPayload: z.record(z.string(), z.unknown()),
      })
      .nullable()
      .meta({ description: 'As DELIVERY_OFFERED_V2 says it' }),
    deliveries: z.array(
      z.strictObject({
        deliveryId: z.uuid(),
        assignmentId: z.uuid(),
        way: z.enum(['OFFER', 'V1', 'MANUAL', 'HANDOVER']),
        status: DELIVERY_STATUS,
        stops: z.array(carriedStop),
      }),
    ),
  })
  .meta({ id: 'DriverState' });

export const availabilityView = z
  .strictObject({ driverId: z.uuid(), ...availabilityFields, shiftEndsAt: instantText.nullable() })
  .meta({ id: 'DriverAvailability' });

export function showAvailability({
  driverId,
  availability: now,
  until,
  reason,
  pending: waiting,
  shiftEndsAt,
}: AvailabilityState): Record<string, unknown> {
  return {
    driverId,
    availability: now,
    until: iso(until),
    reason,
    pending: waiting,
    shiftEndsAt: iso(shiftEndsAt),
  };
}

/** What v1 clients know. */
export const v1AvailabilityView = z
  .strictObject({ driverId: z.uuid(), availability: z.enum(['AVAILABLE', 'BUSY', 'OFFLINE']) })
  .meta({ id: 'V1DriverAvailability' });
