import { proxyActivities } from '@temporalio/workflow';
import type { MatchingNetReport } from '../../activities/sweeps/matchingNet';

const { sweepMatchingNet } = proxyActivities<{ sweepMatchingNet: () => Promise<MatchingNetReport> }>({
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '30 seconds',
  retry: { maximumAttempts: 2 },
});

/**
 * Wakes deliveries that wait for a matching that no longer comes (docs/behaviour.md#matching). Run by a Schedule.
 */
export async function matchingNetSweep(): Promise<MatchingNetReport> {
  return sweepMatchingNet();
}
