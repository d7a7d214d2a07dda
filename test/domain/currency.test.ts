/** Amounts in minor units of their currency, and as people read them (docs/behaviour.md#money). */
import { describe, expect, it } from '@jest/globals';
import {
  type CityPay,
  payMaxIn,
  tariffOf,
  withBonusOf,
  withEarningsStepOf,
} from '../../domain/money/cityPay';
import { isCurrency, isLocale, minorDigits, moneyText } from '../../domain/money/currency';
import { DEFAULT_PAY_TARIFF } from '../../domain/money/pay';

describe('a currency', () => {
  it.each([
    ['EUR', 2],
    ['USD', 2],
    ['IDR', 2],
    ['JPY', 0],
    ['KRW', 0],
    ['VND', 0],
    ['KWD', 3],
    ['BHD', 3],
    ['TND', 3],
    ['CLF', 4],
  ])('%s has %d decimals', (code, digits) => {
    expect(isCurrency(code)).toBe(true);
    expect(minorDigits(code)).toBe(digits);
  });

  it.each(['XYZ', 'XXX', 'XTS', 'XAU', 'DEM', 'HRK', 'eur', 'EURO', 'EU', ''])('is not: %p', (code) => {
    expect(isCurrency(code)).toBe(false);
  });

  it('is one that the platform knows too, for each with other decimals than two', () => {
    const known = Intl.supportedValuesOf('currency').filter(isCurrency);
    expect(known.length).toBeGreaterThan(145);
    const named = new Intl.DisplayNames('en', { type: 'currency', fallback: 'none' });
    for (const code of known) expect(named.of(code)).toBeDefined();
  });
});

/** Intl puts no-break spaces between amount and symbol. */
const plain = (text: string): string => text.replace(/[\u00a0\u202f]/g, ' ');

describe('an amount', () => {
  it.each([
    [700, 'EUR', null, '€7.00'],
    [700, 'EUR', 'nl-NL', '€ 7,00'],
    [700, 'EUR', 'de-DE', '7,00 €'],
    [700, 'JPY', null, '¥700'],
    [700, 'JPY', 'ja-JP', '￥700'],
    [123_456, 'JPY', 'en', '¥123,456'],
    [700, 'KWD', null, 'KWD 0.700'],
    [1_234_567, 'KWD', 'en', 'KWD 1,234.567'],
    [5, 'USD', 'en-US', '$0.05'],
    [0, 'KRW', 'en', '₩0'],
    [2_147_483_647, 'EUR', 'en', '€21,474,836.47'],
  ])('of %d %s in %s is %s', (amount, currency, locale, text) => {
    expect(plain(moneyText(amount, currency, locale))).toBe(text);
  });

  it('is shown even where a row holds what is no code, or no language tag', () => {
    expect(moneyText(700, 'EURO', null)).toBe('EURO 7.00');
    expect(moneyText(700, 'EUR', 'no tag!')).toBe('EUR 7.00');
    expect(plain(moneyText(700, 'XYZ', null))).toBe('XYZ 7.00');
  });
});

describe('a locale', () => {
  it.each(['en', 'nl-NL', 'ja-JP', 'ar-KW', 'sr-Latn-RS'])('may be %s', (tag) => {
    expect(isLocale(tag)).toBe(true);
  });

  it.each(['', 'english please', 'nl_NL', 'xx-klingon-1'])('may not be %p', (tag) => {
    expect(isLocale(tag)).toBe(false);
  });
});

const YEN: CityPay = {
  baseCents: 450,
  centsPerKm: 90,
  centsPerMinute: 15,
  escalationBonusCents: 250,
  maxCents: 20_000,
};

describe('the pay of a city', () => {
  it('replaces tariff, cap and bonus of the settings', () => {
    expect(tariffOf(YEN)).toMatchObject({ baseCents: 450, centsPerKm: 90, centsPerMinute: 15 });
    expect(payMaxIn(YEN, { payMaxCents: 1 })).toEqual({ payMaxCents: 20_000 });
    expect(withBonusOf(YEN, { bonusCents: 1, other: 2 })).toEqual({ bonusCents: 250, other: 2 });
    expect(withEarningsStepOf(YEN, { earningsBucketCents: 500 })).toEqual({ earningsBucketCents: 750 });
  });

  it('is that of the settings where the city sets none', () => {
    expect(tariffOf(null)).toBe(DEFAULT_PAY_TARIFF);
    expect(payMaxIn(null, { payMaxCents: 1 })).toEqual({ payMaxCents: 1 });
    expect(withBonusOf(null, { bonusCents: 1 })).toEqual({ bonusCents: 1 });
    expect(withEarningsStepOf(null, { earningsBucketCents: 500 })).toEqual({ earningsBucketCents: 500 });
  });
});
