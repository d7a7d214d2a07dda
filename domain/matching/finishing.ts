/** When a driver at work will be free, for matching. docs/behaviour.md#matching. */

import type { VehicleKind } from '../driver/vehicles';
import { type Point, type TravelModel, travelEstimateMs } from '../geo/places';

/** A driver on the last leg of their only job: on the way to the dropoff, or there. */
export type FinishingDriver = {
  vehicle: VehicleKind;
  place: Point;
  status: 'PICKED_UP' | 'AT_DROPOFF';
  dropoff: Point;
};

/** How long a handing over takes, in real time. */
const DROPOFF_MS = 120_000;

/** When (epoch ms) the driver is expected to be free, at the dropoff. */
export function expectedFreeAt(
  { vehicle, place, status, dropoff }: FinishingDriver,
  { now, travel, timeScale }: { now: number; travel: TravelModel; timeScale: number },
): number {
  const wayMs = status === 'AT_DROPOFF' ? 0 : travelEstimateMs(place, dropoff, vehicle, travel);
  return now + Math.round((wayMs + DROPOFF_MS) / timeScale);
}
