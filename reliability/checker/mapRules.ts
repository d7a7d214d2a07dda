/**
 * Invariant 5: `drivers:geo` holds exactly the AVAILABLE drivers with a fresh position. A separate set holds
 * BUSY drivers with spare capacity. Pure.
 */
import type { PendingViolation } from './violation';
import type { DutyDriver } from './snapshot';

/** The content of Redis. `free`, `busy`: the set of each city. */
export type MapPicture = {
  all: ReadonlySet<string>;
  free: ReadonlyMap<string, ReadonlySet<string>>;
  busy: ReadonlyMap<string, ReadonlySet<string>>;
  /** The version of each driver's row that it knows, and when the driver was last heard from (epoch ms). */
  known: ReadonlyMap<string, { version: number; heardAt: number | null }>;
};

export type MapLimits = {
  /** A position older than this is not fresh. */
  freshPositionMs: number;
  /**
   * How long a silent driver may stay on the map, until the next sweep. Readers of the map skip stale
   * drivers.
   */
  staleGraceMs: number;
  /** Whether `drivers` are all drivers there are; otherwise the map of all cities cannot be checked. */
  areAll: boolean;
};

/** The presence sweep runs every 15 s of real time; the rest is for its own duration. */
export const STALE_GRACE_MS = 20_000;

/**
 * Differences between the map and the database.
 * @param drivers read before the map
 * @param now when the map was read, in epoch ms
 */
export function mapViolations(
  drivers: readonly DutyDriver[],
  picture: MapPicture,
  limits: MapLimits,
  now: number,
): PendingViolation[] {
  const known = new Set(drivers.map(({ driverId }) => driverId));
  const shown = new Set(
    [...(limits.areAll ? [picture.all] : []), ...picture.free.values(), ...picture.busy.values()].flatMap(
      (part) => [...part],
    ),
  );
  return [
    ...drivers.flatMap((driver) => driverViolations(driver, picture, limits, now)),
    ...[...shown]
      .filter((id) => !known.has(id))
      .map((id): PendingViolation => ({
        invariant: 5,
        what: 'no driver row exists for an entry of the map',
        deliveryId: null,
        driverId: id,
        key: `stranger ${id}`,
        since: null,
      })),
  ];
}

function driverViolations(
  driver: DutyDriver,
  picture: MapPicture,
  { freshPositionMs, staleGraceMs }: MapLimits,
  now: number,
): PendingViolation[] {
  const { driverId, cityId, availability, version } = driver;
  const shown = picture.known.get(driverId);
  if (shown && shown.version > version) return []; // it changed after the row was read
  const silentMs = now - Math.max(driver.fixAt ?? -Infinity, shown?.heardAt ?? -Infinity);
  const mayHaveMore =
    availability === 'BUSY' && !driver.hasPendingChange && driver.activeAssignments < driver.capacity;
  // An offer takes capacity only briefly, and placing one reads it from the row.
  const isSpare = mayHaveMore && driver.liveOffers + driver.activeAssignments < driver.capacity;
  const isFree = availability === 'AVAILABLE';
  const silence = silentMs > freshPositionMs ? ' and silent' : '';
  const say = (part: string, how: 'on' | 'not on'): PendingViolation => ({
    invariant: 5,
    what: `the driver is ${availability}${isSpare ? ' with spare capacity' : ''}${silence}, and ${how} ${part}`,
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
