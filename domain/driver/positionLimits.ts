/**
 * What a position must be to move a driver. Others are kept as history. Distances are metres, durations ms.
 * docs/behaviour.md#positions.
 */

export type PositionLimits = {
  /** A position that the device knows no better than this is vague. */
  vagueMeters: number;
  /** No driver is faster. Twice `vagueMeters` more is allowed for, since both positions may be off. */
  fastestMetersPerMs: number;
  /** Positions that agree with each other for this long are believed, however far they leapt. */
  leapBelievedMs: number;
};

/** 200 m, 240 km/h, 30 s. */
export const POSITION_LIMITS: PositionLimits = {
  vagueMeters: 200,
  fastestMetersPerMs: 4_000 / 60_000,
  leapBelievedMs: 30_000,
};

/**
 * When a device's clock counts as wrong, and how it is measured: by the time of receipt less the device's
 * newest time, which is never less than the true difference. ADR 40. Not divided by TIME_SCALE: devices and
 * networks know nothing of it.
 */
export type ClockLimits = {
  /** A smaller difference is right: the way to us takes time, too. */
  rightMs: number;
  /** A clock that seems to lag more than before: it was set back, or these are late positions. */
  steadyMs: number;
  /** The lag of late positions changes as they arrive; one that stays for so long is the clock's. */
  believedMs: number;
};

export const CLOCK_LIMITS: ClockLimits = { rightMs: 60_000, steadyMs: 15_000, believedMs: 10_000 };
