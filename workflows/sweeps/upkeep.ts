import { proxyActivities } from '@temporalio/workflow';
import type { UpkeepReport } from '../../activities/sweeps/upkeep';

const { keepUp } = proxyActivities<{ keepUp: () => Promise<UpkeepReport> }>({
  startToCloseTimeout: '5 minutes',
  retry: { maximumAttempts: 3 },
});

/** Makes next months' audit partitions and forgets what the outbox sent long ago. Run by a Schedule. */
export async function upkeepSweep(): Promise<UpkeepReport> {
  return keepUp();
}
