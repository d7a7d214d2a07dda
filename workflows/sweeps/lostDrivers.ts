import { proxyActivities } from '@temporalio/workflow';
import type { LostDrivers, LostDriversReport } from '../../activities/sweeps/lostDrivers';

const { sweepLostDrivers } = proxyActivities<LostDrivers>({
  startToCloseTimeout: '30s',
  // The next sweep is 15 s away: one that fails twice is left to it.
  retry: { initialInterval: '1s', maximumAttempts: 2 },
});

/** Detects lost drivers (docs/behaviour.md#reassignment, ADR 14). Run by a Schedule. */
export async function lostDriversSweep(): Promise<LostDriversReport> {
  return sweepLostDrivers();
}
