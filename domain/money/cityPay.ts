/** What a city sets for the pay of its drivers, in minor units of its currency. docs/behaviour.md#money. */

import { DEFAULT_PAY_TARIFF, type PayTariff } from './pay';

/** All amounts are whole numbers, none negative. `maxCents`: the most that a driver gets, with bonuses. */
export type CityPay = {
  baseCents: number;
  centsPerKm: number;
  centsPerMinute: number;
  escalationBonusCents: number;
  maxCents: number;
};

/** The tariff of a city; null = it sets none. */
export function tariffOf(pay: CityPay | null): PayTariff {
  if (pay === null) return DEFAULT_PAY_TARIFF;
  const { baseCents, centsPerKm, centsPerMinute } = pay;
  return { ...DEFAULT_PAY_TARIFF, baseCents, centsPerKm, centsPerMinute };
}

/** The cap on the pay in a city. */
export function payMaxIn(
  pay: CityPay | null,
  { payMaxCents }: { payMaxCents: number },
): { payMaxCents: number } {
  return { payMaxCents: pay?.maxCents ?? payMaxCents };
}

/** Limits with the bonus that escalation adds in a city. */
export function withBonusOf<T extends { bonusCents: number }>(pay: CityPay | null, limits: T): T {
  return pay === null ? limits : { ...limits, bonusCents: pay.escalationBonusCents };
}

/** Ranking compares earnings in steps. They grow with what a job pays in the city. */
export function withEarningsStepOf<T extends { earningsBucketCents: number }>(
  pay: CityPay | null,
  limits: T,
): T {
  if (pay === null) return limits;
  const { earningsBucketCents: step } = limits;
  return {
    ...limits,
    earningsBucketCents: Math.ceil((step * pay.baseCents) / DEFAULT_PAY_TARIFF.baseCents),
  };
}
