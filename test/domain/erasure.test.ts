/** Whom an erasure finds (docs/privacy.md#erasure), and what of an audit entry is text. */
import { describe, expect, test } from '@jest/globals';
import { splitTexts, textFieldsOf } from '../../domain/audit/auditTexts';
import type { AuditRecord } from '../../domain/audit/auditRecord';
import { customerMatch, digitsOf, erasureStateOf } from '../../domain/privacy/erasure';

describe('a customer', () => {
  test('is found by a phone however it was written, in the countries of our cities', () => {
    const match = customerMatch({ phone: '020 123 4567 x5', name: null }, [null, 'NL', 'DE']);
    expect(match?.phone?.e164s).toContain('+31201234567');
    expect(match?.phone?.digits).toEqual(expect.arrayContaining(['201234567', '31201234567']));
    expect(match?.name).toBeNull();
  });

  test.each([
    ['020 123 4567 x5', '201234567'],
    ['(+49) 151 2345678', '491512345678'],
    ['0031 20 1234567 ext. 12', '31201234567'],
    ['----', ''],
  ])('has the digits of %s', (phone, digits) => {
    expect(digitsOf(phone)).toBe(digits);
  });

  test('is found by a phone with a country code where the shop gave none', () => {
    const match = customerMatch({ phone: '+31 20 1234567', name: null }, [null, 'NL']);
    expect(match?.phone?.digits).toEqual(expect.arrayContaining(['201234567', '31201234567']));
  });

  test('is not found by a phone of a few digits, which could be anybody’s', () => {
    for (const phone of ['----', '112', '0 0 0 1234 5'])
      expect(customerMatch({ phone, name: 'Anna' }, ['NL'])).toBeNull();
  });

  test('is found by name without case and outer spaces', () => {
    expect(customerMatch({ phone: null, name: '  Zoë Smith ' }, [])).toEqual({
      phone: null,
      name: 'zoë smith',
    });
  });
});

describe('an erasure', () => {
  test('runs until everybody is found, and waits for open deliveries', () => {
    expect(erasureStateOf({ isFound: false, finishedAt: null })).toBe('RUNNING');
    expect(erasureStateOf({ isFound: true, finishedAt: null })).toBe('WAITING');
    expect(erasureStateOf({ isFound: true, finishedAt: 1 })).toBe('DONE');
  });
});

describe('the texts of an audit entry', () => {
  const record: AuditRecord = {
    id: 'e',
    at: 1,
    kind: 'test',
    chain: 'delivery',
    cityId: 'c',
    deliveryId: 'd',
    driverId: null,
    merchantId: null,
    sellerOrderId: null,
    actor: { kind: 'ops', id: 'olga' },
    from: null,
    to: null,
    why: 'Mrs Smith waits',
    deviceAt: null,
    detail: { note: 'call her', bonusCents: 5, meeting: { lat: 52, lng: 4 } },
    correlationId: 'c',
  };

  test('are what ops typed, and places', () => {
    expect(textFieldsOf(record)).toEqual(['why', 'note', 'meeting']);
    expect(splitTexts(record, textFieldsOf(record))).toEqual({
      rest: { ...record, why: null, detail: { bonusCents: 5 } },
      texts: { why: 'Mrs Smith waits', note: 'call her', meeting: { lat: 52, lng: 4 } },
    });
  });

  test.each([
    ['codes of ops', { why: 'OPS_CANCELLED' }],
    ['one-word codes', { why: 'REFUSED' }],
    ['what the system says', { actor: { kind: 'system', id: 'search' }, why: 'driver lost: FELL_SILENT' }],
    ['steps of drivers', { actor: { kind: 'driver', id: 'd' }, why: 'pickUp' }],
  ] as const)('are not %s', (_name, said) => {
    expect(textFieldsOf({ ...record, detail: null, ...said })).toEqual([]);
  });

  test('are a driver’s reason for a break, now or later, but no planned end', () => {
    const actor = { kind: 'driver', id: 'd' } as const;
    const why = 'BREAK_STARTED';
    const fields = (detail: Record<string, unknown>) => textFieldsOf({ actor, why, detail });
    expect(fields({ until: null, reason: 'doctor', pending: null })).toEqual(['reason']);
    expect(fields({ reason: null, pending: { kind: 'BREAK', minutes: 5, reason: 'doctor' } })).toEqual([
      'pending',
    ]);
    expect(fields({ reason: null, pending: { kind: 'BREAK', minutes: 5, reason: null } })).toEqual([]);
    expect(fields({ reason: null, pending: { kind: 'OFFLINE' } })).toEqual([]);
  });
});
