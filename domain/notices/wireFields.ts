/** Schemas of fields shared by API responses and realtime events. */

import { z } from 'zod';
import { DELIVERY_STATUSES, REASON_CODES } from '../delivery/status';
import { AVAILABILITIES } from '../driver/availability';
import { LOSS_REASONS } from '../driver/loss';
import { MAX_LATITUDE } from '../geo/places';

/** A place within the bounds of the live map. */
export const point = z
  .strictObject({
    lat: z.number().min(-MAX_LATITUDE).max(MAX_LATITUDE),
    lng: z.number().min(-180).max(180),
  })
  .meta({ id: 'Point', description: 'WGS 84, in degrees' });

/** An instant in a response or event: ISO 8601 text. */
export const instantText = z.iso.datetime();

export const deliveryStatus = z.enum(DELIVERY_STATUSES).meta({ id: 'DeliveryStatus' });

export const reasonCode = z.enum(REASON_CODES);

export const availability = z.enum(AVAILABILITIES).meta({ id: 'Availability' });

export const pendingAvailability = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('BREAK'), minutes: z.int(), reason: z.string().nullable() }),
    z.strictObject({ kind: z.literal('PAUSE'), minutes: z.int().nullable(), reason: z.string().nullable() }),
    z.strictObject({ kind: z.literal('SHIFT_END') }),
    z.strictObject({
      kind: z.literal('OFFLINE'),
      reason: z.enum(LOSS_REASONS).optional().meta({
        description:
          'The driver was lost, and goes offline unless they do something; absent: they asked for it',
      }),
    }),
  ])
  .meta({ id: 'PendingAvailability', description: 'The state that begins when the current work ends' });
