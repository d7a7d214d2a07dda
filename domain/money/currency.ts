/**
 * Currencies of ISO 4217, and amounts as people read them. Amounts are whole numbers of the currency's minor unit:
 * cents of a euro, yen (which have no cents), fils of a dinar. docs/behaviour.md#money.
 */

/** In use, and with two decimals. */
const TWO_DECIMALS =
  'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC ' +
  'CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR ' +
  'JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD ' +
  'NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN ' +
  'SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG';
const NO_DECIMALS = 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF';
const THREE_DECIMALS = 'BHD IQD JOD KWD LYD OMR TND';
/** Units of account, in which amounts are kept and never paid in coins. */
const FOUR_DECIMALS = 'CLF UYW';

const MINOR_DIGITS: ReadonlyMap<string, number> = new Map(
  [NO_DECIMALS, '', TWO_DECIMALS, THREE_DECIMALS, FOUR_DECIMALS].flatMap((codes, digits) =>
    codes.split(' ').flatMap((code) => (code === '' ? [] : [[code, digits] as const])),
  ),
);

/** Whether money of this code is in use. Metals, test codes and money of the past are not. */
export function isCurrency(code: string): boolean {
  return MINOR_DIGITS.has(code);
}

/** How many decimals the currency has. A code that is not known (any more) counts as one with two. */
export function minorDigits(code: string): number {
  return MINOR_DIGITS.get(code) ?? 2;
}

/** Whether numbers can be written the way of this locale, a language tag such as `nl-NL`. */
export function isLocale(tag: string): boolean {
  try {
    return Intl.NumberFormat.supportedLocalesOf(tag).length === 1;
  } catch {
    return false;
  }
}

const DEFAULT_LOCALE = 'en';
const formats = new Map<string, Intl.NumberFormat>();

/**
 * An amount as people of a city read it: `€ 7,00`, `￥700`.
 * @param amount in minor units
 * @param locale the city's; null = English
 */
export function moneyText(amount: number, currency: string, locale: string | null): string {
  const digits = minorDigits(currency);
  const whole = amount / 10 ** digits;
  try {
    return formatOf(currency, locale ?? DEFAULT_LOCALE, digits).format(whole);
  } catch (error) {
    // A row of another release may hold what is no code or no tag; its amount is shown nevertheless.
    if (error instanceof RangeError) return `${currency} ${whole.toFixed(digits)}`;
    throw error;
  }
}

function formatOf(currency: string, locale: string, digits: number): Intl.NumberFormat {
  const key = `${locale} ${currency}`;
  const format =
    formats.get(key) ??
    new Intl.NumberFormat(locale, {
      style: 'currency',
      currency,
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    });
  formats.set(key, format);
  return format;
}
