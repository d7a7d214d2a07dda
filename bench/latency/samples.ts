import { percentileOf } from '../../simulator/client/latencies';

/** The measured latencies, in ms. Each counts from the intended time, which avoids coordinated omission. */
export const TIMED = [
  /** Intended time of the order → its offer at a driver's socket. */
  'offer',
  /** Intended time of the accept → its answer. */
  'accept',
  /** Intended time of the loss → the next offer at another driver's socket. */
  'reassignment',
] as const;
export type Timed = (typeof TIMED)[number];

/** `offerId`: the offer that arrived; for accepts the one that was answered. */
export type Sample = { timed: Timed; ms: number; offerId: string };

export type Percentiles = {
  count: number;
  p50: number | null;
  p95: number | null;
  p99: number | null;
  max: number | null;
};

/** Rounded to a tenth of a ms; null without values. */
export function percentilesOf(values: readonly number[]): Percentiles {
  const at = (percent: number): number | null => {
    const value = percentileOf(values, percent);
    return value === null ? null : Math.round(value * 10) / 10;
  };
  return { count: values.length, p50: at(50), p95: at(95), p99: at(99), max: at(100) };
}

/**
 * An offer after a search that found nobody waited for a free driver, not for the service (as in the
 * simulator's figures). Such offers are excluded and counted.
 * @param rounds by offer id, the number of searches before it that found nobody. An offer missing from it is
 * unknown to PostgreSQL, and kept.
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
