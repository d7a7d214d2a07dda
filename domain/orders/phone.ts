import { isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js';

/**
 * A phone number in E.164, `+31201234567`, by libphonenumber. An extension is left out: E.164 has none.
 * @param given as a person wrote it
 * @param country ISO 3166-1 alpha-2: where a number without a country code belongs; null = unknown
 * @returns null where the text holds no number that could be called
 */
export function e164Of(given: string | null, country: string | null): string | null {
  if (given === null) return null;
  const defaultCountry = country !== null && isSupportedCountry(country) ? country : undefined;
  const parsed = parsePhoneNumberFromString(given, { defaultCountry });
  return parsed?.isPossible() === true ? parsed.number : null;
}

/** The digits of a number in E.164 without its country code, as people of that country write it but for a zero. */
export function nationalDigitsOf(e164: string): string | null {
  return parsePhoneNumberFromString(e164)?.nationalNumber ?? null;
}

/** Whether this is a country of ISO 3166-1 alpha-2 that has phone numbers. */
export function isCountry(country: string): boolean {
  return isSupportedCountry(country);
}
