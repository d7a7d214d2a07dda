/**
 * A shop, or ops, change an order before the pickup: contact, phone, notes, door, ready time.
 * docs/behaviour.md#deliveries; ADR 43.
 */

import { payMaxIn, tariffOf } from '../money/cityPay';
import { driverRoom } from '../notices/message';
import {
  type ChangedOrder,
  changedOrder,
  type ChangeRequest,
  isOfSearch,
  isShownInOffers,
} from '../orders/orderChange';
import { type ChangeSet, iso } from './changes/changeSet';
import { endLiveOffer } from './changes/offers';
import { callRound } from './changes/rounds';
import { resolveCase } from './changes/supportQueue';
import { type Answer, type AssignmentFacts, type DeliveryFacts, illegalMove, refuse } from './deliveryState';
import { type EventOf } from './events';
import { payMore } from './intervene';
import { searchAgain } from './search';
import { isBeforePickup } from './status';
import { stopClock } from './unassignedClock';

/** The order of events decides between a change and the pickup. A repeat gets the time of the first. */
export function changeOrder(changes: ChangeSet, { changeId, request }: EventOf<'changeOrder'>): Answer {
  const { deliveryId, status } = changes.delivery;
  if (request === null) return refuse('NOT_FOUND', 'there is no such change');
  const { change, appliedAt, order: before } = request;
  if (appliedAt !== null) return { outcome: 'orderChanged', deliveryId, at: appliedAt };
  if (!isBeforePickup(status) || change === null) return illegalMove(changes.delivery, 'change the order');
  const changed = changedOrder(before, change, changes.now, limitsOf(changes));
  const { payCents: payBefore } = changes.delivery;
  changes.writeOrder({ ...changed, changeId });
  if (changed.fields.length > 0) {
    changes.note('order_changed', { detail: detailOf(before, changed) });
    changes.announceDelivery({ toMerchant: true });
    // What was said of the window was said of the order as it was.
    if (changed.fields.some(isOfSearch)) changes.setDelivery({ windowWarnedAt: null });
    const carrier = changes.activeAssignment();
    if (carrier) tellCarrier(changes, carrier, { fields: changed.fields, payBefore });
    else searchAnew(changes, changed);
  }
  return { outcome: 'orderChanged', deliveryId, at: changes.now };
}

/** The bonus counts towards the cap, and stays. */
function limitsOf({ limits, delivery }: ChangeSet) {
  const { orders, searchLeadMs, travel, timeScale } = limits;
  const { bonusCents, cityPay } = delivery;
  const payMaxCents = payMaxIn(cityPay, orders).payMaxCents - bonusCents;
  return { searchLeadMs, travel, timeScale, payMaxCents, tariff: tariffOf(cityPay) };
}

/** Without contacts, addresses and notes: the audit trail outlives personal data. */
function detailOf(
  before: ChangeRequest['order'],
  { order: after, fields }: ChangedOrder,
): Record<string, unknown> {
  const pairs: readonly [string, string | number, string | number][] = [
    ['readyAt', iso(before.readyAt), iso(after.readyAt)],
    ['feeCents', before.feeCents, after.feeCents],
    ['payCents', before.payCents, after.payCents],
    ['distanceMeters', before.distanceMeters, after.distanceMeters],
  ];
  const changed = pairs.flatMap(([name, from, to]) => (from === to ? [] : [[name, { from, to }] as const]));
  return { fields, ...Object.fromEntries(changed) };
}

function tellCarrier(
  changes: ChangeSet,
  carrier: AssignmentFacts,
  { fields, payBefore }: { fields: string[]; payBefore: number },
): void {
  const { driverId } = carrier;
  const { deliveryId, payCents, bonusCents } = changes.delivery;
  changes.emit({
    rooms: [driverRoom(driverId)],
    event: 'ORDER_CHANGED',
    body: { deliveryId, driverId, fields, at: iso(changes.now) },
  });
  if (payCents > payBefore) payMore(changes, carrier, payCents + bonusCents);
}

/** An offer that shows what is no longer so is withdrawn, and drivers are asked for the order as it is now. */
function searchAnew(changes: ChangeSet, { fields }: ChangedOrder): void {
  if (changes.delivery.status === 'PENDING') return changes.setDelivery({ searchAgainAt: null });
  if (!fields.some(isShownInOffers)) return;
  for (const offer of changes.liveOffers()) endLiveOffer(changes, offer, 'WITHDRAWN', 'ORDER_CHANGED');
  if (changes.delivery.status === 'OFFERED') searchAgain(changes, 'the order was changed');
  const { heldReason, searchAt } = changes.delivery;
  if (heldReason !== null) return;
  if (searchAt > changes.now) postpone(changes);
  else changes.setDelivery({ searchAgainAt: changes.now });
  callRound(changes);
}

/** The goods are ready much later: the search ends, and begins again in time. The clock keeps what it has counted. */
function postpone(changes: ChangeSet): void {
  const { clock }: DeliveryFacts = changes.delivery;
  changes.move('PENDING', {
    why: 'the goods are ready later',
    searchAgainAt: null,
    searchRound: 0,
    broadcastSince: null,
    clock: stopClock(clock, changes.now),
  });
  resolveCase(changes, 'SEARCH_POSTPONED');
}
