import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Redis } from 'ioredis';
import type { Client } from 'pg';

/** What the parts have used so far, and hold now. CPU in seconds since their start, null where this system does not say (it is read from /proc). */
export type Reading = {
  at: number;
  cpuSeconds: Record<Part, number | null>;
  memoryBytes: Record<Part, number | null>;
  /** Of the worker's main thread, as Node counts it. */
  workerHeapBytes: number;
  postgresBytes: number;
  redisBytes: number;
  /** Events of deliveries that the worker has run, and the seconds they took; of all kinds, and of searches. */
  events: { count: number; seconds: number };
  searches: { count: number; seconds: number };
  /** Transactions, and rows that were read, in the service's database. */
  transactions: number;
  rowsRead: number;
};

export const PARTS = ['worker', 'api', 'temporal', 'postgres', 'redis'] as const;
export type Part = (typeof PARTS)[number];

/** Where the parts are: the services by the address before `/metrics`, the servers by the port they listen on. */
export type MeterDeps = { workerUrl: string; apiUrl: string; temporalPort: number; postgresPort: number; db: Client; redis: Redis; clock: () => number };

/** Reads all meters at once. */
export async function readMeters({ workerUrl, apiUrl, temporalPort, postgresPort, db, redis, clock }: MeterDeps): Promise<Reading> {
  const [worker, api, info, { rows: [row] }] = await Promise.all([
    scrape(workerUrl), scrape(apiUrl), redis.info(),
    db.query<{ bytes: string; transactions: string; rows: string }>(`
      SELECT pg_database_size(datname) AS bytes, xact_commit + xact_rollback AS transactions, tup_fetched AS rows FROM pg_stat_database WHERE datname = current_database()`),
  ]);
  const ofRedis = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1] ?? NaN);
  const [temporal, postgres] = [usageAt(temporalPort), usageAt(postgresPort)];
  return {
    at: clock(),
    cpuSeconds: {
      worker: sumOf(worker, 'process_cpu_seconds_total'), api: sumOf(api, 'process_cpu_seconds_total'), temporal: temporal?.cpuSeconds ?? null, postgres: postgres?.cpuSeconds ?? null,
      redis: ofRedis('used_cpu_sys') + ofRedis('used_cpu_user'),
    },
    memoryBytes: {
      worker: sumOf(worker, 'process_resident_memory_bytes'), api: sumOf(api, 'process_resident_memory_bytes'), temporal: temporal?.memoryBytes ?? null, postgres: postgres?.memoryBytes ?? null, redis: ofRedis('used_memory_rss'),
    },
    workerHeapBytes: sumOf(worker, 'nodejs_heap_size_used_bytes'), postgresBytes: Number(row?.bytes), redisBytes: ofRedis('used_memory'),
    events: timed(worker, 'dispatch_event_seconds', () => true), searches: timed(worker, 'dispatch_event_seconds', (labels) => labels.includes('event="lookForDriver"')),
    transactions: Number(row?.transactions), rowsRead: Number(row?.rows),
  };
}

type Sample = { name: string; labels: string; value: number };

async function scrape(url: string): Promise<Sample[]> {
  const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(10_000) });
  return samplesOf(await answer.text());
}

/** The samples of a text in Prometheus' format, without comments. */
export function samplesOf(text: string): Sample[] {
  return [...text.matchAll(/^([a-zA-Z_:][\w:]*)(\{[^\n]*\})? (\S+)$/gm)].map(([, name = '', labels = '', value]) => ({ name, labels, value: Number(value) }));
}

function sumOf(samples: readonly Sample[], wanted: string, isMeant: (labels: string) => boolean = () => true): number {
  return samples.filter(({ name, labels }) => name === wanted && isMeant(labels)).reduce((sum, { value }) => sum + value, 0);
}

function timed(samples: readonly Sample[], name: string, isMeant: (labels: string) => boolean): { count: number; seconds: number } {
  return { count: sumOf(samples, `${name}_count`, isMeant), seconds: sumOf(samples, `${name}_sum`, isMeant) };
}

// ---- processes, by /proc ---------------------------------------------------------------------------------------------------------

type Usage = { cpuSeconds: number; memoryBytes: number };

const TICKS_A_SECOND = 100;
const PAGE_BYTES = 4_096;
const LISTENING = '0A';

/** What the process that listens on a port of this machine, and its children, have used. @returns null where that cannot be seen */
function usageAt(port: number): Usage | null {
  try {
    const pid = pidAt(port);
    if (pid === null) return null;
    const all = processes();
    const family = all.filter((each) => each.pid === pid || each.parent === pid);
    return { cpuSeconds: family.reduce((sum, each) => sum + each.cpuSeconds, 0), memoryBytes: family.reduce((sum, each) => sum + each.memoryBytes, 0) };
  } catch {
    return null; // not Linux, or somebody else's process
  }
}

function pidAt(port: number): number | null {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => readFileSync(file, 'utf8').split('\n').map((line) => line.trim().split(/\s+/)))
    .filter(([, local = '', , state]) => local.endsWith(`:${hex}`) && state === LISTENING).map((fields) => `socket:[${fields[9]}]`);
  return pids().find((pid) => socketsOf(pid).some((socket) => inodes.includes(socket))) ?? null;
}

const pids = (): number[] => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number);

function socketsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
  } catch {
    return []; // it ended meanwhile, or is another user's
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** Memory is what a process has for itself: PostgreSQL's share the same buffers. */
function processes(): ({ pid: number; parent: number } & Usage)[] {
  return pids().flatMap((pid) => {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
      const [, resident = '0', shared = '0'] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
      const [parent, user, system, childUser, childSystem] = [1, 11, 12, 13, 14].map((at) => Number(fields[at]));
      const ticks = (user ?? 0) + (system ?? 0) + (childUser ?? 0) + (childSystem ?? 0);
      return [{ pid, parent: parent ?? 0, cpuSeconds: ticks / TICKS_A_SECOND, memoryBytes: (Number(resident) - Number(shared)) * PAGE_BYTES }];
    } catch {
      return []; // it ended meanwhile
    }
  });
}
