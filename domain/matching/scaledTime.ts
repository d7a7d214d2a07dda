/** Rounds weigh whole minutes, also where TIME_SCALE lets time pass faster. docs/behaviour.md#matching. */

import type { RouteJob } from '../driver/route';
import type { MatchDelivery, MatchDriver } from './round';

/** An instant of a city whose time passes `timeScale` times as fast, as far from `now` as it is meant. */
export function meantAt(at: number, now: number, timeScale: number): number {
  return now + (at - now) * timeScale;
}

/** The reverse of `meantAt`. */
export function happensAt(meant: number, now: number, timeScale: number): number {
  return now + Math.round((meant - now) / timeScale);
}

/** A delivery with its instants as they are meant. */
export function meantDelivery<Place>(
  delivery: MatchDelivery<Place>,
  now: number,
  timeScale: number,
): MatchDelivery<Place> {
  const meant = (at: number): number => meantAt(at, now, timeScale);
  const { placedAt, readyAt, windowTo, waitingSince, notBefore } = delivery;
  return {
    ...delivery,
    placedAt: meant(placedAt),
    readyAt: meant(readyAt),
    windowTo: windowTo === null ? null : meant(windowTo),
    waitingSince: meant(waitingSince),
    notBefore: Object.fromEntries(
      Object.entries(notBefore).map(([driverId, until]) => [driverId, until === null ? null : meant(until)]),
    ),
  };
}

/** A driver with their instants as they are meant. */
export function meantDriver<Place>(
  driver: MatchDriver<Place>,
  now: number,
  timeScale: number,
): MatchDriver<Place> {
  const meant = (at: number): number => meantAt(at, now, timeScale);
  const { freeAt, shiftEndsAt, idleSince } = driver;
  return {
    ...driver,
    freeAt: meant(freeAt),
    shiftEndsAt: shiftEndsAt === null ? null : meant(shiftEndsAt),
    idleSince: idleSince === null ? null : meant(idleSince),
  };
}

/** A job of a driver with its instants as they are meant. */
export function meantJob(job: RouteJob, now: number, timeScale: number): RouteJob {
  const meant = (at: number | null): number | null => (at === null ? null : meantAt(at, now, timeScale));
  const { readyAt, windowTo, arrivedAt, pickedUpAt } = job;
  return {
    ...job,
    readyAt: meantAt(readyAt, now, timeScale),
    windowTo: meant(windowTo),
    arrivedAt: meant(arrivedAt),
    pickedUpAt: meant(pickedUpAt),
  };
}
