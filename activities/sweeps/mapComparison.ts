import { type MapEntry, type MapPart, type MapView } from '../../services/ports';

/**
 * How the map differs from the record: not on it, on it without right, or on it rightly but with old facts.
 */
export type Difference = 'missing' | 'extra' | 'outdated';

/**
 * `staleGraceMs`: one who just fell silent may stand on the map for so long; the map's own readers leave them
 * out meanwhile.
 */
export type Comparison = { now: number; freshPositionMs: number; staleGraceMs: number };

/**
 * What the map should show of a driver of whom PostgreSQL says `entry`; null = as it is. `view` must be read
 * after `entry`: a newer one is right.
 */
export function differenceOf(entry: MapEntry, view: MapView, comparison: Comparison): Difference | null {
  if (view.entry && view.entry.version > entry.version) return null;
  const silentMs = comparison.now - (lastContactAt(entry, view) ?? -Infinity);
  const isFree = entry.availability === 'AVAILABLE';
  const isSpare = entry.availability === 'BUSY' && entry.hasRoom;
  const { all, city, busy } = view.on;
  if (silentMs <= comparison.freshPositionMs && ((isFree && !(all && city)) || (isSpare && !busy)))
    return 'missing';
  const mayStand = silentMs <= comparison.freshPositionMs + comparison.staleGraceMs;
  if (((all || city) && !(isFree && mayStand)) || (busy && !(isSpare && mayStand))) return 'extra';
  return isOutdated(entry, view.entry) ? 'outdated' : null;
}

/** When we last heard of the driver, by map or record (epoch ms); null = never. */
export function lastContactAt(entry: MapEntry, view: MapView): number | null {
  const contacts = [entry.lastFix?.receivedAt, view.entry?.lastFix?.receivedAt].filter(
    (at) => at !== undefined,
  );
  return contacts.length === 0 ? null : Math.max(...contacts);
}

/** True where a driver with these facts has business in that part at all. */
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

/** The parts of the map of these cities. */
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
 * Of who is AVAILABLE the room is not looked at: an offer takes it for moments, and the hold reads it from
 * the row.
 */
function isOutdated(entry: MapEntry, shown: MapEntry | null): boolean {
  if (shown === null) return false;
  const hasOtherRoom = entry.availability === 'BUSY' && shown.hasRoom !== entry.hasRoom;
  return shown.availability !== entry.availability || hasOtherRoom || shown.cityId !== entry.cityId;
}
