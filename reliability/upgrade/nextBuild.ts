import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

/** The compiled programs of one build. */
export type Build = { programs: string; bundle: string };

/** This build. */
export const THIS_BUILD: Build = buildIn(join(__dirname, '../..'));

/**
 * Replaces the workflows' entry: each delivery sleeps first, so that runs of the previous build cannot
 * replay.
 */
const ALTERED = `
const { sleep } = require('@temporalio/workflow');
const before = require('./before');
async function delivery(input) { await sleep(1); return before.delivery(input); }
module.exports = { ...before, delivery };
`;

/**
 * The next release with an incompatible change: a copy of our compiled programs whose workflows do more,
 * without `patched`. It is created inside the project so that packages resolve.
 */
export async function makeNextBuild(): Promise<Build & { remove(): void }> {
  const cache = join(THIS_BUILD.programs, '../.cache');
  mkdirSync(cache, { recursive: true });
  const next = buildIn(mkdtempSync(join(cache, 'next-build-')));
  const remove = (): void => rmSync(next.programs, { recursive: true, force: true });
  try {
    cpSync(THIS_BUILD.programs, next.programs, { recursive: true });
    const entry = join(next.programs, 'workflows/index.js');
    renameSync(entry, join(next.programs, 'workflows/before.js'));
    writeFileSync(entry, ALTERED);
    const { code } = await bundleWorkflowCode({ workflowsPath: entry, logger: new DefaultLogger('WARN') });
    writeFileSync(next.bundle, code);
    return { ...next, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function buildIn(programs: string): Build {
  return { programs, bundle: join(programs, 'workflow-bundle.js') };
}
