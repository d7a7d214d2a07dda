// Changes of the schema while the service is at work. A statement that waits for a lock on a table makes
// everybody wait who comes after it, so none waits for long: it gives up, lets those pass, and is tried
// again.
import { setTimeout as sleep } from 'node:timers/promises';
import { logStep, SetupError } from './log.mjs';

/** Well under the service's own time-outs for statements and transactions (1 s, 1.4 s). */
export const LOCK_TIMEOUT_MS = 500;
const LOCK_NOT_AVAILABLE = '55P03';
const PAUSE_MS = 1_000;
const PATIENCE_MS = 60_000;

/** Calls `change` until it is not a lock that stopped it. */
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
