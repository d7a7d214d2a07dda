import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type TripDelivery, tripRoute } from '../../../domain/matching/tripRoute';

const MINUTE = 60_000;
const START = {
  place: 0,
  freeAt: 0,
  travelMs: (from: number, to: number): number => Math.abs(to - from) * MINUTE,
  pickupVisitMs: 4 * MINUTE,
  dropoffVisitMs: 4 * MINUTE,
};
const delivery = (
  deliveryId: string,
  pickup: number,
  dropoff: number,
  readyAt = 0,
): TripDelivery<number> => ({
  deliveryId,
  pickup: { key: `shop ${pickup}`, place: pickup },
  dropoff: { key: `door ${dropoff}`, place: dropoff },
  readyAt,
});
const named = (deliveries: readonly TripDelivery<number>[]): string[] =>
  tripRoute(deliveries, START).map(({ kind, deliveryId }) => `${kind} ${deliveryId}`);

describe('the route of a trip', () => {
  test('takes all of one shop in one visit, and brings them in the order of the trip', () => {
    const stops = tripRoute([delivery('a', 5, 8), delivery('b', 5, 12, 20 * MINUTE)], START);
    expect(stops.map(({ kind, deliveryId, doneAt }) => [kind, deliveryId, doneAt / MINUTE])).toEqual([
      ['PICKUP', 'a', 7],
      ['PICKUP', 'b', 20],
      ['DROPOFF', 'a', 27],
      ['DROPOFF', 'b', 35],
    ]);
  });

  test('visits several shops in the order that ends soonest', () => {
    expect(named([delivery('far', 9, 10), delivery('near', 3, 12)])).toEqual([
      'PICKUP near',
      'PICKUP far',
      'DROPOFF far',
      'DROPOFF near',
    ]);
  });

  test('has each delivery once at its shop and then at its door', () => {
    const place = fc.integer({ min: 0, max: 60 });
    const some = fc.array(fc.tuple(place, place, fc.nat(60 * MINUTE)), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(some, (drawn) => {
        const deliveries = drawn.map(([pickup, dropoff, readyAt], at) =>
          delivery(`${at}`, pickup, dropoff, readyAt),
        );
        const route = tripRoute(deliveries, START);
        expect(route).toHaveLength(2 * deliveries.length);
        for (const { deliveryId, readyAt } of deliveries) {
          const [pickup, dropoff] = route.filter((stop) => stop.deliveryId === deliveryId);
          expect([pickup?.kind, dropoff?.kind]).toEqual(['PICKUP', 'DROPOFF']);
          expect(pickup?.doneAt).toBeGreaterThanOrEqual(readyAt);
          expect(dropoff?.doneAt).toBeGreaterThan(pickup?.doneAt ?? Infinity);
        }
      }),
    );
  });
});
