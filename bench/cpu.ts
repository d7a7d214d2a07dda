import { stats, withChildren } from '../simulator/kit/processTable';

/** The processes that share the work of a run. */
export const PROCESSES = ['worker', 'api', 'floor', 'load', 'temporal', 'postgres', 'redis'] as const;
type Process = (typeof PROCESSES)[number];
/** null: unknown, or not on this machine. */
export type Pids = Readonly<Record<Process, number | null>>;
/**
 * CPU seconds that each process and its children have used since the start, user and system; null where it
 * cannot be read.
 */
export type CpuSeconds = Readonly<Record<Process, number | null>>;

export function cpuSecondsOf(pids: Pids): CpuSeconds {
  const all = stats();
  return ofEach((name) => usedBy(pids[name], all));
}

/** The difference between two readings. */
export function cpuBetween(before: CpuSeconds, after: CpuSeconds): CpuSeconds {
  return ofEach((name) => {
    const [from, to] = [before[name], after[name]];
    return from === null || to === null ? null : to - from;
  });
}

/** Applies a function to each process. */
export function ofEach(valueOf: (name: Process) => number | null): CpuSeconds {
  return {
    worker: valueOf('worker'),
    api: valueOf('api'),
    floor: valueOf('floor'),
    load: valueOf('load'),
    temporal: valueOf('temporal'),
    postgres: valueOf('postgres'),
    redis: valueOf('redis'),
  };
}

function usedBy(pid: number | null, all: ReturnType<typeof stats>): number | null {
  if (pid === null) return null;
  // The floor's worker and our own are children of the load process.
  const counted = pid === process.pid ? all.filter((each) => each.pid === pid) : withChildren(pid, all);
  return counted.length === 0 ? null : counted.reduce((sum, { cpuS }) => sum + cpuS, 0);
}
