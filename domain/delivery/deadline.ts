import { type DeliveryStatus, isClosed } from './status';
import type { DispatchFeatures, DispatchLimits } from './decisionContext';
import { limitsIn, nextEscalationOf } from './escalation';
import { type OfferFacts } from './offer';
import { type DeliveryFacts } from './deliveryState';
import { giveUpAt } from './unassignedClock';

/**
 * What a workflow knows of its delivery: as much of the row as decides what it waits for, renewed by every
 * event. Plain JSON without personal data; instants are epoch ms. ADR 2.
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
   * When escalation acts next, and to which level; `level` null = page and broadcast are repeated. Null while
   * the feature is off or the clock is stopped; absent in histories of older releases.
   */
  escalation?: { at: number; level: number | null } | null;
  /** Why the search waits for ops; absent in histories of older releases. */
  heldReason?: string | null;
  /** Whether the city's matching looks for the driver; absent where it does not. */
  isMatched?: boolean;
};

/** An event that time causes. */
export type DueEvent =
  | { kind: 'lookForDriver' }
  | { kind: 'lapseOffer'; offerId: string }
  | { kind: 'giveUpSearch' }
  | { kind: 'escalate' };

/** The next due event, when it is due (epoch ms, possibly past), and its reason for the Temporal UI. */
export type Deadline = { at: number; event: DueEvent; why: string };

/** The part of a delivery's state that decides what it waits for. */
export type Awaiting = {
  delivery: Pick<
    DeliveryFacts,
    | 'deliveryId'
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
  /** Those of other deliveries are left out. */
  offers: readonly Pick<OfferFacts, 'offerId' | 'deliveryId' | 'driverId' | 'expiresAt' | 'state'>[];
};

/** The snapshot of a delivery for its workflow. */
export function snapshotOf(
  { delivery, offers }: Awaiting,
  limits: Pick<DispatchLimits, 'searchMaxMs' | 'escalation'>,
  { escalation: escalates, batchMatching }: Pick<DispatchFeatures, 'escalation' | 'batchMatching'>,
): DeliverySnapshot {
  const searching =
    (delivery.status === 'PENDING' || delivery.status === 'SEARCHING') && delivery.heldReason === null;
  return {
    status: delivery.status,
    closed: isClosed(delivery.status),
    driverId: delivery.driverId,
    offers: offers
      .filter(({ state, deliveryId }) => state === 'LIVE' && deliveryId === delivery.deliveryId)
      .map(({ offerId, driverId, expiresAt }) => ({ offerId, driverId, expiresAt })),
    searchAgainAt: searching ? (delivery.searchAgainAt ?? delivery.searchAt) : null,
    searchRound: delivery.searchRound,
    giveUpAt: delivery.status === 'SEARCHING' ? giveUpAt(delivery.clock, limits.searchMaxMs) : null,
    escalationLevel: delivery.escalationLevel,
    escalation: escalates
      ? nextEscalationOf(delivery, limitsIn(delivery.cityEscalationMinutes, limits.escalation))
      : null,
    heldReason: delivery.heldReason,
    ...(batchMatching ? { isMatched: true } : {}),
  };
}

/**
 * The snapshot by a clock that is `aheadMs` ahead: a workflow waits by Temporal's clock, and the rows bear ours.
 */
export function byClockAhead(snapshot: DeliverySnapshot, aheadMs: number): DeliverySnapshot {
  if (aheadMs === 0) return snapshot;
  const shifted = <T extends number | null>(instant: T): T | number =>
    instant === null ? instant : instant + aheadMs;
  return {
    ...snapshot,
    offers: snapshot.offers.map((offer) => ({ ...offer, expiresAt: offer.expiresAt + aheadMs })),
    searchAgainAt: shifted(snapshot.searchAgainAt),
    giveUpAt: shifted(snapshot.giveUpAt),
    escalation: snapshot.escalation && { ...snapshot.escalation, at: snapshot.escalation.at + aheadMs },
  };
}

/** The next event without an outside action; undefined = none, for example while a driver carries the goods. */
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
    due.push({ at: snapshot.searchAgainAt, event: { kind: 'lookForDriver' }, why: searchReason(snapshot) });
  if (snapshot.escalation)
    due.push({
      at: snapshot.escalation.at,
      event: { kind: searchesOnEscalation(snapshot, snapshot.escalation) ? 'lookForDriver' : 'escalate' },
      why: escalationReason(snapshot.escalation.level),
    });
  return due.reduce<Deadline | undefined>(
    (first, next) => (first && first.at <= next.at ? first : next),
    undefined,
  );
}

/**
 * While a search runs, a new level is a new search: farther, for more pay, or a broadcast. ADR 15. Where the city's
 * matching looks for the driver, only a broadcast is.
 */
function searchesOnEscalation(
  { status, searchAgainAt, isMatched }: DeliverySnapshot,
  { level }: { level: number | null },
): boolean {
  const isSearching = status === 'SEARCHING' && searchAgainAt !== null;
  return isSearching && !(isMatched && (level === 1 || level === 2));
}

function escalationReason(level: number | null): string {
  return level === null ? 'page and broadcast come again' : `escalation to level ${level}`;
}

function searchReason({ status, searchRound, isMatched }: DeliverySnapshot): string {
  if (status === 'PENDING') return 'the search for a driver begins';
  if (isMatched) return 'look for a driver, unless the matching of the city does';
  return searchRound === 0 ? 'look for a driver' : `look for a driver again, after ${searchRound} in vain`;
}

/** A description of what a run waits for, for ops in the Temporal UI. Has no personal data. */
export function waitingFor(snapshot: DeliverySnapshot): string {
  return `${snapshot.status}: ${waitWords(snapshot)}`;
}

function waitWords(snapshot: DeliverySnapshot): string {
  const deadline = nextDeadline(snapshot);
  const until = deadline && `until ${new Date(deadline.at).toISOString()}, then: ${deadline.why}`;
  if (snapshot.heldReason) {
    const held = `waiting for ops (${snapshot.heldReason}), who assign a driver or let the search go on`;
    return until ? `${held}, or ${until}` : held;
  }
  if (until) return `waiting for an answer or ${until}`;
  if (snapshot.closed) return 'over';
  return `waiting for driver ${snapshot.driverId ?? 'nobody'} to take the next step`;
}
