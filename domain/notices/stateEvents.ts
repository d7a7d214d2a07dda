/**
 * What a client is sent when it connects, by role; drivers have STATE. Each list is bounded, and says where there is
 * more: the rest is read over HTTP. docs/behaviour.md#realtime.
 */

import { z } from 'zod';
import { TRACKED_REASONS } from '../delivery/tracking';
import { escalationChanged, ordersStop } from './opsEvents';
import { deliveryStatus, instantText, reasonCode } from './wireFields';

/** The most entries of each list. */
export const STATE_LIMITS = { opsDeliveries: 200, opsCases: 100, merchantOpen: 200, merchantClosed: 100 };

/** How long a merchant who connects is told of a delivery that has closed. */
export const CLOSED_SHOWN_MS = 86_400_000;

const deliveryLine = {
  deliveryId: z.uuid(),
  sellerOrderId: z.string(),
  status: deliveryStatus,
  driverId: z.uuid().nullable(),
  reasonCode: reasonCode.nullable(),
  delayedSince: instantText.nullable().meta({ description: 'Since when merchant and customer know' }),
  at: instantText.meta({ description: 'Since when it has this status' }),
};
const readAt = instantText.meta({ description: 'When it was read; a later event is newer' });
const more = z.boolean().meta({ description: 'There are more than these: read them over HTTP' });

const opsDelivery = z
  .strictObject({
    ...deliveryLine,
    cityId: z.string(),
    merchantId: z.string(),
    escalationLevel: z.int().min(0).max(3),
  })
  .meta({ id: 'OpsDelivery' });

const merchantDelivery = z
  .strictObject(deliveryLine)
  .meta({ id: 'MerchantDelivery', description: 'SEARCHING also while a driver is asked' });

export const opsState = z
  .strictObject({
    deliveries: z.array(opsDelivery).meta({ description: 'Open ones, newest first' }),
    hasMoreDeliveries: more,
    cases: z
      .array(escalationChanged)
      .meta({ description: 'Unresolved cases, the highest level first, then the oldest' }),
    hasMoreCases: more,
    at: readAt,
  })
  .meta({ id: 'OpsState' });
export type OpsState = z.output<typeof opsState>;

export const merchantState = z
  .strictObject({
    merchantId: z.string(),
    deliveries: z.array(merchantDelivery).meta({ description: 'Open ones, newest first' }),
    hasMoreDeliveries: more,
    closed: z.array(merchantDelivery).meta({ description: 'Closed in the last day, newest first' }),
    hasMoreClosed: more,
    ordersStopped: z.array(ordersStop).meta({ description: 'Zones and cities that take no orders now' }),
    at: readAt,
  })
  .meta({ id: 'MerchantState' });
export type MerchantState = z.output<typeof merchantState>;

/** A delivery as its customer follows it. */
export const tracking = z
  .strictObject({
    deliveryId: z.uuid(),
    sellerOrderId: z.string(),
    status: deliveryStatus.meta({ description: 'SEARCHING also while a driver is asked' }),
    reason: z.enum(TRACKED_REASONS).nullable().meta({ description: 'Why it was cancelled or failed' }),
    delayedSince: instantText.nullable().meta({ description: 'Since when it is known to be late' }),
    at: instantText.meta({ description: 'Since when it has this status' }),
  })
  .meta({ id: 'Tracking' });
export type Tracking = z.output<typeof tracking>;

export const sessionExpiring = z
  .strictObject({ expiresAt: instantText.meta({ description: 'When the connection ends' }) })
  .meta({ id: 'SessionExpiring', description: 'Send SESSION_REFRESH with a new token before then' });

export const sessionRefresh = z
  .strictObject({ token: z.string().min(1).max(8_192) })
  .meta({ id: 'SessionRefresh', description: 'A new token of the same subject' });

export const sessionRefreshed = z
  .strictObject({
    refreshed: z.boolean(),
    expiresAt: instantText.nullable().meta({ description: 'When the connection ends now' }),
    code: z
      .enum(['UNAUTHORIZED', 'OTHER_SUBJECT', 'TOO_MANY_CONNECTIONS', 'UNAVAILABLE'])
      .nullable()
      .meta({ description: 'Why it was refused; the connection goes on until its old token ends' }),
  })
  .meta({ id: 'SessionRefreshed' });
export type SessionRefreshed = z.output<typeof sessionRefreshed>;
