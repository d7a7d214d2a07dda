import { z } from 'zod';
import { stopIn, wideningIn, type ZoneAct } from '../../domain/zones/zoneAct';
import { wordsOf, ZONE_REASONS, ZONE_STATES } from '../../domain/zones/zoneHealth';
import { instantText, iso } from '../http/fields';
import type { ZoneHealthRow } from '../queries/zoneHealth';
import { showStop, showWidening, stopInForceView, wideningView } from './zoneAct';

const figures = z
  .strictObject({
    openDeliveries: z.int(),
    searching: z.int().meta({ description: 'Without a driver' }),
    carried: z.int(),
    freeDrivers: z.int().meta({ description: 'AVAILABLE, with a fresh position in the zone' }),
    busyDrivers: z.int().meta({ description: 'BUSY, by last known position' }),
    waitingP50Ms: z.number().meta({ description: 'Unassigned time of the deliveries that search now' }),
    waitingMaxMs: z.number(),
    acceptance15m: z
      .strictObject({ accepted: z.int(), answered: z.int(), rate: z.number().nullable() })
      .meta({ description: 'Offers that ended in the last 15 minutes; rate null: no offer ended' }),
    escalationsByLevel: z
      .strictObject({ 1: z.int(), 2: z.int(), 3: z.int() })
      .meta({ description: 'Deliveries that search now, by escalation level' }),
    openCases: z.int(),
  })
  .meta({ id: 'ZoneFigures' });

const healthFields = {
  state: z.enum(ZONE_STATES).meta({ id: 'ZoneState' }),
  reasons: z
    .array(z.strictObject({ code: z.enum(ZONE_REASONS), words: z.string() }))
    .meta({ description: 'The reasons for the state, worst first; empty if OK' }),
  figures,
  computedAt: instantText,
};

export const zoneHealthListView = z
  .strictObject({
    zones: z.array(
      z
        .strictObject({
          cityId: z.string(),
          zoneId: z
            .string()
            .nullable()
            .meta({ description: 'Null: the area of the city that lies in no zone' }),
          zoneName: z.string().nullable(),
          ...healthFields,
          ordersStopped: stopInForceView.nullable().meta({
            description: 'The stop that holds here now, of the zone or of its city; null: orders are taken',
          }),
          searchWidened: wideningView.nullable().meta({
            description: 'The widest search that holds here now, of the zone or of its city; null: as usual',
          }),
          ageMs: z.number().meta({ description: 'Time since the computation' }),
        })
        .meta({ id: 'ZoneHealth' }),
    ),
  })
  .meta({ id: 'ZoneHealthList' });

export const zoneHistoryView = z
  .strictObject({
    cityId: z.string(),
    zoneId: z.string().nullable(),
    history: z.array(z.strictObject(healthFields).meta({ id: 'ZoneHealthThen' })),
    hasMore: z
      .boolean()
      .meta({ description: 'More rows exist in this range: request them with an earlier `until`' }),
  })
  .meta({ id: 'ZoneHealthHistory' });

/** @param acts those in force, also of other cities */
export function showZoneHealth(
  { cityId, zoneId, zoneName, ...row }: ZoneHealthRow,
  acts: readonly ZoneAct[],
  now: number,
): Record<string, unknown> {
  const stop = stopIn(acts, { cityId, zoneId }, now);
  const widening = wideningIn(acts, { cityId, zoneId }, now);
  return {
    cityId,
    zoneId,
    zoneName,
    ...showHealth(row),
    ordersStopped: stop && showStop(stop),
    searchWidened: widening && showWidening(widening),
    ageMs: Math.max(0, now - row.at.getTime()),
  };
}

export function showHealth({
  state,
  reasons,
  figures: of,
  at,
}: Pick<ZoneHealthRow, 'state' | 'reasons' | 'figures' | 'at'>): Record<string, unknown> {
  return {
    state,
    reasons: reasons.map((code) => ({ code, words: wordsOf(code, of) })),
    figures: of,
    computedAt: iso(at),
  };
}
