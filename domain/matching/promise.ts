/** What the customer of one more delivery of a driver is promised. Instants are epoch ms. docs/behaviour.md#routes. */

import type { InsertedDelivery } from './insertion';

/** A delivery that a driver may get besides their work. Stops with the same `key` are one place. */
export type MoreWork<Place> = {
  deliveryId: string;
  pickup: { key: string; place: Place };
  dropoff: { key: string; place: Place };
  readyAt: number;
  /** The end of the promised window; null = none. */
  windowTo: number | null;
};

/** How time passes for a driver: travel, stops, and the limit of a customer's extra; all in ms. */
export type Pace<Place> = {
  travelMs: (from: Place, to: Place) => number;
  pickupStopMs: number;
  dropoffStopMs: number;
  maxExtraMs: number;
};

/**
 * The stops of one more delivery. Its customer is promised what the driver could do from here if it were all they had.
 */
export function promisedStops<Place>(
  { deliveryId, pickup, dropoff, readyAt, windowTo }: MoreWork<Place>,
  { place, freeAt }: { place: Place; freeAt: number },
  { travelMs, pickupStopMs, dropoffStopMs, maxExtraMs }: Pace<Place>,
): InsertedDelivery<Place> {
  const alonePickAt = Math.max(freeAt + travelMs(place, pickup.place) + pickupStopMs / 2, readyAt);
  const wayMs = travelMs(pickup.place, dropoff.place);
  const aloneAt = alonePickAt + pickupStopMs / 2 + wayMs + dropoffStopMs / 2;
  const promisedAt = withinWindow(aloneAt, windowTo, maxExtraMs);
  return {
    pickup: { deliveryId, ...pickup, visitMs: pickupStopMs, kind: 'PICKUP', readyAt },
    dropoff: { deliveryId, ...dropoff, visitMs: dropoffStopMs, kind: 'DROPOFF', promisedAt },
  };
}

/** A promise that with the whole extra still keeps the window, if it can be kept at all. */
export function withinWindow(aloneAt: number, windowTo: number | null, maxExtraMs: number): number {
  if (windowTo === null || aloneAt > windowTo) return aloneAt;
  return Math.min(aloneAt, windowTo - maxExtraMs);
}
