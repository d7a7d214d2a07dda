import type { Redis } from 'ioredis';
import type { Client } from 'pg';
import { type CpuSeconds, cpuSecondsOf, type Pids } from '../cpu';
import { privateBytesOf } from '../memory';

export const PARTS = ['worker', 'api', 'temporal', 'postgres', 'redis'] as const;
export type Part = (typeof PARTS)[number];

/** What the parts have used so far, and hold now; null where this system does not say. */
export type Reading = {
  /** Epoch ms. */
  at: number;
  cpuSeconds: CpuSeconds;
  memoryBytes: Readonly<Record<Part, number | null>>;
  /** Of the worker's main thread, as Node counts it. */
  workerHeapBytes: number;
  postgresBytes: number;
  redisBytes: number;
  /**
   * Events of deliveries that the worker has run, and the seconds they took; of all kinds, and of searches.
   */
  events: Timed;
  searches: Timed;
  /** Transactions, and rows that were read by an index, in the service's database. */
  transactions: number;
  rowsRead: number;
};
export type Timed = { count: number; seconds: number };

export type MeterDeps = { workerUrl: string; pids: Pids; db: Client; redis: Redis; clock: () => number };

/** Reads all meters at once. PostgreSQL's own are up to a second old. */
export async function readMeters({ workerUrl, pids, db, redis, clock }: MeterDeps): Promise<Reading> {
  const [
    worker,
    info,
    {
      rows: [row],
    },
  ] = await Promise.all([
    scrape(workerUrl),
    redis.info('memory'),
    db.query<{ bytes: string; transactions: string; rows: string }>(`
      SELECT pg_database_size(datname) AS bytes, xact_commit + xact_rollback AS transactions, tup_fetched AS rows FROM pg_stat_database WHERE datname = current_database()`),
  ]);
  const memory = (part: Part): number | null => privateBytesOf(pids[part]);
  return {
    at: clock(),
    cpuSeconds: cpuSecondsOf(pids),
    memoryBytes: {
      worker: memory('worker'),
      api: memory('api'),
      temporal: memory('temporal'),
      postgres: memory('postgres'),
      redis: memory('redis'),
    },
    workerHeapBytes: sumOf(worker, 'nodejs_heap_size_used_bytes'),
    postgresBytes: Number(row?.bytes),
    redisBytes: Number(/^used_memory:(\d+)/m.exec(info)?.[1] ?? NaN),
    events: timed(worker, 'dispatch_event_seconds', () => true),
    searches: timed(worker, 'dispatch_event_seconds', (labels) => labels.includes('event="lookForDriver"')),
    transactions: Number(row?.transactions),
    rowsRead: Number(row?.rows),
  };
}

type Sample = { name: string; labels: string; value: number };

async function scrape(url: string): Promise<Sample[]> {
  const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(20_000) });
  return samplesOf(await answer.text());
}

/** The samples of a text in Prometheus' format, without its comments. */
export function samplesOf(text: string): Sample[] {
  return [...text.matchAll(/^([a-zA-Z_:][\w:]*)(\{[^\n]*\})? (\S+)$/gm)].map(
    ([, name = '', labels = '', value]) => ({ name, labels, value: Number(value) }),
  );
}

function sumOf(
  samples: readonly Sample[],
  wanted: string,
  isMeant: (labels: string) => boolean = () => true,
): number {
  return samples
    .filter(({ name, labels }) => name === wanted && isMeant(labels))
    .reduce((sum, { value }) => sum + value, 0);
}

function timed(samples: readonly Sample[], name: string, isMeant: (labels: string) => boolean): Timed {
  return { count: sumOf(samples, `${name}_count`, isMeant), seconds: sumOf(samples, `${name}_sum`, isMeant) };
}
