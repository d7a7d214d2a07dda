import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkerOptions } from '@temporalio/worker';
import type { Logger } from 'pino';

/** The bundle of workflows that the build made. */
export const BUNDLE_PATH = join(__dirname, '../workflow-bundle.js');

const SOURCE_MAP = /\n\/\/# sourceMappingURL=\S*\s*$/;
const HASH_CHARACTERS = 16;

/**
 * The build id: a hash of the workflow bundle, the same wherever it was built. A change of activities alone
 * makes no new build.
 */
export function buildIdOf(bundle: string): string {
  return createHash('sha256').update(bundle.replace(SOURCE_MAP, '')).digest('hex').slice(0, HASH_CHARACTERS);
}

/** The build id of the bundle at `path`. @throws Error if there is none */
export function readBuildId(path: string = BUNDLE_PATH): string {
  return buildIdOf(readFileSync(path, 'utf8'));
}

/**
 * The worker's deployment version for Temporal. Without a deployment name it is empty: then any worker
 * continues any run, and workflow changes go behind `patched` (ADR 21).
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
