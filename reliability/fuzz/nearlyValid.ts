import fc from 'fast-check';
import { z } from 'zod';

/**
 * Values that have broken parsers, databases and logs. Some of them are valid for some fields and get past
 * validation.
 */
const ODD: readonly unknown[] = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  'a\nb',
  '😀',
  '\u202e',
  '__proto__',
  "'; DROP TABLE deliveries; --",
  '../../etc/passwd',
  '%00',
  '${7*7}',
  'x'.repeat(5_000),
  'x'.repeat(90),
  '2026-01-31T12:00:00Z',
  '2026-01-31T12:00:00.123456789+14:00',
  '2099-12-31T23:59:59Z',
  '9999-12-31T23:59:59Z',
  '+31 20 1234567',
  'EUR',
  'USD',
  'Europe/Berlin',
  'null',
  '1e999',
  '5',
  '100',
  0,
  -0,
  1,
  -1,
  0.5,
  52.37,
  4.89,
  2 ** 31,
  2 ** 53,
  -(2 ** 63),
  1e308,
  5e-324,
  180.0001,
  90,
  85.05112878,
  1_767_225_600_000,
  true,
  false,
  null,
  [],
  {},
];

/** Near the centre of the first tenant: the service refuses places far from their city. */
const RING = [
  [4.95, 39.95],
  [5.05, 39.95],
  [5, 40.05],
  [4.95, 39.95],
];
const HOLE = [
  [4.99, 39.99],
  [5.01, 39.99],
  [5, 40.01],
  [4.99, 39.99],
];
/** Complete values by field, for shapes that random parts never form: a ring must be closed. */
const WHOLE: Readonly<Record<string, readonly unknown[]>> = {
  area: [
    { type: 'Polygon', coordinates: [RING] },
    { type: 'Polygon', coordinates: [RING, HOLE] },
    { type: 'MultiPolygon', coordinates: [[RING], [HOLE]] },
  ],
  point: [
    { lat: 40.01, lng: 5.01 },
    { lat: 45.01, lng: 10.01 },
  ],
};

type Inner = (part: unknown, field?: string) => fc.Arbitrary<unknown>;

/** Existing values by field name, so that a request gets past validation. */
export type KnownValues = Readonly<Record<string, readonly string[]>>;

/**
 * Values for a schema: most are valid, some have one or two errors. They reach deeper code than random input.
 */
export function nearlyValid(schema: z.ZodType, known: KnownValues): fc.Arbitrary<unknown> {
  const pool = [...ODD, ...Object.values(known).flat()];
  const inner: Inner = (part, field = '') => {
    const [named, whole] = [known[field] ?? [], WHOLE[field] ?? []];
    return fc.oneof(
      { weight: 30, arbitrary: shaped(part, pool, inner) },
      { weight: 1, arbitrary: fc.oneof(fc.constantFrom(...pool), fc.jsonValue()) },
      ...(whole.length === 0 ? [] : [{ weight: 30, arbitrary: fc.constantFrom(...whole) }]),
      ...(named.length === 0 ? [] : [{ weight: 200, arbitrary: fc.constantFrom(...named) }]),
    );
  };
  return inner(schema);
}

function shaped(schema: unknown, pool: readonly unknown[], inner: Inner): fc.Arbitrary<unknown> {
  if (schema instanceof z.ZodObject) return objects(schema, inner);
  if (schema instanceof z.ZodArray) return fc.array(inner(schema.element), { minLength: 1, maxLength: 5 });
  if (schema instanceof z.ZodUnion) return fc.oneof(...schema.options.map((option) => inner(option)));
  if (schema instanceof z.ZodEnum) return fc.constantFrom(...schema.options);
  if (schema instanceof z.ZodLiteral) return fc.constantFrom(...schema.values);
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault)
    return inner(schema.unwrap());
  return leaves(schema, pool);
}

function leaves(schema: unknown, pool: readonly unknown[]): fc.Arbitrary<unknown> {
  const valid = pool.filter((leaf) => schema instanceof z.ZodType && schema.safeParse(leaf).success);
  const tame = valid.filter(isTame);
  const any = fc.constantFrom(...(valid.length > 0 ? valid : pool));
  return tame.length === 0
    ? any
    : fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...tame) }, { weight: 1, arbitrary: any });
}

/** Whether rules beyond the schema mostly accept the value. */
function isTame(leaf: unknown): boolean {
  return typeof leaf !== 'string' || (leaf.length <= 40 && /^[ -~]*$/.test(leaf) && leaf.trim() !== '');
}

function objects(schema: z.ZodObject, inner: Inner): fc.Arbitrary<unknown> {
  const fields = Object.fromEntries(
    Object.entries(schema.shape).map(([key, part]) => [key, inner(part, key)]),
  );
  const requiredKeys = Object.entries(schema.shape)
    .filter(([, part]) => part instanceof z.ZodType && !part.safeParse(undefined).success)
    .map(([key]) => key);
  const whole = fc.record(fields, { requiredKeys });
  const wrong = fc.record({ ...fields, surplus: fc.jsonValue() }, { requiredKeys: [] });
  return fc.oneof({ weight: 12, arbitrary: whole }, { weight: 1, arbitrary: wrong });
}
