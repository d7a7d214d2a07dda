/**
 * The rates of driver pay, in whole minor units of the city's currency (cents), none negative
 * (docs/behaviour.md#deliveries). A cost ledger (founding ADR-030) would keep the same parts.
 */
export type PayTariff = {
  baseCents: number;
  centsPerKm: number;
  centsPerMinute: number;
  /** Waiting time at a stop that is not paid, in ms. */
  freeWaitMs: number;
  /** Pay for each further minute of waiting. */
  waitCentsPerMinute: number;
};

/**
 * The work to be paid, in metres and ms, none negative. `bonusCents`: the bonus added by escalation or ops
 * (docs/behaviour.md#escalation).
 */
export type Work = { distanceMeters: number; travelMs: number; waitMs: number; bonusCents: number };

/**
 * The parts of a driver's pay, in whole cents. `totalCents` is exactly the sum of the other parts.
 */
export type PayBreakdown = {
  baseCents: number;
  distanceCents: number;
  timeCents: number;
  waitCents: number;
  bonusCents: number;
  totalCents: number;
};

/**
 * The tariff of a city that sets none: 3.00 a job, 0.80 a kilometre, 0.10 a minute, where the currency has two
 * decimals. Waiting pays 0.20 a minute after the first five minutes.
 */
export const DEFAULT_PAY_TARIFF: PayTariff = {
  baseCents: 300,
  centsPerKm: 80,
  centsPerMinute: 10,
  freeWaitMs: 300_000,
  waitCentsPerMinute: 20,
};

/**
 * Computes the pay for this work. Each part is rounded separately, half a cent up, so the parts add up to the
 * total.
 */
export function payFor(work: Work, tariff: PayTariff): PayBreakdown {
  const paidWaitMs = Math.max(0, work.waitMs - tariff.freeWaitMs);
  return withTotal({
    baseCents: tariff.baseCents,
    distanceCents: centsFor(work.distanceMeters, tariff.centsPerKm, 1_000),
    timeCents: centsFor(work.travelMs, tariff.centsPerMinute, 60_000),
    waitCents: centsFor(paidWaitMs, tariff.waitCentsPerMinute, 60_000),
    bonusCents: work.bonusCents,
  });
}

/**
 * Adds a bonus, in whole cents. Level 2 escalation and ops raise the pay (docs/behaviour.md#escalation).
 */
export function withBonus(pay: PayBreakdown, extraCents: number): PayBreakdown {
  return withTotal({ ...pay, bonusCents: pay.bonusCents + extraCents });
}

/** Whether a number is a valid amount: an integer of minor units that a double represents exactly. */
export function isCents(amount: number): boolean {
  return Number.isSafeInteger(amount);
}

function withTotal(parts: Omit<PayBreakdown, 'totalCents'>): PayBreakdown {
  const totalCents =
    parts.baseCents + parts.distanceCents + parts.timeCents + parts.waitCents + parts.bonusCents;
  return { ...parts, totalCents };
}

function centsFor(amount: number, cents: number, per: number): number {
  return Math.round((Math.round(amount) * cents) / per);
}
