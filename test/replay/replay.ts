import type { Client } from '@temporalio/client';
import type { WorkerOptions } from '@temporalio/worker';
import { type RecordedHistory, toRecorded } from '../../worker/replayCheck/historyJson';
import { replay as replayAloud } from '../../worker/replayCheck/replay';
import { quietTemporal } from '../support/quietTemporal';

/**
 * Replays histories on a workflow bundle.
 * @returns the failures by history name; empty where there are none
 */
export function replay(
  bundle: Pick<WorkerOptions, 'workflowBundle' | 'sinks'>,
  histories: Iterable<{ name: string; history: RecordedHistory }>,
): Promise<Record<string, Error>> {
  quietTemporal();
  return replayAloud(bundle, histories);
}

/** The histories of the runs that visibility finds. */
export async function historiesIn(
  { workflow }: Client,
  query: string,
): Promise<{ name: string; history: RecordedHistory }[]> {
  const found: { name: string; history: RecordedHistory }[] = [];
  for await (const { workflowId, runId } of workflow.list({ query })) {
    found.push({
      name: workflowId,
      history: toRecorded(await workflow.getHandle(workflowId, runId).fetchHistory()),
    });
  }
  return found;
}
