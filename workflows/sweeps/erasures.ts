import { proxyActivities } from '@temporalio/workflow';
import type { ErasureReport } from '../../activities/sweeps/erasures';

const { sweepErasures } = proxyActivities<{ sweepErasures: () => Promise<ErasureReport> }>({
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '1 minute',
  retry: { maximumAttempts: 3 },
});

/** Erases personal data on request and by age (docs/privacy.md#erasure). Run by a Schedule. */
export async function erasureSweep(): Promise<ErasureReport> {
  return sweepErasures();
}
