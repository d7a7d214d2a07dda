// Our own processes, compiled: the worker and the API.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { logWarning, SetupError } from './log.mjs';
import { projectDir } from './paths.mjs';
import { waitUntil } from './waiting.mjs';

const READY_TIMEOUT_MS = 60_000;
// Both finish the work in progress before they stop.
const GRACE_MS = 30_000;
const RESTARTS_ALLOWED = 5;
const RESTART_WINDOW_MS = 60_000;
const RESTART_PAUSE_MS = 500;

/**
 * Starts both, waits until they are ready, and restarts a process that dies, as in production. The returned
 * `failed` rejects when restarts no longer help.
 */
export async function startServices(supervisor, environment) {
  const worker = startWorker(supervisor, environment);
  const api = startApi(supervisor, environment);
  const healthUrls = [environment.API_URL, `http://127.0.0.1:${environment.WORKER_HEALTH_PORT}`].map(
    (url) => `${url}/health/ready`,
  );
  await waitUntil(() => Promise.all(healthUrls.map(requireReady)), {
    timeoutMs: READY_TIMEOUT_MS,
    intervalMs: 100,
    giveUp: () => [worker, api].forEach((service) => service.throwIfExited('See its last log lines above.')),
  });
  const failed = Promise.race([
    keepRunning(supervisor, worker, () => startWorker(supervisor, environment)),
    keepRunning(supervisor, api, () => startApi(supervisor, environment)),
  ]);
  return { failed };
}

export function startWorker(supervisor, env) {
  return startEntry(supervisor, { name: 'worker', entry: 'dist/worker/main.js', env });
}

export function startApi(supervisor, env) {
  return startEntry(supervisor, { name: 'api', entry: 'dist/api/main.js', env });
}

/**
 * Starts a compiled program. Its output goes line by line to stderr under its name, or where `stdio` says.
 * The caller reads it there.
 */
export function startEntry(supervisor, { name, entry, args = [], env, stdio, onMessage }) {
  const path = join(projectDir, entry);
  if (!existsSync(path)) throw new SetupError(`${entry} is missing.`, 'Remove dist/ and start again.');
  return supervisor.start({
    name,
    command: process.execPath,
    args: ['--enable-source-maps', path, ...args],
    cwd: projectDir,
    env,
    stdio,
    onMessage,
    onLine: stdio ? undefined : (line) => process.stderr.write(`${name.padEnd(9)} | ${line}\n`),
    graceMs: GRACE_MS,
  });
}

async function requireReady(url) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  if (!answer.ok)
    throw new SetupError(`${url} is not ready: ${await answer.text()}`, 'See the log lines above.');
}

async function keepRunning(supervisor, firstRun, startAgain) {
  let running = firstRun;
  let recentEndsMs = [];
  for (;;) {
    const { code, signal } = await running.exited;
    if (supervisor.signal.aborted) return new Promise(() => {});
    const nowMs = Date.now();
    recentEndsMs = [...recentEndsMs.filter((endMs) => endMs > nowMs - RESTART_WINDOW_MS), nowMs];
    if (recentEndsMs.length > RESTARTS_ALLOWED) {
      throw new SetupError(
        `${running.name} exited ${recentEndsMs.length} times within a minute.`,
        'See its last log lines above.',
      );
    }
    logWarning(`${running.name} ended (${signal ?? `exit code ${code}`}); it is started again`);
    await sleep(RESTART_PAUSE_MS);
    running = startAgain();
  }
}
