import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The processes that share the work of a run. */
export const PROCESSES = ['worker', 'api', 'floor', 'load', 'temporal', 'postgres', 'redis'] as const;
type Process = (typeof PROCESSES)[number];
/** null: not known, or not of this machine. */
export type Pids = Readonly<Record<Process, number | null>>;
/**
 * CPU seconds that each has used since it began, in the kernel and out of it, its children's included; null
 * where that cannot be read.
 */
export type CpuSeconds = Readonly<Record<Process, number | null>>;

/** Linux counts in hundredths of a second, whatever its clock. */
const TICKS_A_SECOND = 100;
/** Fields of /proc/PID/stat after the name, which may hold spaces: state is the first. */
const [PARENT, USER, SYSTEM, CHILDREN_USER, CHILDREN_SYSTEM] = [1, 11, 12, 13, 14];
const LISTENS = '0A';

export function cpuSecondsOf(pids: Pids): CpuSeconds {
  const all = statsOfAll();
  return ofEach((name) => usedBy(pids[name], all));
}

/** What was used between two looks. */
export function cpuBetween(before: CpuSeconds, after: CpuSeconds): CpuSeconds {
  return ofEach((name) => {
    const [from, to] = [before[name], after[name]];
    return from === null || to === null ? null : to - from;
  });
}

/** By a rule for each process. */
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

function usedBy(pid: number | null, all: ReadonlyMap<number, Stat>): number | null {
  const own = pid === null ? undefined : all.get(pid);
  if (!own) return null;
  // The floor's worker, and our own, are children of the load.
  const children = pid === process.pid ? [] : [...all.values()].filter(({ parent }) => parent === pid);
  return [own, ...children].reduce((sum, { seconds }) => sum + seconds, 0);
}

type Stat = { parent: number; seconds: number };

function statsOfAll(): ReadonlyMap<number, Stat> {
  const found = new Map<number, Stat>();
  for (const name of entriesOf('/proc')) {
    const stat = /^\d+$/.test(name) ? statOf(name) : null;
    if (stat) found.set(Number(name), stat);
  }
  return found;
}

function statOf(pid: string): Stat | null {
  const text = readOrNull(`/proc/${pid}/stat`);
  if (text === null) return null;
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const ticks = [USER, SYSTEM, CHILDREN_USER, CHILDREN_SYSTEM].reduce(
    (sum, at) => sum + (fields[at] ?? 0),
    0,
  );
  return { parent: fields[PARENT] ?? 0, seconds: ticks / TICKS_A_SECOND };
}

/** The process of this machine that listens at the port; null where there is none, or we may not see it. */
export function listenerAt(port: number): number | null {
  const inode = inodeOfListener(port);
  if (inode === null) return null;
  const isHolder = (pid: string): boolean =>
    entriesOf(`/proc/${pid}/fd`).some((fd) => linkOrNull(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`);
  const holders = entriesOf('/proc')
    .filter((pid) => /^\d+$/.test(pid) && isHolder(pid))
    .map(Number);
  return holders.length === 0 ? null : Math.min(...holders); // children inherit the socket
}

function inodeOfListener(port: number): string | null {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of (readOrNull(table) ?? '').split('\n')) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (local?.endsWith(`:${wanted}`) && state === LISTENS && inode) return inode;
    }
  }
  return null;
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // gone meanwhile, of another user, or no Linux
  }
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

function linkOrNull(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}
