/**
 * The workflows for workers in tests: `Worker.create({ ...workflowsUnderTest(), … })`. With jest's
 * --coverage, what runs in the workflow sandbox counts; the counts are handed over when the test file ends,
 * so import this at its top.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { WorkflowCoverage } from '@temporalio/nyc-test-coverage';
import type { WorkerOptions } from '@temporalio/worker';

type Counting = { __coverage__?: Record<string, unknown> };

const codePath = join(__dirname, '../../.cache/test-workflow-bundle.js');
const coverage = new WorkflowCoverage();

export function workflowsUnderTest(): Pick<WorkerOptions, 'workflowBundle' | 'sinks'> {
  if (!existsSync(codePath))
    throw new Error(
      `${codePath} is missing: test/support/globalSetup.mjs makes it for the projects that it lists`,
    );
  const { workflowBundle, sinks } = coverage.augmentWorkerOptionsWithBundle({
    taskQueue: '',
    workflowBundle: { codePath },
  });
  return { workflowBundle, ...(sinks && { sinks }) };
}

afterAll(() => {
  const counted = (globalThis as Counting).__coverage__;
  if (!counted) return;
  // A file that this test also loaded outside the sandbox was compiled differently there; its counts cannot
  // be added up.
  coverage.coverageMapsData = coverage.coverageMapsData.map((map) => withoutFiles(map, counted));
  coverage.mergeIntoGlobalCoverage();
  // It leaves objects of a class that jest, outside this sandbox, does not know as its own.
  (globalThis as Counting).__coverage__ = JSON.parse(
    JSON.stringify((globalThis as Counting).__coverage__),
  ) as Record<string, unknown>;
});

function withoutFiles<Map extends object>(map: Map, files: object): Map {
  return Object.fromEntries(Object.entries(map).filter(([path]) => !(path in files))) as Map;
}
