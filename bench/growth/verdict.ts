import { percentileOf } from '../../simulator/client/latencies';
import { type Part, PARTS, type Reading } from './meters';

/** The measurement at one size. */
export type Step = {
  axis: 'drivers' | 'deliveries';
  size: number;
  offerMs: readonly number[];
  /** An idle interval. */
  from: Reading;
  to: Reading;
};

/** The figures of one size. CPU is a share of one core. */
export type StepFigures = {
  axis: Step['axis'];
  size: number;
  probes: number;
  offerP50Ms: number | null;
  offerP99Ms: number | null;
  eventsASecond: number;
  searchesASecond: number;
  searchMs: number | null;
  rowsReadAnEvent: number | null;
  transactionsASecond: number;
  cpuShare: Record<Part | 'load', number | null>;
  memoryMb: Record<Part, number | null>;
  workerHeapMb: number;
  postgresMb: number;
  redisMb: number;
};

export function stepFigures({ axis, size, offerMs, from, to }: Step): StepFigures {
  const seconds = (to.at - from.at) / 1_000;
  const [events, searches] = [to.events.count - from.events.count, to.searches.count - from.searches.count];
  const share = (part: Part | 'load'): number | null =>
    difference(to.cpuSeconds[part], from.cpuSeconds[part], (used) => rounded(used / seconds, 3));
  const megabytes = (bytes: number | null): number | null =>
    bytes === null ? null : rounded(bytes / 1e6, 1);
  return {
    axis,
    size,
    probes: offerMs.length,
    offerP50Ms: orNull(percentileOf(offerMs, 50), 1),
    offerP99Ms: orNull(percentileOf(offerMs, 99), 1),
    eventsASecond: rounded(events / seconds, 2),
    searchesASecond: rounded(searches / seconds, 2),
    searchMs:
      searches === 0 ? null : rounded(((to.searches.seconds - from.searches.seconds) / searches) * 1_000, 1),
    rowsReadAnEvent: events === 0 ? null : rounded((to.rowsRead - from.rowsRead) / events, 1),
    transactionsASecond: rounded((to.transactions - from.transactions) / seconds, 1),
    cpuShare: { ...eachPart(share), load: share('load') },
    memoryMb: eachPart((part) => megabytes(to.memoryBytes[part])),
    workerHeapMb: megabytes(to.workerHeapBytes) ?? 0,
    postgresMb: megabytes(to.postgresBytes) ?? 0,
    redisMb: megabytes(to.redisBytes) ?? 0,
  };
}

/**
 * How one axis scaled: ratios of the largest size to the smallest, and the cost of one more delivery or
 * driver, in bytes.
 */
export type AxisVerdict = {
  axis: Step['axis'];
  from: number;
  to: number;
  offerP50Ratio: number;
  offerP99Ratio: number;
  bytesEach: { worker: number | null; temporal: number | null; postgres: number; redis: number };
  /** Costs that grew faster than the size, in words. */
  faster: string[];
};

/** The tolerated growth of a unit cost from one size to the next: measurements vary. */
const FASTER = 1.5;
/** Memory varies by this much without load. */
const NOISE_MB = 30;

/** @returns null where an axis has fewer than two sizes, or offers were not measured */
export function axisVerdict(steps: readonly StepFigures[]): AxisVerdict | null {
  const [first, last] = [steps[0], steps.at(-1)];
  if (
    !first ||
    !last ||
    first === last ||
    first.offerP50Ms === null ||
    last.offerP50Ms === null ||
    first.offerP99Ms === null ||
    last.offerP99Ms === null
  )
    return null;
  const each = (of: (step: StepFigures) => number | null): number | null =>
    difference(of(last), of(first), (grown) => Math.round((grown * 1e6) / (last.size - first.size)));
  return {
    axis: first.axis,
    from: first.size,
    to: last.size,
    offerP50Ratio: rounded(last.offerP50Ms / first.offerP50Ms, 2),
    offerP99Ratio: rounded(last.offerP99Ms / first.offerP99Ms, 2),
    bytesEach: {
      worker: each(({ memoryMb }) => memoryMb.worker),
      temporal: each(({ memoryMb }) => memoryMb.temporal),
      postgres: each(({ postgresMb }) => postgresMb) ?? 0,
      redis: each(({ redisMb }) => redisMb) ?? 0,
    },
    faster: Object.entries(GROWING)
      .filter(([, of]) => growsFaster(steps, of))
      .map(([name]) => name),
  };
}

const GROWING: Readonly<Record<string, (step: StepFigures) => number | null>> = {
  'memory of the worker': ({ memoryMb }) => memoryMb.worker,
  'memory of Temporal': ({ memoryMb }) => memoryMb.temporal,
  'size of PostgreSQL': ({ postgresMb }) => postgresMb,
  'size of Redis': ({ redisMb }) => redisMb,
};

/** Whether the unit cost at the last size exceeds that at an earlier one. */
function growsFaster(steps: readonly StepFigures[], of: (step: StepFigures) => number | null): boolean {
  const [before, middle, last] = steps.slice(-3);
  if (!before || !middle || !last) return false;
  const [a, b, c] = [of(before), of(middle), of(last)];
  if (a === null || b === null || c === null) return false;
  return (
    (c - b) / (last.size - middle.size) > (FASTER * Math.max(b - a, NOISE_MB)) / (middle.size - before.size)
  );
}

function eachPart(of: (part: Part) => number | null): Record<Part, number | null> {
  const [worker, api, temporal, postgres, redis] = PARTS.map(of);
  return {
    worker: worker ?? null,
    api: api ?? null,
    temporal: temporal ?? null,
    postgres: postgres ?? null,
    redis: redis ?? null,
  };
}

function difference(
  after: number | null,
  before: number | null,
  of: (grown: number) => number,
): number | null {
  return after === null || before === null ? null : of(after - before);
}

const rounded = (value: number, digits: number): number => Math.round(value * 10 ** digits) / 10 ** digits;
const orNull = (value: number | null, digits: number): number | null =>
  value === null ? null : rounded(value, digits);
