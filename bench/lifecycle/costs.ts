import { type CpuSeconds, cpuBetween, cpuSecondsOf, ofEach, type Pids } from '../cpu';
import type { DatabaseCounts, DatabaseReader } from '../postgres';

/** Resources used in the measured intervals of one side. */
export type Costs = { deliveries: number; seconds: number; cpu: CpuSeconds; database: DatabaseCounts };

const NOTHING: Costs = {
  deliveries: 0,
  seconds: 0,
  cpu: ofEach(() => 0),
  database: { transactions: 0, rowsWritten: 0 },
};

/** Adds up the resources of each side's blocks, within their measured intervals. */
export class CostMeter {
  private readonly sums = new Map<string, Costs>();
  private begun: { cpu: CpuSeconds; database: DatabaseCounts } | null = null;

  constructor(
    private readonly window: DatabaseReader,
    private readonly pids: Pids,
  ) {}

  async begin(): Promise<void> {
    this.begun = { database: await this.window.counts(), cpu: cpuSecondsOf(this.pids) };
  }

  /** @returns a function that takes the result of the block */
  async end(side: string): Promise<(block: { done: number; seconds: number }) => void> {
    const [cpu, database, begun] = [cpuSecondsOf(this.pids), await this.window.counts(), this.begun];
    if (!begun) throw new Error('the block has no beginning');
    return ({ done, seconds }) => {
      const sum = this.of(side);
      const used = cpuBetween(begun.cpu, cpu);
      this.sums.set(side, {
        deliveries: sum.deliveries + done,
        seconds: sum.seconds + seconds,
        cpu: ofEach((name) => added(sum.cpu[name], used[name])),
        database: {
          transactions: sum.database.transactions + database.transactions - begun.database.transactions,
          rowsWritten: sum.database.rowsWritten + database.rowsWritten - begun.database.rowsWritten,
        },
      });
    };
  }

  of(side: string): Costs {
    return this.sums.get(side) ?? NOTHING;
  }
}

function added(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a + b;
}

/**
 * CPU milliseconds and PostgreSQL counters per delivery, to a tenth; null where unreadable. `coresBusy`: of
 * all processes together.
 */
export type CostsPerDelivery = {
  cpuMs: CpuSeconds & { all: number | null };
  coresBusy: number | null;
  transactions: number | null;
  rowsWritten: number | null;
};

export function costsADelivery({ deliveries, seconds, cpu, database }: Costs): CostsPerDelivery {
  const each = (total: number): number | null =>
    deliveries === 0 ? null : Math.round((total / deliveries) * 10) / 10;
  const all = Object.values(cpu).reduce(added, 0);
  return {
    cpuMs: { ...ofEach((name) => inMs(cpu[name], each)), all: inMs(all, each) },
    coresBusy: all === null || seconds === 0 ? null : Math.round((all / seconds) * 100) / 100,
    transactions: each(database.transactions),
    rowsWritten: each(database.rowsWritten),
  };
}

function inMs(seconds: number | null, each: (total: number) => number | null): number | null {
  return seconds === null ? null : each(seconds * 1_000);
}

/**
 * CPU of a bare delivery divided by CPU of one of ours: the ratio of the rates where CPU limits both. Other
 * programs on the machine hardly affect it. The bare side counts only the processes that serve the bare
 * workflow, not ours, which idle meanwhile. null where unreadable.
 */
export function cpuRatioOf(ours: CostsPerDelivery, bare: CostsPerDelivery): number | null {
  const serving = [bare.cpuMs.floor, bare.cpuMs.load, bare.cpuMs.temporal].reduce(added, 0);
  return serving === null || ours.cpuMs.all === null || ours.cpuMs.all === 0
    ? null
    : serving / ours.cpuMs.all;
}
