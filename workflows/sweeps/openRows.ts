import { proxyActivities } from '@temporalio/workflow';
import type { OpenRowsReport } from '../../activities/sweeps/openRows';

const { sweepOpenRows } = proxyActivities<{ sweepOpenRows: () => Promise<OpenRowsReport> }>({
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { maximumAttempts: 2 },
});

/**
 * Every open delivery has a running workflow, and every running one an open delivery (invariant 3). Run by a
 * Schedule.
 */
export async function openRowsSweep(): Promise<OpenRowsReport> {
  return sweepOpenRows();
}
