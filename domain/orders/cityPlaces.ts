/** Whether the places of a city fit each other: its centre, its area and its zones. docs/behaviour.md#zones. */

import { type Point } from '../geo/places';
import { type ZoneArea } from '../zones/zones';
import { type OutOfArea, outOfArea, outOfAreaWords, type ServiceArea } from './serviceArea';

/** The problem of a zone that reaches beyond the area of its city, or null. */
export function zoneOutside(zone: ZoneArea, area: ServiceArea): string | null {
  const outside = pointsOf(zone).flatMap((point) => outOfArea(point, area) ?? []);
  const farthest = outside.reduce<OutOfArea | null>(
    (far, each) => (far && far.distanceMeters >= each.distanceMeters ? far : each),
    null,
  );
  return farthest && `a point of the zone ${outOfAreaWords(farthest)}`;
}

function pointsOf(zone: ZoneArea): Point[] {
  const rings = zone.type === 'Polygon' ? zone.coordinates : zone.coordinates.flat();
  return rings.flat().flatMap(([lng, lat]) => (lng === undefined || lat === undefined ? [] : [{ lat, lng }]));
}
