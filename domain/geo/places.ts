import type { VehicleKind } from '../driver/vehicles';

/** A place on earth (WGS 84), in degrees: lat in −85.05112878..85.05112878, lng in −180..180. */
export type Point = { lat: number; lng: number };

/**
 * The maximum latitude, in degrees: the limit of Redis GEOADD.
 */
export const MAX_LATITUDE = 85.05112878;

const MEAN_EARTH_RADIUS_METERS = 6_371_008.8;

/** True for finite degrees within the bounds of `Point`. */
export function isPoint(point: Point): boolean {
  return Math.abs(point.lat) <= MAX_LATITUDE && Math.abs(point.lng) <= 180;
}

/**
 * The great-circle distance in metres (haversine; within 0.6 % of the true ellipsoid). Symmetric, never
 * negative.
 */
export function distanceMeters(from: Point, to: Point): number {
  const halfLat = radians(to.lat - from.lat) / 2;
  const halfLng = radians(to.lng - from.lng) / 2;
  const h =
    Math.sin(halfLat) ** 2 + Math.cos(radians(from.lat)) * Math.cos(radians(to.lat)) * Math.sin(halfLng) ** 2;
  return 2 * MEAN_EARTH_RADIUS_METERS * Math.asin(Math.sqrt(Math.min(1, h)));
}

/**
 * Converts straight-line distances to travel times. Roads are longer by `detourFactor` (≥ 1). Each vehicle
 * has a speed in metres a minute (> 0).
 */
export type TravelModel = { detourFactor: number; metersPerMinute: Readonly<Record<VehicleKind, number>> };

/** City speeds with stops and lights: 15, 24, 24 and 20 km/h over roads 1.3 times the straight line. */
export const TRAVEL_MODEL: TravelModel = {
  detourFactor: 1.3,
  metersPerMinute: { BICYCLE: 250, MOPED: 400, CAR: 400, VAN: 333 },
};

/**
 * Estimates the travel time over a straight-line distance, in whole ms, rounded up. Ranking uses it if no
 * travel time is cached (docs/behaviour.md#offers).
 */
export function travelMsFor(
  straightMeters: number,
  vehicle: VehicleKind,
  model: TravelModel = TRAVEL_MODEL,
): number {
  return Math.ceil((straightMeters * model.detourFactor * 60_000) / model.metersPerMinute[vehicle]);
}

/** Estimates the travel time between two places, in whole ms, rounded up. */
export function travelEstimateMs(
  from: Point,
  to: Point,
  vehicle: VehicleKind,
  model: TravelModel = TRAVEL_MODEL,
): number {
  return travelMsFor(distanceMeters(from, to), vehicle, model);
}

/** A place as a stop. Stops with the same key are one place: drivers stop once for all that they do there. */
export function stopAt(place: Point): { key: string; place: Point } {
  return { key: `${place.lat},${place.lng}`, place };
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}
