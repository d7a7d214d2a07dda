import { proxyActivities } from '@temporalio/workflow';
import type { EscalationReport } from '../../activities/sweeps/escalationCheck';

const { checkEscalation } = proxyActivities<{ checkEscalation: () => Promise<EscalationReport> }>({
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { maximumAttempts: 2 },
});

/**
 * Every delivery that nobody has is on the level that its time says (docs/behaviour.md#escalation). Run by a
 * Schedule.
 */
export async function escalationSweep(): Promise<EscalationReport> {
  return checkEscalation();
}
