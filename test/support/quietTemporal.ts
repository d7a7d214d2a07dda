import { DefaultLogger, Runtime } from '@temporalio/worker';

let isQuiet = false;

/**
 * What the SDK says of workers that come and go, and of failures that a test provokes, is not for the reader
 * of test results. To be called before any worker is made.
 */
export function quietTemporal(): void {
  if (isQuiet) return;
  isQuiet = true;
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: 'ERROR', forward: {} } },
  });
}
