/**
 * Invariant 5: the live map holds the AVAILABLE drivers with a fresh place and no others; beside it stand
 * BUSY ones with room. Pure.
 */
import type { Suspicion } from './broken';
import type { DutyDriver } from './snapshot';

/** What Redis says. `free`, `busy`: the shards of each city. */
export type MapPicture = {
  all: ReadonlySet<string>;
  free: ReadonlyMap<string, ReadonlySet<string>>;
  busy: ReadonlyMap<string, ReadonlySet<string>>;
  /** What it knows of drivers: of which change of their row, and when they were last heard (epoch ms). */
  known: ReadonlyMap<string, { version: number; heardAt: number | null }>;
};

export type MapLimits = {
  /** A place older than this is not fresh. */
  freshPositionMs: number;
  /**
   * So long one who fell silent may still stand on it: until the next sweep. Who reads the map leaves them
   * out.
   */
  staleGraceMs: number;
  /**
   * Whether `drivers` are all there are; else nobody knows whether who stands on the map of all cities may.
   */
  areAll: boolean;
};

/** The presence sweep comes every 15 s by the clock on the wall, and takes a moment. */
export const STALE_GRACE_MS = 20_000;

/**
 * Where it differs from the record.
 * @param drivers read before the picture;
 * @param now when that was taken, in epoch ms
 */
export function mapSuspicions(
  drivers: readonly DutyDriver[],
  picture: MapPicture,
  limits: MapLimits,
  now: number,
): Suspicion[] {
  const known = new Set(drivers.map(({ driverId }) => driverId));
  const shown = new Set(
    [...(limits.areAll ? [picture.all] : []), ...picture.free.values(), ...picture.busy.values()].flatMap(
      (part) => [...part],
    ),
  );
  return [
    ...drivers.flatMap((driver) => driverSuspicions(driver, picture, limits, now)),
    ...[...shown]
      .filter((id) => !known.has(id))
      .map((id): Suspicion => ({
        invariant: 5,
        what: 'nobody knows who stands on the map',
        deliveryId: null,
        driverId: id,
        key: `stranger ${id}`,
        since: null,
      })),
  ];
}

function driverSuspicions(
  driver: DutyDriver,
  picture: MapPicture,
  { freshPositionMs, staleGraceMs }: MapLimits,
  now: number,
): Suspicion[] {
  const { driverId, cityId, availability, version } = driver;
  const shown = picture.known.get(driverId);
  if (shown && shown.version > version) return []; // it changed since the record was read
  const silentMs = now - Math.max(driver.fixAt ?? -Infinity, shown?.heardAt ?? -Infinity);
  const mayHaveMore =
    availability === 'BUSY' && !driver.hasWish && driver.activeAssignments < driver.capacity;
  // An offer takes the room for moments, and the hold reads it from the row.
  const isSpare = mayHaveMore && driver.liveOffers + driver.activeAssignments < driver.capacity;
  const isFree = availability === 'AVAILABLE';
  const silence = silentMs > freshPositionMs ? ' and silent' : '';
  const say = (part: string, how: 'on' | 'not on'): Suspicion => ({
    invariant: 5,
    what: `the driver is ${availability}${isSpare ? ' with room' : ''}${silence}, and ${how} ${part}`,
    deliveryId: null,
    driverId,
    key: `${driverId} ${version} ${how} ${part}`,
    since: null,
  });
  const parts = [
    { name: 'drivers:geo', isOn: picture.all.has(driverId), must: isFree, may: isFree },
    ...[...picture.free].map(([city, on]) => ({
      name: `drivers:geo:${city}`,
      isOn: on.has(driverId),
      must: isFree && city === cityId,
      may: isFree && city === cityId,
    })),
    ...[...picture.busy].map(([city, on]) => ({
      name: `drivers:geo:busy:${city}`,
      isOn: on.has(driverId),
      must: isSpare && city === cityId,
      may: mayHaveMore && city === cityId,
    })),
  ];
  return parts.flatMap(({ name, isOn, must, may }) => {
    if (isOn && !(may && silentMs <= freshPositionMs + staleGraceMs)) return [say(name, 'on')];
    return !isOn && must && silentMs <= freshPositionMs ? [say(name, 'not on')] : [];
  });
}
