/** Deliveries and drivers of a round of matching, on one street: places are minutes of travel. */
import type { MatchDelivery, MatchDriver } from '../../domain/matching/round';

const MINUTE = 60_000;

/** Placed ten minutes ago, and ready now. */
export function matchDelivery(
  now: number,
  deliveryId: string,
  change: Partial<MatchDelivery<number>> = {},
): MatchDelivery<number> {
  return {
    deliveryId,
    pickup: { key: `shop of ${deliveryId}`, place: 0 },
    dropoff: { key: `door of ${deliveryId}`, place: 8 },
    parcelSize: 'SMALL',
    placedAt: now - 10 * MINUTE,
    readyAt: now,
    windowTo: null,
    waitingSince: now - 10 * MINUTE,
    level: 0,
    payCents: 1_000,
    notBefore: {},
    ...change,
  };
}

/** Free now, with room for one. */
export function matchDriver(
  now: number,
  driverId: string,
  change: Partial<MatchDriver<number>> = {},
): MatchDriver<number> {
  return {
    driverId,
    vehicle: 'CAR',
    freeAt: now,
    place: 0,
    room: 1,
    shiftEndsAt: null,
    idleSince: null,
    earnedCents: 0,
    guaranteedCents: null,
    acceptOdds: 1,
    ...change,
  };
}
