import { type DeliveryStatus, isClosed } from './status';
import type { DispatchLimits } from './changeSet';
import { giveUpAt, limitsIn, nextEscalationOf } from './escalation';
import { type OfferFacts } from './offer';
import { type DeliveryFacts } from './deliveryState';

/**
 * What the workflow must know to wait for the right thing: the database's word, renewed by every event.
 * Plain JSON without personal data; instants in epoch ms.
 */
export type DeliverySnapshot = {
  status: DeliveryStatus;
  closed: boolean;
  driverId: string | null;
  offers: { offerId: string; driverId: string; expiresAt: number }[];
  searchAgainAt: number | null;
  searchRound: number;
  giveUpAt: number | null;
  escalationLevel: number;
  /**
   * When escalation acts next, and on which level; `level` null = page and broadcast come again. Null where
   * it is off or the clock stands; absent in what older workers wrote.
   */
  escalation?: { at: number; level: number | null } | null;
  /** Why the search waits for ops; absent as above. */
  heldReason?: string | null;
};

/** What happens by itself when its time comes. */
export type DueEvent =
  | { kind: 'lookForDriver' }
  | { kind: 'lapseOffer'; offerId: string }
  | { kind: 'giveUpSearch' }
  | { kind: 'escalate' };

export type Deadline = { at: number; event: DueEvent; why: string };

/** The part of a delivery's truth on which it depends what it waits for. */
export type Awaiting = {
  delivery: Pick<
    DeliveryFacts,
    | 'status'
    | 'driverId'
    | 'heldReason'
    | 'searchAt'
    | 'searchAgainAt'
    | 'searchRound'
    | 'clock'
    | 'escalationLevel'
    | 'escalatedAfterMs'
    | 'cityEscalationMinutes'
  >;
  offers: readonly Pick<OfferFacts, 'offerId' | 'driverId' | 'expiresAt' | 'state'>[];
};

/** @param escalates whether the feature holds for this delivery now */
export function snapshotOf(
  { delivery, offers }: Awaiting,
  limits: Pick<DispatchLimits, 'searchMaxMs' | 'escalation'>,
  escalates: boolean,
): DeliverySnapshot {
  const searching =
    (delivery.status === 'PENDING' || delivery.status === 'SEARCHING') && delivery.heldReason === null;
  return {
    status: delivery.status,
    closed: isClosed(delivery.status),
    driverId: delivery.driverId,
    offers: offers
      .filter(({ state }) => state === 'LIVE')
      .map(({ offerId, driverId, expiresAt }) => ({ offerId, driverId, expiresAt })),
    searchAgainAt: searching ? (delivery.searchAgainAt ?? delivery.searchAt) : null,
    searchRound: delivery.searchRound,
    giveUpAt: delivery.status === 'SEARCHING' ? giveUpAt(delivery.clock, limits.searchMaxMs) : null,
    escalationLevel: delivery.escalationLevel,
    escalation: escalates
      ? nextEscalationOf(delivery, limitsIn(delivery.cityEscalationMinutes, limits.escalation))
      : null,
    heldReason: delivery.heldReason,
  };
}

/** The next thing that happens if nobody does anything; nothing while a driver carries the delivery. */
export function nextDeadline(snapshot: DeliverySnapshot): Deadline | undefined {
  if (snapshot.closed) return undefined;
  const due: Deadline[] = snapshot.offers.map(({ offerId, driverId, expiresAt }) => ({
    at: expiresAt,
    event: { kind: 'lapseOffer', offerId },
    why:
      snapshot.offers.length > 1
        ? `the broadcast to ${snapshot.offers.length} drivers lapses`
        : `offer to driver ${driverId} lapses`,
  }));
  if (snapshot.giveUpAt !== null)
    due.push({ at: snapshot.giveUpAt, event: { kind: 'giveUpSearch' }, why: 'give up: nobody was found' });
  if (snapshot.searchAgainAt !== null)
    due.push({ at: snapshot.searchAgainAt, event: { kind: 'lookForDriver' }, why: searchWords(snapshot) });
  if (snapshot.escalation)
    due.push({
      at: snapshot.escalation.at,
      event: { kind: isLookedFor(snapshot) ? 'lookForDriver' : 'escalate' },
      why: escalationWords(snapshot.escalation.level),
    });
  return due.reduce<Deadline | undefined>(
    (first, next) => (first && first.at <= next.at ? first : next),
    undefined,
  );
}

/** While somebody is looked for, a new level is a new look: farther, for more pay, or to many at once. */
function isLookedFor({ status, searchAgainAt }: DeliverySnapshot): boolean {
  return status === 'SEARCHING' && searchAgainAt !== null;
}

function escalationWords(level: number | null): string {
  return level === null ? 'page and broadcast come again' : `escalation to level ${level}`;
}

function searchWords({ status, searchRound }: DeliverySnapshot): string {
  if (status === 'PENDING') return 'the search for a driver begins';
  return searchRound === 0 ? 'look for a driver' : `look for a driver again, after ${searchRound} in vain`;
}

/** In plain words for ops who look at a run: what it waits for. No personal data. */
export function waitingFor(snapshot: DeliverySnapshot): string {
  const deadline = nextDeadline(snapshot);
  if (snapshot.heldReason) {
    const until = deadline ? `, or until ${new Date(deadline.at).toISOString()}, then: ${deadline.why}` : '';
    return `${snapshot.status}: waiting for ops (${snapshot.heldReason}), who assign a driver or let the search go on${until}`;
  }
  if (deadline)
    return `${snapshot.status}: waiting for an answer or until ${new Date(deadline.at).toISOString()}, then: ${deadline.why}`;
  if (snapshot.closed) return `${snapshot.status}: over`;
  return `${snapshot.status}: waiting for driver ${snapshot.driverId ?? 'nobody'} to take the next step`;
}
