import { type TravelModel, travelMsFor } from '../geo/places';
import { type PayTariff, payFor } from '../money/pay';

/** What a driver gets by the tariff for the way between two stops, in minor units. docs/behaviour.md#money. */
export function tariffPayCents(distanceMeters: number, travel: TravelModel, tariff: PayTariff): number {
  const travelMs = travelMsFor(distanceMeters, 'CAR', travel);
  return payFor({ distanceMeters, travelMs, waitMs: 0, bonusCents: 0 }, tariff).totalCents;
}
