import type { Point } from '../../domain/geo/places';
import type { Place } from './day';

/**
 * The data names no city, so its plane is centred on this point. Straight lines over a day's 15 km keep their
 * length within 0.2 %.
 */
const BASE: Point = { lat: 41.88, lng: -87.63 };
const METERS_PER_DEGREE = 111_195.08;

/**
 * Converts a place on the day's plane to coordinates. x goes east, y north.
 * @param middle the place at the base point
 */
export function pointOf({ x, y }: Place, middle: Place): Point {
  const metersPerDegreeEast = METERS_PER_DEGREE * Math.cos((BASE.lat * Math.PI) / 180);
  return {
    lat: BASE.lat + (y - middle.y) / METERS_PER_DEGREE,
    lng: BASE.lng + (x - middle.x) / metersPerDegreeEast,
  };
}

/** The centre of the bounding box of these places. */
export function middleOf(places: readonly Place[]): Place {
  const middle = (values: number[]): number => (Math.min(...values) + Math.max(...values)) / 2;
  return { x: middle(places.map(({ x }) => x)), y: middle(places.map(({ y }) => y)) };
}
