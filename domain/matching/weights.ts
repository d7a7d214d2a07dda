/** What the terms of a pair weigh, and the limits of a round. docs/behaviour.md#matching. */

/**
 * Costs are delay: a weight of 1 makes a minute of it cost a minute. Durations are in ms, so that weights of money are
 * ms a minor unit.
 */
export type MatchWeights = {
  /** Drivers who come free within this time take part. */
  lookAheadMs: number;
  /** Half of a stop comes before the pickup or drop-off itself, and half after it. */
  pickupStopMs: number;
  dropoffStopMs: number;

  /** Goods that come later than they could: at the pickup, or on a detour. */
  goodsWait: number;
  /** A minute of a driver at work, and what each waiting delivery a driver adds to it, up to `maxPressure`. */
  driverTime: number;
  driverTimePressed: number;
  maxPressure: number;
  /** The trip itself, as a share of a minute of a driver at work. */
  tripTime: number;
  /** A minute in which a driver does nothing before they need to leave. */
  driverWaits: number;
  /** Lateness after the window or the target, less the cushion. */
  lateness: number;
  targetMs: number;
  latenessCushionMs: number;
  /** Pay to come, in ms a minor unit, and the jobs that a driver gets in an hour of the shift, on average. */
  payMsPerCent: number;
  jobsAnHour: number;
  /** Earnings above those of the others, in ms a minor unit. */
  fairnessMsPerCent: number;
  /** The time that a refusal costs. */
  refusalMs: number;

  /** What a delivery without a driver costs, and what each minute of waiting and each level add to it. */
  unmatchedMs: number;
  waiting: number;
  levelMs: number;

  /** How many deliveries one trip may have, and how much later than alone a customer may get theirs. */
  maxBundle: number;
  bundleExtraMs: number;

  /** An offer is made this long before the driver must leave: for an answer, and for a second driver. */
  safetyMs: number;
};

const MINUTE = 60_000;

/** As chosen on three real days, and rounded: ADR 56. */
export const MATCH_WEIGHTS: MatchWeights = {
  lookAheadMs: 15 * MINUTE,
  pickupStopMs: 4 * MINUTE,
  dropoffStopMs: 4 * MINUTE,
  goodsWait: 1,
  driverTime: 0.25,
  driverTimePressed: 0.2,
  maxPressure: 3,
  tripTime: 1,
  driverWaits: 0.3,
  lateness: 0.75,
  targetMs: 40 * MINUTE,
  latenessCushionMs: 5 * MINUTE,
  payMsPerCent: 800,
  jobsAnHour: 1.5,
  fairnessMsPerCent: 6,
  refusalMs: MINUTE,
  unmatchedMs: 1_000 * MINUTE,
  waiting: 0.05,
  levelMs: 30 * MINUTE,
  maxBundle: 2,
  bundleExtraMs: 10 * MINUTE,
  safetyMs: 2 * MINUTE,
};
