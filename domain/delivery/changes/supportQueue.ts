/** Changes to the delivery's case in the support queue. docs/behaviour.md#escalation. */

import { type NoticeSeverity } from '../../notices/notice';
import {
  caseEmit,
  caseEntry,
  deliveryNotice,
  endOfPage,
  isPagedAlone,
  resolvedCase,
  pagerResolution,
} from '../../support/caseChanges';
import {
  type CaseFacts,
  type CaseReason,
  type CaseResolution,
  isAboutCarrier,
  newCase,
  risenCase,
  settles,
} from '../../support/supportCase';
import { openAlerts } from '../../support/pages';
import { type ChangeSet } from './changeSet';

/**
 * Opens a case for the delivery and notifies support. An open case is made worse instead, or stays unchanged if
 * nothing is worse.
 * @param driverId the driver that the case is about; null = no driver
 */
export function openCase(changes: ChangeSet, reason: CaseReason, driverId: string | null): void {
  const { escalationLevel: level } = changes.delivery;
  const open = changes.supportCase;
  const next = caseFor(changes, { level, reason, driverId });
  if (next === null) return;
  putCase(changes, next, next.caseId === open?.caseId ? 'case_risen' : 'case_opened', open?.state ?? null);
  tellSupport(changes, reason);
}

/** Tells support’s chat why the delivery needs ops. */
export function tellSupport(changes: ChangeSet, reason: CaseReason): void {
  notifySupport(changes, 'error', caseTitle(reason, changes.delivery.escalationLevel), reason);
}

type Urgency = Pick<CaseFacts, 'level' | 'reason' | 'driverId'>;

/** A delivery has at most one open case. A case that the same event resolved is reopened. */
function caseFor(changes: ChangeSet, urgency: Urgency): CaseFacts | null {
  const open = changes.supportCase;
  if (open === null) return newCase(changes.newId(), urgency, changes.now);
  if (open.state !== 'RESOLVED') return risenCase(open, urgency, changes.now);
  const wasOpen = changes.before.supportCase?.caseId === open.caseId;
  return wasOpen ? reopened(open, urgency, changes.now) : newCase(changes.newId(), urgency, changes.now);
}

const UNRESOLVED = { resolvedAt: null, resolvedBy: null, resolution: null } as const;

function reopened(open: CaseFacts, urgency: Urgency, now: number): CaseFacts {
  return { ...open, ...urgency, state: 'OPEN', roseAt: now, ...UNRESOLVED };
}

/** Resolves the open case, if there is one that such an event settles. */
export function resolveCase(changes: ChangeSet, resolution: CaseResolution): void {
  const open = changes.supportCase;
  if (open === null || open.state === 'RESOLVED' || !settles(resolution, open.reason)) return;
  const resolved = resolvedCase(open, resolution, changes.actor, changes.now);
  putCase(changes, resolved, 'case_resolved', open.state);
  changes.send(...pagerResolution(resolved, changes.delivery, changes.now));
}

/**
 * Resolves a case about the carrier: the carrier's next step settles it. A case about the window is settled where
 * the way to the drop-off ends.
 */
export function resolveCarrierCase(changes: ChangeSet): void {
  const { supportCase, delivery } = changes;
  if (!supportCase) return;
  const isSettled =
    supportCase.reason === 'WINDOW_AT_RISK'
      ? delivery.status === 'AT_DROPOFF' || delivery.status === 'RETURNING'
      : isAboutCarrier(supportCase.reason);
  if (isSettled) resolveCase(changes, 'STEP_TAKEN');
}

function putCase(
  changes: ChangeSet,
  supportCase: CaseFacts,
  kind: string,
  from: CaseFacts['state'] | null,
): void {
  const { delivery, actor, now } = changes;
  changes.putCase(supportCase);
  changes.noteEntry(caseEntry(kind, from, supportCase, delivery, actor));
  changes.emit(caseEmit(supportCase, delivery, now));
}

/** Opens a notice about the delivery in support's chat, unless its group is told there already. */
export function notifySupport(
  changes: ChangeSet,
  severity: NoticeSeverity,
  title: string,
  cause: CaseReason,
): void {
  const notice = { to: 'support', what: 'open', severity, title, cause } as const;
  changes.send(deliveryNotice(changes.delivery, notice, changes.now));
}

/**
 * Pages the person on call, unless they were paged for its group; the sweep repeats the page of a group. A page of its
 * own, which an older release sent, ends with it.
 */
export function pageStaff(changes: ChangeSet, title: string, lastPagedAt: number | null): void {
  const { delivery, supportCase, now } = changes;
  const page = { to: 'pager', what: 'open', severity: 'critical', title, cause: 'UNASSIGNED' } as const;
  changes.send(deliveryNotice(delivery, page, now));
  if (supportCase === null || supportCase.state === 'RESOLVED' || supportCase.isInGroup) return;
  if (isPagedAlone(supportCase))
    changes.send(
      endOfPage(delivery, openAlerts(delivery.deliveryId, lastPagedAt), 'Told with its group', now),
    );
  changes.putCase({ ...supportCase, isInGroup: true });
}

/** The title of the notice of such a case. */
export function caseTitle(reason: CaseReason, level: number): string {
  return `Support queue: ${caseWords(reason, level)}`;
}

/** What such a case is about. */
export function caseWords(reason: CaseReason, level: number): string {
  switch (reason) {
    case 'UNASSIGNED':
      return `no driver found, level ${level}`;
    case 'REASSIGNMENT_OFF':
      return 'the driver was lost, and automatic reassignment is off';
    case 'PINNED_DRIVER_LOST':
      return 'the driver who was assigned by hand was lost';
    case 'PINNED_DRIVER_SILENT':
      return 'the driver who was assigned by hand is silent';
    case 'PINNED_DRIVER_STANDS_STILL':
      return 'the driver who was assigned by hand makes no progress to the pickup';
    case 'DRIVER_AT_PICKUP_SILENT':
      return 'the driver is silent at the pickup';
    case 'CARRIER_SILENT':
      return 'the driver who has the goods is silent';
    case 'CARRIER_BROKE_DOWN':
      return 'the driver who has the goods broke down';
    case 'CARRIER_GAVE_UP':
      return 'the driver who has the goods gave up the delivery';
    case 'CARRIER_OVERDUE':
      return 'the driver takes too long';
    case 'GOODS_IN_HAND':
      return 'a driver who lost the delivery says that they hold the goods';
    case 'WINDOW_AT_RISK':
      return 'the delivery is not expected within its window';
    case 'CARRIER_SUSPENDED':
      return 'the driver who has the goods was suspended';
    case 'DRIVER_SUSPENDED':
      return 'the driver was suspended, and another is searched for';
    case 'MERCHANT_SUSPENDED':
      return 'the merchant was suspended';
  }
}
