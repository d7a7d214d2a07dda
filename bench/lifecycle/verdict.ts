import { medianOf } from '../../simulator/client/latencies';
import { differences, type EventCounts, totalOf } from '../histories';

/** One block of ours and the block of the bare workflow that came after it; deliveries a second. */
export type Pair = { ours: number; bare: number };

export type Ratios = {
  /** Deliveries a second, the median over the blocks. */
  ours: number | null;
  bare: number | null;
  /** The one by the other. */
  ratio: number | null;
  /** Pair by pair. */
  pairRatios: { median: number | null; min: number | null; max: number | null };
};

/** What the whole service must reach of the bare workflow. */
export const LEAST_RATIO = 0.8;
/** Histories of which the kinds differ by more are not comparable. */
const MOST_DIFFERENCE = 2;

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
  /** Events of each kind: of ours and of the bare workflow in this run, and of the recorded history. */
  events: { ours: EventCounts; bare: EventCounts; recorded: EventCounts };
  /** Deliveries that began in our blocks, and those that PostgreSQL has as DELIVERED. */
  begun: number;
  delivered: number;
};

const MOST_EVENTS = 42;

/** In words, whatever keeps the goals from holding, or the figures from being a comparison at all. */
export function problemsOf({ ratio, leastRatio, events, begun, delivered }: Evidence): string[] {
  const problems: string[] = [];
  if (ratio === null)
    problems.push(
      'there is no ratio: no pair of blocks was measured, or no bare workflow ended while it was counted',
    );
  else if (ratio < leastRatio) problems.push(`the ratio is ${ratio.toFixed(3)}, below ${leastRatio}`);
  if (delivered !== begun) problems.push(`${begun} deliveries began, ${delivered} were delivered`);
  if (totalOf(events.ours) > MOST_EVENTS)
    problems.push(`a delivery costs ${totalOf(events.ours)} events, more than ${MOST_EVENTS}`);
  const compare = (what: string, a: EventCounts, b: EventCounts): string[] =>
    differences(a, b, MOST_DIFFERENCE).map((difference) => `${what}: ${difference}`);
  return [
    ...problems,
    ...compare('events of ours and of the bare workflow', events.ours, events.bare),
    ...compare('events of the bare workflow and of the recorded delivery', events.bare, events.recorded),
  ];
}
