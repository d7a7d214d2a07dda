import { TestWorkflowEnvironment } from '@temporalio/testing';
import { searchAttributes } from '../../workflows/contract';
import { requiredVariable } from './database';
import { quietTemporal } from './quietTemporal';

/** `dynamicConfig`: Temporal's own names and values, for limits that no test reaches by itself. */
export type DevServerOptions = { dynamicConfig?: Readonly<Record<string, string>> };

/**
 * A real Temporal server of a test file's own, with our search attributes, on 127.0.0.1 and a free port. End
 * it by `teardown()`.
 */
export function startDevServer({
  dynamicConfig = {},
}: DevServerOptions = {}): Promise<TestWorkflowEnvironment> {
  quietTemporal();
  return TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path: requiredVariable('TEST_TEMPORAL_CLI') },
      ip: '127.0.0.1',
      log: { format: 'pretty', level: 'error' },
      searchAttributes: Object.values(searchAttributes),
      extraArgs: Object.entries(dynamicConfig).flatMap(([name, value]) => [
        '--dynamic-config-value',
        `${name}=${value}`,
      ]),
    },
  });
}
