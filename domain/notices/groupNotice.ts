/** What a group of deliveries says to support's chat and to the pager. docs/notifications.md#groups; ADR 51. */

import { caseWords } from '../delivery/changes/supportQueue';
import { type Message } from './message';
import { type Notice } from './notice';
import {
  alertOf,
  type GroupFacts,
  type GroupLimits,
  type GroupStep,
  matterOf,
  openAlertsOf,
  type OpenGroup,
  topLevel,
} from './noticeGroup';

type Telling = { facts: GroupFacts; limits: GroupLimits; now: number };

/** The notice of a step. An update goes to the open alert, a repeat opens another and ends the one before. */
export function groupNotice(group: OpenGroup, step: Exclude<GroupStep, 'nothing'>, told: Telling): Message {
  const { to, cityId } = group;
  const { now } = told;
  const base = { to: { kind: to }, about: matterOf(group), cityId, at: now } as const;
  switch (step) {
    case 'resolve':
      return notify({
        ...base,
        what: 'resolved',
        severity: 'info',
        title: endTitle(group),
        text: '',
        link: null,
        facts: { zoneId: group.zoneId, cause: group.cause },
        endsAlerts: openAlertsOf(group),
      });
    case 'update':
      return notify({ ...base, ...opened(group, told), alert: alertOf(group, group.alertedAt) });
    case 'repeat':
      return notify({
        ...base,
        ...opened(group, told),
        alert: alertOf(group, now),
        endsAlerts: openAlertsOf(group),
      });
  }
}

function notify(notice: Notice): Message {
  return { kind: 'notify', notice };
}

function opened(
  group: OpenGroup,
  { facts, limits }: Omit<Telling, 'now'>,
): Pick<Notice, 'what' | 'severity' | 'title' | 'text' | 'link' | 'facts'> {
  const { count, byLevel, freeDrivers } = facts;
  const longestMinutes = Math.round(facts.longestMs / limits.minuteMs);
  return {
    what: 'open',
    severity: severityOf(group, facts),
    title: titleOf(group, facts, longestMinutes),
    text: textOf(facts, longestMinutes),
    link: linkOf(group, facts),
    facts: {
      zoneId: group.zoneId,
      cause: group.cause,
      waiting: count,
      level1: byLevel[1],
      level2: byLevel[2],
      level3: byLevel[3],
      longestMinutes,
      freeDrivers,
      deliveryId: count === 1 ? (facts.deliveryIds[0] ?? null) : null,
    },
  };
}

function severityOf({ to, cause }: OpenGroup, { byLevel }: GroupFacts): Notice['severity'] {
  if (to === 'pager') return 'critical';
  return cause === 'UNASSIGNED' && byLevel[2] + byLevel[3] === 0 ? 'warning' : 'error';
}

/** One delivery says what it would say alone. */
function titleOf(group: OpenGroup, facts: GroupFacts, longestMinutes: number): string {
  const { to, cause } = group;
  const { count } = facts;
  const level = topLevel(facts);
  if (cause !== 'UNASSIGNED')
    return count === 1
      ? `Support queue: ${caseWords(cause, level)}`
      : `Support queue: ${count} deliveries in ${placeOf(group)}: ${caseWords(cause, level)}`;
  if (count === 1) return `Level ${level}: no driver for ${longestMinutes} minutes`;
  const which = to === 'pager' ? `${count} deliveries of level 3` : `${count} deliveries`;
  return `No driver for ${which} in ${placeOf(group)}, the longest for ${longestMinutes} minutes`;
}

function endTitle(group: OpenGroup): string {
  const place = placeOf(group);
  if (group.cause !== 'UNASSIGNED') return `No case is left in ${place}: ${caseWords(group.cause, 0)}`;
  return group.to === 'pager'
    ? `No delivery of level 3 is without a driver in ${place}`
    : `No delivery waits for long in ${place}`;
}

function placeOf({ cityId, zoneId }: OpenGroup): string {
  return zoneId === null ? cityId : `${zoneId}, ${cityId}`;
}

function textOf({ count, byLevel, deliveryIds, freeDrivers }: GroupFacts, longestMinutes: number): string {
  const [only] = deliveryIds;
  const which =
    count === 1 && only !== undefined ? `Delivery ${only}.` : `Newest: ${deliveryIds.join(', ')}.`;
  const levels = `By level: ${byLevel[1]} of level 1, ${byLevel[2]} of level 2, ${byLevel[3]} of level 3.`;
  const free = freeDrivers === null ? [] : [`Free drivers: ${freeDrivers}.`];
  return [which, levels, `The longest: ${longestMinutes} minutes.`, ...free].join(' ');
}

/** One delivery, or the support queue of the zone. Below level 2, deliveries have no case. */
function linkOf(
  { to, cityId, zoneId, cause }: OpenGroup,
  { count, byLevel, deliveryIds }: GroupFacts,
): string {
  const [only] = deliveryIds;
  if (count === 1 && only !== undefined) return `/v2/deliveries/${only}`;
  if (cause === 'UNASSIGNED' && byLevel[2] + byLevel[3] === 0)
    return `/v2/deliveries?${new URLSearchParams({ cityId, status: 'SEARCHING' }).toString()}`;
  const query = {
    cityId,
    ...(zoneId === null ? {} : { zoneId }),
    ...(to === 'pager' ? { level: '3' } : { reason: cause }),
  };
  return `/v2/ops/escalations?${new URLSearchParams(query).toString()}`;
}
