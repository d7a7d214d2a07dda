import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  DEFAULT_PAY_TARIFF,
  isCents,
  payFor,
  withBonus,
  type PayTariff,
  type Work,
} from '../../domain/money/pay';

const cents = fc.nat(10_000);
const tariff: fc.Arbitrary<PayTariff> = fc.record({
  baseCents: cents,
  centsPerKm: cents,
  centsPerMinute: cents,
  freeWaitMs: fc.nat(3_600_000),
  waitCentsPerMinute: cents,
});
const amount = (max: number) => fc.double({ min: 0, max, noNaN: true });
const work: fc.Arbitrary<Work> = fc.record({
  distanceMeters: amount(100_000),
  travelMs: amount(36_000_000),
  waitMs: amount(36_000_000),
  bonusCents: cents,
});

describe('payFor', () => {
  it('adds base, distance, time, wait and bonus', () => {
    const pay = payFor(
      { distanceMeters: 4_250, travelMs: 930_000, waitMs: 390_000, bonusCents: 150 },
      DEFAULT_PAY_TARIFF,
    );
    expect(pay).toEqual({
      baseCents: 300,
      distanceCents: 340,
      timeCents: 155,
      waitCents: 30,
      bonusCents: 150,
      totalCents: 975,
    });
  });

  it('returns whole cents, in parts that add up to the total', () => {
    fc.assert(
      fc.property(work, tariff, (given, rates) => {
        const { totalCents, ...parts } = payFor(given, rates);
        expect(Object.values(parts).every((part) => isCents(part) && part >= 0)).toBe(true);
        expect(Object.values(parts).reduce((sum, part) => sum + part, 0)).toBe(totalCents);
      }),
    );
  });

  it('never pays less for more work', () => {
    fc.assert(
      fc.property(work, work, tariff, (a, more, rates) => {
        const b = {
          distanceMeters: a.distanceMeters + more.distanceMeters,
          travelMs: a.travelMs + more.travelMs,
          waitMs: a.waitMs + more.waitMs,
          bonusCents: a.bonusCents + more.bonusCents,
        };
        expect(payFor(b, rates).totalCents).toBeGreaterThanOrEqual(payFor(a, rates).totalCents);
      }),
    );
  });

  it('pays nothing for waiting within the free time', () => {
    fc.assert(
      fc.property(work, tariff, (given, rates) => {
        expect(payFor({ ...given, waitMs: Math.min(given.waitMs, rates.freeWaitMs) }, rates).waitCents).toBe(
          0,
        );
      }),
    );
  });

  it('rounds half a cent up', () => {
    const rates = { ...DEFAULT_PAY_TARIFF, baseCents: 0, centsPerKm: 1, centsPerMinute: 0 };
    const centsFor = (distanceMeters: number) =>
      payFor({ distanceMeters, travelMs: 0, waitMs: 0, bonusCents: 0 }, rates).distanceCents;
    expect([499, 500, 1_499, 1_500].map(centsFor)).toEqual([0, 1, 1, 2]);
  });
});

describe('withBonus', () => {
  it('raises bonus and total by the same amount, and nothing else', () => {
    fc.assert(
      fc.property(work, tariff, cents, (given, rates, extra) => {
        const pay = payFor(given, rates);
        expect(withBonus(pay, extra)).toEqual({
          ...pay,
          bonusCents: pay.bonusCents + extra,
          totalCents: pay.totalCents + extra,
        });
      }),
    );
  });
});

describe('isCents', () => {
  it('refuses fractions and inexact integers', () => {
    expect([0, -5, 12_345].every(isCents)).toBe(true);
    expect([0.5, NaN, Infinity, 2 ** 53].some(isCents)).toBe(false);
  });
});
