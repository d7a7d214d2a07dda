import { z } from 'zod';
import { unassignedMs } from '../../domain/delivery/unassignedClock';
import { moneyText } from '../../domain/money/currency';
import { deliveryStatus } from '../../domain/notices/wireFields';
import { CASE_REASONS, CASE_RESOLUTIONS, CASE_STATES } from '../../domain/support/supportCase';
import { instantText, iso } from '../http/fields';
import type { CaseGroupRow, EscalationRow } from '../queries/escalations';
import { HELD_REASON } from './delivery';

const actor = z.string().meta({ description: 'ops/<subject>, driver/<id>, system/<rule>, …' });

export const escalationView = z
  .strictObject({
    escalationId: z.uuid(),
    deliveryId: z.uuid(),
    level: z.int().min(0).max(3).meta({ description: '0: the case was not opened by elapsed time' }),
    state: z.enum(CASE_STATES),
    reason: z.enum(CASE_REASONS),
    driverId: z.uuid().nullable().meta({ description: 'The driver that the case is about' }),
    openedAt: instantText,
    roseAt: instantText.meta({ description: 'When its level or reason last got worse' }),
    acknowledged: z
      .strictObject({ at: instantText, by: actor })
      .nullable()
      .meta({ description: 'The last acknowledgement; of an OPEN case: before the case got worse' }),
    resolved: z
      .strictObject({
        at: instantText,
        by: actor.nullable(),
        resolution: z.enum(CASE_RESOLUTIONS).nullable(),
        note: z.string().nullable(),
      })
      .nullable(),
    delivery: z
      .strictObject({
        status: deliveryStatus,
        cityId: z.string(),
        zoneId: z.string().nullable(),
        merchantId: z.string(),
        sellerOrderId: z.string(),
        driverId: z.uuid().nullable(),
        unassignedSince: instantText
          .nullable()
          .meta({ description: 'Null: the delivery has a driver or is closed' }),
        unassignedSeconds: z
          .int()
          .meta({ description: 'Total time without a driver so far, over all searches' }),
        payCents: z.int().meta({ description: 'What the driver earns, including the bonus, in minor units' }),
        currency: z.string(),
        payText: z.string().meta({ description: 'payCents as people of the city read it' }),
        heldReason: HELD_REASON.nullable().meta({ description: 'Why the search waits for ops' }),
      })
      .meta({ id: 'EscalatedDelivery', description: 'The current state of the delivery' }),
  })
  .meta({ id: 'Escalation' });

export const escalationListView = z
  .strictObject({ escalations: z.array(escalationView), nextCursor: z.string().nullable() })
  .meta({ id: 'EscalationList' });

export const escalationGroupListView = z
  .strictObject({
    groups: z.array(
      z
        .strictObject({
          cityId: z.string(),
          zoneId: z.string().nullable().meta({ description: 'Null: outside all zones of the city' }),
          zoneName: z.string().nullable(),
          reason: z.enum(CASE_REASONS),
          cases: z.int(),
          acknowledged: z.int().meta({ description: 'Those of them that somebody has taken on' }),
          casesByLevel: z.strictObject({ 0: z.int(), 1: z.int(), 2: z.int(), 3: z.int() }),
          oldestOpenedAt: instantText,
          longestUnassignedSeconds: z
            .int()
            .meta({ description: 'The longest total time without a driver of one of the deliveries' }),
        })
        .meta({ id: 'EscalationGroup', description: 'Unresolved cases of one zone with one reason' }),
    ),
    hasMore: z.boolean(),
  })
  .meta({ id: 'EscalationGroupList' });

export function showEscalationGroup(row: CaseGroupRow): Record<string, unknown> {
  const { level0, level1, level2, level3, oldestOpenedAt, longestUnassignedMs, ...rest } = row;
  return {
    ...rest,
    casesByLevel: { 0: level0, 1: level1, 2: level2, 3: level3 },
    oldestOpenedAt: iso(oldestOpenedAt),
    longestUnassignedSeconds: Math.floor(longestUnassignedMs / 1_000),
  };
}

/** @param now epoch ms */
export function showEscalation(row: EscalationRow, now: number): Record<string, unknown> {
  const {
    id,
    deliveryId,
    level,
    state,
    reason,
    driverId,
    openedAt,
    roseAt,
    acknowledgedAt,
    acknowledgedBy,
    resolvedAt,
    resolvedBy,
    resolution,
    note,
  } = row;
  return {
    escalationId: id,
    deliveryId,
    level,
    state,
    reason,
    driverId,
    openedAt: iso(openedAt),
    roseAt: iso(roseAt ?? openedAt),
    acknowledged: acknowledgedAt && { at: iso(acknowledgedAt), by: acknowledgedBy ?? '' },
    resolved: resolvedAt && { at: iso(resolvedAt), by: resolvedBy, resolution, note },
    delivery: showDeliveryOf(row, now),
  };
}

function showDeliveryOf({ delivery }: EscalationRow, now: number): Record<string, unknown> {
  const {
    status,
    cityId,
    zoneId,
    merchantId,
    sellerOrderId,
    driverId,
    unassignedMs: spent,
    unassignedSince: since,
    payCents,
    bonusCents,
    currency,
    city,
    heldReason,
  } = delivery;
  const clock = { accumulatedMs: Number(spent), runningSince: since?.getTime() ?? null };
  return {
    status,
    cityId,
    zoneId,
    merchantId,
    sellerOrderId,
    driverId,
    unassignedSince: iso(since),
    unassignedSeconds: Math.floor(unassignedMs(clock, now) / 1_000),
    payCents: payCents + bonusCents,
    currency,
    payText: moneyText(payCents + bonusCents, currency, city.locale),
    heldReason,
  };
}
