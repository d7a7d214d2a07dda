import { medianOf } from '../../simulator/client/latencies';
import type { LoadKind, LoadReport } from './protocol';

export type Side = 'ours' | 'bare';

/**
 * The result of one side in one block. `cpu` in seconds, of the server and of Redis; `cpuSeconds`: of the
 * load generator.
 */
export type Block = LoadReport & { side: Side; kind: LoadKind; cpu: { server: number; redis: number } };

/**
 * CPU seconds per 1,000 requests. `generatorBusy`: the share of one core that the load generator used; near 1
 * the generator would be the bottleneck.
 */
export type SideCost = {
  server: number;
  redis: number;
  generator: number;
  serverBusy: number;
  generatorBusy: number;
  p50Ms: number;
  p99Ms: number;
};

/**
 * Positions per second, medians of the blocks; `ratio` is the median over the pairs, and `pairs` their range.
 */
export type KindFigures = {
  ours: number;
  bare: number;
  ratio: number;
  pairs: { min: number; max: number };
  refused: number;
  per1000: Record<Side, SideCost>;
};

/** By kind of load, for the kinds that were run. */
export type Figures = Partial<Record<LoadKind, KindFigures>>;

export function figuresOf(blocks: readonly Block[], kinds: readonly LoadKind[]): Figures {
  return Object.fromEntries(
    kinds.map((kind) => [kind, kindFigures(blocks.filter((block) => block.kind === kind))]),
  );
}

function kindFigures(blocks: readonly Block[]): KindFigures {
  const side = (name: Side): Block[] => blocks.filter((block) => block.side === name);
  const [ours, bare] = [side('ours'), side('bare')];
  const rates = (of: readonly Block[]): number[] => of.map(({ positions, seconds }) => positions / seconds);
  const bareRates = rates(bare);
  const ratios = rates(ours).map((rate, pair) => rate / (bareRates[pair] ?? NaN));
  return {
    ours: Math.round(medianOf(rates(ours)) ?? 0),
    bare: Math.round(medianOf(bareRates) ?? 0),
    ratio: round(medianOf(ratios) ?? 0),
    pairs: { min: round(Math.min(...ratios)), max: round(Math.max(...ratios)) },
    refused: sum(blocks, ({ refused }) => refused),
    per1000: { ours: costOf(ours), bare: costOf(bare) },
  };
}

function costOf(blocks: readonly Block[]): SideCost {
  const [requests, seconds] = [sum(blocks, (block) => block.requests), sum(blocks, (block) => block.seconds)];
  const [server, redis, generator] = [
    sum(blocks, ({ cpu }) => cpu.server),
    sum(blocks, ({ cpu }) => cpu.redis),
    sum(blocks, ({ cpuSeconds }) => cpuSeconds),
  ];
  const per1000 = (used: number): number => round((used / requests) * 1_000);
  return {
    server: per1000(server),
    redis: per1000(redis),
    generator: per1000(generator),
    serverBusy: round(server / seconds),
    generatorBusy: round(generator / seconds),
    p50Ms: round(medianOf(blocks.map(({ p50Ms }) => p50Ms)) ?? 0),
    p99Ms: round(medianOf(blocks.map(({ p99Ms }) => p99Ms)) ?? 0),
  };
}

function sum<T>(of: readonly T[], part: (each: T) => number): number {
  return of.reduce((total, each) => total + part(each), 0);
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

export function table(figures: Figures): string {
  const row = (cells: readonly (string | number)[]): string =>
    cells.map((cell, at) => (at === 0 ? String(cell).padEnd(8) : String(cell).padStart(11))).join('');
  const lines = Object.entries(figures).map(([kind, { ours, bare, ratio, pairs, refused, per1000 }]) =>
    row([
      kind,
      ours,
      bare,
      ratio,
      pairs.min,
      pairs.max,
      refused,
      per1000.ours.server,
      per1000.bare.server,
      per1000.ours.generatorBusy,
      per1000.bare.generatorBusy,
    ]),
  );
  return [
    '',
    row([
      'kind',
      'ours/s',
      'bare/s',
      'ratio',
      'least',
      'most',
      'refused',
      'cpu ours',
      'cpu bare',
      'gen. ours',
      'gen. bare',
    ]),
    ...lines,
    'cpu: seconds of the server per 1,000 requests; gen.: cores that the generator used',
    '',
  ].join('\n');
}
