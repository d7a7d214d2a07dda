/** The day that earnings of a driver count for: the day of their city, by its own clocks. docs/behaviour.md#offers. */

const formats = new Map<string, Intl.DateTimeFormat>();

/**
 * The calendar day in a time zone.
 * @param timezone an IANA name
 * @param at epoch ms
 * @returns such as `2026-03-29`
 */
export function dayIn(timezone: string, at: number): string {
  const parts = new Map(
    formatOf(timezone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  );
  return `${parts.get('year')}-${parts.get('month')}-${parts.get('day')}`;
}

/** A format costs a hundred times as much as its use. */
function formatOf(timezone: string): Intl.DateTimeFormat {
  const known = formats.get(timezone);
  if (known) return known;
  const format = new Intl.DateTimeFormat('en', {
    timeZone: timezone,
    calendar: 'iso8601',
    numberingSystem: 'latn',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  });
  formats.set(timezone, format);
  return format;
}
