/**
 * An offer asks one driver to take one delivery, and holds that driver until it ends.
 * docs/behaviour.md#offers; founding ADR-024.
 */

import type { ReachedLevel } from './escalation';

export type OfferState = 'LIVE' | 'ACCEPTED' | 'REJECTED' | 'EXPIRED' | 'WITHDRAWN';
export type OfferKind = 'SINGLE' | 'BROADCAST';

/** Why a driver rejects an offer. */
export const REJECT_REASONS = ['TOO_FAR', 'PAY_TOO_LOW', 'VEHICLE', 'AREA', 'BUSY', 'OTHER'] as const;
export type RejectReason = (typeof REJECT_REASONS)[number];

/** Why an offer ended. */
export type OfferEnd =
  | RejectReason
  | 'ACCEPTED'
  | 'LAPSED'
  | 'DRIVER_LEFT'
  | 'CANCELLED'
  | 'ASSIGNED_BY_HAND'
  | 'DRIVER_ASSIGNED_BY_HAND'
  | 'TAKEN_BY_ANOTHER'
  | 'ORDER_CHANGED'
  | 'TRIP_CHANGED';

/** The most deliveries that one answer takes. */
export const MAX_TRIP_SEATS = 3;

/** The place of an offer in a trip: offers of one trip are made, answered and ended together. ADR 55. */
export type TripSeat = {
  tripId: string;
  /** 0 = the lead, which the driver's app shows and answers for all. */
  seat: number;
};

/** Instants are epoch ms, `payCents` with the bonus at that time. */
export type OfferFacts = {
  offerId: string;
  deliveryId: string;
  driverId: string;
  kind: OfferKind;
  state: OfferState;
  round: number;
  payCents: number;
  escalationLevel: ReachedLevel;
  createdAt: number;
  expiresAt: number;
  /** When the driver's app reported that it shows the offer; null = it reached no app. */
  reachedAt: number | null;
  endedAt: number | null;
  endReason: OfferEnd | null;
  /** Null = the offer is for its delivery alone. */
  trip: TripSeat | null;
};

/** Whether the driver's app knows of this offer: of a trip it knows the lead's alone. */
export function isShown({ trip }: Pick<OfferFacts, 'trip'>): boolean {
  return trip === null || trip.seat === 0;
}

/** The other live offers of its trip. */
export function liveMates(offers: readonly OfferFacts[], { offerId, trip }: OfferFacts): OfferFacts[] {
  if (trip === null) return [];
  return offers.filter(
    (each) => each.state === 'LIVE' && each.offerId !== offerId && each.trip?.tripId === trip.tripId,
  );
}

/** The offer as it is once it has ended. An offer ends once: one that has ended is returned as it is. */
export function endOffer(
  offer: OfferFacts,
  state: Exclude<OfferState, 'LIVE'>,
  endReason: OfferEnd,
  now: number,
): OfferFacts {
  if (offer.state !== 'LIVE') return offer;
  return { ...offer, state, endReason, endedAt: now };
}

/**
 * Accepted ÷ (accepted + rejected + expired); withdrawn offers do not count. docs/behaviour.md#offers.
 * @returns a share from 0 to 1, or null where nothing was answered
 */
export function acceptanceRate(states: readonly OfferState[]): number | null {
  const accepted = states.filter((state) => state === 'ACCEPTED').length;
  const answered = accepted + states.filter((state) => state === 'REJECTED' || state === 'EXPIRED').length;
  return answered === 0 ? null : accepted / answered;
}
