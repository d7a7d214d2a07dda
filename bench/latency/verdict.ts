import { type Percentiles, type Timed, TIMED } from './samples';

/** What p99 may be, in ms. */
export const GOALS_MS: Readonly<Record<Timed, number>> = { offer: 500, accept: 300, reassignment: 2_000 };

export type Measured = Readonly<Record<Timed, Percentiles>>;

export type Judged = {
  measured: Measured;
  /** How many orders were posted, how many of them were ever offered, and how many were delivered. */
  posted: number;
  offered: number;
  delivered: number;
  /** Open deliveries, at the least, and how many there were to be. */
  openMin: number;
  keepOpen: number;
  /** Offers that came after a search that found nobody, and all. */
  waited: number;
  offers: number;
  failures: readonly string[];
};

/** Where more of the offers had to wait for a driver, what is left is no fair picture. */
const MOST_WAITED_SHARE = 0.1;

/** Which p99 are not below their goals, in words. Nothing measured is no success. */
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
 * In words, whatever makes the run no good: goals that are missed, and conditions under which it was to be
 * measured that did not hold.
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
  if (openMin < keepOpen) problems.push(`only ${openMin} deliveries were open at the least, not ${keepOpen}`);
  if (waited > MOST_WAITED_SHARE * offers)
    problems.push(`${waited} of ${offers} offers waited for a driver: there are too few`);
  return [...problems, ...failures];
}
