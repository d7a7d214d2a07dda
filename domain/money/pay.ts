/**
 * What a driver is paid for. Whole minor units of the city's currency (cents), none negative.
 * docs/behaviour.md#deliveries; a ledger of costs (founding ADR-030) would keep the same parts.
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
 * The work to be paid: metres and ms, none negative; `bonusCents` is what escalation or ops put on top
 * (docs/behaviour.md#escalation).
 */
export type Work = { distanceMeters: number; travelMs: number; waitMs: number; bonusCents: number };

/**
 * The parts of a driver's pay and their sum, in whole cents: `totalCents` is exactly the sum of the five
 * parts.
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
 * The default tariff of a city: 3.00 a job, 0.80 a kilometre, 0.10 a minute; waiting pays 0.20 a minute after
 * five.
 */
export const DEFAULT_PAY_TARIFF: PayTariff = {
  baseCents: 300,
  centsPerKm: 80,
  centsPerMinute: 10,
  freeWaitMs: 300_000,
  waitCentsPerMinute: 20,
};

/**
 * The pay for this work. Each part is rounded separately, half a cent up, so that the parts add up to the
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
 * The same pay with this much more bonus, in whole cents (docs/behaviour.md#escalation: level 2 and ops raise
 * the pay).
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
