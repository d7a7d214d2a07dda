/** What is told not to fit into a route does not (docs/behaviour.md#matching). Places are on one street. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { RouteStop } from '../../../domain/matching/insertion';
import { RouteBound } from '../../../domain/matching/routeBound';
import type { MatchDelivery, MatchRoute } from '../../../domain/matching/round';
import { tripInRoute } from '../../../domain/matching/tripInRoute';
import { tripOf } from '../../../domain/matching/trips';
import { MATCH_WEIGHTS } from '../../../domain/matching/weights';
import { matchDriver } from '../../support/matchedStreet';

const MINUTE = 60_000;
const NOW = 1_700_000_000_000;
const scene = {
  now: NOW,
  travel: (from: number, to: number): number => Math.abs(from - to) * MINUTE,
  weights: MATCH_WEIGHTS,
};
const at = (place: number) => ({ key: `p${place}`, place });
const visitMs = 4 * MINUTE;

const anyStops = fc
  .array(
    fc.record({
      from: fc.nat(15),
      to: fc.nat(15),
      ready: fc.nat(30),
      promised: fc.nat(60),
      isOnBoard: fc.boolean(),
    }),
    {
      minLength: 1,
      maxLength: 3,
    },
  )
  .map((jobs) =>
    jobs.flatMap(({ from, to, ready, promised, isOnBoard }, index): RouteStop<number>[] => {
      const deliveryId = `d${index}`;
      const readyAt = NOW + ready * MINUTE;
      const promisedAt = NOW + promised * MINUTE;
      const door = { deliveryId, ...at(to), visitMs, kind: 'DROPOFF', promisedAt } as const;
      return isOnBoard ? [door] : [{ deliveryId, ...at(from), visitMs, kind: 'PICKUP', readyAt }, door];
    }),
  );

describe('the bound of a route', () => {
  it('is never closer than the route itself', () => {
    let [fitting, sifted] = [0, 0];
    fc.assert(
      fc.property(
        anyStops,
        fc.record({
          place: fc.nat(15),
          free: fc.nat(5),
          capacity: fc.integer({ min: 1, max: 4 }),
          extra: fc.nat(20),
        }),
        fc.record({ from: fc.nat(20), to: fc.nat(20), ready: fc.nat(30) }),
        (stops, { place, free, capacity, extra }, { from, to, ready }) => {
          const driver = matchDriver(NOW, 'kim', { freeAt: NOW + free * MINUTE, place });
          const route: MatchRoute<number> = { stops, capacity, maxExtraMs: extra * MINUTE };
          const delivery: MatchDelivery<number> = {
            deliveryId: 'new',
            pickup: at(from),
            dropoff: at(to),
            parcelSize: 'SMALL',
            placedAt: NOW,
            readyAt: NOW + ready * MINUTE,
            windowTo: null,
            waitingSince: NOW,
            level: 0,
            payCents: 0,
            notBefore: {},
          };
          const isFitting = tripInRoute(tripOf([delivery]), driver, route, scene) !== null;
          const mayFit = new RouteBound(driver, route, scene).mayFit(delivery);
          if (isFitting) fitting += 1;
          if (!mayFit) sifted += 1;
          expect(isFitting && !mayFit).toBe(false);
        },
      ),
      { numRuns: 3_000 },
    );
    expect(fitting).toBeGreaterThan(300);
    expect(sifted).toBeGreaterThan(300);
  });
});
