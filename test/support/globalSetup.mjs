import { execFileSync } from 'node:child_process';
import { prepareWorkflowBundle } from './workflowBundle.mjs';

/**
 * Jest calls this once for all projects of a run, with the first one's settings. Domain tests need no server,
 * and run without one.
 */
export default async function prepare({ collectCoverage }) {
  if (!process.env.TEST_DATABASE_URL) return;
  execFileSync(process.execPath, ['scripts/test-template.mjs'], { stdio: 'inherit' });
  await prepareWorkflowBundle(collectCoverage);
}
