import { connect } from 'node:net';
import { mkdirSync } from 'node:fs';
import { requireFreePort } from './ports.mjs';
import { findProgram } from './programs.mjs';
import { waitUntil } from './waiting.mjs';

const READY_TIMEOUT_MS = 30_000;
const REMEDY = 'Set REDIS_URL to a Redis that runs, or see the log.';

/** Starts a server on 127.0.0.1 with its files in `dir`. An `isThrowaway` server stores nothing. */
export async function startRedis(supervisor, { dir, port, logFile, isThrowaway = false }) {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  await requireFreePort(port, { usedFor: 'Redis', variable: 'REDIS_PORT' });
  const server = supervisor.start({
    name: 'redis',
    command: await findProgram('redis-server', supervisor),
    args: [
      '--bind',
      '127.0.0.1',
      '--port',
      String(port),
      '--dir',
      dir,
      '--appendonly',
      isThrowaway ? 'no' : 'yes',
      '--save',
      '',
    ],
    logFile,
  });
  await waitUntil(() => ping(port), {
    timeoutMs: READY_TIMEOUT_MS,
    giveUp: () => server.throwIfExited(REMEDY),
  });
  return { url: `redis://127.0.0.1:${port}`, process: server };
}

/** Redis accepts connections while it still loads its files. Only PONG means that it is ready. */
const ping = (port) => tellRedis(port, 'PING', '+PONG');

/** Sends one command on its own connection. @throws Error where the answer is another */
export function tellRedis(port, command, wanted = '+OK') {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 1_000 }, () => socket.write(`${command}\r\n`));
    socket.once('data', (answer) => {
      socket.destroy();
      if (answer.toString().startsWith(wanted)) return resolve();
      reject(new Error(`Redis answered ${command} with ${answer}`));
    });
    socket.once('timeout', () => socket.destroy(new Error('Redis does not answer')));
    socket.once('error', reject);
  });
}
