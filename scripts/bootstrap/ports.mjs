import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { commandLineOf } from './identity.mjs';
import { SetupError } from './log.mjs';

const LISTEN_STATE = '0A';

/**
 * Refuses a taken port. The error names its process, if known, and the variable that chooses another port.
 */
export async function requireFreePort(port, { usedFor, variable }) {
  if (await isFree(port)) return;
  const holder = holderOf(port);
  throw new SetupError(
    `Port ${port} (${usedFor}) is taken${holder ? ` by process ${holder.pid}: ${holder.commandLine}` : ''}.`,
    `Stop that program, or choose another port: ${variable}=${port + 1000} npm start`,
  );
}

// Below the ephemeral ports of outgoing connections: 32768 and up on Linux, 49152 and up on other systems.
const [FIRST_FREE, LAST_FREE] = [20_000, 31_999];

/** Distinct ports that are free now. */
export async function freePorts(count) {
  const found = new Set();
  for (let tries = 0; found.size < count; tries += 1) {
    if (tries === 100 * count)
      throw new SetupError(
        `No ${count} free ports between ${FIRST_FREE} and ${LAST_FREE}.`,
        'Stop programs that listen on those ports.',
      );
    const port = FIRST_FREE + Math.floor(Math.random() * (LAST_FREE - FIRST_FREE + 1));
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}

/** Resolves when a process accepts connections on the port. */
export function tryConnect({ host, port, timeoutMs = 3_000 }) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('timeout', () => {
      socket.destroy();
      reject(new Error(`no answer within ${timeoutMs / 1000} s`));
    });
    socket.once('error', reject);
  });
}

async function isFree(port) {
  try {
    await close(await listen(port));
    return true;
  } catch (error) {
    if (error.code === 'EADDRINUSE') return false;
    if (error.code === 'EACCES')
      throw new SetupError(`Port ${port} requires root privileges.`, 'Choose a port above 1023.');
    throw error;
  }
}

function listen(port) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

function close(server) {
  return new Promise((resolve) => server.close(resolve));
}

function holderOf(port) {
  const pid = process.platform === 'linux' ? holderFromProc(port) : holderFromLsof(port);
  return pid ? { pid, commandLine: commandLineOf(pid).slice(0, 120) } : undefined;
}

function holderFromLsof(port) {
  const { stdout } = spawnSync('lsof', ['-nP', '-t', `-iTCP:${port}`, '-sTCP:LISTEN'], { encoding: 'utf8' });
  return Number(stdout?.trim().split('\n')[0]) || undefined;
}

function holderFromProc(port) {
  const socketLinks = listeningInodes(port).map((inode) => `socket:[${inode}]`);
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return Number(pids.find((pid) => openFilesOf(pid).some((link) => socketLinks.includes(link)))) || undefined;
}

function listeningInodes(port) {
  const portHex = port.toString(16).toUpperCase().padStart(4, '0');
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((path) => {
    const rows = readIfAllowed(() => readFileSync(path, 'utf8'), '')
      .split('\n')
      .slice(1)
      .map((row) => row.trim().split(/\s+/));
    return rows
      .filter((row) => row[1]?.endsWith(`:${portHex}`) && row[3] === LISTEN_STATE)
      .map((row) => row[9]);
  });
}

/** The open files of other users are not visible, so their processes stay unnamed. */
function openFilesOf(pid) {
  const dir = `/proc/${pid}/fd`;
  return readIfAllowed(() => readdirSync(dir), []).map((name) =>
    readIfAllowed(() => readlinkSync(`${dir}/${name}`), ''),
  );
}

function readIfAllowed(read, otherwise) {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
