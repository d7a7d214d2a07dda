import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { WORKFLOWS } from '../../workflows/contract';
import type { Values } from './sample';

const DESCRIBED_AT_ONCE = 20;
const SCHEDULER = 'temporal-sys-scheduler:';

/** The workflow runs in Temporal. */
export class Runs {
  private readonly ended = { runs: 0, events: 0, longest: 0 };
  private lookedUntil = new Date();
  /** Visibility is eventually consistent: the runs that the last sample counted already. */
  private counted = new Set<string>();

  private constructor(
    private readonly connection: Connection,
    private readonly client: Client,
  ) {}

  /** Connects by Temporal's own environment configuration, as the worker does. */
  static async open(): Promise<Runs> {
    const { connectionOptions, namespace } = loadClientConnectConfig();
    const connection = await Connection.connect(connectionOptions);
    return new Runs(connection, new Client({ connection, namespace }));
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  async read(): Promise<Values> {
    await this.countEnded();
    const [deliveries, timed, longestOpen] = [
      await this.running(WORKFLOWS.delivery),
      await this.running(WORKFLOWS.timedAvailability),
      await this.longestOpen(),
    ];
    const { runs, events, longest } = this.ended;
    return {
      'running.deliveries': deliveries,
      'running.timedAvailability': timed,
      'history.longestOpen': longestOpen,
      'history.longestEnded': longest,
      'ended.deliveries': runs,
      'ended.deliveryEvents': events,
    };
  }

  /** The longest history of the schedules' own workflows. */
  async readSchedules(): Promise<Values> {
    let [count, longest] = [0, 0];
    for await (const { scheduleId } of this.client.schedule.list()) {
      const { historyLength } = await this.client.workflow.getHandle(`${SCHEDULER}${scheduleId}`).describe();
      [count, longest] = [count + 1, Math.max(longest, historyLength)];
    }
    return { schedules: count, 'history.longestSchedule': longest };
  }

  private async running(type: string): Promise<number> {
    return (await this.client.workflow.count(`WorkflowType = '${type}' AND ExecutionStatus = 'Running'`))
      .count;
  }

  /** The longest history of some open runs. */
  private async longestOpen(): Promise<number> {
    const query = `WorkflowType = '${WORKFLOWS.delivery}' AND ExecutionStatus = 'Running'`;
    let [longest, looked] = [0, 0];
    for await (const { workflowId, runId } of this.client.workflow.list({
      query,
      pageSize: DESCRIBED_AT_ONCE,
    })) {
      longest = Math.max(
        longest,
        (await this.client.workflow.getHandle(workflowId, runId).describe()).historyLength,
      );
      if (++looked === DESCRIBED_AT_ONCE) break;
    }
    return longest;
  }

  /** Counts the runs closed since the last sample, with their histories. */
  private async countEnded(): Promise<void> {
    const until = new Date();
    const from = new Date(this.lookedUntil.getTime() - OVERLAP_MS);
    const closed = `CloseTime BETWEEN '${from.toISOString()}' AND '${until.toISOString()}'`;
    const query = `WorkflowType = '${WORKFLOWS.delivery}' AND ${closed}`;
    const seen = new Set<string>();
    for await (const { runId, historyLength } of this.client.workflow.list({ query, pageSize: 1_000 })) {
      seen.add(runId);
      if (this.counted.has(runId)) continue;
      this.ended.runs += 1;
      this.ended.events += historyLength;
      this.ended.longest = Math.max(this.ended.longest, historyLength);
    }
    this.lookedUntil = until;
    this.counted = seen;
  }
}

const OVERLAP_MS = 10_000;
