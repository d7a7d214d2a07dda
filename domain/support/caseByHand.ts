/**
 * What is done with a case of the support queue beside its delivery's own events: ops take it on or call it
 * done, or the driver whose silence it is about is heard again (spec 4 and 5). Instants are epoch ms.
 */

import { caseEmit, caseEntry, resolvedCase, tellPagerItIsOver } from './caseNews';
import { type Actor } from '../delivery/status';
import { type Message } from '../notices/message';
import { type CaseFacts, type CaseResolution, isAboutSilence } from './supportCase';
import { type DeliveryFacts, type Entry } from '../delivery/deliveryState';

/** BY_OPS: a person looked at it. HEARD_AGAIN: who was silent is not any more. */
export type HandResolution = Extract<CaseResolution, 'BY_OPS' | 'HEARD_AGAIN'>;

/** A refusal is a value. `unchanged`: it was so already, or there is nothing to do. */
export type CaseDecision =
  | { kind: 'refused'; code: 'CASE_RESOLVED' | 'CASE_NEEDS_DECISION'; detail: string }
  | { kind: 'unchanged' }
  | { kind: 'changed'; next: CaseFacts; entry: Entry; messages: readonly Message[] };

/** Who decides, and when. */
export type ByHand = { by: Actor; now: number };

/**
 * Somebody takes the case on. Whoever did so first keeps it, so that two do not work on the same; one that
 * got worse since is open again.
 * @param open null: it is resolved
 * @param isTakenOn somebody had it: whoever was told whose it is may ask again, however late
 */
export function acknowledgeCase(
  open: CaseFacts | null,
  delivery: DeliveryFacts,
  { by, now, isTakenOn }: ByHand & { isTakenOn: boolean },
): CaseDecision {
  if (open === null || open.state === 'RESOLVED')
    return isTakenOn
      ? { kind: 'unchanged' }
      : { kind: 'refused', code: 'CASE_RESOLVED', detail: 'the case was resolved before' };
  if (open.state === 'ACKNOWLEDGED') return { kind: 'unchanged' };
  return changed(open, { ...open, state: 'ACKNOWLEDGED' }, delivery, {
    kind: 'case_acknowledged',
    by,
    now,
    detail: {},
  });
}

/**
 * Ends a case that needs no event of the delivery to end. A search that waits for ops would wait for ever
 * without its case: there ops decide what becomes of the delivery.
 * @param open null: it is resolved
 */
export function resolveCaseByHand(
  open: CaseFacts | null,
  delivery: DeliveryFacts,
  { by, now, resolution, note }: ByHand & { resolution: HandResolution; note: string | null },
): CaseDecision {
  if (open === null || open.state === 'RESOLVED') return { kind: 'unchanged' };
  // it is about something worse by now
  if (resolution === 'HEARD_AGAIN' && !isAboutSilence(open.reason)) return { kind: 'unchanged' };
  if (delivery.heldReason !== null) {
    return {
      kind: 'refused',
      code: 'CASE_NEEDS_DECISION',
      detail: 'the search waits for a decision: assign a driver, let the search go on, or cancel',
    };
  }
  return changed(open, resolvedCase(open, resolution, by, now), delivery, {
    kind: 'case_resolved',
    by,
    now,
    detail: { note },
  });
}

type EventResult = ByHand & { kind: string; detail: Record<string, unknown> };

function changed(
  before: CaseFacts,
  next: CaseFacts,
  delivery: DeliveryFacts,
  { kind, by, now, detail }: EventResult,
): CaseDecision {
  const entry = caseEntry(kind, before.state, next, delivery, by);
  const pager = next.state === 'RESOLVED' ? tellPagerItIsOver(next, delivery, now) : [];
  return {
    kind: 'changed',
    next,
    entry: { ...entry, detail: { ...entry.detail, ...detail } },
    messages: [{ kind: 'emit', emits: [caseEmit(next, delivery, now)] }, ...pager],
  };
}
