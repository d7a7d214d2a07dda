/**
 * When a way of matching hurts so much that it switches itself off. Deliveries that are treated by it are compared with
 * others of the same city and the same time; where there are no others, only absolute bounds hold. Durations are ms.
 * docs/operations.md#ramp.
 */

/** A delivery of the window, as far as it has come. */
export type WatchedDelivery = {
  isTreated: boolean;
  /** The turn in which it began to wait, where policies take turns; null: deliveries are drawn one by one. */
  turn: number | null;
  /** Until its first driver accepted, or until now. */
  waitedMs: number;
  isAssigned: boolean;
  /** Answers to its offers; a lapse counts as a refusal. */
  accepted: number;
  refused: number;
  /** After its window or target; null: not known yet. */
  isLate: boolean | null;
};

/** Rounds of the window, by how they ended. */
export type RoundCounts = { ended: number; slow: number; failed: number };

export type RailName = 'UNASSIGNED' | 'TIME_TO_ASSIGN' | 'REFUSALS' | 'LATENESS' | 'ROUNDS';

/** What is worse: by how much at least where there are others to compare with, and where there are none. */
type Rail = { margin: number; worst: number };

export type GuardRailLimits = {
  /** A delivery that waits this long counts as unassigned. */
  unassignedMs: number;
  /** Fewer deliveries, answers or rounds say nothing. */
  minSample: number;
  /** Fewer turns of each of two policies say nothing: hours differ. */
  minTurns: number;
  /** Shares 0..1, of deliveries, of answers, of rounds. */
  unassigned: Rail;
  refusals: Rail;
  lateness: Rail;
  rounds: Pick<Rail, 'worst'>;
  /** Medians: `factor` and `margin` both; ms. */
  timeToAssign: Rail & { factor: number };
  /** A difference counts from this many standard errors on: it is looked for each minute. */
  standardErrors: number;
};

const MINUTE_MS = 60_000;

export const GUARD_RAILS: GuardRailLimits = {
  unassignedMs: 10 * MINUTE_MS,
  minSample: 30,
  minTurns: 3,
  unassigned: { margin: 0.1, worst: 0.5 },
  refusals: { margin: 0.15, worst: 0.6 },
  lateness: { margin: 0.1, worst: 0.6 },
  rounds: { worst: 0.5 },
  timeToAssign: { factor: 1.5, margin: MINUTE_MS, worst: 10 * MINUTE_MS },
  standardErrors: 3,
};

/**
 * The rail that broke: the figure of the treated, that of the others (null: the absolute bound broke), and of how many
 * each is. Shares 0..1, or ms.
 */
export type Breach = {
  rail: RailName;
  treated: number;
  others: number | null;
  /** What would have been in order. */
  bound: number;
  sample: { treated: number; others: number };
};

export type Watched = {
  deliveries: readonly WatchedDelivery[];
  rounds: RoundCounts;
  /** More drivers are free than deliveries wait: then who waits for long waits for the matching, not for drivers. */
  arePlenty: boolean;
};

/** The first rail that broke; null: none. The order of the deliveries makes no difference. */
export function breachOf({ deliveries, rounds, arePlenty }: Watched, limits: GuardRailLimits): Breach | null {
  const treated = deliveries.filter(({ isTreated }) => isTreated);
  const others = deliveries.filter(({ isTreated }) => !isTreated);
  const isFair = [treated, others].every((group) => hasTurns(group, limits));
  const groups = { treated, others: isFair ? others : [] };
  const { unassigned, refusals, lateness } = limits;
  return (
    roundsBreach(rounds, limits) ??
    shareBreach('UNASSIGNED', groups, { rail: unassigned, arePlenty, limits }, (each) => ({
      of: each.isAssigned || each.waitedMs >= limits.unassignedMs ? 1 : 0,
      count: each.waitedMs >= limits.unassignedMs ? 1 : 0,
    })) ??
    waitBreach(groups, arePlenty, limits) ??
    shareBreach('REFUSALS', groups, { rail: refusals, arePlenty: true, limits }, ({ accepted, refused }) => ({
      of: accepted + refused,
      count: refused,
    })) ??
    shareBreach('LATENESS', groups, { rail: lateness, arePlenty, limits }, ({ isLate }) => ({
      of: isLate === null ? 0 : 1,
      count: isLate === true ? 1 : 0,
    }))
  );
}

/** In words, for the audit trail and for support. */
export function breachWords({ rail, treated, others, bound, sample }: Breach): string {
  const show = (figure: number): string =>
    rail === 'TIME_TO_ASSIGN' ? `${(figure / MINUTE_MS).toFixed(1)} min` : `${(figure * 100).toFixed(0)} %`;
  const beside =
    others === null
      ? `at most ${show(bound)} is in order`
      : `${show(others)} for ${sample.others} others, and at most ${show(bound)} is in order`;
  return `${RAIL_WORDS[rail]}: ${show(treated)} of ${sample.treated}; ${beside}`;
}

const RAIL_WORDS: Readonly<Record<RailName, string>> = {
  UNASSIGNED: 'deliveries that found nobody in time',
  TIME_TO_ASSIGN: 'median time from search to driver',
  REFUSALS: 'offers refused or lapsed',
  LATENESS: 'deliveries after their window or target',
  ROUNDS: 'rounds that failed or were slow',
};

type Group = readonly WatchedDelivery[];
type Groups = { treated: Group; others: Group };

function hasTurns(group: Group, { minTurns }: GuardRailLimits): boolean {
  const turns = new Set(group.map(({ turn }) => turn));
  return turns.has(null) || turns.size >= minTurns;
}

function roundsBreach({ ended, slow, failed }: RoundCounts, limits: GuardRailLimits): Breach | null {
  const all = ended + slow + failed;
  const share = (slow + failed) / Math.max(1, all);
  const { worst: bound } = limits.rounds;
  if (all < limits.minSample || share <= bound) return null;
  return { rail: 'ROUNDS', treated: share, others: null, bound, sample: { treated: all, others: 0 } };
}

type Judging = { rail: Rail; arePlenty: boolean; limits: GuardRailLimits };
type Counted = { of: number; count: number };

function shareBreach(
  name: RailName,
  { treated, others }: Groups,
  { rail: { margin, worst }, arePlenty, limits }: Judging,
  countOf: (delivery: WatchedDelivery) => Counted,
): Breach | null {
  const [one, other] = [sumOf(treated, countOf), sumOf(others, countOf)];
  if (one.of < limits.minSample) return null;
  const share = one.count / one.of;
  const sample = { treated: one.of, others: other.of };
  if (other.of < limits.minSample) {
    if (!arePlenty || share <= worst) return null;
    return { rail: name, treated: share, others: null, bound: worst, sample };
  }
  const otherShare = other.count / other.of;
  const pooled = (one.count + other.count) / (one.of + other.of);
  const error = Math.sqrt(pooled * (1 - pooled) * (1 / one.of + 1 / other.of));
  const bound = otherShare + Math.max(margin, limits.standardErrors * error);
  if (share <= bound) return null;
  return { rail: name, treated: share, others: otherShare, bound, sample };
}

function sumOf(group: Group, countOf: (delivery: WatchedDelivery) => Counted): Counted {
  const sum = { of: 0, count: 0 };
  for (const delivery of group) {
    const { of, count } = countOf(delivery);
    sum.of += of;
    sum.count += count;
  }
  return sum;
}

function waitBreach({ treated, others }: Groups, arePlenty: boolean, limits: GuardRailLimits): Breach | null {
  const [waits, otherWaits] = [waitsOf(treated), waitsOf(others)];
  if (waits.length < limits.minSample) return null;
  const { factor, margin, worst } = limits.timeToAssign;
  const median = medianOf(waits);
  const sample = { treated: waits.length, others: otherWaits.length };
  if (otherWaits.length < limits.minSample) {
    if (!arePlenty || median <= worst) return null;
    return { rail: 'TIME_TO_ASSIGN', treated: median, others: null, bound: worst, sample };
  }
  const otherMedian = medianOf(otherWaits);
  const bound = Math.max(otherMedian * factor, otherMedian + margin);
  if (median <= bound || rankErrors(waits, otherWaits) < limits.standardErrors) return null;
  return { rail: 'TIME_TO_ASSIGN', treated: median, others: otherMedian, bound, sample };
}

function waitsOf(group: Group): number[] {
  return group.map(({ waitedMs }) => waitedMs).sort((a, b) => a - b);
}

function medianOf(sorted: readonly number[]): number {
  const middle = sorted.length / 2;
  const [low = 0, high = 0] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}

/**
 * By how many standard errors the one sample ranks above the other: the normal approximation of Mann and Whitney’s
 * test. Ties share their rank, which makes it err on the side of no difference.
 */
function rankErrors(sorted: readonly number[], others: readonly number[]): number {
  let above = 0;
  let [less, lessOrSame] = [0, 0];
  for (const each of sorted) {
    while ((others[less] ?? Infinity) < each) less += 1;
    while ((others[lessOrSame] ?? Infinity) <= each) lessOrSame += 1;
    above += (less + lessOrSame) / 2;
  }
  const pairs = sorted.length * others.length;
  return (above - pairs / 2) / Math.sqrt((pairs * (sorted.length + others.length + 1)) / 12);
}
