/**
 * The search for a driver: it starts, finds a driver to ask or assign, waits and searches again, or gives up.
 * docs/behaviour.md#offers.
 */

import { takesNextJob, takesWork } from '../driver/availability';
import { answersOffers } from '../matching/candidate';
import { searchBackoffMs } from '../matching/searchPlan';
import { ownNetMs } from '../matching/waiting';
import { moneyText } from '../money/currency';
import { driverRoom, opsRoom } from '../notices/message';
import { isAboutCarrier } from '../support/supportCase';
import { assign } from './changes/assignments';
import { type ChangeSet, iso } from './changes/changeSet';
import { close } from './changes/closing';
import { countOffer, openNextSlot } from './changes/drivers';
import { noteOffer } from './changes/offers';
import { callRound } from './changes/rounds';
import { resolveCase } from './changes/supportQueue';
import { type Answer, type Chosen, NOTED } from './deliveryState';
import { escalateIfDue } from './escalate';
import { type EventOf, type FreedDriver, type Inconclusive, type SearchOutcome } from './events';
import { isShown, type OfferFacts, type OfferKind, type TripSeat } from './offer';
import { isClosed } from './status';
import { startClock } from './unassignedClock';
import { isSearching } from './waiting';

/**
 * Applies the result of a search, which was made without a lock. Drivers who were taken in the meantime are left
 * out.
 */
export function lookForDriver(
  changes: ChangeSet,
  { search, freed, proposal, trip = null }: EventOf<'lookForDriver'>,
): Answer {
  if (freed && !search.chosen.some(({ driverId }) => driverId === freed.driverId)) passOn(changes, freed);
  beginIfDue(changes);
  if (changes.delivery.status !== 'SEARCHING') return NOTED;
  escalateIfDue(changes);
  if (changes.delivery.heldReason !== null) return NOTED;
  if (search.isBroadcastOver) endBroadcast(changes);
  const free = search.chosen.filter((chosen) => isFree(changes, chosen));
  const best = free[0];
  if (best) askOrAssign(changes, { best, free, trip }, search);
  else nobodyFound(changes, search, { isWoken: freed !== null || proposal !== undefined });
  return NOTED;
}

function isFree(changes: ChangeSet, { driverId, isNext = false }: Chosen): boolean {
  const driver = changes.driver(driverId);
  return takesWork(driver) || (isNext && takesNextJob(driver));
}

/** No driver was found within `SEARCH_MAX_MINUTES`. docs/behaviour.md#deliveries. */
export function giveUpSearch(changes: ChangeSet): Answer {
  if (changes.delivery.status === 'SEARCHING')
    close(changes, 'CANCELLED', 'NO_DRIVER', 'nobody was found in time');
  return NOTED;
}

/** Searches for the next driver at once, unless other drivers of a broadcast may still accept. */
export function searchAgain(changes: ChangeSet, why: string): void {
  if (changes.liveOffers().length > 0) return;
  changes.move('SEARCHING', { why, searchAgainAt: changes.now, searchRound: 0 });
}

/**
 * Runs before every rule. A change of another delivery may have withdrawn the offer of an OFFERED delivery: then its
 * search continues. While a driver has the delivery, the state of its search is cleared.
 */
export function settleSearch(changes: ChangeSet): void {
  if (changes.delivery.status === 'OFFERED' && changes.liveOffers().length === 0)
    searchAgain(changes, 'offer withdrawn');
  if (changes.activeAssignment() && !isClosed(changes.delivery.status)) clearSearch(changes);
}

/** Workers of a release before hold and broadcast assign a delivery without clearing them. */
function clearSearch(changes: ChangeSet): void {
  const { heldReason, broadcastSince, lostAt } = changes.delivery;
  if (heldReason !== null || broadcastSince !== null || lostAt !== null)
    changes.setDelivery({ heldReason: null, broadcastSince: null, lostAt: null });
  const { supportCase } = changes;
  if (!supportCase || isAboutCarrier(supportCase.reason)) return;
  // Who holds the goods is open, whoever was assigned; unless the search was held for it, and is over.
  if (supportCase.reason !== 'GOODS_IN_HAND' || heldReason !== null) resolveCase(changes, 'ASSIGNED');
}

// ---- before the result ----

/** Passes a driver who woke this search, but was not chosen, on to the next waiting delivery. */
function passOn(changes: ChangeSet, { driverId, passed }: FreedDriver): void {
  const { deliveryId } = changes.delivery;
  changes.send({ kind: 'driverFree', driverId, passed: [...new Set([...passed, deliveryId])] });
}

/** The search begins at `searchAt`, and the unassigned clock with it. docs/behaviour.md#deliveries. */
function beginIfDue(changes: ChangeSet): void {
  const {
    now,
    delivery: { status, searchAt, clock },
  } = changes;
  if (status !== 'PENDING' || searchAt > now) return;
  const why = 'the search begins';
  changes.move('SEARCHING', { why, searchAgainAt: now, searchRound: 0, clock: startClock(clock, now) });
}

/** From here on drivers are asked one at a time, until escalation starts the next broadcast. */
function endBroadcast(changes: ChangeSet): void {
  if (changes.delivery.broadcastSince !== null) changes.setDelivery({ broadcastSince: null });
}

// ---- with a driver found ----

/**
 * Where offers are off, or the best driver's app answers none, the driver is assigned without being asked, as
 * in v1. A wave of a broadcast asks all who answer offers, any other search the best driver alone.
 */
function askOrAssign(
  changes: ChangeSet,
  { best, free, trip }: { best: Chosen; free: readonly Chosen[]; trip: TripSeat | null },
  { offersOn, isBroadcast, ttlMs }: SearchOutcome,
): void {
  const canAnswer = ({ driverId }: Chosen): boolean => answersOffers(changes.driver(driverId).offerVersion);
  if (!offersOn || !canAnswer(best))
    assign(changes, best.driverId, { way: 'V1', why: best.why, reason: 'nearest driver, without asking' });
  else if (isBroadcast && changes.delivery.broadcastSince !== null)
    makeOffers(changes, free.filter(canAnswer), { kind: 'BROADCAST', ttlMs, trip: null });
  else makeOffers(changes, [best], { kind: 'SINGLE', ttlMs, trip });
}

type Asking = { kind: OfferKind; ttlMs: number; trip: TripSeat | null };

/** Asks these drivers. Each is held by their offer until it ends. */
function makeOffers(changes: ChangeSet, chosen: readonly Chosen[], asking: Asking): void {
  for (const each of chosen) makeOffer(changes, each, asking);
  const why = asking.kind === 'SINGLE' ? 'offer made' : `broadcast to ${chosen.length}`;
  changes.move('OFFERED', { why, searchAgainAt: null });
}

function makeOffer(changes: ChangeSet, chosen: Chosen, asking: Asking): void {
  const offer = newOffer(changes, chosen.driverId, asking);
  changes.addOffer(offer, chosen);
  if (!takesWork(changes.driver(chosen.driverId))) openNextSlot(changes, chosen.driverId);
  countOffer(changes, chosen.driverId, 1);
  noteOffer(changes, 'offer_created', offer);
  announceOffer(changes, offer, chosen);
  if (changes.limits.pushesOffers && isShown(offer)) pushOffer(changes, offer, chosen);
}

function newOffer(changes: ChangeSet, driverId: string, { kind, ttlMs, trip }: Asking): OfferFacts {
  const { delivery, now } = changes;
  return {
    offerId: changes.newId(),
    deliveryId: delivery.deliveryId,
    driverId,
    kind,
    state: 'LIVE',
    round: delivery.searchRound,
    payCents: delivery.payCents + delivery.bonusCents,
    escalationLevel: delivery.escalationLevel,
    createdAt: now,
    expiresAt: now + ttlMs,
    reachedAt: null,
    endedAt: null,
    endReason: null,
    trip,
  };
}

/** The driver hears of a trip by its lead's offer, which shows all of it. */
function announceOffer(changes: ChangeSet, offer: OfferFacts, { payload }: Chosen): void {
  const { offerId, deliveryId, driverId, kind } = offer;
  const body = { offerId, deliveryId, driverId, expiresAt: iso(offer.expiresAt) };
  if (isShown(offer))
    changes.emit({
      rooms: [driverRoom(driverId)],
      event: 'DELIVERY_OFFERED_V2',
      body: { ...body, offerPayload: payload },
    });
  changes.emit({
    rooms: [opsRoom(changes.delivery.cityId)],
    event: 'offer_created',
    body: { ...body, kind },
  });
}

/** Web push for a closed app: it is sent only if no app has shown the offer shortly after. ADR 10. */
function pushOffer(
  changes: ChangeSet,
  { offerId, driverId, payCents }: OfferFacts,
  { payload: { trip } }: Chosen,
): void {
  const { cityId, cityLocale, currency } = changes.delivery;
  changes.send({
    kind: 'notify',
    notice: {
      to: { kind: 'driver', driverId },
      about: `offer/${offerId}`,
      what: 'open',
      severity: 'info',
      title: trip === undefined ? 'New delivery' : `${trip.deliveryIds.length} new deliveries`,
      text: `Pay: ${moneyText(trip?.payCents ?? payCents, currency, cityLocale)}`,
      link: `/offers/${offerId}`,
      cityId,
      facts: { offerId },
      at: changes.now,
    },
  });
}

// ---- without a driver found ----

function nobodyFound(changes: ChangeSet, search: SearchOutcome, { isWoken }: { isWoken: boolean }): void {
  const { inconclusive } = search;
  const isLeftToRound = changes.features.batchMatching && inconclusive !== 'NOT_MADE';
  if (isLeftToRound && inconclusive !== 'MAP_AWAY') return waitForRound(changes, inconclusive, { isWoken });
  if (inconclusive !== null) return retrySoon(changes, inconclusive);
  // A search that was only woken counts as no round: many wakes must not put the next search off.
  if (!isWoken || !isPlanned(changes)) searchLater(changes, search);
}

function isPlanned({ now, delivery: { searchAgainAt } }: ChangeSet): boolean {
  return searchAgainAt !== null && searchAgainAt > now;
}

/** The next search comes after the backoff, or when the first exclusion ends if that is sooner. */
function searchLater(changes: ChangeSet, { exclusionEndsAt }: SearchOutcome): void {
  const { now, limits, delivery } = changes;
  const searchRound = delivery.searchRound + 1;
  const backoffAt = now + searchBackoffMs(searchRound, limits.search);
  const isSooner = exclusionEndsAt !== null && exclusionEndsAt > now;
  changes.setDelivery({
    searchRound,
    searchAgainAt: isSooner ? Math.min(backoffAt, exclusionEndsAt) : backoffAt,
  });
}

/**
 * The city's matching looks for the driver. The next search of the delivery's own is a net, for where no round comes.
 * docs/behaviour.md#matching.
 */
function waitForRound(
  changes: ChangeSet,
  inconclusive: Inconclusive | null,
  { isWoken }: { isWoken: boolean },
): void {
  const { now, limits, delivery } = changes;
  if (!isWoken || !isPlanned(changes))
    changes.setDelivery({
      searchRound: inconclusive === null ? delivery.searchRound + 1 : delivery.searchRound,
      searchAgainAt: now + ownNetMs(limits.matchingNetMs),
    });
  if (inconclusive !== 'MATCHED') callRound(changes);
}

/**
 * Something else wants the row read again. A delivery that waits for its city's matching searches at once: the sweep of
 * the net calls so where no round comes. docs/behaviour.md#matching.
 */
export function readAgain(changes: ChangeSet): Answer {
  const { now, limits, delivery } = changes;
  const { searchAgainAt } = delivery;
  if (!isSearching(delivery) || searchAgainAt === null) return NOTED;
  if (searchAgainAt > now + limits.matchingNetMs) changes.setDelivery({ searchAgainAt: now });
  return NOTED;
}

/** The wait after a search that lost every candidate to other deliveries at that moment. */
const CONTENDED_RETRY_MS = 1_000;

/** Counts no round: the radius grows only after a search that looked at everybody within it. */
function retrySoon(changes: ChangeSet, inconclusive: Inconclusive): void {
  const { now, limits } = changes;
  switch (inconclusive) {
    case 'CONTENDED':
    case 'SCARCE': // matching was switched off since the search was made
    case 'MATCHED':
      return changes.setDelivery({ searchAgainAt: now + CONTENDED_RETRY_MS });
    case 'MAP_AWAY':
      return changes.setDelivery({ searchAgainAt: now + limits.search.backoffMs });
    case 'NOT_MADE':
      return; // This event started the search, and has set its time.
  }
}
