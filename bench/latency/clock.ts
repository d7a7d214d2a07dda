import { performance } from 'node:perf_hooks';

/** ms of this process' steady clock. */
export const now = (): number => performance.now();

/** Waits until then; at once where that is past. */
export function until(at: number): Promise<void> {
  const left = at - now();
  return left <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, left));
}

/**
 * Starts each at its time, however long the earlier ones take. Resolves when all are over.
 * @param beginAt on this clock.
 * @throws what one of them throws, then
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
    started.catch(() => undefined); // it is thrown below, when all have been started
    running.push(started);
  }
  await Promise.all(running);
}
