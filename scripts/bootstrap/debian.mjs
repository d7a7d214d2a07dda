// Debian's packages as a source of programs, unpacked without root rights. Each file is pinned by its SHA-256.
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { logStep } from './log.mjs';
import { programsDir } from './paths.mjs';

const LIBRARIES = 'usr/lib/x86_64-linux-gnu';

/** Where a program from Debian's packages is kept. The version is part of the path. */
export function debianPath(name, { packages }) {
  return join(programsDir(), `${name}-debian-${packages[0].version.replaceAll(/[^\w.-]/g, '-')}`, name);
}

/**
 * Downloads the packages, checks them and makes a program that finds its libraries. Returns undefined on a system
 * that is not Debian.
 */
export async function fetchFromDebian(name, { packages, entry }, supervisor) {
  if (!hasCommand('apt-get') || !hasCommand('dpkg-deb')) return undefined;
  logStep(`downloading ${packages.map((each) => each.name).join(', ')} from Debian`);
  const dir = mkdtempSync(join(programsDir(), 'download-'));
  try {
    await download(supervisor, dir, packages);
    const root = join(dir, 'root');
    for (const file of readdirSync(dir).filter((each) => each.endsWith('.deb'))) {
      requireSha256(join(dir, file), packages);
      await supervisor.run({ name: 'dpkg-deb', command: 'dpkg-deb', args: ['-x', join(dir, file), root] });
    }
    return installed(debianPath(name, { packages }), root, entry);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A new machine has no package lists yet; root may fetch them. */
async function download(supervisor, dir, packages) {
  const args = ['download', '-qq', ...packages.map(({ name, version }) => `${name}=${version}`)];
  const fetchAll = () => supervisor.run({ name: 'apt-get', command: 'apt-get', args, cwd: dir });
  try {
    await fetchAll();
  } catch (error) {
    if (process.getuid() !== 0) throw error;
    await supervisor.run({ name: 'apt-get', command: 'apt-get', args: ['update', '-qq'] });
    await fetchAll();
  }
}

function requireSha256(path, packages) {
  const actual = createHash('sha256').update(readFileSync(path)).digest('hex');
  if (!packages.some(({ sha256 }) => sha256 === actual))
    throw new Error(`${path} has the SHA-256 ${actual}, which is not pinned; it was not used`);
}

/** A script beside the files starts the program with its own libraries. */
function installed(path, root, entry) {
  const home = join(path, '..');
  mkdirSync(home, { recursive: true });
  const files = join(home, 'root');
  if (!existsSync(files)) renameSync(root, files);
  const unfinished = `${path}.${process.pid}`;
  const start = `#!/bin/sh\nLD_LIBRARY_PATH='${join(files, LIBRARIES)}' exec '${join(files, entry)}' "$@"\n`;
  writeFileSync(unfinished, start);
  chmodSync(unfinished, 0o755);
  renameSync(unfinished, path);
  return path;
}

function hasCommand(command) {
  return spawnSync(command, ['--version']).status === 0;
}
