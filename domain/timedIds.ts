/**
 * Ids are UUIDs of version 7, generated at most this long before their row. So the index by id bounds a search by
 * time.
 */
const MAX_ID_AGE_MS = 3_600_000;

/** No row created at or after `since` (epoch ms) has a lower id. */
export function lowestIdSince(since: number): string {
  const hex = Math.max(0, Math.floor(since - MAX_ID_AGE_MS))
    .toString(16)
    .padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7000-8000-000000000000`;
}
