/** While ops let the searches of a zone or a city reach farther. docs/behaviour.md#acts-on-a-zone. */

/** A wider search that nobody ended. `zoneId` null: the whole city. `until` is epoch ms. */
export type Widening = { zoneId: string | null; radiusMeters: number; until: number };

/**
 * The widening of a place now. A city's holds in all its zones and outside them. Of several, the widest holds.
 * @param zoneId null = outside all zones
 * @returns null where searches reach as far as usual
 */
export function wideningFor<W extends Widening>(
  widenings: readonly W[],
  zoneId: string | null,
  now: number,
): W | null {
  const inForce = widenings.filter(
    (each) => each.until > now && (each.zoneId === null || each.zoneId === zoneId),
  );
  return inForce.reduce<W | null>(
    (widest, each) => (widest === null || each.radiusMeters > widest.radiusMeters ? each : widest),
    null,
  );
}
