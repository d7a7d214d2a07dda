import { Gauge } from 'prom-client';
import type { Log } from '../services/ports';

/**
 * A gauge that is read at each scrape. While its source is away it reads NaN and logs why: the other metrics
 * are needed most at such a time.
 */
export function readGauge(
  { name, help, log }: { name: string; help: string; log: Pick<Log, 'warn'> },
  read: () => Promise<number>,
): void {
  new Gauge({
    name,
    help,
    async collect() {
      this.set(
        await read().catch((err: unknown) => {
          log.warn({ err, metric: name }, 'a metric could not be read');
          return NaN;
        }),
      );
    },
  });
}

/** Shares one read between gauges that are collected at the same moment. */
export function sharedWhileRunning<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | null = null;
  return () => (running ??= read().finally(() => (running = null)));
}
