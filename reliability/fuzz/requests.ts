import fc from 'fast-check';
import { z } from 'zod';
import type { Operation } from './document';
import { CURSOR, idNumbers, isIdKind } from './knownIds';
import { type KnownValues, nearlyValid } from './nearlyValid';

/**
 * A request before placeholders are replaced. With `isOdd`, `method` and `path` may not be those of the
 * operation.
 */
export type Sent = {
  caller: string;
  method: string;
  path: string;
  isOdd: boolean;
  headers: Readonly<Record<string, string>>;
  /** null: no body. */
  body: string | null;
  /** How often it is sent at the same instant. */
  times: number;
};

const ODD_PARAMS: readonly string[] = [
  '%00',
  '%ZZ',
  '%E0%A4%A',
  '%2e%2e%2f',
  '..',
  'x'.repeat(3_000),
  '%F0%9F%98%80',
  'null',
  '%20',
  '0',
  "'--",
  '%22%3E',
  '00000000-0000-0000-0000-000000000000',
];
const ODD_QUERIES: readonly string[] = [
  'limit=0',
  'limit=1&limit=2',
  'limit[]=1',
  'limit[a]=1',
  '__proto__[x]=1',
  'constructor=1',
  'cursor=%00',
  'cursor=%ZZ',
  'since=now',
  `q=${'x'.repeat(6_000)}`,
  '&&&',
  '=',
  '%',
  'status=DELIVERED%00',
];
const ODD_HEADERS: Readonly<Record<string, readonly string[]>> = {
  'idempotency-key': ['', ' ', 'x'.repeat(128), 'x'.repeat(129), 'a b', 'kéy', 'one', 'one', 'two', "'; --"],
  'content-type': [
    'text/plain',
    'application/json; charset=utf-16',
    'application/json; charset=x',
    'application/xml',
    'multipart/form-data; boundary=x',
    'application/json;;',
    'APPLICATION/JSON',
    '',
    'application/problem+json',
  ],
  'content-encoding': ['gzip', 'br', 'deflate', 'zstd', 'identity', 'gzip, gzip'],
  'x-correlation-id': ['', 'x'.repeat(200), 'a b', 'fuzz.1:2-3', 'é', '../..'],
  accept: ['text/html', 'application/xml', '*/*', ''],
  'accept-encoding': ['gzip', 'x'],
  'transfer-encoding': ['chunked'],
  'x-forwarded-for': ['1.2.3.4', 'x', '::1, 2'],
  'x-http-method-override': ['DELETE'],
};
const ODD_BODIES: readonly string[] = [
  '',
  ' ',
  'null',
  '[]',
  '""',
  '0',
  'true',
  '{',
  '{"a":',
  '{}{}',
  '\uFEFF{}',
  '{"a":1,"a":2}',
  '{"__proto__":{"x":1}}',
  '{"constructor":{"prototype":{}}}',
  '{"a":1e999}',
  '{"\\u0000":"\\ud800"}',
  'NaN',
  "{'a':1}",
  '\u0000',
  '[['.repeat(5_000),
  `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
  `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`,
  `{"fixes":[${Array(2_000).fill('{"lat":1,"lng":1}').join()}]}`,
  `{"a":"${'x'.repeat(200_000)}"}`,
  `{${Array.from({ length: 5_000 }, (_, n) => `"k${n}":${n}`).join()}}`,
];

/** A caller, by the name of their role. */
export type Asking = { name: string; role: string };

/** Existing names, by the path segment that they follow. */
export type Names = Readonly<Record<'cities' | 'zones' | 'merchants' | 'features', readonly string[]>>;

/** Requests to one operation: mostly valid, some with one or two errors, some malformed. */
export function requestsTo(
  operation: Operation,
  { callers, names }: { callers: readonly Asking[]; names: Names },
): fc.Arbitrary<Sent> {
  const known = {
    cityId: names.cities,
    zoneId: names.zones,
    merchantId: names.merchants,
    driverId: idNumbers('drivers'),
    deliveryId: idNumbers('deliveries'),
    offerId: idNumbers('offers'),
    escalationId: idNumbers('escalations'),
    cursor: [CURSOR],
    timezone: ['UTC', 'Europe/Berlin'],
    currency: ['EUR'],
  };
  return fc
    .record({
      caller: whoAsks(operation, callers),
      params: fc.record(
        Object.fromEntries(
          Object.entries(operation.params).map(([name, schema]) => [
            name,
            mostly(
              param(operation, name, schema, { known, names }),
              fc.constantFrom(...ODD_PARAMS).map((raw) => ({ raw })),
            ),
          ]),
        ),
      ),
      query: mostly(queries(operation.query, known), fc.constantFrom(...ODD_QUERIES)),
      method: fc.oneof(
        { weight: 40, arbitrary: fc.constant(operation.method.toUpperCase()) },
        { weight: 1, arbitrary: fc.constantFrom('DELETE', 'PROPFIND', 'OPTIONS') },
      ),
      body: bodies(operation, known),
      headers: headers(operation),
      times: fc.oneof(
        { weight: 6, arbitrary: fc.constant(1) },
        { weight: 1, arbitrary: fc.integer({ min: 2, max: 4 }) },
      ),
    })
    .map((drawn) => sentOf(operation, drawn));
}

function mostly<T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 14, arbitrary: usual }, { weight: 1, arbitrary: odd });
}

/**
 * Whether a caller could change by right what this run relies on: ops of all cities move a driver to another
 * tenant, a suspension ends sockets, a stop refuses orders, and an erasure takes texts out of audit chains that the
 * checker hashes whole. These are left to test/api/{driverChanges,suspensions,zoneActs} and test/services/erasures.
 */
function changesRights({ method, path }: Operation, { name, role }: Asking): boolean {
  if (/\/(suspend|stop-orders)$/.test(path) || path === '/v2/ops/erasures') return role === 'ops';
  return method === 'patch' && path === '/v2/drivers/{id}' && name === 'ops-of-all';
}

/** Mostly callers whose role is allowed. */
function whoAsks(operation: Operation, all: readonly Asking[]): fc.Arbitrary<string> {
  const named = (of: readonly Asking[]): fc.Arbitrary<string> =>
    fc.constantFrom(...of.map(({ name }) => name));
  const callers = all.filter((caller) => !changesRights(operation, caller));
  const fitting = callers.filter(({ role }) => operation.roles.includes(role));
  return fitting.length === 0
    ? named(callers)
    : fc.oneof({ weight: 8, arbitrary: named(fitting) }, { weight: 1, arbitrary: named(callers) });
}

/** `raw`: sent without encoding. */
type Param = { text: string } | { raw: string };

/** Mostly an id of the kind that the path names before it: `/v2/offers/{id}`. */
function param(
  { path }: Operation,
  name: string,
  schema: z.ZodType,
  { known, names }: { known: KnownValues; names: Names },
): fc.Arbitrary<Param> {
  const any = nearlyValid(schema, known).map((value) => ({ text: textOf(value) }));
  const parts = path.split('/');
  const kind = parts[parts.indexOf(`{${name}}`) - 1] ?? '';
  const exist = isIdKind(kind) ? idNumbers(kind) : isNamed(kind, names) ? names[kind] : [];
  return exist.length === 0
    ? any
    : fc.oneof(
        { weight: 8, arbitrary: fc.constantFrom(...exist).map((text) => ({ text })) },
        { weight: 1, arbitrary: any },
      );
}

function isNamed(kind: string, names: Names): kind is keyof Names {
  return kind in names;
}

/** Mostly without a cursor: an invalid cursor would hide everything after it. */
function queries(schema: z.ZodObject, known: KnownValues): fc.Arbitrary<string> {
  const others = Object.fromEntries(Object.entries(schema.shape).filter(([name]) => name !== 'cursor'));
  return fc
    .oneof(
      { weight: 3, arbitrary: nearlyValid(z.object(others), known) },
      { weight: 1, arbitrary: nearlyValid(schema, known) },
    )
    .map(queryOf);
}

function bodies({ body }: Operation, known: KnownValues): fc.Arbitrary<string | null> {
  const odd = fc.oneof(
    fc.constantFrom(...ODD_BODIES),
    fc.string({ unit: 'binary', maxLength: 50 }),
    fc.json(),
  );
  if (body === null)
    return fc.oneof({ weight: 12, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: odd });
  return fc.oneof(
    { weight: 14, arbitrary: nearlyValid(body, known).map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: odd },
    { weight: 1, arbitrary: fc.constant(null) },
  );
}

function headers({ takesKey }: Operation): fc.Arbitrary<Record<string, string>> {
  const odd = fc
    .constantFrom(...Object.keys(ODD_HEADERS))
    .chain((name) => fc.constantFrom(...(ODD_HEADERS[name] ?? [''])).map((value) => ({ [name]: value })));
  const key = fc
    .constantFrom('one', 'two', 'three')
    .map((value): Record<string, string> => (takesKey ? { 'idempotency-key': value } : {}));
  return fc.oneof({ weight: 5, arbitrary: key }, { weight: 1, arbitrary: odd });
}

type Drawn = {
  caller: string;
  params: Record<string, Param>;
  query: string;
  method: string;
  body: string | null;
  headers: Record<string, string>;
  times: number;
};

function sentOf(
  operation: Operation,
  { caller, params, query, method, body, headers: extra, times }: Drawn,
): Sent {
  const filled = operation.path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) =>
    pathPart(params[name] ?? { raw: '' }),
  );
  return {
    caller,
    method,
    times,
    body,
    path: query === '' ? filled : `${filled}?${query}`,
    isOdd: method !== operation.method.toUpperCase() || !isRouted(operation, filled),
    headers: { ...(body === null ? {} : { 'content-type': 'application/json' }), ...extra },
  };
}

function pathPart(value: Param): string {
  return 'raw' in value ? value.raw : encode(value.text);
}

/** Whether the path still routes to this operation: each parameter is one segment and decodes. */
function isRouted({ path }: Operation, filled: string): boolean {
  const [wanted, given] = [path.split('/'), filled.split('/')];
  return (
    wanted.length === given.length &&
    given.every((part, at) => at === 0 || part !== '') &&
    !/%(?![0-9a-f]{2})|%E0%A4/i.test(filled)
  );
}

/** A JSON object may have a key `toString` and then no text form. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function queryOf(value: unknown): string {
  const pairs = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return pairs
    .flatMap(([key, each]) =>
      each === null || each === undefined ? [] : [`${encode(key)}=${encode(textOf(each))}`],
    )
    .join('&');
}

/** Lone surrogates cannot be sent in a URL. */
function encode(text: string): string {
  return encodeURIComponent(text.replaceAll(/\p{Cs}/gu, ''));
}
