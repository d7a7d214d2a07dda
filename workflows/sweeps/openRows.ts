import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { OpenRowsProgress, OpenRowsReport } from '../../activities/sweeps/openRows';

const { sweepOpenRows } = proxyActivities<{
  sweepOpenRows: (progress?: OpenRowsProgress) => Promise<OpenRowsReport>;
}>({
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { maximumAttempts: 2 },
});

/**
 * Every open delivery has a running workflow, and every running one an open delivery (invariant 3). Run by a
 * Schedule, which hands each run the result of the last: a pass goes on where the one before ran out of time.
 */
export async function openRowsSweep(): Promise<OpenRowsReport> {
  const { lastResult } = workflowInfo();
  return sweepOpenRows(progressIn(lastResult));
}

/** A result of an older release has no progress: its passes were always whole. */
function progressIn(report: unknown): OpenRowsProgress | undefined {
  if (typeof report !== 'object' || report === null || !('progress' in report)) return undefined;
  const { progress } = report;
  if (typeof progress !== 'object' || progress === null) return undefined;
  if (!('rowsAfterId' in progress) || !('runsStartedUntil' in progress)) return undefined;
  const { rowsAfterId, runsStartedUntil } = progress;
  return {
    rowsAfterId: typeof rowsAfterId === 'string' ? rowsAfterId : null,
    runsStartedUntil: typeof runsStartedUntil === 'number' ? runsStartedUntil : null,
  };
}
