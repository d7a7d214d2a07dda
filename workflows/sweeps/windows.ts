import { proxyActivities } from '@temporalio/workflow';
import type { WindowsReport } from '../../activities/sweeps/windows';

const { sweepWindows } = proxyActivities<{ sweepWindows: () => Promise<WindowsReport> }>({
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { maximumAttempts: 2 },
});

/**
 * Reports deliveries that are not expected within their window (docs/behaviour.md#deliveries). Run by a
 * Schedule.
 */
export async function windowsSweep(): Promise<WindowsReport> {
  return sweepWindows();
}
