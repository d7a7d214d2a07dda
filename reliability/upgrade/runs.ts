import { Client, Connection, WorkflowNotFoundError } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';

/** One run of a workflow, as Temporal has it. Instants are epoch ms. */
export type Run = {
  workflowId: string;
  type: string;
  startedAt: number;
  endedAt: number | null;
  status: string;
  /** From its description: the build it is pinned to; null: none. */
  pinnedTo: string | null;
  /** From its history: the builds whose workers completed its tasks; `none` for an unversioned worker. */
  builds: readonly string[];
  /** Failed tasks, without those repeated because a new event arrived meanwhile. */
  failedTasks: number;
};

const PINNED = 1;
/** A WorkflowTaskFailedCause that does not indicate a workflow error. */
const UNHANDLED_COMMAND = 1;
const AT_ONCE = 8;

/** Reads runs, by Temporal's own environment configuration. */
export class RunReader {
  private constructor(
    private readonly connection: Connection,
    readonly client: Client,
  ) {}

  static async open(): Promise<RunReader> {
    const { connectionOptions, namespace } = loadClientConnectConfig();
    const connection = await Connection.connect(connectionOptions);
    return new RunReader(connection, new Client({ connection, namespace }));
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  /** All runs of our workflows. */
  async all(): Promise<Run[]> {
    const found: { workflowId: string; runId: string }[] = [];
    for await (const { workflowId, runId } of this.client.workflow.list()) found.push({ workflowId, runId });
    const runs: Run[] = [];
    const take = async (): Promise<void> => {
      for (let next = found.pop(); next; next = found.pop())
        runs.push(await this.run(next.workflowId, next.runId));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, take));
    return runs.sort((a, b) => a.startedAt - b.startedAt);
  }

  /** Whether a worker has completed a task of the workflow. An order is acknowledged before its workflow starts. */
  async hasBegun(workflowId: string): Promise<boolean> {
    try {
      await this.client.workflow.getHandle(workflowId).describe();
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false; // a history that is missing is told otherwise
      throw error;
    }
    return (await this.run(workflowId)).builds.length > 0;
  }

  /** The run with this id, or else the newest run of the workflow. */
  async run(workflowId: string, runId?: string): Promise<Run> {
    const handle = this.client.workflow.getHandle(workflowId, runId);
    const [{ raw, ...shown }, { events }] = await Promise.all([handle.describe(), handle.fetchHistory()]);
    const { behavior, deploymentVersion } = raw.workflowExecutionInfo?.versioningInfo ?? {};
    const completed = (events ?? []).flatMap(({ workflowTaskCompletedEventAttributes: done }) =>
      done ? [done.deploymentVersion?.buildId ?? 'none'] : [],
    );
    const failed = (events ?? []).flatMap(({ workflowTaskFailedEventAttributes: task }) =>
      task && Number(task.cause) !== UNHANDLED_COMMAND ? [task] : [],
    );
    return {
      workflowId,
      type: shown.type,
      startedAt: shown.startTime.getTime(),
      endedAt: shown.closeTime?.getTime() ?? null,
      status: shown.status.name,
      pinnedTo: Number(behavior ?? 0) === PINNED ? (deploymentVersion?.buildId ?? null) : null,
      builds: [...new Set(completed)],
      failedTasks: failed.length,
    };
  }
}
