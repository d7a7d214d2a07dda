/**
 * The audit entry, realtime event and notices of a changed case, whether an event of its delivery or a person changed
 * it. Instants are epoch ms. docs/behaviour.md#escalation.
 */

import { type Actor, nameOf } from '../delivery/status';
import { type Emit, type Message, opsRoom } from '../notices/message';
import { type Notice } from '../notices/notice';
import { alertOf, matterOf } from '../notices/noticeGroup';
import { firstAlert, openAlerts } from './pages';
import { type CaseFacts, type CaseReason, type CaseResolution, type CaseState } from './supportCase';
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

/** Whether an older release paged it by itself. */
export function isPagedAlone({ level, isInGroup }: CaseFacts): boolean {
  return level === 3 && !isInGroup;
}

/** The notice that resolves the page of level 3, where it is not that of a group. Lower levels page nobody. */
export function pagerResolution(resolved: CaseFacts, delivery: DeliveryFacts, now: number): Message[] {
  if (!isPagedAlone(resolved)) return [];
  const ends = openAlerts(delivery.deliveryId, delivery.escalatedAt);
  return [endOfPage(delivery, ends, `Resolved: ${resolved.resolution ?? ''}`, now)];
}

/** The end of a delivery's own alerts at the pager. */
export function endOfPage(
  delivery: DeliveryFacts,
  endsAlerts: string[],
  title: string,
  now: number,
): Message {
  const content = { to: 'pager', what: 'resolved', severity: 'info', title, endsAlerts } as const;
  return deliveryNotice(delivery, content, now);
}

/**
 * A notice about a delivery, for support's chat or the pager.
 * @param cause it is sent only where nobody was told of deliveries of the same zone and cause; absent: it is always
 *   sent, and all such notices of one delivery share one subject
 */
export function deliveryNotice(
  delivery: DeliveryFacts,
  {
    to,
    cause,
    ...content
  }: { to: 'support' | 'pager'; cause?: CaseReason } & Pick<
    Notice,
    'what' | 'severity' | 'title' | 'endsAlerts'
  >,
  now: number,
): Message {
  const { deliveryId, cityId, zoneId, status, escalationLevel, merchantId, sellerOrderId } = delivery;
  const notice: Notice = {
    ...content,
    to: { kind: to },
    about: firstAlert(deliveryId),
    text: `Delivery ${deliveryId} in ${cityId} is ${status}.`,
    link: `/v2/deliveries/${deliveryId}`,
    cityId,
    facts: { deliveryId, merchantId, sellerOrderId, zoneId, status, escalationLevel },
    at: now,
  };
  if (cause === undefined) return { kind: 'notify', notice };
  const group = { cityId, zoneId, cause };
  return {
    kind: 'notify',
    notice: {
      ...notice,
      about: matterOf(group),
      alert: alertOf(group, now),
      text: `${notice.text} Others of the same zone are told together with it.`,
    },
    group: { ...group, level: escalationLevel },
  };
}
