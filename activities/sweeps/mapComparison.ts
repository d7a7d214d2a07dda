import { type MapEntry, type MapPart, type MapView } from '../../services/ports';

/** How the map differs from PostgreSQL: the driver is missing, is extra, or has outdated fields. */
export type Difference = 'missing' | 'extra' | 'outdated';

/**
 * `staleGraceMs`: how long a driver who fell silent may stay on the map. Readers of the map leave them out.
 */
export type Comparison = { now: number; freshPositionMs: number; staleGraceMs: number };

/**
 * The difference between the map's `view` of a driver and PostgreSQL's `entry`; null if none. Read `view`
 * after `entry`, so that a newer view is correct.
 */
export function differenceOf(entry: MapEntry, view: MapView, comparison: Comparison): Difference | null {
  if (view.entry && view.entry.version > entry.version) return null;
  const silentMs = comparison.now - (lastContactAt(entry, view) ?? -Infinity);
  const isFree = entry.availability === 'AVAILABLE';
  const isSpare = entry.availability === 'BUSY' && entry.hasRoom;
  const { all, city, busy } = view.on;
  // Without a usable position a contact puts nobody on the map.
  const isPlaced = entry.lastFix !== null || (view.entry?.lastFix ?? null) !== null;
  const belongs = isPlaced && silentMs <= comparison.freshPositionMs;
  if (belongs && ((isFree && !(all && city)) || (isSpare && !busy))) return 'missing';
  const mayStand = silentMs <= comparison.freshPositionMs + comparison.staleGraceMs;
  if (((all || city) && !(isFree && mayStand)) || (busy && !(isSpare && mayStand))) return 'extra';
  return isOutdated(entry, view.entry) ? 'outdated' : null;
}

/** The driver's last contact, by map or PostgreSQL (epoch ms); null if there was none. */
export function lastContactAt(entry: MapEntry, view: MapView): number | null {
  const contacts = [entry.lastFix?.receivedAt ?? null, view.seenAt].filter((at) => at !== null);
  return contacts.length === 0 ? null : Math.max(...contacts);
}

/** True if a driver with these fields belongs in that part. */
export function belongsIn(part: MapPart, { availability, hasRoom, cityId }: MapEntry): boolean {
  switch (part.kind) {
    case 'all':
      return availability === 'AVAILABLE';
    case 'city':
      return availability === 'AVAILABLE' && cityId === part.cityId;
    case 'busy':
      return availability === 'BUSY' && hasRoom && cityId === part.cityId;
  }
}

/** The map parts of these cities. */
export function partsOf(cityIds: readonly string[]): MapPart[] {
  return [
    { kind: 'all' },
    ...cityIds.flatMap((cityId): MapPart[] => [
      { kind: 'city', cityId },
      { kind: 'busy', cityId },
    ]),
  ];
}

/**
 * Ignores the capacity of AVAILABLE drivers: an offer takes it only briefly, and the hold reads it from the
 * row.
 */
function isOutdated(entry: MapEntry, shown: MapEntry | null): boolean {
  if (shown === null) return false;
  const hasOtherRoom = entry.availability === 'BUSY' && shown.hasRoom !== entry.hasRoom;
  return (
    shown.availability !== entry.availability ||
    hasOtherRoom ||
    shown.cityId !== entry.cityId ||
    (shown.vehicle ?? null) !== (entry.vehicle ?? null)
  );
}
