import { getTimezone } from 'countries-and-timezones';

/** Where a city lies. `country` is ISO 3166-1 alpha-2; null = it was not named. */
export type CityPlace = { country: string | null; timezone: string };

/** The country of a city: the one it names, or else the one its time zone is named for; null = unknown. */
export function countryOf({ country, timezone }: CityPlace): string | null {
  return country ?? getTimezone(timezone)?.countries[0] ?? null;
}
