import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const PROJECT = join(__dirname, '../..');
/** What is installed, built, kept, or recorded by tools. */
const NOT_WRITTEN = new Set([
  '.git',
  'node_modules',
  'dist',
  '.cache',
  '.data',
  'coverage',
  'prisma/client',
  'prisma/migrations',
  'test/replay/histories',
]);
const GENERATED = /^(package-lock\.json|.*\/generated\/.*|.*apiTypes\.ts)$/;

/** A file that people write, by its path within the project. */
export type WrittenFile = { path: string; lines: readonly string[] };

/** Those whose path fits. */
export function writtenFiles(form: RegExp): WrittenFile[] {
  return pathsBelow('')
    .filter((path) => form.test(path) && !GENERATED.test(path))
    .map((path) => ({ path, lines: readFileSync(join(PROJECT, path), 'utf8').split('\n') }));
}

/** Whether there is such a file or folder. */
export function isInProject(path: string): boolean {
  return existsSync(join(PROJECT, path));
}

function pathsBelow(folder: string): string[] {
  return readdirSync(join(PROJECT, folder)).flatMap((name) => {
    const path = folder === '' ? name : `${folder}/${name}`;
    if (NOT_WRITTEN.has(name) || NOT_WRITTEN.has(path)) return [];
    return statSync(join(PROJECT, path)).isDirectory() ? pathsBelow(path) : [path];
  });
}
