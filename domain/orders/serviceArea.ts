import { distanceMeters, isPoint, type Point } from '../geo/places';

/** Where a city delivers: within `radiusMeters` of its centre. docs/behaviour.md#deliveries. */
export type ServiceArea = { center: Point; radiusMeters: number };

/** How far outside a place is. `isSwapped`: with lat and lng swapped it would be inside. */
export type OutOfArea = { distanceMeters: number; radiusMeters: number; isSwapped: boolean };

/** @returns null for a place inside */
export function outOfArea(place: Point, { center, radiusMeters }: ServiceArea): OutOfArea | null {
  const meters = distanceMeters(center, place);
  if (meters <= radiusMeters) return null;
  const swapped = { lat: place.lng, lng: place.lat };
  const isSwapped = isPoint(swapped) && distanceMeters(center, swapped) <= radiusMeters;
  return { distanceMeters: Math.ceil(meters), radiusMeters, isSwapped };
}

/** A sentence without its subject: "is 6,826 km from the centre of the city, which …". */
export function outOfAreaWords({ distanceMeters: meters, radiusMeters, isSwapped }: OutOfArea): string {
  const words = `is ${km(meters)} from the centre of the city, which delivers within ${km(radiusMeters)}`;
  return isSwapped ? `${words}; are lat and lng swapped?` : words;
}

/** Rounded up to 100 m, so that a place outside never reads as if it were inside. */
function km(meters: number): string {
  return `${(Math.ceil(meters / 100) / 10).toLocaleString('en-GB')} km`;
}
