import { type TravelModel, travelMsFor } from '../geo/places';
import { DEFAULT_PAY_TARIFF, payFor } from '../money/pay';

/** What a driver gets by the tariff for the way between two stops, in cents. docs/behaviour.md#deliveries. */
export function tariffPayCents(distanceMeters: number, travel: TravelModel): number {
  const travelMs = travelMsFor(distanceMeters, 'CAR', travel);
  return payFor({ distanceMeters, travelMs, waitMs: 0, bonusCents: 0 }, DEFAULT_PAY_TARIFF).totalCents;
}
