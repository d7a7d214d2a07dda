import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { cacheDir, projectDir } from './paths.mjs';

/**
 * One hash over the names and contents of files and folders, by paths within the project. A missing path
 * counts as empty.
 */
export function fingerprint(paths) {
  const hash = createHash('sha256');
  for (const file of paths.flatMap((path) => filesBelow(join(projectDir, path)))) {
    hash
      .update(`${relative(projectDir, file)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex');
}

/** Whether the inputs of `step` changed since it was last done. `done` records them. */
export function changedSince(step, current) {
  const markPath = join(cacheDir, 'done', step);
  return {
    isChanged: !existsSync(markPath) || readFileSync(markPath, 'utf8') !== current,
    done() {
      mkdirSync(dirname(markPath), { recursive: true });
      writeFileSync(markPath, current);
    },
  };
}

export function filesBelow(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesBelow(join(path, name)));
}
