import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { logStep, SetupError } from './log.mjs';
import { modulesDir, projectDir } from './paths.mjs';

const MINIMUM_NODE = [20, 19];

export function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [neededMajor, neededMinor] = MINIMUM_NODE;
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) return;
  throw new SetupError(
    `This is Node ${process.versions.node}; ${MINIMUM_NODE.join('.')} or later is required.`,
    'Install it from https://nodejs.org',
  );
}

/** Installs node_modules as in package-lock.json. Does nothing if they are up to date. */
export async function installPackages(supervisor) {
  if (isInstalled()) return;
  logStep('installing npm packages (a minute or two)');
  await supervisor.run({
    name: 'npm ci',
    command: 'npm',
    // No package needs its install script. Prisma's would download an engine, which fails in closed networks
    // (prisma.mjs replaces it). PostgreSQL's makes symlinks, which postgres.mjs does. Without the scripts,
    // every version of npm gives the same result.
    args: ['ci', '--ignore-scripts', '--no-audit', '--no-fund'],
    cwd: projectDir,
    remedy: 'Check the network and the registry that npm uses (npm ping), and start again.',
  });
}

/** Compares npm's list of installed packages with the lock file. */
function isInstalled() {
  const installedListPath = join(modulesDir, '.package-lock.json');
  if (!existsSync(installedListPath)) return false;
  const installed = readPackages(installedListPath);
  const wanted = Object.entries(readPackages(join(projectDir, 'package-lock.json')));
  return wanted.every(([path, entry]) => {
    if (entry.link) return existsSync(join(projectDir, path));
    return isOurs(path) || mayBeAbsent(entry) || installed[path]?.version === entry.version;
  });
}

/** The service itself, and its workspaces. */
function isOurs(path) {
  return !path.includes('node_modules/');
}

/** Packages for other platforms. */
function mayBeAbsent(entry) {
  return Boolean(entry.optional || entry.devOptional || entry.peer || entry.extraneous);
}

function readPackages(path) {
  return JSON.parse(readFileSync(path, 'utf8')).packages ?? {};
}
