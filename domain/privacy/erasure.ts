/** Who is to be erased, and how they are found. docs/privacy.md#erasure. */
import { e164Of, nationalDigitsOf } from '../orders/phone';

/** A request to erase. A customer has no account: they are found by what a shop gave of them. */
export type ErasureRequest =
  { kind: 'CUSTOMER'; phone: string | null; name: string | null } | { kind: 'DRIVER'; driverId: string };

/** What stops are compared with; null = not by this. All that is given must match. */
export type CustomerMatch = { phone: { e164s: string[]; digits: string[] } | null; name: string | null };

/** RUNNING: people are being found. WAITING: found deliveries are open, and are erased once they end. */
export type ErasureState = 'RUNNING' | 'WAITING' | 'DONE';

/** Fewer digits would match by chance. */
export const FEWEST_DIGITS = 6;

/**
 * @param countries where a number without a country code may belong, as when orders were taken
 * @returns null if the phone has too few digits to find anybody by
 */
export function customerMatch(
  { phone, name }: { phone: string | null; name: string | null },
  countries: readonly (string | null)[],
): CustomerMatch | null {
  if (phone === null) return { phone: null, name: name && nameKey(name) };
  const e164s = [...new Set(countries.flatMap((country) => e164Of(phone, country) ?? []))];
  const national = e164s.flatMap((e164) => nationalDigitsOf(e164) ?? []);
  const digits = [...new Set([digitsOf(phone), ...e164s.map(digitsOf), ...national])];
  if (digits.some((each) => each.length < FEWEST_DIGITS)) return null;
  return { phone: { e164s, digits }, name: name && nameKey(name) };
}

/** The digits of a number without extension and leading zeros. PostgreSQL computes the same for its index. */
export function digitsOf(phone: string): string {
  return phone
    .toLowerCase()
    .replace(/(x|ext).*$/, '')
    .replace(/\D/g, '')
    .replace(/^0+/, '');
}

/** Names are compared without case and outer spaces. */
export function nameKey(name: string): string {
  return name.trim().toLowerCase();
}

export function erasureStateOf(erasure: { isFound: boolean; finishedAt: number | null }): ErasureState {
  if (erasure.finishedAt !== null) return 'DONE';
  return erasure.isFound ? 'WAITING' : 'RUNNING';
}
