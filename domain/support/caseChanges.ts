/**
 * The audit entry, realtime event and notices of a changed case, whether an event of its delivery or a person changed
 * it. Instants are epoch ms. docs/behaviour.md#escalation.
 */

import { type Actor, nameOf } from '../delivery/status';
import { type Emit, type Message, opsRoom } from '../notices/message';
import { type Notice } from '../notices/notice';
import { firstAlert, openAlerts } from './pages';
import { type CaseFacts, type CaseResolution, type CaseState } from './supportCase';
import { type DeliveryFacts, type Entry } from '../delivery/deliveryState';

/** The case once it is resolved. */
export function resolvedCase(open: CaseFacts, resolution: CaseResolution, by: Actor, now: number): CaseFacts {
  return { ...open, state: 'RESOLVED', resolvedAt: now, resolvedBy: nameOf(by), resolution };
}

/**
 * The audit entry of a changed case.
 * @param from the state of the case before; null = there was no such case
 */
export function caseEntry(
  kind: string,
  from: CaseState | null,
  { caseId, level, state, reason, resolution }: CaseFacts,
  { driverId }: DeliveryFacts,
  actor: Actor,
): Entry {
  return {
    kind,
    chain: 'delivery',
    driverId,
    actor,
    from,
    to: state,
    why: resolution ?? reason,
    deviceAt: null,
    detail: { caseId, level },
  };
}

/** The realtime event of a changed case, for ops. */
export function caseEmit(
  { caseId, level, state, reason, driverId, resolution }: CaseFacts,
  { deliveryId, cityId }: DeliveryFacts,
  now: number,
): Emit {
  const body = {
    escalationId: caseId,
    deliveryId,
    level,
    state,
    reason,
    driverId,
    resolution,
    at: new Date(now).toISOString(),
  };
  return { rooms: [opsRoom(cityId)], event: 'escalation_changed', body };
}

/** The notice that resolves the page of level 3. Lower levels page nobody. */
export function pagerResolution(
  { level, resolution }: CaseFacts,
  delivery: DeliveryFacts,
  now: number,
): Message[] {
  return level === 3
    ? [
        deliveryNotice(
          delivery,
          {
            to: 'pager',
            what: 'resolved',
            severity: 'info',
            title: `Resolved: ${resolution ?? ''}`,
            endsAlerts: openAlerts(delivery.deliveryId, delivery.escalatedAt),
          },
          now,
        ),
      ]
    : [];
}

/**
 * A notice about a delivery, for support's chat or the pager. All notices of one delivery share one subject.
 */
export function deliveryNotice(
  { deliveryId, cityId, zoneId, status, escalationLevel, merchantId, sellerOrderId }: DeliveryFacts,
  {
    to,
    ...content
  }: { to: 'support' | 'pager' } & Pick<Notice, 'what' | 'severity' | 'title' | 'alert' | 'endsAlerts'>,
  now: number,
): Message {
  return {
    kind: 'notify',
    notice: {
      ...content,
      to: { kind: to },
      about: firstAlert(deliveryId),
      text: `Delivery ${deliveryId} in ${cityId} is ${status}.`,
      link: `/v2/deliveries/${deliveryId}`,
      cityId,
      facts: { deliveryId, merchantId, sellerOrderId, zoneId, status, escalationLevel },
      at: now,
    },
  };
}
