import { type Percentiles, type Timed, TIMED } from './samples';

/** The goals for p99, in ms. */
export const GOALS_MS: Readonly<Record<Timed, number>> = { offer: 500, accept: 300, reassignment: 2_000 };

export type Measured = Readonly<Record<Timed, Percentiles>>;

export type Judged = {
  measured: Measured;
  /** How many orders were placed, offered and delivered. */
  posted: number;
  offered: number;
  delivered: number;
  /** The minimum of open deliveries, and the intended number. */
  openMin: number;
  keepOpen: number;
  /** Offers after a search that found nobody, and all offers. */
  waited: number;
  offers: number;
  failures: readonly string[];
};

/** Above this share of waiting offers, the remaining ones are not representative. */
const MAX_WAITED_SHARE = 0.1;

/** The goals that p99 missed, in words. A missing measurement counts as missed. */
export function missedGoals(
  measured: Measured,
  goalsMs: Readonly<Record<Timed, number>> = GOALS_MS,
): string[] {
  return TIMED.flatMap((timed) => {
    const { p99 } = measured[timed];
    if (p99 === null) return [`no ${timed} was measured`];
    return p99 < goalsMs[timed] ? [] : [`${timed}: p99 ${p99} ms, not below ${goalsMs[timed]}`];
  });
}

/**
 * The reasons why the run does not count, in words: missed goals, and conditions of the measurement that did
 * not hold.
 */
export function problemsOf({
  measured,
  posted,
  offered,
  delivered,
  openMin,
  keepOpen,
  waited,
  offers,
  failures,
}: Judged): string[] {
  const problems = missedGoals(measured);
  if (offered < posted) problems.push(`${posted - offered} of ${posted} orders were never offered`);
  if (delivered < posted) problems.push(`${posted - delivered} of ${posted} orders were not delivered`);
  if (openMin < keepOpen) problems.push(`the minimum of open deliveries was ${openMin}, not ${keepOpen}`);
  if (waited > MAX_WAITED_SHARE * offers)
    problems.push(`${waited} of ${offers} offers waited for a driver: too few drivers`);
  return [...problems, ...failures];
}
