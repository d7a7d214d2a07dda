import { performance } from 'node:perf_hooks';

/** Milliseconds of this process's monotonic clock. */
export const now = (): number => performance.now();

/** Waits until then; returns at once where it has passed. */
export function until(at: number): Promise<void> {
  const left = at - now();
  return left <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, left));
}

/**
 * Starts each item at its time, whether earlier ones have finished or not. Resolves when all have finished.
 * @param beginAt on this clock
 * @throws the first error, after all have been started
 */
export async function startEach<T extends { atMs: number }>(
  arrivals: readonly T[],
  beginAt: number,
  start: (arrival: T, meantAt: number) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const running: Promise<void>[] = [];
  for (const arrival of arrivals) {
    const meantAt = beginAt + arrival.atMs;
    await until(meantAt);
    if (signal.aborted) break;
    const started = start(arrival, meantAt);
    started.catch(() => undefined); // rethrown below, when all have been started
    running.push(started);
  }
  await Promise.all(running);
}
