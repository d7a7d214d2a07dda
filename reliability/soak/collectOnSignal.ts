/**
 * Loaded before the worker's and the API's own code in a soak: at SIGWINCH the process collects all garbage,
 * so that what its heap then holds is in use. Nothing else of them is changed, and a process without this
 * passes over that signal (at SIGUSR2 Temporal's SDK would end the worker). Threads of workflows hear no
 * signals; their memory shows in that of the process.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  setFlagsFromString('--expose-gc');
  process.on('SIGWINCH', () => void runInNewContext('gc()'));
}
