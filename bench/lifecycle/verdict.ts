import { medianOf } from '../../simulator/client/latencies';
import { differences, type EventCounts, totalOf } from '../histories';

/** One block of ours and the following block of the bare workflow; deliveries per second. */
export type Pair = { ours: number; bare: number };

export type Ratios = {
  /** Deliveries per second, the median over the blocks. */
  ours: number | null;
  bare: number | null;
  /** Ours divided by bare. */
  ratio: number | null;
  /** Ratios of the pairs. */
  pairRatios: { median: number | null; min: number | null; max: number | null };
};

/** The goal for the ratio of the whole service to the bare workflow. */
export const LEAST_RATIO = 0.8;
/** The largest difference in event counts at which histories are comparable. */
const MAX_DIFFERENCE = 2;

export function ratiosOf(pairs: readonly Pair[]): Ratios {
  const [ours, bare] = [medianOf(pairs.map((pair) => pair.ours)), medianOf(pairs.map((pair) => pair.bare))];
  const each = pairs.map((pair) => pair.ours / pair.bare);
  return {
    ours,
    bare,
    ratio: ours === null || bare === null || bare === 0 ? null : ours / bare,
    pairRatios: {
      median: medianOf(each),
      min: each.length === 0 ? null : Math.min(...each),
      max: each.length === 0 ? null : Math.max(...each),
    },
  };
}

export type Evidence = {
  ratio: number | null;
  leastRatio: number;
  /** Event counts by kind: ours and the bare workflow's in this run, and the recorded history's. */
  events: { ours: EventCounts; bare: EventCounts; recorded: EventCounts };
  /** Deliveries begun in our blocks, and those DELIVERED in PostgreSQL. */
  begun: number;
  delivered: number;
};

const MAX_EVENTS = 42;

/** The missed goals, and the reasons why the figures are not comparable, in words. */
export function problemsOf({ ratio, leastRatio, events, begun, delivered }: Evidence): string[] {
  const problems: string[] = [];
  if (ratio === null)
    problems.push(
      'there is no ratio: no pair was measured, or no bare workflow ended within the measured interval',
    );
  else if (ratio < leastRatio) problems.push(`the ratio is ${ratio.toFixed(3)}, below ${leastRatio}`);
  if (delivered !== begun) problems.push(`${begun} deliveries began, ${delivered} were delivered`);
  if (totalOf(events.ours) > MAX_EVENTS)
    problems.push(`a delivery costs ${totalOf(events.ours)} events, more than ${MAX_EVENTS}`);
  const compare = (what: string, a: EventCounts, b: EventCounts): string[] =>
    differences(a, b, MAX_DIFFERENCE).map((difference) => `${what}: ${difference}`);
  return [
    ...problems,
    ...compare('events of ours and of the bare workflow', events.ours, events.bare),
    ...compare('events of the bare workflow and of the recorded delivery', events.bare, events.recorded),
  ];
}
