/** The next job of a driver who is about to finish: docs/behaviour.md#next-jobs; ADR 58. */

import type { RouteJob } from '../driver/route';
import type { VehicleKind } from '../driver/vehicles';
import { distanceMeters, type Point, travelMsFor, type TravelModel } from '../geo/places';
import { expectedFreeAt } from './finishing';

/** A driver with work, and where they are. */
type BusyDriver = { vehicle: VehicleKind; place: Point; capacity: number; jobs: readonly RouteJob[] };

/** `aheadMs`: how long before they are free a driver may be offered the next job; 0 = never. */
export type NextJobTerms = { now: number; travel: TravelModel; timeScale: number; aheadMs: number };

/** The way to a next job: by the door of the job before it. */
export type NextJob = { afterDeliveryId: string; toPickupMs: number; toPickupMeters: number };

/**
 * Whether a driver may be offered one job more than their capacity: they have one job, whose goods are on board, and
 * room for one; they are on the way to its door or there, and will be free soon enough.
 */
export function nextJobOf(
  { vehicle, place, capacity, jobs: [job, ...others] }: BusyDriver,
  pickup: Point,
  { now, travel, timeScale, aheadMs }: NextJobTerms,
): NextJob | null {
  if (!job || others.length > 0 || capacity !== 1 || job.meeting !== null) return null;
  const { deliveryId, status, dropoff } = job;
  if (status !== 'PICKED_UP' && status !== 'AT_DROPOFF') return null;
  const freeAt = expectedFreeAt({ vehicle, place, status, dropoff }, { now, travel, timeScale });
  if (!isSoonEnough(freeAt, { now, aheadMs })) return null;
  const meters = distanceMeters(dropoff, pickup);
  return {
    afterDeliveryId: deliveryId,
    toPickupMs: freeAt - now + travelMsFor(meters, vehicle, travel) / timeScale,
    toPickupMeters: distanceMeters(place, dropoff) + meters,
  };
}

export function isSoonEnough(
  freeAt: number,
  { now, aheadMs }: Pick<NextJobTerms, 'now' | 'aheadMs'>,
): boolean {
  return aheadMs > 0 && freeAt - now <= aheadMs;
}
