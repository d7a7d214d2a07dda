import { Gauge } from 'prom-client';

/**
 * A gauge that is read when somebody looks. While what it is read from is away it shows NaN and says so in
 * the log: the other metrics are wanted most just then.
 */
export function readGauge(
  { name, help, log }: { name: string; help: string; log: { warn(fields: object, text: string): void } },
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

/** Gauges are collected at the same moment: one reading serves them all. */
export function sharedWhileRunning<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | null = null;
  return () => (running ??= read().finally(() => (running = null)));
}
