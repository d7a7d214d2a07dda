import { describe, expect, test } from '@jest/globals';
import { newsOf } from '../../simulator/client/driverSocket';

const OFFER = {
  offerId: 'o1',
  deliveryId: 'd1',
  driverId: 'a',
  expiresAt: '2026-11-22T10:00:30.000Z',
  offerPayload: {
    payCents: 700,
    readyAt: '2026-11-22T10:05:00.000Z',
    pickup: { address: 'Javastraat 120', point: { lat: 52.36, lng: 4.94 }, notes: null },
    dropoff: { address: 'Nieuwmarkt 14', point: { lat: 52.37, lng: 4.9 } },
  },
};
const VIEW = {
  offerId: 'o1',
  deliveryId: 'd1',
  expiresAt: Date.UTC(2026, 10, 22, 10, 0, 30),
  readyAt: Date.UTC(2026, 10, 22, 10, 5),
  pickup: { lat: 52.36, lng: 4.94 },
  dropoff: { lat: 52.37, lng: 4.9 },
};

describe('what a driver hears', () => {
  test.each<[string, unknown, unknown]>([
    ['DELIVERY_OFFERED_V2', OFFER, { kind: 'offered', offer: VIEW }],
    ['OFFER_EXPIRED', { offerId: 'o1', state: 'EXPIRED' }, { kind: 'offerOver', offerId: 'o1' }],
    ['OFFER_WITHDRAWN', { offerId: 'o1', state: 'WITHDRAWN' }, { kind: 'offerOver', offerId: 'o1' }],
    ['DELIVERY_ASSIGNED', { deliveryId: 'd1', driverId: 'a' }, { kind: 'assigned', deliveryId: 'd1' }],
    [
      'DELIVERY_CANCELLED',
      { deliveryId: 'd1', driverId: 'a', reason: 'x' },
      { kind: 'released', deliveryId: 'd1' },
    ],
    [
      'DELIVERY_UNASSIGNED',
      { deliveryId: 'd1', driverId: 'a', reason: 'x' },
      { kind: 'released', deliveryId: 'd1' },
    ],
    [
      'STATE',
      {
        driverId: 'a',
        offer: OFFER,
        deliveries: [{ deliveryId: 'd2', assignmentId: 's', status: 'ASSIGNED', stops: [] }],
      },
      { kind: 'state', offers: [VIEW], deliveryIds: ['d2'] },
    ],
    ['STATE', { driverId: 'a', offer: null, deliveries: [] }, { kind: 'state', offers: [], deliveryIds: [] }],
    ['AN_EVENT_OF_A_LATER_VERSION', { any: 'thing' }, null],
  ])('%s', (event, body, news) => {
    expect(newsOf(event, body)).toEqual(news);
  });

  test('a known event in another form is not passed over in silence', () => {
    expect(() => newsOf('DELIVERY_OFFERED_V2', { ...OFFER, offerPayload: {} })).toThrow('pickup');
    expect(() => newsOf('DELIVERY_ASSIGNED', null)).toThrow();
  });
});
