import { proxyActivities } from '@temporalio/workflow';
import type { ZoneHealthReport } from '../../services/zones/zoneHealth';

const { sweepZoneHealth } = proxyActivities<{ sweepZoneHealth: () => Promise<ZoneHealthReport> }>({
  startToCloseTimeout: '30s',
  // The next sweep is a minute away: one that fails twice is left to it.
  retry: { initialInterval: '1s', maximumAttempts: 2 },
});

/** Computes the health of every zone each minute (docs/behaviour.md#zones). Run by a Schedule. */
export async function zoneHealthSweep(): Promise<ZoneHealthReport> {
  return sweepZoneHealth();
}
