import { type Clock } from '../../services/ports';

/**
 * The largest clock difference between Temporal and this process that is neither corrected nor reported. The
 * reading of the difference is no better than this on a busy worker.
 */
const MAX_SKEW_MS = 2_000;
/** One reading says little where Temporal is behind: a task that arrives late looks the same. */
const READINGS_TRUSTED = 5;
const STRETCH_MS = 10_000;
/** Older readings are forgotten. */
const STRETCHES_KEPT = 12;
/** The current stretch and the one before it: one late batch of tasks is not the whole reading. */
const STRETCHES_READ = 2;

/**
 * Temporal's clock against this process's, read from the times that Temporal gives to the tasks of a worker. A
 * task arrives after the time it bears, so the smallest difference of a while is the true one.
 */
export type TemporalClock = {
  /** `at` is Temporal's time of a task that has just arrived, epoch ms. */
  observe(at: number): void;
  /** How far Temporal's clock is ahead, in ms (negative: behind); null while too few tasks have come. */
  aheadMs(): number | null;
  /** The same where it matters; 0 where both clocks agree within two seconds, or nothing is known. */
  skewMs(): number;
};

/** The smallest lag of the tasks that came in one stretch of time. */
type Stretch = { number: number; leastLagMs: number; readings: number };

export function createTemporalClock(clock: Clock, monotonicMs: () => number): TemporalClock {
  let stretches: Stretch[] = [];
  const currentNumber = (): number => Math.floor(monotonicMs() / STRETCH_MS);
  const aheadMs = (): number | null => {
    const now = currentNumber();
    let [leastLagMs, readings] = [Infinity, 0];
    for (const stretch of stretches) {
      if (now - stretch.number >= STRETCHES_KEPT) break;
      if (now - stretch.number >= STRETCHES_READ && readings >= READINGS_TRUSTED) break;
      leastLagMs = Math.min(leastLagMs, stretch.leastLagMs);
      readings += stretch.readings;
    }
    const isCertain = leastLagMs < 0; // nothing arrives before its time
    return isCertain || readings >= READINGS_TRUSTED ? -leastLagMs : null;
  };
  return {
    observe: (at) => {
      const [number, lagMs] = [currentNumber(), clock() - at];
      const [newest] = stretches;
      if (newest?.number === number) {
        newest.leastLagMs = Math.min(newest.leastLagMs, lagMs);
        newest.readings += 1;
      } else {
        stretches = [{ number, leastLagMs: lagMs, readings: 1 }, ...stretches].slice(0, STRETCHES_KEPT);
      }
    },
    aheadMs,
    skewMs: () => {
      const ahead = aheadMs() ?? 0;
      return Math.abs(ahead) > MAX_SKEW_MS ? ahead : 0;
    },
  };
}

/** @throws Error while Temporal's clock and ours differ by more than two seconds */
export async function requireTemporalTime(temporalClock: Pick<TemporalClock, 'skewMs'>): Promise<void> {
  const skewMs = temporalClock.skewMs();
  if (skewMs !== 0)
    throw new Error(`Temporal’s clock is ${skewMs} ms ahead of the local one; synchronize both with NTP`);
}
