/**
 * Building blocks of request and reply schemas. Every text, number and list is bounded. Strict objects refuse
 * unknown fields.
 */
import { z } from 'zod';

export { instantText, point } from '../../domain/notices/wireFields';

/** PostgreSQL cannot store NUL, and UTF-8 cannot encode lone surrogates. Other control characters are refused too. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u;
const EACH_UNPRINTABLE = new RegExp(UNPRINTABLE, 'gu');
const UNPRINTABLE_BUT_LINES = /[^\P{Cc}\n\r\t]|\p{Cs}/u;

/** A text of one line. */
export function line(maxLength: number): z.ZodString {
  return z
    .string()
    .trim()
    .min(1)
    .max(maxLength)
    .refine((text) => !UNPRINTABLE.test(text), 'must not contain control characters');
}

/** A text that may have several lines. */
export function lines(maxLength: number): z.ZodString {
  return z
    .string()
    .trim()
    .min(1)
    .max(maxLength)
    .refine((text) => !UNPRINTABLE_BUT_LINES.test(text), 'must not contain control characters');
}

type OrNull<S extends z.ZodType> = z.ZodDefault<z.ZodPreprocess<z.ZodNullable<S>>>;

/** A field that may be left out. Shops and forms send an empty text for that, which counts as null. */
export function orNull<S extends z.ZodType>(schema: S): OrNull<S> {
  return z.preprocess((given) => (isBlank(given) ? null : given), schema.nullable()).default(null);
}

/** A field of a change. Absent: it stays as it is; null or an empty text: it is emptied. */
export function orUnchanged<S extends z.ZodType>(
  schema: S,
): z.ZodOptional<z.ZodPreprocess<z.ZodNullable<S>>> {
  return z.preprocess((given) => (isBlank(given) ? null : given), schema.nullable()).optional();
}

/** A filter of a query that may be left out; empty counts as left out. */
export function unlessEmpty<S extends z.ZodType>(
  schema: S,
): z.ZodOptional<z.ZodPreprocess<z.ZodOptional<S>>> {
  return z.preprocess((given) => (isBlank(given) ? undefined : given), schema.optional()).optional();
}

function isBlank(given: unknown): boolean {
  return typeof given === 'string' && given.trim() === '';
}

const MAX_PHONE = 200;

/**
 * A phone number as it was given, or null. No number is refused: what cannot be stored is left out, and a number
 * that nobody can call is kept for people to read.
 */
export const phoneText = z
  .preprocess((given) => (typeof given === 'number' ? String(given) : given), z.string().transform(storable))
  .meta({ description: 'Kept as given. The service adds the number in E.164 where it finds one' });

export const phone = orNull(phoneText);

function storable(text: string): string | null {
  const kept = text.slice(0, MAX_PHONE).replace(EACH_UNPRINTABLE, ' ');
  return isBlank(kept) ? null : kept;
}

/** An id of the service: a UUID. */
export const uuid = z.uuid().toLowerCase();

/** An id that ops choose, of a city, zone or merchant. */
export const slug = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/,
    'must be lower case letters, digits and hyphens, at most 64',
  );

const EARLIEST = Date.UTC(2000, 0, 1);
const LATEST = Date.UTC(2100, 0, 1);

/** An instant in ISO 8601 with offset, converted to epoch ms. */
export const instant = z.iso
  .datetime({ offset: true })
  .transform((text) => Date.parse(text))
  .pipe(z.number().min(EARLIEST, 'must be after the year 2000').max(LATEST, 'must be before the year 2100'));

/**
 * An instant by the clock of a device, which may be years off: that is measured, and corrected
 * (docs/behaviour.md#positions).
 */
export const deviceInstant = z.iso
  .datetime({ offset: true })
  .transform((text) => Date.parse(text))
  .pipe(z.number().min(0, 'must be after the year 1970').max(LATEST, 'must be before the year 2100'));

/** An amount of money in minor units of its currency: up to 1,000,000 where it has two decimals. */
export const cents = z.int().min(0).max(100_000_000);

/** A currency code of ISO 4217. */
export const currency = z.string().regex(/^[A-Z]{3}$/, 'must be three capital letters');

/** The page size of a list. */
export const limit = limitTo(100, 20);

export function limitTo(max: number, byDefault: number): z.ZodType<number, string | undefined> {
  return z
    .string()
    .regex(/^\d{1,3}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(1).max(max))
    .default(byDefault);
}

/** The cursor of a list: the `nextCursor` of the previous page. */
export const cursor = z
  .string()
  .max(64)
  .transform((text, context): string => {
    const id = uuid.safeParse(Buffer.from(text, 'base64url').toString('utf8'));
    if (id.success && cursorOf(id.data) === text) return id.data;
    context.addIssue({ code: 'custom', message: 'must be the nextCursor of the previous page' });
    return z.NEVER;
  });

export function cursorOf(id: string): string {
  return Buffer.from(id).toString('base64url');
}

/** A position in a list ordered by time and id. */
export type TimedPosition = { at: number; id: string };

/** The cursor of a list ordered by time. */
export const timedCursor = z
  .string()
  .max(96)
  .transform((text, context): TimedPosition => {
    const [at, id, ...rest] = Buffer.from(text, 'base64url').toString('utf8').split('/');
    const place = z.object({ at: instant, id: uuid }).safeParse({ at, id });
    if (place.success && rest.length === 0 && timedCursorOf(place.data) === text) return place.data;
    context.addIssue({ code: 'custom', message: 'must be the nextCursor of the previous page' });
    return z.NEVER;
  });

export function timedCursorOf({ at, id }: TimedPosition): string {
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
