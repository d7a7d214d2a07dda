/**
 * Building blocks of requests and replies. Every text, number and list is bounded; unknown fields are refused
 * by strict objects.
 */
import { z } from 'zod';

export { instantText, point } from '../../domain/notices/wireFields';

/**
 * PostgreSQL keeps no NUL, and JSON in UTF-8 no halves of characters; control characters have no place in
 * names.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u;
const UNPRINTABLE_BUT_LINES = /[^\P{Cc}\n\r\t]|\p{Cs}/u;

/** Text of one line. */
export function line(maxLength: number): z.ZodString {
  return z
    .string()
    .trim()
    .min(1)
    .max(maxLength)
    .refine((text) => !UNPRINTABLE.test(text), 'must not contain control characters');
}

/** Text that may have several lines. */
export function lines(maxLength: number): z.ZodString {
  return z
    .string()
    .trim()
    .min(1)
    .max(maxLength)
    .refine((text) => !UNPRINTABLE_BUT_LINES.test(text), 'must not contain control characters');
}

/** An id of ours: UUID. */
export const uuid = z.uuid().toLowerCase();

/** An id that ops choose: city, zone, merchant. */
export const slug = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/,
    'must be lower case letters, digits and hyphens, at most 64',
  );

const EARLIEST = Date.UTC(2000, 0, 1);
const LATEST = Date.UTC(2100, 0, 1);

/** An instant in ISO 8601 with its offset; epoch ms inside. */
export const instant = z.iso
  .datetime({ offset: true })
  .transform((text) => Date.parse(text))
  .pipe(z.number().min(EARLIEST, 'must be after the year 2000').max(LATEST, 'must be before the year 2100'));

/** Money: whole cents, up to a million. */
export const cents = z.int().min(0).max(100_000_000);

/** ISO 4217. */
export const currency = z.string().regex(/^[A-Z]{3}$/, 'must be three capital letters');

/** How many of a list are given at once. */
export const limit = limitTo(100, 20);

export function limitTo(most: number, otherwise: number): z.ZodType<number, string | undefined> {
  return z
    .string()
    .regex(/^\d{1,3}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(1).max(most))
    .default(otherwise);
}

/** Where a list goes on: what the page before gave as `nextCursor`. */
export const cursor = z
  .string()
  .max(64)
  .transform((text, context): string => {
    const id = uuid.safeParse(Buffer.from(text, 'base64url').toString('utf8'));
    if (id.success && cursorOf(id.data) === text) return id.data;
    context.addIssue({ code: 'custom', message: 'must be the nextCursor of the page before' });
    return z.NEVER;
  });

export function cursorOf(id: string): string {
  return Buffer.from(id).toString('base64url');
}

/** A place in a list by time: entries of one instant go by their ids. */
export type TimedPlace = { at: number; id: string };

/** Where a list by time goes on. */
export const timedCursor = z
  .string()
  .max(96)
  .transform((text, context): TimedPlace => {
    const [at, id, ...rest] = Buffer.from(text, 'base64url').toString('utf8').split('/');
    const place = z.object({ at: instant, id: uuid }).safeParse({ at, id });
    if (place.success && rest.length === 0 && timedCursorOf(place.data) === text) return place.data;
    context.addIssue({ code: 'custom', message: 'must be the nextCursor of the page before' });
    return z.NEVER;
  });

export function timedCursorOf({ at, id }: TimedPlace): string {
  return Buffer.from(`${iso(at)}/${id}`).toString('base64url');
}

/** Newest first; one more than asked for says whether there is another page. */
export function pageOf<T extends { id: string }>(
  rows: readonly T[],
  size: number,
): { rows: readonly T[]; nextCursor: string | null } {
  const shown = rows.slice(0, size);
  const last = shown.at(-1);
  return { rows: shown, nextCursor: rows.length > size && last ? cursorOf(last.id) : null };
}

export function iso(at: number | Date): string;
export function iso(at: number | Date | null): string | null;
export function iso(at: number | Date | null): string | null {
  if (at === null) return null;
  return (typeof at === 'number' ? new Date(at) : at).toISOString();
}
