import type { Violation, PendingViolation } from './violation';

/** How long a violation may last, in ms: in normal operation, and after the end of a fault. */
export type Bounds = { normalMs: number; afterFaultMs: number };

/**
 * docs/architecture.md, invariants 3 and 5: within a second in normal operation, within a minute after a
 * crash.
 */
export const DESIGN_BOUNDS: Bounds = { normalMs: 1_000, afterFaultMs: 60_000 };

/**
 * Where simulator, service and servers share a few CPUs, contention alone can delay a change by a second;
 * hence five. The bound after a fault stays the same.
 */
export const SHARED_MACHINE_BOUNDS: Bounds = { ...DESIGN_BOUNDS, normalMs: 5_000 };

/**
 * The deadline (epoch ms) by which a violation that began at `since` must clear.
 * @param faultEndedAt when the last fault ended; Infinity while one is active, -Infinity where there was none
 */
export function mustBeRightBy(
  since: number,
  faultEndedAt: number,
  { normalMs, afterFaultMs }: Bounds,
): number {
  return Math.max(since + normalMs, faultEndedAt + afterFaultMs);
}

/**
 * Separates lasting violations from transient ones. A violation lasts when every check sees it from its
 * beginning until after its bound.
 */
export class Patience {
  private seen = new Map<string, number>();

  constructor(private readonly bounds: Bounds) {}

  /** How many violations may still clear. */
  get pending(): number {
    return this.seen.size;
  }

  /**
   * @param pendingViolations all pending violations that this check sees; those missing from it have cleared
   * @param at when the check began, in epoch ms
   * @returns the violations that exceeded their bound
   */
  judge(pendingViolations: readonly PendingViolation[], at: number, faultEndedAt: number): Violation[] {
    const before = this.seen;
    this.seen = new Map();
    const broken: Violation[] = [];
    for (const { key, since, ...what } of pendingViolations) {
      const first = Math.min(before.get(key) ?? at, since ?? at);
      if (at > mustBeRightBy(first, faultEndedAt, this.bounds)) broken.push(what);
      else this.seen.set(key, first);
    }
    return broken;
  }
}
