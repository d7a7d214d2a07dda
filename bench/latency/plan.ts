import type { Random } from '../../simulator/kit/random';

/** How an assignment ends before pickup, if it does: the driver gives it up, or goes off duty. */
export type Fate = 'delivers' | 'leaves' | 'goesOffline';

/** One planned order, drawn before the run. */
export type Arrival = {
  /** From the start of its part of the run, in ms. */
  atMs: number;
  fate: Fate;
  /** How long a driver looks at an offer, in ms: the first offer, and the one after a loss. */
  thinkMs: readonly [number, number];
};

const THINK_MS = { min: 500, max: 2_000 };

/**
 * Orders arrive independently, so intervals are exponential. All are drawn beforehand, so that the service
 * cannot slow down its own load.
 * @param rate orders per second
 * @param lossShare share of orders that lose their first driver, 0..1: half give up, half go off duty
 */
export function planArrivals({
  rate,
  seconds,
  lossShare,
  random,
}: {
  rate: number;
  seconds: number;
  lossShare: number;
  random: Random;
}): Arrival[] {
  const arrivals: Arrival[] = [];
  const wait = (): number => (-Math.log(1 - random.next()) / rate) * 1_000;
  for (let atMs = wait(); atMs < seconds * 1_000; atMs += wait()) {
    const thinkMs = [
      random.between(THINK_MS.min, THINK_MS.max),
      random.between(THINK_MS.min, THINK_MS.max),
    ] as const;
    arrivals.push({ atMs, fate: fateOf(lossShare, random), thinkMs });
  }
  return arrivals;
}

function fateOf(lossShare: number, random: Random): Fate {
  if (!random.chance(lossShare)) return 'delivers';
  return random.chance(0.5) ? 'leaves' : 'goesOffline';
}
