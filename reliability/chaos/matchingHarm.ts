import { Client, Connection, WorkflowNotFoundError } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { Client as PostgresClient } from 'pg';
import type { SupportClient } from '../../simulator/client/supportClient';
import type { Fleet } from '../../simulator/kit/fleet';
import { pause, poll } from '../../simulator/kit/pause';
import { cityDispatchWorkflowId } from '../../workflows/contract';
import { LOOKED_FOR_MS, type MatchingFault, type OwnerEnd } from './matchingPlan';
import type { RoundTraffic } from './roundTraffic';

export type MatchingHarmDeps = {
  cityId: string;
  env: NodeJS.ProcessEnv;
  databaseUrl: string;
  fleet: Pick<Fleet, 'nameOf' | 'freeze' | 'thaw'>;
  rounds: RoundTraffic;
  ops: Pick<SupportClient, 'putFeature'>;
  log: (line: string) => void;
};

const LOOK_EVERY_MS = 100;
const CALL_TIMEOUT_MS = 1_000;

/** Does the faults of a city's matching. */
export class MatchingHarm {
  constructor(private readonly deps: MatchingHarmDeps) {}

  /** Resolves when the fault has ended. A fault that finds nothing to harm says so, and ends. */
  async do(fault: MatchingFault, signal: AbortSignal): Promise<void> {
    switch (fault.kind) {
      case 'loseOwner':
        return this.loseOwner(fault.by, signal);
      case 'hangRounds': {
        const end = this.deps.rounds.hold();
        await pause(fault.forMs, signal);
        return end();
      }
      case 'freezeRound':
        return this.freezeRound(fault.forMs, signal);
      case 'lockCity':
        return this.lockCity(fault.forMs, signal);
      case 'setMatching':
        await this.setPercent(fault.percent);
        await pause(fault.forMs, signal);
        return this.setPercent(fault.backTo);
    }
  }

  /** It runs only while deliveries wait. */
  private async loseOwner(by: OwnerEnd, signal: AbortSignal): Promise<void> {
    const { connectionOptions, namespace } = loadClientConnectConfig({
      overrideEnvVars: onlySet(this.deps.env),
    });
    const connection = Connection.lazy(connectionOptions);
    const client = new Client({ connection, namespace });
    const isLost = await poll(
      () =>
        client
          .withDeadline(Date.now() + CALL_TIMEOUT_MS, () => endOwner(client, this.deps.cityId, by))
          .catch(() => undefined), // Temporal is away
      { everyMs: LOOK_EVERY_MS, deadlineAt: Date.now() + LOOKED_FOR_MS, signal },
    );
    await connection.close();
    if (!isLost) this.deps.log(`${by} owner: none ran`);
  }

  private async freezeRound(forMs: number, signal: AbortSignal): Promise<void> {
    const { fleet, rounds, log } = this.deps;
    let frozen: string | undefined;
    const end = rounds.onRound((pid) => {
      frozen ??= fleet.nameOf(pid);
      if (frozen !== undefined) {
        end();
        fleet.freeze(frozen);
      }
    });
    await poll(async () => frozen, {
      everyMs: LOOK_EVERY_MS,
      deadlineAt: Date.now() + LOOKED_FOR_MS,
      signal,
    });
    end();
    if (frozen === undefined) return log('freeze in a round: none came');
    await pause(forMs, signal);
    fleet.thaw(frozen);
  }

  /** PostgreSQL may go away meanwhile, and the lock with it. */
  private async lockCity(forMs: number, signal: AbortSignal): Promise<void> {
    const locker = new PostgresClient({
      connectionString: this.deps.databaseUrl,
      connectionTimeoutMillis: CALL_TIMEOUT_MS,
    });
    locker.on('error', () => undefined);
    try {
      await locker.connect();
      await locker.query('BEGIN');
      await locker.query('SELECT FROM cities WHERE id = $1 FOR NO KEY UPDATE', [this.deps.cityId]);
      await pause(forMs, signal);
    } catch (error) {
      this.deps.log(`lock the city: ${String(error)}`);
    } finally {
      await locker.end().catch(() => undefined);
    }
  }

  private async setPercent(percent: number): Promise<void> {
    const outcome = await this.deps.ops.putFeature(
      'batch_matching',
      percent > 0,
      'a fault: matching is switched in the middle',
      percent,
    );
    if (!outcome.ok) throw new Error(`matching could not be set to ${percent} %`);
  }
}

/** @returns undefined where none runs */
async function endOwner(client: Client, cityId: string, by: OwnerEnd): Promise<true | undefined> {
  const workflowId = cityDispatchWorkflowId(cityId);
  const owner = client.workflow.getHandle(workflowId);
  try {
    const { status, runId } = await owner.describe();
    if (status.name !== 'RUNNING') return undefined;
    if (by === 'terminate') await owner.terminate('a fault');
    else if (by === 'cancel') await owner.cancel();
    else
      await client.workflowService.deleteWorkflowExecution({
        namespace: client.options.namespace,
        workflowExecution: { workflowId, runId },
      });
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

function onlySet(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
