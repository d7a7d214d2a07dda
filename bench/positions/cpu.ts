import { Redis } from 'ioredis';
import { readMetrics } from '../../simulator/kit/metricsText';
import type { Side } from './figures';

/** CPU seconds since the start of each process. */
export type CpuReading = { ours: number; bare: number; redis: number };

export type CpuMeter = {
  read(): Promise<CpuReading>;
  /** The CPU of this side's server and of Redis between two readings, in seconds. */
  since(before: CpuReading, after: CpuReading, side: Side): { server: number; redis: number };
  close(): void;
};

/** Reads the processes' own figures: /metrics of the API, INFO of Redis. */
export function openCpuMeter({
  apiUrl,
  redisUrl,
  bareCpuSeconds,
}: {
  apiUrl: string;
  redisUrl: string;
  bareCpuSeconds: () => Promise<number>;
}): CpuMeter {
  const redis = new Redis(redisUrl);
  return {
    read: async () => ({
      ours: await apiCpuSeconds(apiUrl),
      bare: await bareCpuSeconds(),
      redis: redisCpuSeconds(await redis.info('cpu')),
    }),
    since: (before, after, side) => ({
      server: after[side] - before[side],
      redis: after.redis - before.redis,
    }),
    close: () => redis.disconnect(),
  };
}

async function apiCpuSeconds(apiUrl: string): Promise<number> {
  const seconds = (await readMetrics(apiUrl)).sum('process_cpu_seconds_total');
  if (seconds === undefined) throw new Error('the API reports no CPU time');
  return seconds;
}

function redisCpuSeconds(info: string): number {
  return numberIn(info, /^used_cpu_sys:([\d.]+)/m) + numberIn(info, /^used_cpu_user:([\d.]+)/m);
}

function numberIn(text: string, pattern: RegExp): number {
  const [, found] = pattern.exec(text) ?? [];
  if (found === undefined)
    throw new Error(`a process reports no CPU time: ${pattern.source} is missing from its answer`);
  return Number(found);
}
