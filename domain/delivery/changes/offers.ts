/** Changes to offers that several rules make. docs/behaviour.md#offers. */

import { driverRoom, opsRoom } from '../../notices/message';
import { type EventName } from '../../notices/realtimeEvents';
import { endOffer, isShown, type OfferEnd, type OfferFacts, type OfferState } from '../offer';
import { type ChangeSet, iso } from './changeSet';
import { announceRoom, closeNextSlot, countOffer } from './drivers';

/**
 * Ends a live offer, of any delivery, and releases the capacity that it held. Of a trip, all end together; only an
 * accept ends each in its own delivery. An offer that has ended meanwhile stays as it is.
 */
export function endLiveOffer(
  changes: ChangeSet,
  offer: OfferFacts,
  state: Exclude<OfferState, 'LIVE'>,
  endReason: OfferEnd,
): void {
  if (!changes.isLive(offer.offerId)) return;
  endOne(changes, offer, state, endReason);
  if (state !== 'ACCEPTED')
    for (const mate of changes.matesOf(offer)) endOne(changes, mate, state, reasonOfMates(endReason));
  const isTaken = state === 'ACCEPTED' || endReason === 'DRIVER_ASSIGNED_BY_HAND';
  if (!isTaken) announceRoom(changes, offer.driverId);
}

function endOne(
  changes: ChangeSet,
  offer: OfferFacts,
  state: Exclude<OfferState, 'LIVE'>,
  endReason: OfferEnd,
): void {
  const { offerId, deliveryId, driverId } = offer;
  const ended = endOffer(offer, state, endReason, changes.now);
  changes.putOffer(ended);
  countOffer(changes, driverId, -1);
  // An accepted offer becomes an assignment in its place.
  if (state !== 'ACCEPTED') closeNextSlot(changes, driverId);
  noteOffer(changes, `offer_${state.toLowerCase()}`, ended);
  announceEnd(changes, ended);
  if (deliveryId !== changes.delivery.deliveryId)
    changes.send({ kind: 'offerWithdrawn', deliveryId, offerId });
}

/** What happened to one delivery of a trip did not happen to the others; what the driver did is about all. */
function reasonOfMates(endReason: OfferEnd): OfferEnd {
  switch (endReason) {
    case 'CANCELLED':
    case 'ASSIGNED_BY_HAND':
    case 'TAKEN_BY_ANOTHER':
    case 'ORDER_CHANGED':
      return 'TRIP_CHANGED';
    default:
      return endReason;
  }
}

/** Adds the audit entry of an offer that was made or that ended. */
export function noteOffer(
  changes: ChangeSet,
  kind: string,
  { offerId, driverId, deliveryId, payCents, expiresAt, endReason, state, trip }: OfferFacts,
): void {
  const ofDelivery = deliveryId === changes.delivery.deliveryId ? {} : { ofDelivery: deliveryId };
  changes.note(kind, {
    driverId,
    from: state === 'LIVE' ? null : 'LIVE',
    to: state,
    why: endReason,
    detail: {
      ...{ offerId, payCents, expiresAt: iso(expiresAt), ...ofDelivery },
      ...(trip === null ? {} : { tripId: trip.tripId }),
    },
  });
}

/** Notifies the driver of an offer that they were shown, unless their own answer ended it; and ops always. */
function announceEnd(changes: ChangeSet, offer: OfferFacts): void {
  const { offerId, deliveryId, driverId, state, endReason } = offer;
  if (state === 'LIVE') return;
  const body = { offerId, deliveryId, driverId, state, reason: endReason, at: iso(changes.now) };
  if (isShown(offer) && (state === 'WITHDRAWN' || state === 'EXPIRED'))
    changes.emit({ rooms: [driverRoom(driverId)], event: `OFFER_${state}`, body });
  changes.emit({ rooms: [opsRoom(changes.delivery.cityId)], event: EVENT_FOR_OPS[state], body });
}

const EVENT_FOR_OPS = {
  ACCEPTED: 'offer_accepted',
  REJECTED: 'offer_rejected',
  EXPIRED: 'offer_expired',
  WITHDRAWN: 'offer_withdrawn',
} as const satisfies Record<Exclude<OfferState, 'LIVE'>, EventName>;
