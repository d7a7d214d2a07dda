import type { OfferPayload } from '../../domain/notices/realtimeEvents';

/** What a driver is shown of some delivery. */
export const OFFER_PAYLOAD: OfferPayload = {
  currency: 'EUR',
  merchant: 'Bakery',
  parcelSize: 'SMALL',
  distanceMeters: 2_000,
  readyAt: '2026-01-01T12:00:00.000Z',
  pickup: { address: 'Square 2', point: { lat: 52.37, lng: 4.89 }, notes: null },
  dropoff: { address: 'Lane 1', point: { lat: 52.38, lng: 4.89 } },
  payCents: 700,
  toPickupMeters: 400,
};
