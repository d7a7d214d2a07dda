/**
 * A hash chain followed from its first entry to its head, and what is said of one that does not hang together
 * (ADR 11).
 */
import { describe, expect, test } from '@jest/globals';
import type { AuditRecord } from '../../domain/audit/auditRecord';
import { type ChainedEntry, followChain, scopeOfCheck } from '../../domain/audit/auditChain';

const CHAIN = 'delivery/d';
const hashOf = (previous: string | null, { id, why, at }: AuditRecord): string =>
  `${previous ?? ''}<${id}:${why}:${at}>`;

const rehash = ({ previous, record: said }: ChainedEntry) =>
  ({ hash: hashOf(previous, said), texts: 'NONE' }) as const;

function record(id: string, at: number): AuditRecord {
  return {
    id,
    at,
    kind: 'test',
    chain: 'delivery',
    cityId: 'rome',
    deliveryId: 'd',
    driverId: null,
    merchantId: null,
    sellerOrderId: null,
    actor: { kind: 'system', id: 'test' },
    from: null,
    to: null,
    why: 'so',
    deviceAt: null,
    detail: null,
    correlationId: 'c',
  };
}

/** Their clocks run backwards: the order is that of the hashes. */
function chain(...ids: string[]): ChainedEntry[] {
  const entries: ChainedEntry[] = [];
  for (const id of ids) {
    const [said, previous] = [record(id, 1_000 - entries.length), entries.at(-1)?.hash ?? null];
    entries.push({ record: said, chain: CHAIN, previous, hash: hashOf(previous, said), salt: null });
  }
  return entries;
}

const headOf = (entries: readonly ChainedEntry[]) => ({ hash: entries.at(-1)?.hash ?? null, cityId: 'rome' });
const follow = (
  entries: readonly ChainedEntry[],
  head: Parameters<typeof followChain>[2] = headOf(entries),
) => followChain(CHAIN, entries, head, rehash);
const found = (entries: readonly ChainedEntry[], head?: Parameters<typeof followChain>[2]) =>
  follow(entries, head).problems.map(({ kind, entryId }) => [kind, entryId]);

describe('a chain', () => {
  const whole = chain('a', 'b', 'c', 'd');
  const [a, b, c, d] = whole as [ChainedEntry, ChainedEntry, ChainedEntry, ChainedEntry];

  test('is valid where it was not changed, in whatever order its entries are read', () => {
    const { entries, problems } = follow([c, a, d, b], headOf(whole));
    expect(problems).toEqual([]);
    expect(entries.map(({ record: { id } }) => id)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('with changed content is reported, with the entry', () => {
    expect(
      follow([a, { ...b, record: { ...b.record, why: 'not so' } }, c, d], headOf(whole)).problems,
    ).toEqual([
      {
        chain: CHAIN,
        entryId: 'b',
        cityId: 'rome',
        kind: 'CONTENT_DIFFERS',
        detail: expect.stringContaining('content differs from what was hashed'),
      },
    ]);
  });

  test('with a rehashed entry is reported at the next entry', () => {
    const said = { ...b.record, why: 'not so' };
    expect(found([a, { ...b, record: said, hash: hashOf(a.hash, said) }, c, d], headOf(whole))).toEqual([
      ['LINK_MISSING', 'c'],
    ]);
    const last = { ...d.record, why: 'not so' };
    expect(found([a, b, c, { ...d, record: last, hash: hashOf(c.hash, last) }], headOf(whole))).toEqual([
      ['HEAD_DIFFERS', 'd'],
    ]);
  });

  test('that lacks its first, a middle or its last entry is reported at the gap', () => {
    expect(found([b, c, d], headOf(whole))).toEqual([['LINK_MISSING', 'b']]);
    expect(found([a, b, d], headOf(whole))).toEqual([['LINK_MISSING', 'd']]);
    expect(found([a, b, c], headOf(whole))).toEqual([['HEAD_DIFFERS', 'c']]);
    expect(follow([a, d, b], headOf(whole)).entries.map(({ record: { id } }) => id)).toEqual(['a', 'b', 'd']);
  });

  test('with two swapped entries is reported at both', () => {
    const swapped = [a, { ...b, record: c.record }, { ...c, record: b.record }, d];
    expect(found(swapped, headOf(whole))).toEqual([
      ['CONTENT_DIFFERS', 'c'],
      ['CONTENT_DIFFERS', 'b'],
    ]);
  });

  test('with an inserted fork is reported at the inserted entry', () => {
    expect(found([...whole, { ...b, record: { ...b.record, id: 'x' } }], headOf(whole))).toEqual([
      ['CONTENT_DIFFERS', 'x'],
      ['TWO_FOLLOW', 'x'],
    ]);
    const said = record('y', 5);
    expect(
      found(
        [...whole, { record: said, chain: CHAIN, previous: null, hash: hashOf(null, said), salt: null }],
        headOf(whole),
      ),
    ).toEqual([['TWO_FOLLOW', 'y']]);
  });

  test('that continues past the head of its row is reported at the extra entry', () => {
    expect(follow(whole, headOf([a, b])).problems).toEqual([
      expect.objectContaining({
        kind: 'HEAD_DIFFERS',
        entryId: 'd',
        detail: 'the row names entry b as the last one',
      }),
    ]);
    expect(found(whole, { hash: null, cityId: 'rome' })).toEqual([['HEAD_DIFFERS', 'd']]);
  });

  test('without entries or without a row is reported as a whole', () => {
    expect(found([], { hash: 'gone', cityId: 'rome' })).toEqual([['NO_ENTRIES', null]]);
    expect(found([], { hash: null, cityId: 'rome' })).toEqual([['NO_ENTRIES', null]]);
    expect(followChain(CHAIN, whole, undefined, rehash).problems).toMatchObject([
      { kind: 'NO_ROW', cityId: 'rome' },
    ]);
  });

  test('with an entry of another chain is reported with that chain', () => {
    const strange = { ...d, record: { ...d.record, deliveryId: 'other' } };
    expect(follow([a, b, c, strange], headOf(whole)).problems).toContainEqual(
      expect.objectContaining({ entryId: 'd', detail: 'the entry is one of delivery/other' }),
    );
  });

  test('that forms a cycle terminates', () => {
    expect(found([{ ...a, previous: d.hash }, b, c, d], headOf(whole)).map(([kind]) => kind)).toEqual([
      'CONTENT_DIFFERS',
      'LINK_MISSING',
      'HEAD_DIFFERS',
    ]);
  });
});

describe('the scope of a check', () => {
  const DAY = 86_400_000;

  test('is everything at first, then what changed since and a share of the rest', () => {
    expect(scopeOfCheck(100 * DAY, null).since).toBe(0);
    expect(scopeOfCheck(100 * DAY, 99 * DAY)).toEqual({ since: 99 * DAY, lastDigits: ['8', '9'] });
  });

  test('covers every chain within eight days', () => {
    const digits = Array.from(
      { length: 8 },
      (_, day) => scopeOfCheck((20_000 + day) * DAY + 5, 0).lastDigits,
    ).flat();
    expect([...digits].sort()).toEqual([...'0123456789abcdef']);
  });
});
