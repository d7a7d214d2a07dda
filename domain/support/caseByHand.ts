/**
 * Changes to a case of the support queue outside the events of its delivery: ops acknowledge or resolve it, or its
 * silent driver sends signals again. Instants are epoch ms.
 * docs/behaviour.md#escalation.
 */

import { caseEmit, caseEntry, deliveryNotice, resolvedCase, pagerResolution } from './caseChanges';
import { caseTitle } from '../delivery/changes/supportQueue';
import { type Actor, isClosed } from '../delivery/status';
import { type Message } from '../notices/message';
import { type CaseFacts, type CaseResolution, isAboutSilence, newCase } from './supportCase';
import { type DeliveryFacts, type Entry } from '../delivery/deliveryState';

/** BY_OPS: ops resolved it. HEARD_AGAIN: the driver is no longer silent. */
export type HandResolution = Extract<CaseResolution, 'BY_OPS' | 'HEARD_AGAIN'>;

/** A refusal is a value. `unchanged`: a repeat, or nothing to do. */
export type CaseDecision =
  | { kind: 'refused'; code: 'CASE_RESOLVED' | 'CASE_NEEDS_DECISION'; detail: string }
  | { kind: 'unchanged' }
  | { kind: 'changed'; next: CaseFacts; entry: Entry; messages: readonly Message[] };

/** Who decides, and when (epoch ms). */
export type ByHand = { by: Actor; now: number };

/**
 * Ops acknowledge the case. The first to acknowledge it owns it, until it becomes worse and is open again.
 * @param open null = the case is resolved
 * @param wasAcknowledged the case was acknowledged before, so a late repeat is not an error
 */
export function acknowledgeCase(
  open: CaseFacts | null,
  delivery: DeliveryFacts,
  { by, now, wasAcknowledged }: ByHand & { wasAcknowledged: boolean },
): CaseDecision {
  if (open === null || open.state === 'RESOLVED')
    return wasAcknowledged
      ? { kind: 'unchanged' }
      : { kind: 'refused', code: 'CASE_RESOLVED', detail: 'the case is already resolved' };
  if (open.state === 'ACKNOWLEDGED') return { kind: 'unchanged' };
  return changed(open, { ...open, state: 'ACKNOWLEDGED' }, delivery, {
    kind: 'case_acknowledged',
    by,
    now,
    detail: {},
  });
}

/**
 * Resolves the case. Refused while the search waits for a decision of ops: without a case it would wait for ever.
 * @param open null = the case is resolved
 */
export function resolveCaseByHand(
  open: CaseFacts | null,
  delivery: DeliveryFacts,
  { by, now, resolution, note }: ByHand & { resolution: HandResolution; note: string | null },
): CaseDecision {
  if (open === null || open.state === 'RESOLVED') return { kind: 'unchanged' };
  // The case now has a worse reason.
  if (resolution === 'HEARD_AGAIN' && !isAboutSilence(open.reason)) return { kind: 'unchanged' };
  if (delivery.heldReason !== null) {
    return {
      kind: 'refused',
      code: 'CASE_NEEDS_DECISION',
      detail: 'the search waits for a decision: assign a driver, resume the search, or cancel',
    };
  }
  return changed(open, resolvedCase(open, resolution, by, now), delivery, {
    kind: 'case_resolved',
    by,
    now,
    detail: { note },
  });
}

/**
 * Opens a case that no event of the delivery causes. A delivery that is over needs nobody, and one that has a case is
 * with ops already.
 * @param open null = there is no case, or it is resolved
 */
export function openCaseByHand(
  open: CaseFacts | null,
  delivery: DeliveryFacts,
  { by, now, caseId, reason }: ByHand & { caseId: string; reason: 'MERCHANT_SUSPENDED' },
): CaseDecision {
  if (isClosed(delivery.status) || (open !== null && open.state !== 'RESOLVED')) return { kind: 'unchanged' };
  const level = delivery.escalationLevel;
  const next = newCase(caseId, { level, reason, driverId: null }, now);
  const title = caseTitle(reason, level);
  return {
    kind: 'changed',
    next,
    entry: caseEntry('case_opened', null, next, delivery, by),
    messages: [
      { kind: 'emit', emits: [caseEmit(next, delivery, now)] },
      deliveryNotice(delivery, { to: 'support', what: 'open', severity: 'error', title, cause: reason }, now),
    ],
  };
}

type EventResult = ByHand & { kind: string; detail: Record<string, unknown> };

function changed(
  before: CaseFacts,
  next: CaseFacts,
  delivery: DeliveryFacts,
  { kind, by, now, detail }: EventResult,
): CaseDecision {
  const entry = caseEntry(kind, before.state, next, delivery, by);
  const pager = next.state === 'RESOLVED' ? pagerResolution(next, delivery, now) : [];
  return {
    kind: 'changed',
    next,
    entry: { ...entry, detail: { ...entry.detail, ...detail } },
    messages: [{ kind: 'emit', emits: [caseEmit(next, delivery, now)] }, ...pager],
  };
}
