import type { Client } from '@temporalio/client';
import { Worker, type WorkerOptions } from '@temporalio/worker';
import { quietTemporal } from '../support/quietTemporal';
import { type RecordedHistory, toRecorded, toReplayable } from './historyJson';

/** Runs histories through a bundle of workflows. @returns what went wrong, by the name given; empty where nothing did */
export async function replay(bundle: Pick<WorkerOptions, 'workflowBundle' | 'sinks'>, histories: Iterable<{ name: string; history: RecordedHistory }>): Promise<Record<string, Error>> {
  quietTemporal();
  const wrong: Record<string, Error> = {};
  const given = [...histories].map(({ name, history }) => ({ workflowId: name, history: toReplayable(history) }));
  for await (const { workflowId, error } of Worker.runReplayHistories({ ...bundle }, given)) if (error) wrong[workflowId] = error;
  return wrong;
}

/** The histories of the runs that visibility finds. */
export async function historiesIn({ workflow }: Client, query: string): Promise<{ name: string; history: RecordedHistory }[]> {
  const found: { name: string; history: RecordedHistory }[] = [];
  for await (const { workflowId, runId } of workflow.list({ query })) {
    found.push({ name: workflowId, history: toRecorded(await workflow.getHandle(workflowId, runId).fetchHistory()) });
  }
  return found;
}
