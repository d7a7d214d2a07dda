/** Waits that can be aborted and never end early. Node timers may fire a little early. */

const LONGEST_TIMER_MS = 2_000_000_000;

/**
 * Waits until the clock of this process shows `at` (epoch ms), or the signal comes.
 * @returns true if the time came; false if the signal came first
 */
export async function waitUntil(at: number, signal?: AbortSignal): Promise<boolean> {
  while (Date.now() < at) {
    if (signal?.aborted) return false;
    await timer(Math.min(at - Date.now(), LONGEST_TIMER_MS), signal);
  }
  return !signal?.aborted;
}

/** The same for a duration in ms. */
export function pause(ms: number, signal?: AbortSignal): Promise<boolean> {
  return waitUntil(Date.now() + ms, signal);
}

/**
 * Polls until `ask` returns a value.
 * @returns the value; undefined if `deadlineAt` (epoch ms) or the signal came first
 */
export async function poll<T>(
  ask: () => Promise<T | undefined>,
  { everyMs, deadlineAt, signal }: { everyMs: number; deadlineAt: number; signal?: AbortSignal },
): Promise<T | undefined> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() + everyMs > deadlineAt || !(await pause(everyMs, signal))) return undefined;
  }
}

function timer(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(running);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const running = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}
