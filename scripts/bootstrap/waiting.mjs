import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Calls `attempt` until it returns without throwing, and returns its value; the last failure is thrown after
 * `timeoutMs`. `giveUp` may throw at once when waiting has become pointless, for example because the process
 * has died.
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
