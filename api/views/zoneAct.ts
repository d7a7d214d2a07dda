import { z } from 'zod';
import { STOP_REASONS } from '../../domain/zones/ordersStop';
import { CANCEL_REASONS, commandOf, type ZoneAct, ZONE_ACT_KINDS } from '../../domain/zones/zoneAct';
import type { ActTally } from '../../services/zones/zoneActs';
import { instantText, iso } from '../http/fields';

const place = {
  cityId: z.string(),
  zoneId: z.string().nullable().meta({ description: 'Null: the whole city' }),
};
const reason = z.enum(STOP_REASONS).meta({ description: 'What merchants are told' });

export const zoneActView = z
  .strictObject({
    actId: z.uuid(),
    kind: z.enum(ZONE_ACT_KINDS).meta({ id: 'ZoneActKind' }),
    ...place,
    reason: reason.nullable(),
    bonusCents: z.int().nullable().meta({ description: 'The total bonus to which pay is raised' }),
    waitingOverMinutes: z.int().nullable(),
    radiusMeters: z.int().nullable().meta({ description: 'How far searches reach at least' }),
    cancelReason: z.enum(CANCEL_REASONS).nullable(),
    by: z.string(),
    why: z.string(),
    createdAt: instantText,
    until: instantText.nullable().meta({ description: 'When it ends by itself' }),
    endedAt: instantText.nullable().meta({ description: 'When ops ended it before its time' }),
    deliveries: z
      .strictObject({
        asked: z.int().meta({ description: 'The deliveries that it reaches' }),
        done: z.int(),
        open: z.int().meta({ description: 'Not answered yet' }),
        refused: z.array(z.strictObject({ code: z.string(), deliveries: z.int() })),
      })
      .nullable()
      .meta({ description: 'Null: it changes no delivery' }),
  })
  .meta({ id: 'ZoneAct', description: 'An act of ops on a whole zone or city' });

/** A stop as ops see it. */
export const stopInForceView = zoneActView
  .pick({ actId: true, cityId: true, zoneId: true, by: true, why: true })
  .extend({ reason, until: instantText, since: instantText })
  .meta({ id: 'StopInForce' });

/** A wider search as ops see it. */
export const wideningView = zoneActView
  .pick({ actId: true, cityId: true, zoneId: true, by: true, why: true })
  .extend({ radiusMeters: z.int(), until: instantText, since: instantText })
  .meta({ id: 'Widening' });

export const waitingCountView = z
  .strictObject({ ...place, deliveries: z.int().meta({ description: 'That would be cancelled now' }) })
  .meta({ id: 'WaitingCount' });

export const placeOrdersView = z
  .strictObject({
    ...place,
    ordersStopped: stopInForceView.nullable().meta({
      description: 'The stop that holds here; of a zone also that of its city. Null: orders are taken',
    }),
  })
  .meta({ id: 'PlaceOrders' });

export const placeSearchView = z
  .strictObject({
    ...place,
    searchWidened: wideningView.nullable().meta({
      description:
        'The widest search that holds here; of a zone also that of its city. Null: as far as usual',
    }),
  })
  .meta({ id: 'PlaceSearch' });

export function showAct(act: ZoneAct, tally: ActTally): Record<string, unknown> {
  const { actId, kind, cityId, zoneId, bonusCents, waitingOverMinutes, cancelReason } = act;
  const { asked, done, open, refused } = tally;
  return {
    actId,
    kind,
    cityId,
    zoneId,
    reason: act.reason,
    bonusCents,
    waitingOverMinutes,
    radiusMeters: act.radiusMeters,
    cancelReason,
    by: act.byId,
    why: act.why,
    createdAt: iso(act.createdAt),
    until: iso(act.until),
    endedAt: iso(act.endedAt),
    deliveries:
      commandOf(act) === null
        ? null
        : { asked, done, open, refused: [...refused].map(([code, deliveries]) => ({ code, deliveries })) },
  };
}

export function showStop({
  actId,
  cityId,
  zoneId,
  reason: told,
  until,
  byId,
  why,
  createdAt,
}: ZoneAct): unknown {
  return { actId, cityId, zoneId, reason: told, until: iso(until), by: byId, why, since: iso(createdAt) };
}

export function showWidening({
  actId,
  cityId,
  zoneId,
  radiusMeters,
  until,
  byId,
  why,
  createdAt,
}: ZoneAct): unknown {
  return { actId, cityId, zoneId, radiusMeters, until: iso(until), by: byId, why, since: iso(createdAt) };
}
