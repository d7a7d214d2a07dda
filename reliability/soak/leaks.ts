import { medianOf, percentileOf } from '../../simulator/client/latencies';

/** One value of a resource. `at`: s since the load began. */
export type Reading = { at: number; value: number };

/**
 * What a resource may do over a run.
 * - `level`: it belongs to what is going on now, so under a steady load what it comes down to must not rise
 * on and on; `slack` and `slackShare` (of what it was) are let pass.
 * - `memory`: V8 and allocators take room lazily, so only the second half of the run counts, and a growth of
 * `mbPerDay`, or of `noiseMb` in a run too short to tell more.
 * - `per`: it grows by design, and must take as much for each unit of the resource `per` at the end as in the
 * beginning: at most `times` that, and `slack` more.
 * - `shown`: nothing is promised.
 */
export type Bound =
  | { kind: 'level'; slack: number; slackShare: number }
  | { kind: 'memory'; mbPerDay: number; noiseMb: number }
  | { kind: 'per'; per: string; times: number; slack: number }
  | { kind: 'shown' };

/**
 * `first` and `last`: what the resource came down to in the first and the last third of what was judged; of
 * `per` resources what one unit took in each. `perHour`: Theil–Sen slope of what was judged. `allowed`: the
 * most that `last` may be above `first`; null where nothing is promised.
 */
export type Judgement = {
  kind: Bound['kind'];
  first: number;
  last: number;
  perHour: number;
  allowed: number | null;
  verdict: 'steady' | 'leaks' | 'shown' | 'too few readings';
};

/** Below this there is no telling a rise from chance … */
const FEWEST_READINGS = 9;
/** … and in less than this none from the rest of a warm-up. */
const SHORTEST_S = 120;
/** The same, of what is counted in a third of a run. */
const FEWEST_UNITS = 100;
const SECONDS_A_DAY = 86_400;
const SECONDS_AN_HOUR = 3_600;
const HOURS_A_DAY = 24;
/** From the middle of the first third to the middle of the last one. */
const BETWEEN_THIRDS = 2 / 3;
/**
 * What is held does not come back: what a third of the readings comes down to shows it, and passes over
 * peaks. Memory comes down where its collector was just there; of other things a quarter may lie lower, since
 * there may be little to do for a moment.
 */
const FLOOR_PERCENT: Readonly<Record<Exclude<Bound['kind'], 'per'>, number>> = {
  level: 25,
  memory: 0,
  shown: 25,
};
/** Whoever rises on and on did a part of it in each step; a pool that filled once did not. */
const SHARE_OF_EACH_STEP = 1 / 4;
/** … and memory rose by a part of it between its dips as well, by the slope of all readings. */
const SHARE_BETWEEN_DIPS = 1 / 2;
/** Of longer series so many readings make the slope. */
const SLOPE_READINGS = 400;

/**
 * Whether a resource leaks.
 * @param readings in order of time; @param per those of the resource that it grows by, for bounds of that
 *   kind
 * @param warmUpS readings before that are passed over
 */
export function judge(
  readings: readonly Reading[],
  bound: Bound,
  { warmUpS, per = [] }: { warmUpS: number; per?: readonly Reading[] },
): Judgement {
  const warm = readings.filter(({ at }) => at >= warmUpS);
  switch (bound.kind) {
    case 'level':
      return judgeRise(warm, bound.kind, (first) => bound.slack + bound.slackShare * first);
    case 'memory':
      return judgeMemory(warm, bound);
    case 'per':
      return judgePer(warm, per, bound);
    case 'shown':
      return {
        ...floorsOf(warm, FLOOR_PERCENT.shown),
        kind: 'shown',
        perHour: slopePerHour(warm),
        allowed: null,
        verdict: 'shown',
      };
  }
}

function judgeMemory(
  readings: readonly Reading[],
  { kind, mbPerDay, noiseMb }: Extract<Bound, { kind: 'memory' }>,
): Judgement {
  const [from, to] = spanOf(readings);
  const half = readings.filter(({ at }) => at >= (from + to) / 2);
  const judged = judgeRise(half, kind, () => Math.max(noiseMb, perDaySeen(half, mbPerDay)));
  // A dip is as deep as the collector happened to dig: one that came early and deep makes no leak of a
  // process that otherwise stays where it is.
  const isDipOnly =
    perDaySeen(half, judged.perHour * HOURS_A_DAY) <= (judged.allowed ?? 0) * SHARE_BETWEEN_DIPS;
  return judged.verdict === 'leaks' && isDipOnly ? { ...judged, verdict: 'steady' } : judged;
}

/** What so much a day comes to between the thirds of these readings. */
function perDaySeen(readings: readonly Reading[], perDay: number): number {
  const [from, to] = spanOf(readings);
  return ((perDay * (to - from)) / SECONDS_A_DAY) * BETWEEN_THIRDS;
}

/**
 * It leaks where it came down to more and more, by more than allowed in all, and by a part of that in each
 * step.
 */
function judgeRise(
  readings: readonly Reading[],
  kind: 'level' | 'memory',
  allowance: (first: number) => number,
): Judgement {
  const { first, middle, last } = floorsOf(readings, FLOOR_PERCENT[kind]);
  const allowed = allowance(first);
  const step = allowed * SHARE_OF_EACH_STEP;
  const rises = last - first > allowed && middle - first > step && last - middle > step;
  const [from, to] = spanOf(readings);
  const verdict =
    readings.length < FEWEST_READINGS || to - from < SHORTEST_S
      ? 'too few readings'
      : rises
        ? 'leaks'
        : 'steady';
  return { kind, first, last, perHour: slopePerHour(readings), allowed, verdict };
}

function judgePer(
  readings: readonly Reading[],
  per: readonly Reading[],
  { times, slack }: Extract<Bound, { kind: 'per' }>,
): Judgement {
  const units = new Map(per.map(({ at, value }) => [at, value]));
  const pairs = readings.flatMap(({ at, value }) =>
    units.has(at) ? [{ at, value, units: units.get(at) ?? 0 }] : [],
  );
  const [first, , last] = thirdsOf(pairs, 1).map(rateOf);
  const perHour = slopePerHour(readings);
  if (
    pairs.length < FEWEST_READINGS ||
    !first ||
    !last ||
    first.units < FEWEST_UNITS ||
    last.units < FEWEST_UNITS
  ) {
    return {
      kind: 'per',
      first: first?.rate ?? NaN,
      last: last?.rate ?? NaN,
      perHour,
      allowed: null,
      verdict: 'too few readings',
    };
  }
  const allowed = first.rate * (times - 1) + slack;
  return {
    kind: 'per',
    first: first.rate,
    last: last.rate,
    perHour,
    allowed,
    verdict: last.rate - first.rate > allowed ? 'leaks' : 'steady',
  };
}

/** What was added over these readings, for each unit. */
function rateOf(pairs: readonly { value: number; units: number }[]): { rate: number; units: number } {
  const [begin, end] = [pairs[0], pairs.at(-1)];
  const units = begin && end ? end.units - begin.units : 0;
  return { rate: begin && end && units > 0 ? (end.value - begin.value) / units : NaN, units };
}

function floorsOf(
  readings: readonly Reading[],
  percent: number,
): { first: number; middle: number; last: number } {
  const [first = NaN, middle = NaN, last = NaN] = thirdsOf(readings, 0).map(
    (third) =>
      percentileOf(
        third.map(({ value }) => value),
        percent,
      ) ?? NaN,
  );
  return { first, middle, last };
}

/** Three equal parts of the readings. @param shared how many readings a part has in common with the next */
function thirdsOf<T>(readings: readonly T[], shared: number): T[][] {
  const cut = (third: number): number => Math.round((third * readings.length) / 3);
  return [0, 1, 2].map((third) => readings.slice(cut(third), cut(third + 1) + shared));
}

function spanOf(readings: readonly Reading[]): [number, number] {
  return [readings[0]?.at ?? 0, readings.at(-1)?.at ?? 0];
}

/**
 * The median of the slopes between all pairs of readings (Theil–Sen): up to a quarter of them may be far off.
 * 0 of fewer than two.
 */
export function slopePerHour(readings: readonly Reading[]): number {
  const every = Math.ceil(readings.length / SLOPE_READINGS);
  const some = readings.filter((_, index) => index % every === 0);
  const slopes = some.flatMap((a, index) =>
    some.slice(index + 1).flatMap((b) => (b.at > a.at ? [(b.value - a.value) / (b.at - a.at)] : [])),
  );
  return (medianOf(slopes) ?? 0) * SECONDS_AN_HOUR;
}
