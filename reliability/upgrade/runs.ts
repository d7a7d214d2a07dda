import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';

/** One run of a workflow, as Temporal has it. Instants are epoch ms. */
export type Run = {
  workflowId: string;
  type: string;
  startedAt: number;
  endedAt: number | null;
  status: string;
  /** By description: what it is pinned to; null: to nothing. */
  pinnedTo: string | null;
  /** By history: the builds whose workers completed its tasks; `none` for one without. */
  builds: readonly string[];
  /** Tasks that failed, but for those that had to be done again as news came while they were under way. */
  failedTasks: number;
};

const PINNED = 1;
/** WorkflowTaskFailedCause: nothing is wrong with the workflow. */
const UNHANDLED_COMMAND = 1;
const AT_ONCE = 8;

/** Looks at runs, by Temporal's own environment configuration. */
export class RunWindow {
  private constructor(
    private readonly connection: Connection,
    readonly client: Client,
  ) {}

  static async open(): Promise<RunWindow> {
    const { connectionOptions, namespace } = loadClientConnectConfig();
    const connection = await Connection.connect(connectionOptions);
    return new RunWindow(connection, new Client({ connection, namespace }));
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

  /** The newest run of a workflow, where no other is named. */
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
