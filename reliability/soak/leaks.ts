import { medianOf, percentileOf } from '../../simulator/client/latencies';

/** One value of a resource. `at`: seconds since the load began. */
export type Reading = { at: number; value: number };

/**
 * How a resource may grow over a run.
 * - `level`: bound to current work, so under a steady load its floor must not rise; `slack` and `slackShare`
 * (of the first floor) are tolerated.
 * - `memory`: V8 and allocators reserve memory lazily, so only the second half of the run counts; `mbPerDay`
 * is tolerated, and `noiseMb` in a run too short to tell.
 * - `per`: grows by design with the resource `per`; the amount for each unit at the end is at most `times`
 * that at the start, plus `slack`.
 * - `shown`: reported without a bound.
 */
export type Bound =
  | { kind: 'level'; slack: number; slackShare: number }
  | { kind: 'memory'; mbPerDay: number; noiseMb: number }
  | { kind: 'per'; per: string; times: number; slack: number }
  | { kind: 'shown' };

/**
 * `first` and `last`: the floor in the first and last third of the judged readings; for `per` resources, the
 * amount for each unit. `perHour`: the Theil–Sen slope. `allowed`: the most that `last` may exceed `first`;
 * null where there is no bound.
 */
export type Judgement = {
  kind: Bound['kind'];
  first: number;
  last: number;
  perHour: number;
  allowed: number | null;
  verdict: 'steady' | 'leaks' | 'shown' | 'too few readings';
};

/** With fewer readings a rise cannot be told from chance. */
const FEWEST_READINGS = 9;
/** In a shorter time a rise cannot be told from the warm-up. */
const SHORTEST_S = 120;
/** The fewest units in a third of a run, for `per` resources. */
const FEWEST_UNITS = 100;
const SECONDS_PER_DAY = 86_400;
const SECONDS_PER_HOUR = 3_600;
const HOURS_PER_DAY = 24;
/** From the middle of the first third to the middle of the last. */
const BETWEEN_THIRDS = 2 / 3;
/**
 * A leak never comes back, so it shows in the floor of the readings, which ignores peaks. For memory the
 * floor is the minimum, just after a collection. For other resources it is the lower quartile, since work may
 * pause for a moment.
 */
const FLOOR_PERCENT: Readonly<Record<Exclude<Bound['kind'], 'per'>, number>> = {
  level: 25,
  memory: 0,
  shown: 25,
};
/** A leak rises in each step by at least this share of the total; a pool that fills once does not. */
const SHARE_OF_EACH_STEP = 1 / 4;
/** A memory leak also rises between the minima by at least this share, by the slope of all readings. */
const SHARE_BETWEEN_DIPS = 1 / 2;
/** The most readings that the slope uses; longer series are thinned. */
const SLOPE_READINGS = 400;

/**
 * Judges whether a resource leaks.
 * @param readings in order of time
 * @param per the readings of the resource that it grows with, for bounds of kind `per`
 * @param warmUpS earlier readings are ignored
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
  // The depth of a minimum depends on when the collector ran: an early deep one is no evidence of a leak.
  const isDipOnly =
    perDaySeen(half, judged.perHour * HOURS_PER_DAY) <= (judged.allowed ?? 0) * SHARE_BETWEEN_DIPS;
  return judged.verdict === 'leaks' && isDipOnly ? { ...judged, verdict: 'steady' } : judged;
}

/** The growth that is allowed between the thirds of these readings, from a rate per day. */
function perDaySeen(readings: readonly Reading[], perDay: number): number {
  const [from, to] = spanOf(readings);
  return ((perDay * (to - from)) / SECONDS_PER_DAY) * BETWEEN_THIRDS;
}

/** A leak: the floor rises by more than allowed in total, and by a share of that in each step. */
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

/** The increase over these readings for each unit. */
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

/**
 * Three equal parts of the readings.
 * @param shared how many readings a part shares with the next
 */
function thirdsOf<T>(readings: readonly T[], shared: number): T[][] {
  const cut = (third: number): number => Math.round((third * readings.length) / 3);
  return [0, 1, 2].map((third) => readings.slice(cut(third), cut(third + 1) + shared));
}

function spanOf(readings: readonly Reading[]): [number, number] {
  return [readings[0]?.at ?? 0, readings.at(-1)?.at ?? 0];
}

/**
 * The median slope between all pairs of readings (Theil–Sen), robust against a quarter of outliers. 0 for
 * fewer than two readings.
 */
export function slopePerHour(readings: readonly Reading[]): number {
  const every = Math.ceil(readings.length / SLOPE_READINGS);
  const some = readings.filter((_, index) => index % every === 0);
  const slopes = some.flatMap((a, index) =>
    some.slice(index + 1).flatMap((b) => (b.at > a.at ? [(b.value - a.value) / (b.at - a.at)] : [])),
  );
  return (medianOf(slopes) ?? 0) * SECONDS_PER_HOUR;
}
