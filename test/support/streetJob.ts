/** The jobs of a driver on one street: places are minutes of travel, and all is ready at `now`. */
import type { RouteJob } from '../../domain/driver/route';
import type { Point } from '../../domain/geo/places';

const MINUTE = 60_000;

export const onStreet = (minute: number): Point => ({ lat: 0, lng: minute });
export const streetMs = (from: Point, to: Point): number => Math.abs(from.lng - to.lng) * MINUTE;

/** A job that is to be picked up at `from`, and brought to `to`. */
export function streetJob(
  now: number,
  deliveryId: string,
  [from, to]: readonly [number, number],
  given: Partial<RouteJob> = {},
): RouteJob {
  return {
    deliveryId,
    status: 'ASSIGNED',
    readyAt: now,
    windowTo: null,
    arrivedAt: null,
    pickedUpAt: null,
    pickup: onStreet(from),
    dropoff: onStreet(to),
    meeting: null,
    ...given,
  };
}
