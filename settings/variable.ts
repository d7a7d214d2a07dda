import { z } from 'zod';
import { type FeatureState, featureStateOf } from '../domain/features/rollout';

/** Variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** One environment variable: its schema, and its description for messages and docs/settings.md. */
export type Variable<T> = {
  name: string;
  /** Parses the raw text; undefined if unset. Its issues never contain the value of a secret. */
  schema: z.ZodType<T, string | undefined>;
  /** The allowed values, in words. */
  allowed: string;
  /** The default value; null = none. */
  fallback: string | null;
  meaning: string;
};

type Words = Pick<Variable<unknown>, 'name' | 'allowed' | 'fallback' | 'meaning'>;
type Reading<T> = { value: T } | { wrong: string };
type Bounds = { min: number; max: number };

/** If unset, parses the fallback, or returns `unset` without a fallback. */
function variable<T>(words: Words, read: (text: string) => Reading<T>, unset: Reading<T>): Variable<T> {
  const schema = z
    .string()
    .optional()
    .transform((text, context): T => {
      const given = text ?? words.fallback;
      const reading = given === null ? unset : read(given);
      if ('value' in reading) return reading.value;
      context.addIssue({
        code: 'custom',
        message: `${words.name} ${reading.wrong}; allowed: ${words.allowed}`,
      });
      return z.NEVER;
    });
  return { ...words, schema };
}

const MISSING = { wrong: 'is not set' } as const;
const NONE = { value: null } as const;

/** An integer within inclusive bounds. */
export function whole(name: string, fallback: number, bounds: Bounds, meaning: string): Variable<number> {
  return variable(
    { name, allowed: wholeWords(bounds), fallback: String(fallback), meaning },
    (text) => readWhole(text, bounds),
    MISSING,
  );
}

/** An integer within inclusive bounds; may be unset. */
export function optionalWhole(name: string, bounds: Bounds, meaning: string): Variable<number | null> {
  return variable<number | null>(
    { name, allowed: wholeWords(bounds), fallback: null, meaning },
    (text) => readWhole(text, bounds),
    NONE,
  );
}

/** A number within inclusive bounds, with a decimal point. */
export function decimal(
  name: string,
  fallback: number,
  { min, max }: Bounds,
  meaning: string,
): Variable<number> {
  return variable(
    { name, allowed: `a number from ${min} to ${max}`, fallback: String(fallback), meaning },
    (text) =>
      /^\d{1,9}(\.\d{1,9})?$/.test(text) && isWithin(text, { min, max })
        ? { value: Number(text) }
        : wrongValue(text),
    MISSING,
  );
}

/** One of several values. */
export function choice<const T extends string>(
  name: string,
  fallback: T,
  words: readonly T[],
  meaning: string,
): Variable<T> {
  return variable(
    { name, allowed: words.join(', '), fallback, meaning },
    (text) => readWord(text, words),
    MISSING,
  );
}

/** Unset = off and switchable, `true` = on, literal `false` = killed (docs/behaviour.md#features). */
export function featureSwitch(name: string, meaning: string): Variable<FeatureState> {
  return variable<FeatureState>(
    {
      name,
      allowed: 'true, false, or unset',
      fallback: null,
      meaning: `${meaning}. Unset: off, can be switched on. false: killed, nothing overrides it`,
    },
    (text) => {
      const state = featureStateOf(text);
      return state === null ? wrongValue(text) : { value: state };
    },
    { value: 'OFF' },
  );
}

/** Text without spaces. */
export function word(name: string, fallback: string, meaning: string): Variable<string> {
  return variable<string>(
    { name, allowed: '1 to 200 characters without spaces', fallback, meaning },
    (text) => (/^\S{1,200}$/.test(text) ? { value: text } : wrongValue(text)),
    MISSING,
  );
}

/** Ids separated by commas; unset = null, which means all. */
export function optionalIds(name: string, meaning: string): Variable<readonly string[] | null> {
  return variable<readonly string[] | null>(
    {
      name,
      allowed: 'ids of lower case letters, digits and hyphens, separated by commas',
      fallback: null,
      meaning,
    },
    (text) => {
      const ids = text.split(',').map((id) => id.trim());
      return ids.every((id) => /^[a-z0-9-]{1,64}$/.test(id)) ? { value: ids } : wrongValue(text);
    },
    NONE,
  );
}

/** Words from a list, separated by commas; unset = none. */
export function choiceList<const T extends string>(
  name: string,
  words: readonly T[],
  meaning: string,
): Variable<readonly T[]> {
  return variable<readonly T[]>(
    { name, allowed: `any of ${words.join(', ')}, separated by commas`, fallback: null, meaning },
    (text) => {
      const given = text.split(',').map((word) => word.trim());
      const found = words.filter((word) => given.includes(word));
      return found.length === new Set(given).size ? { value: found } : wrongValue(text);
    },
    { value: [] },
  );
}

/** `word=meaning` separated by commas, each meaning from a list; unset = null. */
export function optionalWordPairs<const T extends string>(
  name: string,
  meanings: readonly T[],
  meaning: string,
): Variable<ReadonlyMap<string, T> | null> {
  const allowed = `value=role pairs, separated by commas; each role one of ${meanings.join(', ')}`;
  return variable<ReadonlyMap<string, T> | null>(
    { name, allowed, fallback: null, meaning },
    (text) => {
      const pairs = text.split(',').map((pair) => readPair(pair.trim(), meanings));
      const known = pairs.filter((pair) => pair !== null);
      return known.length === pairs.length ? { value: new Map(known) } : wrongValue(text);
    },
    NONE,
  );
}

function readPair<T extends string>(pair: string, meanings: readonly T[]): [string, T] | null {
  const end = pair.lastIndexOf('=');
  const means = meanings.find((each) => each === pair.slice(end + 1));
  return end < 1 || means === undefined ? null : [pair.slice(0, end), means];
}

/** Origins separated by commas, as browsers send them; unset = null. */
export function optionalOrigins(name: string, meaning: string): Variable<readonly string[] | null> {
  return variable<readonly string[] | null>(
    {
      name,
      allowed: 'origins such as https://ops.example, separated by commas, without a path; no wildcard',
      fallback: null,
      meaning,
    },
    (text) => {
      const origins = text.split(',').map((origin) => origin.trim());
      return origins.every(isOrigin) ? { value: origins } : wrongValue(text);
    },
    NONE,
  );
}

/** Apps in a web view have origins of their own schemes, such as capacitor://localhost. */
function isOrigin(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9.[\]:-]+$/.test(text) && URL.canParse(text);
}

/** A URL that may contain a password, so its value is never shown. */
export function secretUrl(name: string, protocols: readonly string[], meaning: string): Variable<string> {
  return variable<string>(
    { name, allowed: urlWords(protocols), fallback: null, meaning },
    (text) =>
      isUrl(text, protocols) ? { value: text } : { wrong: 'is not a valid URL (its value is not shown)' },
    MISSING,
  );
}

/**
 * A URL that may contain a secret, so its value is never shown; may be unset. Plain HTTP is allowed only for
 * this machine.
 */
export function optionalSecretUrl(name: string, meaning: string): Variable<string | null> {
  return variable<string | null>(
    { name, allowed: SAFE_URL_WORDS, fallback: null, meaning },
    (text) => (isSafeUrl(text) ? { value: text } : { wrong: 'is not a valid URL (its value is not shown)' }),
    NONE,
  );
}

/** A URL without secrets. Plain HTTP is allowed only for this machine. */
export function safeUrl(name: string, fallback: string, meaning: string): Variable<string> {
  return variable<string>(
    { name, allowed: SAFE_URL_WORDS, fallback, meaning },
    (text) => (isSafeUrl(text) ? { value: text } : wrongValue(text)),
    MISSING,
  );
}

/**
 * Text of a given pattern; may be unset.
 * @param isSecret never show its value
 */
export function optionalText(
  name: string,
  { pattern, allowed, isSecret }: { pattern: RegExp; allowed: string; isSecret: boolean },
  meaning: string,
): Variable<string | null> {
  const wrong = (text: string): { wrong: string } =>
    isSecret ? { wrong: 'has the wrong format (its value is not shown)' } : wrongValue(text);
  return variable<string | null>(
    { name, allowed, fallback: null, meaning },
    (text) => (pattern.test(text) ? { value: text } : wrong(text)),
    NONE,
  );
}

/** A URL without secrets; may be unset. */
export function optionalUrl(
  name: string,
  protocols: readonly string[],
  meaning: string,
): Variable<string | null> {
  return variable<string | null>(
    { name, allowed: urlWords(protocols), fallback: null, meaning },
    (text) => (isUrl(text, protocols) ? { value: text } : wrongValue(text)),
    NONE,
  );
}

/** `id=key` pairs separated by commas, each key 32 bytes in base64; unset = none. Never shown. */
export function optionalPayloadKeys(
  name: string,
  meaning: string,
): Variable<ReadonlyMap<string, Uint8Array>> {
  return variable<ReadonlyMap<string, Uint8Array>>(
    {
      name,
      allowed: 'id=key pairs with different ids, separated by commas; each key 32 bytes in base64',
      fallback: null,
      meaning,
    },
    (text) => {
      const pairs = text.split(',').map((pair) => readPayloadKey(pair.trim()));
      const known = pairs.filter((pair) => pair !== null);
      const keys = new Map(known);
      return keys.size === pairs.length
        ? { value: keys }
        : { wrong: 'has the wrong format (its value is not shown)' };
    },
    { value: new Map() },
  );
}

function readPayloadKey(pair: string): [string, Uint8Array] | null {
  const [, id, text] = /^([A-Za-z0-9_.-]{1,64})=([A-Za-z0-9+/_-]{43}=?)$/.exec(pair) ?? [];
  if (id === undefined || text === undefined) return null;
  const key = Buffer.from(text, 'base64');
  return key.length === 32 ? [id, key] : null;
}

/** The origin of a page, without a path; may be unset. */
export function optionalBareOrigin(name: string, meaning: string): Variable<string | null> {
  return variable<string | null>(
    {
      name,
      allowed: 'an origin such as https://temporal.example.com, without a path',
      fallback: null,
      meaning,
    },
    (text) =>
      isUrl(text, ['https:', 'http:']) && new URL(text).origin === text ? { value: text } : wrongValue(text),
    NONE,
  );
}

/** A secret key of at least this many bytes; may be unset. */
export function optionalKey(name: string, minBytes: number, meaning: string): Variable<string | null> {
  return variable<string | null>(
    { name, allowed: `at least ${minBytes} bytes`, fallback: null, meaning },
    (text) =>
      Buffer.byteLength(text) >= minBytes
        ? { value: text }
        : { wrong: `has only ${Buffer.byteLength(text)} bytes (its value is not shown)` },
    NONE,
  );
}

function readWhole(text: string, bounds: Bounds): Reading<number> {
  return /^\d{1,15}$/.test(text) && isWithin(text, bounds) ? { value: Number(text) } : wrongValue(text);
}

function readWord<T extends string>(text: string, words: readonly T[]): Reading<T> {
  const found = words.find((each) => each === text);
  return found === undefined ? wrongValue(text) : { value: found };
}

function isWithin(text: string, { min, max }: Bounds): boolean {
  return Number(text) >= min && Number(text) <= max;
}

function isUrl(text: string, protocols: readonly string[]): boolean {
  return URL.canParse(text) && protocols.includes(new URL(text).protocol) && new URL(text).hostname !== '';
}

function isSafeUrl(text: string): boolean {
  if (!isUrl(text, ['https:', 'http:'])) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || ['127.0.0.1', 'localhost'].includes(hostname);
}

function wrongValue(text: string): { wrong: string } {
  return { wrong: `is ${JSON.stringify(text.slice(0, 80))}` };
}

const wholeWords = ({ min, max }: Bounds): string => `a whole number from ${min} to ${max}`;
const SAFE_URL_WORDS = 'a URL that begins with https://, or http:// on 127.0.0.1 or localhost';
const urlWords = (protocols: readonly string[]): string =>
  `an address that begins with ${protocols.map((each) => `${each}//`).join(' or ')}`;
