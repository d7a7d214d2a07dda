/** A build of the service in which a line was changed on purpose: what finds faults must find that one. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROJECT = join(__dirname, '../..');

/** `file` of dist/, and what stands in it in place of what; `from` must be there once. */
export type Alteration = { file: string; from: string; to: string };

/** A copy of dist/ with these changes, in a throwaway folder. */
export function alteredBuild(alterations: readonly Alteration[]): { dist: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'altered-build-'));
  const dist = join(folder, 'dist');
  cpSync(join(PROJECT, 'dist'), dist, { recursive: true });
  symlinkSync(join(PROJECT, 'node_modules'), join(folder, 'node_modules'));
  for (const alteration of alterations) alter(join(dist, alteration.file), alteration);
  return { dist, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function alter(path: string, { from, to }: Alteration): void {
  const parts = readFileSync(path, 'utf8').split(from);
  if (parts.length !== 2)
    throw new Error(
      `${path} has ${parts.length - 1} times ${JSON.stringify(from)}: this test must be told what stands there now`,
    );
  writeFileSync(path, parts.join(to));
}
