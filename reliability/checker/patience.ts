import type { Broken, Suspicion } from './broken';

/** How long what must hold soon may be wrong, in ms: in normal work, and after the end of a fault. */
export type Bounds = { normalMs: number; afterFaultMs: number };

/** Design, invariants 3 and 5: within a second in normal work, within a minute after a crash. */
export const DESIGN_BOUNDS: Bounds = { normalMs: 1_000, afterFaultMs: 60_000 };

/**
 * Where simulator, service and servers share a few processors, what is a second late in normal work is late
 * because of that: five seconds, there. A fault may be felt no longer than anywhere.
 */
export const SHARED_MACHINE_BOUNDS: Bounds = { ...DESIGN_BOUNDS, normalMs: 5_000 };

/**
 * Until when (epoch ms) a thing that went wrong at `since` must be right again.
 * @param faultEndedAt when the last fault ended; Infinity while one is on, -Infinity where there was none
 */
export function mustBeRightBy(
  since: number,
  faultEndedAt: number,
  { normalMs, afterFaultMs }: Bounds,
): number {
  return Math.max(since + normalMs, faultEndedAt + afterFaultMs);
}

/**
 * Tells what stays wrong from what is only under way: the same thing must be seen wrong from when it began
 * until after its bound, in every look between.
 */
export class Patience {
  private seen = new Map<string, number>();

  constructor(private readonly bounds: Bounds) {}

  /** How many things are wrong, and may still come right. */
  get pending(): number {
    return this.seen.size;
  }

  /**
   * @param suspicions all that is wrong at this look; what is not among them any more has come right
   * @param at when the look began, in epoch ms
   * @returns what was wrong for too long
   */
  judge(suspicions: readonly Suspicion[], at: number, faultEndedAt: number): Broken[] {
    const before = this.seen;
    this.seen = new Map();
    const broken: Broken[] = [];
    for (const { key, since, ...what } of suspicions) {
      const first = Math.min(before.get(key) ?? at, since ?? at);
      if (at > mustBeRightBy(first, faultEndedAt, this.bounds)) broken.push(what);
      else this.seen.set(key, first);
    }
    return broken;
  }
}
