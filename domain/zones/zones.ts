import { area as squareMeters } from '@turf/area';
import { bbox } from '@turf/bbox';
import { booleanPointInPolygon } from '@turf/boolean-point-in-polygon';
import findIntersections from 'sweepline-intersections';
import { isPoint, type Point } from '../geo/places';

/**
 * A GeoJSON geometry (RFC 7946): closed rings of [lng, lat]; the first ring of a polygon is its outline, the
 * others its holes. Must not cross the antimeridian.
 */
export type ZoneArea =
  { type: 'Polygon'; coordinates: number[][][] } | { type: 'MultiPolygon'; coordinates: number[][][][] };

/** A part of a city. docs/behaviour.md#zones. Where zones overlap the higher `priority` wins. */
export type Zone = { zoneId: string; area: ZoneArea; priority: number };

/** Maximum points of a zone, to bound the cost of a lookup. */
export const MAX_ZONE_POINTS = 10_000;

/** Whether the point lies in the area or on its border, and in none of its holes. */
export function contains(area: ZoneArea, point: Point): boolean {
  return booleanPointInPolygon([point.lng, point.lat], area);
}

/**
 * Finds the zone of a place. Where zones overlap, the highest priority wins, then the smallest area, then the
 * first id. Returns null outside all zones. The caller treats a city without zones as one zone
 * (docs/behaviour.md#zones).
 */
export function zoneOf<Z extends Zone>(point: Point, zones: readonly Z[]): Z | null {
  const around = zones.filter((zone) => contains(zone.area, point));
  return around.sort(byRank)[0] ?? null;
}

/**
 * `zoneOf` for many places: sorts the zones once and checks bounding boxes first.
 * @returns the zone of a place, null outside all zones
 */
export function zoneFinder<Z extends Zone>(zones: readonly Z[]): (point: Point) => Z | null {
  const ranked = [...zones].sort(byRank).map((zone) => ({ zone, box: boxOf(zone.area) }));
  return (point) =>
    ranked.find(({ zone, box }) => isInBox(box, point) && contains(zone.area, point))?.zone ?? null;
}

/** The area in square metres on a sphere, without holes. */
export function zoneSquareMeters(area: ZoneArea): number {
  return squareMeters(area);
}

/** Validates a submitted area. Returns the problem, or null. */
export function zoneProblem(area: ZoneArea): string | null {
  const polygons = polygonsOf(area);
  if (polygons.length === 0 || polygons.some((polygon) => polygon.length === 0))
    return 'an area needs at least one ring';
  const rings = polygons.flat();
  if (rings.reduce((sum, ring) => sum + ring.length, 0) > MAX_ZONE_POINTS)
    return `an area may have at most ${MAX_ZONE_POINTS} points`;
  for (const ring of rings) {
    const problem = ringProblem(ring);
    if (problem !== null) return problem;
  }
  if (polygons.some(([outline = []]) => isOnOneLine(outline))) return 'an area must not be empty';
  return polygons.some(crossesItself) ? 'the border of an area must not cross or touch itself' : null;
}

function byRank(a: Zone, b: Zone): number {
  return (
    b.priority - a.priority ||
    zoneSquareMeters(a.area) - zoneSquareMeters(b.area) ||
    (a.zoneId < b.zoneId ? -1 : 1)
  );
}

/** A two-dimensional bounding box: areas have no altitude. */
type Box = readonly [west: number, south: number, east: number, north: number];

function boxOf(area: ZoneArea): Box {
  const [west, south, east, north] = bbox(area);
  return [west, south, east, north];
}

function isInBox([west, south, east, north]: Box, { lat, lng }: Point): boolean {
  return lng >= west && lng <= east && lat >= south && lat <= north;
}

function polygonsOf(area: ZoneArea): number[][][][] {
  switch (area.type) {
    case 'Polygon':
      return [area.coordinates];
    case 'MultiPolygon':
      return area.coordinates;
  }
}

function ringProblem(ring: number[][]): string | null {
  if (ring.length < 4) return 'a ring needs at least four points';
  if (!ring.every(isPosition)) return 'a point must be [lng, lat] within −180..180 and −85.05..85.05';
  const [first, last] = [ring[0], ring[ring.length - 1]];
  return first?.[0] === last?.[0] && first?.[1] === last?.[1]
    ? null
    : 'the first and last point of a ring must be equal';
}

function isPosition(position: number[]): boolean {
  const [lng, lat] = position;
  return lng !== undefined && lat !== undefined && isPoint({ lat, lng });
}

/** A ring on one line encloses no area. */
function isOnOneLine(ring: number[][]): boolean {
  const [lng0 = 0, lat0 = 0] = ring[0] ?? [];
  const offsets = ring.map(([lng = 0, lat = 0]) => ({ x: lng - lng0, y: lat - lat0 }));
  const far = offsets.find(({ x, y }) => x !== 0 || y !== 0);
  return !far || offsets.every(({ x, y }) => far.x * y === far.y * x);
}

/** A sweep-line test; it takes milliseconds for the largest area. */
function crossesItself(coordinates: number[][][]): boolean {
  return (
    findIntersections(
      { type: 'Feature', properties: null, geometry: { type: 'Polygon', coordinates } },
      false,
    ).length > 0
  );
}
