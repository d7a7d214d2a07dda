import type { Redis } from 'ioredis';
import type { Client } from 'pg';
import { type Metrics, readMetrics } from '../../simulator/kit/metricsText';
import { type CpuSeconds, cpuSecondsOf, type Pids } from '../cpu';
import { privateBytesOf } from '../memory';

export const PARTS = ['worker', 'api', 'temporal', 'postgres', 'redis'] as const;
export type Part = (typeof PARTS)[number];

/** The resources that each part has used so far, and holds now; null where it cannot be read. */
export type Reading = {
  /** Epoch ms. */
  at: number;
  cpuSeconds: CpuSeconds;
  memoryBytes: Readonly<Record<Part, number | null>>;
  /** Of the worker's main thread, as Node reports it. */
  workerHeapBytes: number;
  postgresBytes: number;
  redisBytes: number;
  /** Delivery events that the worker has processed, and their total seconds; all kinds, and searches. */
  events: Timed;
  searches: Timed;
  /** Transactions, and rows read through an index, in the service's database. */
  transactions: number;
  rowsRead: number;
};
export type Timed = { count: number; seconds: number };

export type MeterDeps = { workerUrl: string; pids: Pids; db: Client; redis: Redis; clock: () => number };

/** Reads all meters at once. PostgreSQL's counters are up to a second old. */
export async function readMeters({ workerUrl, pids, db, redis, clock }: MeterDeps): Promise<Reading> {
  const [
    worker,
    info,
    {
      rows: [row],
    },
  ] = await Promise.all([
    readMetrics(workerUrl, 20_000),
    redis.info('memory'),
    db.query<{ bytes: string; transactions: string; rows: string }>(`
      SELECT pg_database_size(datname) AS bytes, xact_commit + xact_rollback AS transactions,
        tup_fetched AS rows FROM pg_stat_database WHERE datname = current_database()`),
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
    workerHeapBytes: worker.sum('nodejs_heap_size_used_bytes') ?? 0,
    postgresBytes: Number(row?.bytes),
    redisBytes: Number(/^used_memory:(\d+)/m.exec(info)?.[1] ?? NaN),
    events: timed(worker, 'dispatch_event_seconds'),
    searches: timed(worker, 'dispatch_event_seconds', { event: 'lookForDriver' }),
    transactions: Number(row?.transactions),
    rowsRead: Number(row?.rows),
  };
}

function timed(metrics: Metrics, name: string, labels: Record<string, string> = {}): Timed {
  return {
    count: metrics.sum(`${name}_count`, labels) ?? 0,
    seconds: metrics.sum(`${name}_sum`, labels) ?? 0,
  };
}
