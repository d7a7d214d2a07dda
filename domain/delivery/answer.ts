/** How a driver's offer ends: accepted, rejected, or expired without an answer. docs/behaviour.md#offers. */

import { assign } from './changes/assignments';
import { type ChangeSet } from './changes/changeSet';
import { announceRoom, changeAvailability } from './changes/drivers';
import { endLiveOffer } from './changes/offers';
import { type Answer, NOTED, refuse, type Refusal } from './deliveryState';
import { type EventOf } from './events';
import { type OfferFacts } from './offer';
import { searchAgain } from './search';

/**
 * The first accept of a live offer gets the delivery, and with it all of its trip (`takeTrip`). A repeat gets the same
 * answer. The order of events decides, not the clock: a live offer can be accepted even after its expiry.
 */
export function acceptOffer(changes: ChangeSet, { offerId, driverId }: EventOf<'acceptOffer'>): Answer {
  const offer = changes.offer(offerId);
  if (!offer || offer.driverId !== driverId) return NO_SUCH_OFFER;
  switch (offer.state) {
    case 'LIVE':
      return isOnDuty(changes, driverId) ? takeOffer(changes, offer) : driverHasLeft(changes, offer);
    case 'ACCEPTED':
      return acceptedAnswer(changes, offer);
    case 'REJECTED':
      return refuse('ALREADY_ANSWERED', 'the offer was already rejected');
    default:
      return overAnswer(offer);
  }
}

/** @throws where the offer is of a trip, and another delivery of it is not decided with this one */
function takeOffer(changes: ChangeSet, offer: OfferFacts): Answer {
  const { offerId, driverId } = offer;
  if (!changes.matesOf(offer).every(({ deliveryId }) => changes.isTogetherWith(deliveryId)))
    throw new Error(`offer ${offerId} is of a trip, which is taken as a whole`);
  endLiveOffer(changes, offer, 'ACCEPTED', 'ACCEPTED');
  clearLapses(changes, driverId);
  for (const other of changes.liveOffers()) endLiveOffer(changes, other, 'WITHDRAWN', 'TAKEN_BY_ANOTHER');
  assign(changes, driverId, { way: 'OFFER', offerId, why: null, reason: 'offer accepted' });
  // The city's matching may have more for a driver with room.
  if (changes.features.batchMatching) announceRoom(changes, driverId);
  return acceptedAnswer(changes, offer);
}

function driverHasLeft(changes: ChangeSet, offer: OfferFacts): Answer {
  endLiveOffer(changes, offer, 'WITHDRAWN', 'DRIVER_LEFT');
  searchAgain(changes, 'driver left before accepting');
  return refuse('OFFER_WITHDRAWN', 'the driver is no longer available');
}

function isOnDuty(changes: ChangeSet, driverId: string): boolean {
  const { availability, pending } = changes.driver(driverId);
  return (availability === 'AVAILABLE' || availability === 'BUSY') && pending === null;
}

/** @throws where the accepted offer has no assignment */
function acceptedAnswer(changes: ChangeSet, { offerId, deliveryId, trip }: OfferFacts): Answer {
  const assignment = changes.assignments().find((each) => each.offerId === offerId);
  if (!assignment) throw new Error(`offer ${offerId} was accepted but has no assignment`);
  const { assignmentId, startedAt } = assignment;
  const ofTrip = trip === null ? {} : { tripId: trip.tripId };
  return { outcome: 'accepted', deliveryId, offerId, assignmentId, at: startedAt, ...ofTrip };
}

/** The search continues at once. A repeat gets the same answer, with the time of the first. */
export function rejectOffer(
  changes: ChangeSet,
  { offerId, driverId, reason }: EventOf<'rejectOffer'>,
): Answer {
  const offer = changes.offer(offerId);
  if (!offer || offer.driverId !== driverId) return NO_SUCH_OFFER;
  switch (offer.state) {
    case 'LIVE':
      endLiveOffer(changes, offer, 'REJECTED', reason);
      clearLapses(changes, driverId);
      searchAgain(changes, 'offer rejected');
      return rejectedAnswer(offer, changes.now);
    case 'REJECTED':
      return rejectedAnswer(offer, offer.endedAt ?? changes.now);
    case 'ACCEPTED':
      return refuse('ALREADY_ANSWERED', 'the offer was already accepted');
    default:
      return overAnswer(offer);
  }
}

function rejectedAnswer({ deliveryId, offerId }: OfferFacts, at: number): Answer {
  return { outcome: 'rejected', deliveryId, offerId, at };
}

/** An offer is over at its expiry, never before. The offers of one wave of a broadcast lapse together. */
export function lapseOffer(changes: ChangeSet, { offerId }: EventOf<'lapseOffer'>): Answer {
  const offer = changes.offer(offerId);
  if (!offer || offer.state !== 'LIVE' || changes.now < offer.expiresAt) return NOTED;
  for (const due of changes.liveOffers().filter(({ expiresAt }) => expiresAt <= changes.now))
    expire(changes, due);
  searchAgain(changes, 'offer expired');
  return NOTED;
}

/** A lapse counts against the driver, once for a trip, only if the offer reached their app. ADR 13. */
function expire(changes: ChangeSet, offer: OfferFacts): void {
  const isReached = [offer, ...changes.matesOf(offer)].some(({ reachedAt }) => reachedAt !== null);
  endLiveOffer(changes, offer, 'EXPIRED', 'LAPSED');
  if (!isReached) return;
  const { driverId } = offer;
  const lapsesInRow = changes.driver(driverId).lapsesInRow + 1;
  const isPaused = pauseIfLapsedTooOften(changes, driverId, lapsesInRow);
  changes.setDriver(driverId, { lapsesInRow: isPaused ? 0 : lapsesInRow });
}

function pauseIfLapsedTooOften(changes: ChangeSet, driverId: string, lapsesInRow: number): boolean {
  const { afterLapses, pauseMs } = changes.limits.lapsePause;
  if (afterLapses <= 0 || lapsesInRow < afterLapses) return false;
  return changeAvailability(changes, driverId, { kind: 'lapsedTooOften', pauseMs });
}

/** An answer shows that the driver is present. */
function clearLapses(changes: ChangeSet, driverId: string): void {
  if (changes.driver(driverId).lapsesInRow > 0) changes.setDriver(driverId, { lapsesInRow: 0 });
}

const NO_SUCH_OFFER = refuse('NOT_FOUND', 'this driver has no such offer');

function overAnswer({ state }: OfferFacts): Refusal {
  return state === 'EXPIRED'
    ? refuse('OFFER_EXPIRED', 'the offer expired')
    : refuse('OFFER_WITHDRAWN', 'the offer was withdrawn');
}
