import { type OfferTrip } from '../../domain/notices/realtimeEvents';
import { type Point, stopAt, travelEstimateMs } from '../../domain/geo/places';
import { type TripDelivery, tripRoute } from '../../domain/matching/tripRoute';
import { MATCH_WEIGHTS } from '../../domain/matching/weights';
import { moneyText } from '../../domain/money/currency';
import { type DriverSearchDeps, type SearchResult } from './driverSearch';

type Searched = { deliveryId: string; search: SearchResult };

/** What a driver is shown of a trip of these deliveries: all stops in order, when each is expected, and the pay. */
export function shownTrip(
  { travel, timeScale }: Pick<DriverSearchDeps, 'travel' | 'timeScale'>,
  searched: readonly Searched[],
  deliveryIds: readonly string[],
  now: number,
): Omit<OfferTrip, 'tripId'> {
  const parts = deliveryIds.flatMap((id) => searched.filter(({ deliveryId }) => deliveryId === id));
  const [lead] = parts;
  if (!lead) throw new Error('a trip has deliveries');
  const { point: place, vehicle } = lead.search.near[0] ?? { point: lead.search.facts.pickup, vehicle: null };
  const shownOf = (id: string): SearchResult['facts']['shown'] =>
    (parts.find(({ deliveryId }) => deliveryId === id) ?? lead).search.facts.shown;
  const route = tripRoute(parts.map(tripDelivery), {
    place,
    freeAt: now,
    travelMs: (from, to) => travelEstimateMs(from, to, vehicle ?? 'CAR', travel) / timeScale,
    pickupVisitMs: MATCH_WEIGHTS.pickupStopMs / timeScale,
    dropoffVisitMs: MATCH_WEIGHTS.dropoffStopMs / timeScale,
  });
  const payCents = parts.reduce((sum, { search: { facts } }) => sum + facts.payCents + facts.bonusCents, 0);
  return {
    deliveryIds: [...deliveryIds],
    stops: route.map(({ deliveryId, kind, doneAt }) => {
      const { pickup, dropoff, readyAt } = shownOf(deliveryId);
      const expectedAt = new Date(Math.round(doneAt)).toISOString();
      return kind === 'PICKUP'
        ? { deliveryId, kind, ...pickup, readyAt, expectedAt }
        : { deliveryId, kind, ...dropoff, notes: null, readyAt: null, expectedAt };
    }),
    payCents,
    payText: moneyText(payCents, lead.search.facts.shown.currency, lead.search.facts.cityLocale),
  };
}

function tripDelivery({ deliveryId, search: { facts } }: Searched): TripDelivery<Point> {
  const { pickup, dropoff } = facts.shown;
  return { deliveryId, pickup: stopAt(pickup.point), dropoff: stopAt(dropoff.point), readyAt: facts.readyAt };
}
