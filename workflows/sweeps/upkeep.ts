import { proxyActivities } from '@temporalio/workflow';
import type { UpkeepReport } from '../../activities/sweeps/upkeep';

const { keepUp } = proxyActivities<{ keepUp: () => Promise<UpkeepReport> }>({
  startToCloseTimeout: '5 minutes',
  retry: { maximumAttempts: 3 },
});

/** Creates the next months' audit partitions and deletes expired rows. Run by a Schedule. */
export async function upkeepSweep(): Promise<UpkeepReport> {
  return keepUp();
}
