/**
 * Preloaded into worker and API by the soak: on SIGWINCH the process runs a full garbage collection, so that
 * its heap holds only live objects. A process without this module ignores SIGWINCH. (SIGUSR2 is not usable:
 * Temporal's SDK stops the worker on it.) Workflow threads do not receive signals; their memory counts in
 * that of the process.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  setFlagsFromString('--expose-gc');
  process.on('SIGWINCH', () => void runInNewContext('gc()'));
}
