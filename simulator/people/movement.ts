import { distanceMeters, type Point } from '../../domain/geo/places';
import type { VehicleKind } from '../../domain/driver/vehicles';

/** Real-life street speeds. */
export const METERS_PER_SECOND: Readonly<Record<VehicleKind, number>> = {
  BICYCLE: 4.2,
  MOPED: 6.7,
  CAR: 6.7,
  VAN: 5.6,
};
/** Street distance divided by straight-line distance. */
const DETOUR = 1.3;

/** The straight-line speed of a vehicle, in m/s, in a city played `speed` times faster. */
export function straightSpeed(vehicle: VehicleKind, speed: number): number {
  return (METERS_PER_SECOND[vehicle] * speed) / DETOUR;
}

/** A ride along a straight line. Instants are epoch ms. The rider stays at `to` after `arrivesAt`. */
export type Ride = { from: Point; to: Point; startedAt: number; arrivesAt: number };

/** A ride at `metersPerSecond` (> 0) along the straight line. */
export function rideOf(from: Point, to: Point, startedAt: number, metersPerSecond: number): Ride {
  return {
    from,
    to,
    startedAt,
    arrivesAt: startedAt + Math.ceil((distanceMeters(from, to) * 1_000) / metersPerSecond),
  };
}

/** The rider's place at `now`: `from` before the ride, `to` after it. */
export function placeOn({ from, to, startedAt, arrivesAt }: Ride, now: number): Point {
  if (now >= arrivesAt) return to;
  if (now <= startedAt) return from;
  const share = (now - startedAt) / (arrivesAt - startedAt);
  return { lat: from.lat + (to.lat - from.lat) * share, lng: from.lng + (to.lng - from.lng) * share };
}

/** The rider's heading, in degrees clockwise from north, 0..360. */
export function headingOf({ from, to }: Pick<Ride, 'from' | 'to'>): number {
  const east = (to.lng - from.lng) * Math.cos((from.lat * Math.PI) / 180);
  const degrees = (Math.atan2(east, to.lat - from.lat) * 180) / Math.PI;
  return (degrees + 360) % 360;
}
