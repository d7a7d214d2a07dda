/** Whether the places of a city fit each other: its centre, its area and its zones. docs/behaviour.md#zones. */

import timezoneAt from '@photostructure/tz-lookup';
import { isPoint, type Point } from '../geo/places';
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

/**
 * The problem of a centre whose lat and lng are swapped, or null. As given it lies where clocks differ from those of
 * the city, and swapped it lies where they agree. Any other difference is the business of ops: a time zone may be
 * used beyond its borders.
 */
export function centerProblem(center: Point, timezone: string): string | null {
  const swapped = { lat: center.lng, lng: center.lat };
  if (isIn(center, timezone) || !isPoint(swapped) || !isIn(swapped, timezone)) return null;
  return `the centre does not lie in ${timezone}, and would with lat and lng swapped`;
}

function isIn({ lat, lng }: Point, timezone: string): boolean {
  const local = timezoneAt(lat, lng);
  return SEASONS.every((at) => offsetOf(local, at) === offsetOf(timezone, at));
}

/** Winter and summer. */
const SEASONS = [Date.UTC(2026, 0, 15), Date.UTC(2026, 6, 15)];

function offsetOf(timeZone: string, at: number): string {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone, timeZoneName: 'longOffset' });
  return format.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? '';
}
