import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectDir = resolve(fileURLToPath(new URL('../..', import.meta.url)));

/** Files that can be rebuilt from the sources: build marks, run records, test results. */
export const cacheDir = join(projectDir, '.cache');

/** Files that `npm start` keeps between starts: databases, keys, logs. */
export const dataDir = join(projectDir, '.data');

/** The migrations folder, also used by prisma.config.ts. */
export const migrationsDir = resolve(projectDir, process.env.MIGRATIONS_DIR || 'prisma/migrations');

export const modulesDir = join(projectDir, 'node_modules');

/** Identifies the files of this checkout in shared folders such as /var/tmp. */
export function shortHash(path) {
  return createHash('sha256').update(path).digest('hex').slice(0, 12);
}

/** Downloaded programs are kept per user, so that several checkouts share them. */
export function programsDir() {
  const perUser = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'driver-service');
  try {
    mkdirSync(perUser, { recursive: true });
    return perUser;
  } catch {
    // System users such as nobody have no home folder.
    const perProject = join(cacheDir, 'programs');
    mkdirSync(perProject, { recursive: true });
    return perProject;
  }
}
