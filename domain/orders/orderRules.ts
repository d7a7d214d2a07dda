/** What an order may ask for, where the service takes it. docs/behaviour.md#deliveries. */

import { type Actor } from '../delivery/status';
import { type Point } from '../geo/places';
import { type OrderLimits } from './orderLimits';
import { type OutOfArea, outOfArea, outOfAreaWords, type ServiceArea } from './serviceArea';

/** A place of an order, by its name in the request. */
export type NamedPlace = { name: string; point: Point };

export type StopOutOfArea = OutOfArea & { name: string };

export type OrderRefusal =
  | { refused: 'STOP_OUT_OF_AREA'; detail: string; stops: readonly StopOutOfArea[] }
  | { refused: 'PAY_NOT_ALLOWED'; detail: string };

/** The area of a city, with the setting where the city has no radius of its own. */
export function areaOfCity(
  { center, serviceRadiusMeters }: { center: Point; serviceRadiusMeters: number | null },
  limits: Pick<OrderLimits, 'serviceRadiusMeters'>,
): ServiceArea {
  return { center, radiusMeters: serviceRadiusMeters ?? limits.serviceRadiusMeters };
}

/** @returns the refusal that names each place outside; null where all are inside */
export function placesRefusal(places: readonly NamedPlace[], area: ServiceArea): OrderRefusal | null {
  const stops = places.flatMap(({ name, point }) => {
    const outside = outOfArea(point, area);
    return outside ? [{ ...outside, name }] : [];
  });
  if (stops.length === 0) return null;
  const detail = stops.map((stop) => `the ${stop.name} ${outOfAreaWords(stop)}`).join('; ');
  return { refused: 'STOP_OUT_OF_AREA', detail, stops };
}

/**
 * A bonus as far as the cap on the whole pay allows. It never falls below what was promised before.
 * @param bonusCents the bonus before, and the one that it shall become
 */
export function cappedBonus(
  payCents: number,
  bonusCents: { before: number; after: number },
  { payMaxCents }: Pick<OrderLimits, 'payMaxCents'>,
): number {
  return Math.max(bonusCents.before, Math.min(bonusCents.after, payMaxCents - payCents));
}

/**
 * Only ops set what a driver gets, within the cap of the city.
 * @param payCents null = by the tariff
 * @param shown an amount in words, for people
 */
export function payRefusal(
  payCents: number | null,
  { kind }: Pick<Actor, 'kind'>,
  { payMaxCents }: Pick<OrderLimits, 'payMaxCents'>,
  shown: (amount: number) => string,
): OrderRefusal | null {
  if (payCents === null) return null;
  if (kind !== 'ops') return { refused: 'PAY_NOT_ALLOWED', detail: 'only ops set the pay of a driver' };
  if (payCents <= payMaxCents) return null;
  return { refused: 'PAY_NOT_ALLOWED', detail: `the pay is at most ${shown(payMaxCents)}` };
}
