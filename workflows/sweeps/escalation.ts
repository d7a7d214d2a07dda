import { proxyActivities } from '@temporalio/workflow';
import type { EscalationReport } from '../../activities/sweeps/escalationCheck';

const { checkEscalation } = proxyActivities<{ checkEscalation: () => Promise<EscalationReport> }>({
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { maximumAttempts: 2 },
});

/**
 * Checks that every unassigned delivery has its due escalation level (docs/behaviour.md#escalation). Run by a
 * Schedule.
 */
export async function escalationSweep(): Promise<EscalationReport> {
  return checkEscalation();
}
