// Schema changes while the service runs. A statement that waits for a table lock blocks every later statement
// on that table. So it waits only briefly, gives up, lets the others pass, and is retried.
import { setTimeout as sleep } from 'node:timers/promises';
import { logStep, SetupError } from './log.mjs';

/** Well under the service's own time-outs for statements and transactions (1 s, 1.4 s). */
export const LOCK_TIMEOUT_MS = 500;
const LOCK_NOT_AVAILABLE = '55P03';
const PAUSE_MS = 1_000;
const PATIENCE_MS = 60_000;

/** Calls `change` again while a lock stops it. */
export async function untilLocked(what, change) {
  const deadlineMs = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await change();
    } catch (error) {
      if (error.code !== LOCK_NOT_AVAILABLE) throw error;
      if (Date.now() > deadlineMs) {
        throw new SetupError(
          `${what}: a table stayed locked for ${PATIENCE_MS / 1_000} s.`,
          `Nothing was changed. Long transactions block it:
    SELECT * FROM pg_stat_activity WHERE xact_start < now() - interval '10 s'`,
        );
      }
      logStep(`${what}: a table is locked; retrying`);
      await sleep(PAUSE_MS);
    }
  }
}
