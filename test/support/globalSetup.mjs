import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { prepareWorkflowBundle } from './workflowBundle.mjs';

const WITH_WORKFLOWS = ['workflows', 'replay', 'e2e'];

// Jest calls this once for every project that has tests to run.
let isTemplatePrepared = false;

export default async function prepare({ collectCoverage }, { displayName }) {
  prepareTemplate();
  if (WITH_WORKFLOWS.includes(displayName.name) && existsSync('workflows/index.ts')) await prepareWorkflowBundle(collectCoverage);
}

/** Domain tests need no server, and run without one. */
function prepareTemplate() {
  if (isTemplatePrepared || !process.env.TEST_DATABASE_URL) return;
  isTemplatePrepared = true;
  execFileSync(process.execPath, ['scripts/test-template.mjs'], { stdio: 'inherit' });
}
