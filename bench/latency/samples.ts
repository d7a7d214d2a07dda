import { percentileOf } from '../../simulator/client/latencies';

/**
 * What is timed. Each counts from the time it was meant for, so that who sends late, or waits for an answer
 * before sending again, hides nothing. All in ms.
 */
export const TIMED = [
  /** The order was to be posted → its offer at a driver's socket. */
  'offer',
  /** The accept was to be posted → its answer. */
  'accept',
  /** The driver was to be lost → the next offer at another driver's socket. */
  'reassignment',
] as const;
export type Timed = (typeof TIMED)[number];

/** `offerId`: the one that came; of accepts the one that was answered. */
export type Sample = { timed: Timed; ms: number; offerId: string };

export type Percentiles = {
  count: number;
  p50: number | null;
  p95: number | null;
  p99: number | null;
  max: number | null;
};

/** To a tenth of a ms; null of none. */
export function percentilesOf(values: readonly number[]): Percentiles {
  const at = (percent: number): number | null => {
    const value = percentileOf(values, percent);
    return value === null ? null : Math.round(value * 10) / 10;
  };
  return { count: values.length, p50: at(50), p95: at(95), p99: at(99), max: at(100) };
}

/**
 * Offers made after a search that found nobody waited for a driver, not for us (as in the simulator's
 * figures): they are left out, and counted.
 * @param rounds of each offer, by its id: how many searches before it found nobody. An offer that is not in
 *   there is unknown to PostgreSQL, and kept.
 */
export function withoutWaits(
  samples: readonly Sample[],
  rounds: ReadonlyMap<string, number>,
): { kept: Sample[]; waited: number } {
  const isWait = ({ timed, offerId }: Sample): boolean =>
    timed !== 'accept' && (rounds.get(offerId) ?? 0) > 0;
  const kept = samples.filter((sample) => !isWait(sample));
  return { kept, waited: samples.length - kept.length };
}

export function timesOf(samples: readonly Sample[], timed: Timed): number[] {
  return samples.filter((sample) => sample.timed === timed).map(({ ms }) => ms);
}
