import { distanceMeters, type Point } from '../../domain/geo/places';
import type { VehicleKind } from '../../domain/driver/vehicles';

/** On the street, in life. */
export const METERS_PER_SECOND: Readonly<Record<VehicleKind, number>> = {
  BICYCLE: 4.2,
  MOPED: 6.7,
  CAR: 6.7,
  VAN: 5.6,
};
/** Streets are longer than lines. */
const DETOUR = 1.3;

/** How fast a vehicle gets on along a straight line, in m/s, in a city that is played `speed` times faster. */
export function straightSpeed(vehicle: VehicleKind, speed: number): number {
  return (METERS_PER_SECOND[vehicle] * speed) / DETOUR;
}

/** A ride along a straight line. Instants in epoch ms; the rider stands at `to` from `arrivesAt` on. */
export type Ride = { from: Point; to: Point; startedAt: number; arrivesAt: number };

/** A ride at `metersPerSecond` (> 0) of the straight line. */
export function rideOf(from: Point, to: Point, startedAt: number, metersPerSecond: number): Ride {
  return {
    from,
    to,
    startedAt,
    arrivesAt: startedAt + Math.ceil((distanceMeters(from, to) * 1_000) / metersPerSecond),
  };
}

/** Where the rider is at `now`: at the start before it, at the end after it. */
export function placeOn({ from, to, startedAt, arrivesAt }: Ride, now: number): Point {
  if (now >= arrivesAt) return to;
  if (now <= startedAt) return from;
  const share = (now - startedAt) / (arrivesAt - startedAt);
  return { lat: from.lat + (to.lat - from.lat) * share, lng: from.lng + (to.lng - from.lng) * share };
}

/** Which way the rider looks, in degrees from north, clockwise, 0..360. */
export function headingOf({ from, to }: Pick<Ride, 'from' | 'to'>): number {
  const east = (to.lng - from.lng) * Math.cos((from.lat * Math.PI) / 180);
  const degrees = (Math.atan2(east, to.lat - from.lat) * 180) / Math.PI;
  return (degrees + 360) % 360;
}
