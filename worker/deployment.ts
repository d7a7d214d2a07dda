import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkerOptions } from '@temporalio/worker';
import type { Logger } from 'pino';

/** The workflows as the build made them. */
export const BUNDLE_PATH = join(__dirname, '../workflow-bundle.js');

const SOURCE_MAP = /\n\/\/# sourceMappingURL=\S*\s*$/;
const HASH_CHARACTERS = 16;

/**
 * Which build of the workflows this is: a hash of their code, the same wherever it was built. What only
 * activities change is no new build.
 */
export function buildIdOf(bundle: string): string {
  return createHash('sha256').update(bundle.replace(SOURCE_MAP, '')).digest('hex').slice(0, HASH_CHARACTERS);
}

/** The build of the bundle at `path`. @throws Error where there is none */
export function readBuildId(path: string = BUNDLE_PATH): string {
  return buildIdOf(readFileSync(path, 'utf8'));
}

/**
 * What tells Temporal which build a worker is of. Empty without a name: then any worker goes on with any run,
 * and changes are made behind `patched` (ADR 23).
 */
export function deploymentOf(
  { deploymentName }: { deploymentName: string | null },
  log: Logger,
): Pick<WorkerOptions, 'workerDeploymentOptions'> {
  if (deploymentName === null) return {};
  const version = { deploymentName, buildId: readBuildId() };
  log.info(version, 'worker versioning is on');
  return {
    workerDeploymentOptions: { version, useWorkerVersioning: true, defaultVersioningBehavior: 'PINNED' },
  };
}
