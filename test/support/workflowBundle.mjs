import { mkdirSync, existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { changedSince, fingerprint } from '../../scripts/bootstrap/fingerprint.mjs';
import { cacheDir, projectDir } from '../../scripts/bootstrap/paths.mjs';

const require = createRequire(import.meta.url);
const bundlePath = join(cacheDir, 'test-workflow-bundle.js');

/**
 * Bundles the workflows once for all test files (test/support/workflowsUnderTest.ts hands them out).
 * Workflows run in a sandbox that jest's coverage does not reach; with `isInstrumented` they count for
 * themselves what runs.
 */
export async function prepareWorkflowBundle(isInstrumented) {
  const change = changedSince(
    'test-workflow-bundle',
    `${isInstrumented} ${fingerprint(['workflows', 'domain', 'package-lock.json'])}`,
  );
  if (!change.isChanged && existsSync(bundlePath)) return;
  const { bundleWorkflowCode, DefaultLogger } = require('@temporalio/worker');
  const options = {
    workflowsPath: join(projectDir, 'workflows/index.ts'),
    logger: new DefaultLogger('WARN'),
  };
  const { code } = await bundleWorkflowCode(isInstrumented ? withCounters(options) : options);
  mkdirSync(cacheDir, { recursive: true });
  writeFileSync(bundlePath, code);
  change.done();
}

function withCounters(options) {
  const { WorkflowCoverage } = require('@temporalio/nyc-test-coverage');
  // It looks for this mark of a run with coverage before it adds anything.
  globalThis.__coverage__ ??= {};
  return new WorkflowCoverage().augmentBundleOptions(options);
}
