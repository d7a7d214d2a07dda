import { z } from 'zod';
import { VEHICLE_KINDS } from '../../domain/driver/vehicles';
import { availability, pendingAvailability } from '../../domain/notices/wireFields';
import type { AvailabilityState } from '../../services/availability';
import { instantText, iso, point } from '../http/fields';
import type { DriverRow } from '../queries/drivers';

export const driverView = z
  .strictObject({
    driverId: z.uuid(),
    cityId: z.string(),
    name: z.string(),
    phone: z.string().nullable(),
    phoneE164: z.string().nullable().meta({ description: 'Null: no number could be found in `phone`' }),
    vehicleKind: z.enum(VEHICLE_KINDS),
    offerVersion: z.int().nullable(),
    capacity: z.int(),
    liveOffers: z.int(),
    activeAssignments: z.int(),
    availability,
    availabilityUntil: instantText.nullable(),
    availabilityReason: z.string().nullable(),
    pending: pendingAvailability.nullable(),
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
  pending: pendingAvailability.nullable(),
};

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
