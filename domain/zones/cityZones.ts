/** How much a city's zones may be together: each order looks its pickup up in them. docs/behaviour.md#zones. */

import type { ZoneArea } from './zones';

export const MAX_CITY_ZONES = 500;
export const MAX_CITY_POINTS = 100_000;

/** All points of an area, those of holes too. */
export function pointsOf(area: ZoneArea): number {
  const rings = area.type === 'Polygon' ? area.coordinates : area.coordinates.flat();
  return rings.reduce((sum, ring) => sum + ring.length, 0);
}

/**
 * Whether a zone of so many points is too much for its city. A city that has more than the limit already may
 * still get less.
 * @param others the points of each other zone of the city
 * @param before the points of this zone so far; null = it is new
 * @returns the problem, or null
 */
export function cityZonesProblem(
  points: number,
  { others, before }: { others: readonly number[]; before: number | null },
): string | null {
  if (before === null && others.length >= MAX_CITY_ZONES)
    return `a city may have at most ${MAX_CITY_ZONES} zones`;
  const total = others.reduce((sum, each) => sum + each, points);
  return total > MAX_CITY_POINTS && points > (before ?? 0)
    ? `the zones of a city may have at most ${MAX_CITY_POINTS} points together, and would have ${total}`
    : null;
}
