import { proxyActivities } from '@temporalio/workflow';
import type { PresenceActivities, SweepReport } from '../../activities/sweeps/presence';

const { sweepPresence } = proxyActivities<PresenceActivities>({
  startToCloseTimeout: '30s',
  // The next sweep is 15 s away: one that fails twice is left to it.
  retry: { initialInterval: '1s', maximumAttempts: 2 },
});

/** Checks drivers' presence every 15 s (docs/behaviour.md#positions). Run by a Schedule. */
export async function presenceSweep(): Promise<SweepReport> {
  return sweepPresence();
}
