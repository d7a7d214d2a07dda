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

/** The address with that time-out for whoever connects by it, Prisma's engines included. */
export function withLockTimeout(url) {
  const changed = new URL(url);
  const given = changed.searchParams.get('options');
  changed.searchParams.set(
    'options',
    [given, `-c lock_timeout=${LOCK_TIMEOUT_MS}`].filter(Boolean).join(' '),
  );
  // not all that read addresses take a plus for a space
  changed.search = changed.search.replaceAll('+', '%20');
  return changed.href;
}

export function isLockTimeout(error) {
  return error.code === LOCK_NOT_AVAILABLE || /lock timeout/.test(error.message);
}

/** Calls `change` until it is not a lock that stopped it; `undo` puts right what such a try left. */
export async function untilLocked(what, change, undo = async () => {}) {
  const deadlineMs = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await change();
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      await undo();
      if (Date.now() > deadlineMs) {
        throw new SetupError(
          `${what}: a table stayed locked for ${PATIENCE_MS / 1_000} s.`,
          "Long transactions are in the way: SELECT * FROM pg_stat_activity WHERE xact_start < now() - interval '10 s'. Nothing was changed.",
        );
      }
      logStep(`${what}: a table is in use; once more`);
      await sleep(PAUSE_MS);
    }
  }
}
