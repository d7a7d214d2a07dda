/** While a zone or a city takes no orders. docs/behaviour.md#acts-on-a-zone. */

/** What merchants are told: a code and no words of ops, so that shops can act on it and nothing personal goes out. */
export const STOP_REASONS = ['TOO_FEW_DRIVERS', 'WEATHER', 'EVENT', 'DISRUPTION', 'OTHER'] as const;
export type StopReason = (typeof STOP_REASONS)[number];

/** A stop that nobody ended. `zoneId` null: the whole city. `until` is epoch ms. */
export type OrdersStop = { zoneId: string | null; reason: StopReason; until: number };

const REASON_WORDS: Readonly<Record<StopReason, string>> = {
  TOO_FEW_DRIVERS: ': too few drivers',
  WEATHER: ': the weather',
  EVENT: ': an event',
  DISRUPTION: ': a disruption',
  OTHER: '',
};

/**
 * The stop of a place now. A city's holds in all its zones and outside them. Of several, the one that ends last tells
 * when to try again.
 * @param zoneId null = outside all zones
 * @returns null where orders are taken
 */
export function stopFor<S extends OrdersStop>(
  stops: readonly S[],
  zoneId: string | null,
  now: number,
): S | null {
  const inForce = stops.filter(
    (stop) => stop.until > now && (stop.zoneId === null || stop.zoneId === zoneId),
  );
  return inForce.reduce<S | null>(
    (last, stop) => (last === null || stop.until > last.until ? stop : last),
    null,
  );
}

/** The refusal in words. */
export function stopWords({ zoneId, reason }: OrdersStop): string {
  const where = zoneId === null ? 'the city' : `zone ${zoneId}`;
  return `${where} takes no orders for a time${REASON_WORDS[reason]}`;
}
