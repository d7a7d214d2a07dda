/** The bodies of events for ops that are not about one delivery or offer. */

import { z } from 'zod';
import { FEATURES } from '../features/rollout';
import { CASE_REASONS, CASE_RESOLUTIONS, CASE_STATES } from '../support/supportCase';
import { STOP_REASONS } from '../zones/ordersStop';
import { ZONE_REASONS, ZONE_STATES } from '../zones/zoneHealth';
import { instantText } from './wireFields';

export const escalationChanged = z
  .strictObject({
    escalationId: z.uuid(),
    deliveryId: z.uuid(),
    level: z.int().min(0).max(3),
    state: z.enum(CASE_STATES),
    reason: z.enum(CASE_REASONS),
    driverId: z.uuid().nullable(),
    resolution: z.enum(CASE_RESOLUTIONS).nullable(),
    at: instantText.meta({ description: 'When it happened' }),
  })
  .meta({ id: 'EscalationChanged' });

export const featureChanged = z
  .strictObject({
    feature: z.enum(FEATURES),
    enabled: z.boolean().nullable().meta({ description: 'Null: the setting of the environment applies' }),
    percent: z.number().nullable(),
    cities: z.array(z.string()).readonly().nullable().meta({ description: 'Null: all cities' }),
  })
  .meta({ id: 'FeatureChanged' });

export const zoneHealthChanged = z
  .strictObject({
    cityId: z.string(),
    zoneId: z.string().nullable().meta({ description: 'Null: the area outside all zones' }),
    state: z.enum(ZONE_STATES),
    before: z.enum(ZONE_STATES),
    reasons: z.array(z.strictObject({ code: z.enum(ZONE_REASONS), words: z.string() })),
    computedAt: instantText,
  })
  .meta({ id: 'ZoneHealthChanged' });

/** What is told of a stop of orders: no words of ops, who stopped them, or why. */
export const ordersStop = z
  .strictObject({
    cityId: z.string(),
    zoneId: z.string().nullable().meta({ description: 'Null: the whole city' }),
    reason: z.enum(STOP_REASONS),
    until: instantText.meta({ description: 'When orders are taken again, unless ops end or change it' }),
  })
  .meta({ id: 'OrdersStop' });

export const ordersStopChanged = z
  .strictObject({
    cityId: z.string(),
    zoneId: z.string().nullable().meta({ description: 'Null: the whole city' }),
    stop: ordersStop.nullable().meta({
      description: 'Null: this stop is over. A stop of the city holds in its zones, whatever theirs is',
    }),
    at: instantText.meta({ description: 'When it happened' }),
  })
  .meta({ id: 'OrdersStopChanged' });
