import { type DeliveryStatus, isClosed } from './delivery';
import { giveUpAt } from './escalation';
import { type Truth } from './truth';

/**
 * What the workflow must know to wait for the right thing: the database's word, renewed by every event.
 * Plain JSON without personal data; instants in epoch ms.
 */
export type Known = {
  status: DeliveryStatus;
  closed: boolean;
  driverId: string | null;
  offers: { offerId: string; driverId: string; expiresAt: number }[];
  searchAgainAt: number | null;
  searchRound: number;
  giveUpAt: number | null;
  escalationLevel: number;
};

/** What happens by itself when its time comes. */
export type DueEvent = { kind: 'lookForDriver' } | { kind: 'lapseOffer'; offerId: string } | { kind: 'giveUpSearch' };

export type Deadline = { at: number; event: DueEvent; why: string };

/** @param searchMaxMs how long a search may find nobody, in unassigned ms; 0 = for ever */
export function knownOf({ delivery, offers }: Truth, searchMaxMs: number): Known {
  const searching = delivery.status === 'PENDING' || delivery.status === 'SEARCHING';
  return {
    status: delivery.status,
    closed: isClosed(delivery.status),
    driverId: delivery.driverId,
    offers: offers.filter(({ state }) => state === 'LIVE').map(({ offerId, driverId, expiresAt }) => ({ offerId, driverId, expiresAt })),
    searchAgainAt: searching ? (delivery.searchAgainAt ?? delivery.searchAt) : null,
    searchRound: delivery.searchRound,
    giveUpAt: delivery.status === 'SEARCHING' ? giveUpAt(delivery.clock, searchMaxMs) : null,
    escalationLevel: delivery.escalationLevel,
  };
}

/** The next thing that happens if nobody does anything; nothing while a driver carries the delivery. */
export function nextDeadline(known: Known): Deadline | undefined {
  if (known.closed) return undefined;
  const due: Deadline[] = known.offers.map(({ offerId, driverId, expiresAt }) => ({
    at: expiresAt, event: { kind: 'lapseOffer', offerId }, why: `offer to driver ${driverId} lapses`,
  }));
  if (known.giveUpAt !== null) due.push({ at: known.giveUpAt, event: { kind: 'giveUpSearch' }, why: 'give up: nobody was found' });
  if (known.searchAgainAt !== null) due.push({ at: known.searchAgainAt, event: { kind: 'lookForDriver' }, why: searchWords(known) });
  return due.reduce<Deadline | undefined>((first, next) => (first && first.at <= next.at ? first : next), undefined);
}

function searchWords({ status, searchRound }: Known): string {
  if (status === 'PENDING') return 'the search for a driver begins';
  return searchRound === 0 ? 'look for a driver' : `look for a driver again, after ${searchRound} in vain`;
}

/** In plain words for ops who look at a run: what it waits for. No personal data. */
export function waitingFor(known: Known): string {
  const deadline = nextDeadline(known);
  if (deadline) return `${known.status}: waiting for an answer or until ${new Date(deadline.at).toISOString()}, then: ${deadline.why}`;
  if (known.closed) return `${known.status}: over`;
  return `${known.status}: waiting for driver ${known.driverId ?? 'nobody'} to take the next step`;
}
