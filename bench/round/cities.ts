import { type Point, stopAt, travelEstimateMs } from '../../domain/geo/places';
import { VEHICLE_KINDS } from '../../domain/driver/vehicles';
import type { MatchDelivery, MatchDriver, RoundInput } from '../../domain/matching/round';
import { type Random, randomFrom } from '../../simulator/kit/random';

/**
 * What a city looks like.
 * spread: each delivery has its own pickup; shops: forty pickups; onePickup: one, in the middle.
 * onePlace: all pickups, dropoffs and drivers stand together, so that all pairs cost the same.
 * barred: nobody may be asked for anything. shiftsEnd: each driver's shift ends before any pickup.
 */
export const SHAPES = ['spread', 'shops', 'onePickup', 'onePlace', 'barred', 'shiftsEnd'] as const;
export type Shape = (typeof SHAPES)[number];

export type CitySize = { waiting: number; drivers: number };

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 4, 1, 18);
const MIDDLE: Point = { lat: 52.37, lng: 4.89 };
/** Half the width of the city, in degrees: 12 by 12 km. */
const HALF = { lat: 0.054, lng: 0.088 };
const SHOPS = 40;

/** A city at seven in the evening, the same for the same seed. */
export function cityOf(shape: Shape, { waiting, drivers }: CitySize, seed: string): RoundInput<Point> {
  const random = randomFrom(seed);
  const anywhere = (): Point =>
    shape === 'onePlace'
      ? MIDDLE
      : {
          lat: MIDDLE.lat + random.between(-HALF.lat, HALF.lat),
          lng: MIDDLE.lng + random.between(-HALF.lng, HALF.lng),
        };
  const fleet = Array.from({ length: drivers }, (_, n) => driverOf(n, anywhere(), shape, random));
  const pickups = pickupsOf(shape, waiting, anywhere);
  const notBefore =
    shape === 'barred' ? Object.fromEntries(fleet.map(({ driverId }) => [driverId, null])) : {};
  return {
    now: NOW,
    deliveries: Array.from({ length: waiting }, (_, n) => ({
      ...deliveryOf(n, shape, random),
      pickup: stopAt(pickups[n % pickups.length] ?? MIDDLE),
      dropoff: stopAt(anywhere()),
      notBefore,
    })),
    drivers: fleet,
    travel: travelEstimateMs,
  };
}

function pickupsOf(shape: Shape, waiting: number, anywhere: () => Point): Point[] {
  if (shape === 'onePickup' || shape === 'onePlace') return [MIDDLE];
  return Array.from({ length: shape === 'shops' ? SHOPS : waiting }, anywhere);
}

function deliveryOf(
  n: number,
  shape: Shape,
  random: Random,
): Omit<MatchDelivery<Point>, 'pickup' | 'dropoff' | 'notBefore'> {
  const placedAt = shape === 'onePlace' ? NOW : NOW - Math.round(random.between(0, 40)) * MINUTE;
  return {
    deliveryId: `delivery-${n}`,
    parcelSize: random.chance(0.1) && shape !== 'onePlace' ? 'LARGE' : 'SMALL',
    placedAt,
    readyAt: placedAt + 15 * MINUTE,
    windowTo: null,
    waitingSince: placedAt,
    level: 0,
    payCents: 700,
  };
}

function driverOf(n: number, place: Point, shape: Shape, random: Random): MatchDriver<Point> {
  const isAlike = shape === 'onePlace';
  return {
    driverId: `driver-${n}`,
    vehicle: isAlike ? 'CAR' : random.pick(VEHICLE_KINDS),
    freeAt: isAlike || random.chance(0.7) ? NOW : NOW + Math.round(random.between(0, 14 * MINUTE)),
    place,
    room: 3,
    shiftEndsAt: shape === 'shiftsEnd' ? NOW : null,
    idleSince: null,
    earnedCents: isAlike ? 0 : 700 * Math.floor(random.between(0, 15)),
    guaranteedCents: null,
    acceptOdds: 0.9,
  };
}
