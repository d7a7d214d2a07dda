/** Ids are UUIDs of version 7, made within so long of their row: an index by id bounds a search by time. */
const MADE_WITHIN_MS = 3_600_000;

/** No row that was made at `since` (epoch ms) or later has a lesser id. */
export function leastIdSince(since: number): string {
  const hex = Math.max(0, Math.floor(since - MADE_WITHIN_MS))
    .toString(16)
    .padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7000-8000-000000000000`;
}
