import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, isGrpcServiceError } from '@temporalio/client';

/**
 * `new`: was never current. `draining`: no run starts on it any more, and some are still open. `drained`:
 * none is open.
 */
export type BuildState = 'new' | 'current' | 'ramping' | 'draining' | 'drained';

/** A build of our workers, as Temporal knows it. `openRuns` comes from visibility, so it is a moment late. */
export type Build = { buildId: string; state: BuildState; openRuns: number };

/** Temporal's WorkerDeploymentVersionStatus by number. */
const STATES: Readonly<Record<number, BuildState>> = {
  1: 'new',
  2: 'current',
  3: 'ramping',
  4: 'draining',
  5: 'drained',
  6: 'new',
};
/** Temporal's RoutingConfigUpdateState while some of its servers do not know the change. */
const ROUTING = 1;
const LOOK_EVERY_MS = 500;
/** gRPC codes: no such deployment or build yet; no worker of it polls, or not on all task queues. */
const NOT_YET = [5, 9];

/** The builds whose workers poll under one deployment name. */
export class Builds {
  constructor(
    private readonly client: Client,
    private readonly deploymentName: string,
  ) {}

  /** All known builds, the current one first. Empty if no worker has polled under this name. */
  async list(): Promise<Build[]> {
    const { workerDeploymentInfo: info } = (await this.describe()) ?? {};
    const builds = (info?.versionSummaries ?? []).map(
      async ({ deploymentVersion, status }): Promise<Build> => {
        const buildId = deploymentVersion?.buildId ?? '';
        return { buildId, state: STATES[status ?? 0] ?? 'new', openRuns: await this.openRuns(buildId) };
      },
    );
    return (await Promise.all(builds)).sort(
      (a, b) => Number(b.state === 'current') - Number(a.state === 'current'),
    );
  }

  /**
   * Makes this build current: new runs start on it, and runs on other builds stay there. Waits until one of
   * its workers polls and the whole cluster knows.
   * @param buildId null: new runs start on workers without versions
   * @returns the previous current build, null if there was none
   * @throws Error if it took longer than `waitMs`
   */
  async setCurrent(buildId: string | null, waitMs: number): Promise<string | null> {
    const deadlineAt = Date.now() + waitMs;
    const { namespace } = this.client.options;
    const answer = await until(deadlineAt, `no worker of build ${buildId ?? 'none'} polls`, () =>
      unlessNotYet(
        this.service.setWorkerDeploymentCurrentVersion({
          namespace,
          deploymentName: this.deploymentName,
          buildId: buildId ?? '',
          identity: 'worker:builds',
        }),
      ),
    );
    await until(deadlineAt, 'not all of the cluster knows it yet', async () => {
      const info = (await this.describe())?.workerDeploymentInfo;
      const isRouted = Number(info?.routingConfigUpdateState ?? 0) !== ROUTING;
      return isRouted && (info?.routingConfig?.currentDeploymentVersion?.buildId ?? null) === buildId
        ? true
        : undefined;
    });
    return answer.previousDeploymentVersion?.buildId ?? null;
  }

  /** Waits up to `waitMs` until these builds have no open runs. @returns those that still have some */
  async notDrained(isMeant: (build: Build) => boolean, waitMs: number): Promise<Build[]> {
    const deadlineAt = Date.now() + waitMs;
    for (;;) {
      const busy = (await this.list()).filter((build) => isMeant(build) && !mayGo(build));
      if (busy.length === 0 || Date.now() + LOOK_EVERY_MS > deadlineAt) return busy;
      await sleep(LOOK_EVERY_MS);
    }
  }

  private get service() {
    return this.client.workflowService;
  }

  private describe() {
    return unlessNotYet(
      this.service.describeWorkerDeployment({
        namespace: this.client.options.namespace,
        deploymentName: this.deploymentName,
      }),
    );
  }

  private async openRuns(buildId: string): Promise<number> {
    const version = `${this.deploymentName}:${buildId}`;
    const query = `TemporalWorkerDeploymentVersion = '${version}' AND ExecutionStatus = 'Running'`;
    return (await this.client.workflow.count(query)).count;
  }
}

/**
 * Whether the workers of a build may stop. The server's status counts, though it comes some minutes late:
 * visibility may not list the newest runs yet.
 */
function mayGo({ state, openRuns }: Build): boolean {
  return (state === 'drained' || state === 'new') && openRuns === 0;
}

async function unlessNotYet<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isGrpcServiceError(error) && NOT_YET.includes(error.code)) return undefined;
    throw error;
  }
}

async function until<T>(
  deadlineAt: number,
  otherwise: string,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() + LOOK_EVERY_MS > deadlineAt) throw new Error(otherwise);
    await sleep(LOOK_EVERY_MS);
  }
}
