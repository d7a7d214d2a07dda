import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { findProgram } from './programs.mjs';
import { SEARCH_ATTRIBUTES } from './temporal-namespace.mjs';
import { requireFreePort, tryConnect } from './ports.mjs';
import { waitUntil } from './waiting.mjs';

const READY_TIMEOUT_MS = 60_000;
const REMEDY = 'Set TEMPORAL_ADDRESS to a server that runs, or see the log.';

/**
 * Starts the dev server (the real server, SQLite, Web UI) on 127.0.0.1. Without a `databaseFile` it stores
 * nothing. `limits` is its dynamic configuration.
 */
export async function startTemporal(supervisor, { port, uiPort, databaseFile, logFile, limits = {} }) {
  await requireFreePort(port, { usedFor: 'Temporal', variable: 'TEMPORAL_PORT' });
  await requireFreePort(uiPort, { usedFor: "Temporal's web UI", variable: 'TEMPORAL_UI_PORT' });
  if (databaseFile) mkdirSync(dirname(databaseFile), { recursive: true, mode: 0o700 });
  const server = supervisor.start({
    name: 'temporal',
    command: await findProgram('temporal', supervisor),
    args: [
      'server',
      'start-dev',
      '--ip',
      '127.0.0.1',
      '--port',
      String(port),
      '--ui-port',
      String(uiPort),
      '--log-level',
      'warn',
      ...(databaseFile ? ['--db-filename', databaseFile] : []),
      ...Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => [
        '--search-attribute',
        `${name}=${type}`,
      ]),
      ...Object.entries(limits).flatMap(([name, value]) => ['--dynamic-config-value', `${name}=${value}`]),
    ],
    logFile,
  });
  await waitUntil(() => tryConnect({ host: '127.0.0.1', port }), {
    timeoutMs: READY_TIMEOUT_MS,
    giveUp: () => server.throwIfExited(REMEDY),
  });
  return { address: `127.0.0.1:${port}`, uiUrl: `http://127.0.0.1:${uiPort}`, process: server };
}
