import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The identity of a process. `startedAt`: clock ticks since boot; it tells the process from a later one with
 * the same `pid`.
 */
export type Process = { pid: number; startedAt: number };

/**
 * The resources of one or more processes. Memory is in MB; `privateMb` excludes shareable memory, such as a
 * database's buffers. CPU is in seconds since the processes started.
 */
export type ResourceUsage = {
  memoryMb: number;
  privateMb: number;
  files: number;
  threads: number;
  cpuS: number;
  processes: number;
};

/** A snapshot of one process. `cpuS`: kernel and user time, including ended children. */
type Stat = { pid: number; parent: number; cpuS: number; threads: number; startedAt: number };

const TICKS_A_SECOND = 100;
const LISTENS = '0A';
const ESTABLISHED = '01';
const PROC = '/proc';

/**
 * The process that listens on a port of this machine. A server's children hold its socket, too; this is their
 * parent. undefined: no listener, no permission to see it, or no /proc.
 */
export function listenerOn(port: number): Process | undefined {
  const inodes = new Set(socketsOf(port, LISTENS).map(({ inode }) => `socket:[${inode}]`));
  const holders =
    inodes.size === 0 ? [] : stats().filter(({ pid }) => filesOf(pid).some((file) => inodes.has(file)));
  const parent = holders.find((each) => !holders.some(({ pid }) => pid === each.parent));
  return parent && { pid: parent.pid, startedAt: parent.startedAt };
}

/**
 * The resources of a process and its descendants; undefined if the process is gone. Shared memory counts
 * once, split among the processes that share it.
 */
export function resourceUsageOf({ pid, startedAt }: Process): ResourceUsage | undefined {
  const all = stats();
  if (!all.some((each) => each.pid === pid && each.startedAt === startedAt)) return undefined;
  const family = withChildren(pid, all);
  const sum = (of: (each: Stat) => number): number => family.reduce((total, each) => total + of(each), 0);
  return {
    memoryMb: sum((each) => memoryMbOf(each.pid, 'Pss')),
    privateMb: sum((each) => memoryMbOf(each.pid, 'Pss_Anon')),
    files: sum((each) => filesOf(each.pid).length),
    threads: sum(({ threads }) => threads),
    cpuS: sum(({ cpuS }) => cpuS),
    processes: family.length,
  };
}

/** A process and its descendants. Empty if the process is gone or the system has no /proc. */
export function withChildren(pid: number, all: readonly Stat[] = stats()): readonly Stat[] {
  return all.some((each) => each.pid === pid)
    ? all.filter((each) => each.pid === pid || each.parent === pid)
    : [];
}

/** The number of connections of the server on this port. */
export function connectionsTo(port: number): number {
  return socketsOf(port, ESTABLISHED).length;
}

/** Every visible process of this machine. */
export function stats(): Stat[] {
  return readOrDefault(() => readdirSync(PROC), []).flatMap((name) =>
    /^\d+$/.test(name) ? statOf(Number(name)) : [],
  );
}

/**
 * Reads the fields after the name, since the name may contain any character. The first of them is field 3 of
 * proc(5). The CPU time of ended children counts.
 */
function statOf(pid: number): Stat[] {
  const text = readOrDefault(() => readFileSync(join(PROC, String(pid), 'stat'), 'utf8'), '');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  const ofThoseGone = field(16) + field(17);
  return text === ''
    ? []
    : [
        {
          pid,
          parent: field(4),
          cpuS: (field(14) + field(15) + ofThoseGone) / TICKS_A_SECOND,
          threads: field(20),
          startedAt: field(22),
        },
      ];
}

function filesOf(pid: number): string[] {
  const folder = join(PROC, String(pid), 'fd');
  return readOrDefault(() => readdirSync(folder), []).map((name) =>
    readOrDefault(() => readlinkSync(join(folder, name)), ''),
  );
}

function memoryMbOf(pid: number, field: 'Pss' | 'Pss_Anon'): number {
  const text = readOrDefault(() => readFileSync(join(PROC, String(pid), 'smaps_rollup'), 'utf8'), '');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1_024;
}

/** Parses lines of `sl local remote state … inode`. Addresses are ADDRESS:PORT in hexadecimal. */
function socketsOf(port: number, state: string): { inode: string }[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  return ['tcp', 'tcp6'].flatMap((file) =>
    readOrDefault(() => readFileSync(join(PROC, 'net', file), 'utf8'), '')
      .split('\n')
      .slice(1)
      .flatMap((line) => {
        const [, local, , is, , , , , , inode] = line.trim().split(/\s+/);
        return local?.endsWith(`:${wanted}`) && is === state && inode !== undefined ? [{ inode }] : [];
      }),
  );
}

/** Processes may end during the read, and those of other users may be unreadable. */
function readOrDefault<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
