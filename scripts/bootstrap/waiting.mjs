import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Calls `attempt` until it succeeds, and returns its value. After `timeoutMs` it throws the last failure.
 * `giveUp` may throw earlier, for example because the process has died.
 */
export async function waitUntil(attempt, { timeoutMs, intervalMs = 50, giveUp = () => {} }) {
  const deadlineMs = Date.now() + timeoutMs;
  for (;;) {
    giveUp();
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() >= deadlineMs) throw error;
    }
    await sleep(intervalMs);
  }
}
