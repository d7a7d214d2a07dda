import { Worker, type WorkerOptions } from '@temporalio/worker';
import { type RecordedHistory, toReplayable } from './historyJson';

/** Replays histories against a workflow bundle. @returns the errors by history name; empty if all replay */
export async function replay(
  bundle: Pick<WorkerOptions, 'workflowBundle' | 'sinks'>,
  histories: Iterable<{ name: string; history: RecordedHistory }>,
): Promise<Record<string, Error>> {
  const wrong: Record<string, Error> = {};
  const given = [...histories].map(({ name, history }) => ({
    workflowId: name,
    history: toReplayable(history),
  }));
  for await (const { workflowId, error } of Worker.runReplayHistories({ ...bundle }, given))
    if (error) wrong[workflowId] = error;
  return wrong;
}
