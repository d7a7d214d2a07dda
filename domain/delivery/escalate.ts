/**
 * Escalates a delivery without a driver: its level rises, people are notified, and it enters the support queue.
 * escalation.ts has the due times and effects of the levels. docs/behaviour.md#escalation.
 */

import { payMaxIn, withBonusOf } from '../money/cityPay';
import { merchantRoom, trackingRoom } from '../notices/message';
import { type DelayReason } from '../notices/realtimeEvents';
import { cappedBonus } from '../orders/orderRules';
import { type CaseResolution } from '../support/supportCase';
import { type ChangeSet, iso } from './changes/changeSet';
import { callRound } from './changes/rounds';
import { notifySupport, openCase, pageStaff, resolveCase } from './changes/supportQueue';
import { type Answer, type DeliveryFacts, NOTED } from './deliveryState';
import { dueEscalation, effectsOf, type EscalationEffect, limitsIn, stateAfter } from './escalation';
import { unassignedMs } from './unassignedClock';

/**
 * A level is due while no search runs, or while the city's matching looks for the driver; a search escalates by itself.
 */
export function escalate(changes: ChangeSet): Answer {
  const before = changes.delivery;
  escalateIfDue(changes);
  if (changes.delivery !== before) callRound(changes);
  return NOTED;
}

/**
 * Raises the delivery to the highest level that is due, or repeats page and broadcast; nothing where none is
 * due, or while the feature is off.
 */
export function escalateIfDue(changes: ChangeSet): void {
  if (!changes.features.escalation) return;
  const { delivery: before, now } = changes;
  const limits = withBonusOf(
    before.cityPay,
    limitsIn(before.cityEscalationMinutes, changes.limits.escalation),
  );
  const due = dueEscalation(before, limits, now);
  if (due === null) return;
  changes.setDelivery(stateAfter(due, before, limits, now));
  changes.setDelivery({ bonusCents: bonusWithinCap(changes, before) });
  const { clock, escalationLevel, bonusCents } = changes.delivery;
  changes.note(due.kind === 'level' ? 'escalated' : 'escalation_repeated', {
    from: String(before.escalationLevel),
    to: String(escalationLevel),
    detail: { unassignedMs: unassignedMs(clock, now), bonusCents },
  });
  for (const effect of effectsOf(due, before.escalationLevel)) notifyOf(changes, effect, before.escalatedAt);
  if (escalationLevel >= 2) enterQueue(changes);
}

function bonusWithinCap({ delivery, limits }: ChangeSet, before: DeliveryFacts): number {
  const bonusCents = { before: before.bonusCents, after: delivery.bonusCents };
  return cappedBonus(delivery.payCents, bonusCents, payMaxIn(delivery.cityPay, limits.orders));
}

/**
 * Sends the notifications of an effect. Radius, pay and broadcast are in the delivery's state, which the search
 * reads. The delivery enters the support queue once for all effects.
 * @param lastEscalatedAt when a level was last reached, or page and broadcast were repeated, before this
 */
function notifyOf(changes: ChangeSet, effect: EscalationEffect, lastEscalatedAt: number | null): void {
  const { deliveryId, merchantId } = changes.delivery;
  switch (effect) {
    case 'WIDEN_RADIUS':
    case 'RAISE_PAY':
    case 'ENTER_SUPPORT_QUEUE':
    case 'BROADCAST_OFFER':
      return;
    case 'NOTIFY_OPS':
      return notifySupport(changes, 'warning', unassignedTitle(changes), 'UNASSIGNED');
    case 'PAGE_SUPPORT_MANAGER':
      return pageStaff(changes, unassignedTitle(changes), lastEscalatedAt);
    case 'NOTIFY_CUSTOMER':
      return announceDelay(changes, trackingRoom(deliveryId), 'NO_DRIVER');
    case 'NOTIFY_MERCHANT':
      return announceDelay(changes, merchantRoom(merchantId), 'NO_DRIVER');
  }
}

/** Tells merchant or customer that the delivery will be late. */
export function announceDelay(changes: ChangeSet, room: string, why: DelayReason): void {
  const { deliveryId, sellerOrderId, delayedSince } = changes.delivery;
  changes.setDelivery({ delayedSince: delayedSince ?? changes.now });
  const body = { deliveryId, sellerOrderId, why, at: iso(changes.now) };
  changes.emit({ rooms: [room], event: 'delivery_delayed', body });
}

function unassignedTitle({ delivery, limits, now }: ChangeSet): string {
  const minutes = Math.round(unassignedMs(delivery.clock, now) / limits.escalation.minuteMs);
  return `Level ${delivery.escalationLevel}: no driver for ${minutes} minutes`;
}

/**
 * Opens the delivery's case, or makes it worse. A case that ops resolved in the meantime is followed by a new
 * one.
 */
function enterQueue(changes: ChangeSet): void {
  const { heldReason } = changes.delivery;
  const open = changes.supportCase?.state === 'RESOLVED' ? null : changes.supportCase;
  openCase(changes, heldReason ?? 'UNASSIGNED', heldReason === null ? null : (open?.driverId ?? null));
}

/**
 * Updates the case when a delivery goes back to searching. From level 2 on, the case is now about the missing
 * driver. Below, a case about the previous driver is resolved.
 */
export function requeue(changes: ChangeSet, resolution: CaseResolution): void {
  if (changes.delivery.escalationLevel >= 2 && changes.features.escalation) enterQueue(changes);
  else resolveCase(changes, resolution);
}
