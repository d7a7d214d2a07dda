import { offerWithdrawn } from '../../workflows/contract';
import type { OrderFlow } from '../../simulator/people/orders';
import { pause, poll } from '../../simulator/kit/pause';
import { type ServiceProcess, startWorker } from '../../simulator/kit/processes';
import { checkReplay, isDrained, setCurrent } from './commands';
import type { Epoch } from './judge';
import { type Build, THIS_BUILD } from './nextBuild';
import type { QuietCity, QuietOrder } from './quietCity';
import type { RunReader } from './runs';

export type RolloutDeps = {
  window: RunReader;
  quiet: QuietCity;
  next: Build;
  env: NodeJS.ProcessEnv;
  log: (line: string) => void;
  signal: AbortSignal;
};

export type RolloutOptions = {
  /** The fewest orders during the period of each build. */
  ordersEach: number;
  /** How long open runs of the old build may take to end, in seconds. */
  drainSeconds: number;
};

const SEEN_WITHIN_MS = 90_000;
/** Signals that lengthen a history until the server suggests continue-as-new. */
const MAX_PINGS = 60;
const PING_EVERY_MS = 200;

/** Two builds side by side: forward, back and forward again, until the old build has no open run left. */
export class Rollout {
  readonly epochs: Epoch[] = [];
  readonly figures: Record<string, number | boolean> = {};
  readonly problems: string[] = [];
  private worker: ServiceProcess | undefined;
  private nextWorker: ServiceProcess | undefined;
  private long: QuietOrder | undefined;

  constructor(
    private readonly deps: RolloutDeps,
    private readonly options: RolloutOptions,
  ) {}

  /**
   * Without versioning, a run of this build fails its tasks on a worker of the next one. After versioning is
   * switched on, the run continues on this build.
   * @param unversioned the same environment without a deployment name
   */
  async begin(unversioned: NodeJS.ProcessEnv): Promise<void> {
    const { window, quiet, next, env, log } = this.deps;
    const before = await this.running(THIS_BUILD, unversioned);
    const order = await quiet.order('begun-without-versions');
    await this.until('the first task of a run', () => window.hasBegun(order.workflowId));
    await before.stop();
    const careless = await this.running(next, unversioned);
    await this.until(
      'the task failure on the next build',
      async () => (await window.run(order.workflowId)).failedTasks > 0,
    );
    await careless.stop();
    log('without versioning, a run of this build fails on the next one; switching versioning on');
    this.worker = await this.running(THIS_BUILD, env);
    await this.makeCurrent(THIS_BUILD);
    await quiet.cancel(order);
    await this.until(
      'the end of that run',
      async () => (await window.run(order.workflowId)).status === 'COMPLETED',
    );
    this.figures.failedTasksWithoutVersions = (await window.run(order.workflowId)).failedTasks;
    this.long = await quiet.order('goes-on-as-new');
  }

  /** Runs while orders come in and drivers work. */
  async play(orders: OrderFlow): Promise<void> {
    const { next, env, log } = this.deps;
    const { ordersEach } = this.options;
    await Promise.all([this.checkNext(), this.moreOrders(orders, ordersEach)]);
    this.nextWorker = await this.running(next, env);
    log('a worker of the next build polls, but gets no tasks yet');
    await this.moreOrders(orders, 2);
    await this.makeCurrent(next);
    await this.moreOrders(orders, ordersEach);
    await this.makeCurrent(THIS_BUILD);
    await this.moreOrders(orders, ordersEach);
    await this.makeCurrent(next);
    await this.moreOrders(orders, ordersEach);
    await this.goOnAsNew();
    await this.drain();
    await this.moreOrders(orders, 2);
  }

  /** Switches versioning off again: new runs begin on unversioned workers. */
  async end(): Promise<void> {
    await setCurrent(this.deps.next.programs, this.deps.env, 'none');
  }

  async stop(): Promise<void> {
    await Promise.all([this.worker?.stop(), this.nextWorker?.stop()]);
  }

  private async running({ programs }: Build, env: NodeJS.ProcessEnv): Promise<ServiceProcess> {
    const worker = await startWorker(env, {
      dist: programs,
      label: programs === THIS_BUILD.programs ? 'worker' : 'next',
    });
    try {
      await worker.ready();
      return worker;
    } catch (error) {
      await worker.stop();
      throw error;
    }
  }

  private async makeCurrent({ programs }: Build): Promise<void> {
    const askedAt = Date.now();
    const { current, before } = await setCurrent(programs, this.deps.env);
    if (current === null) throw new Error('no build is the current one');
    this.epochs.push({ build: current, askedAt, doneAt: Date.now() });
    this.deps.log(`build ${current} is the current one${before === null ? '' : `, after ${before}`}`);
  }

  /**
   * The replay check, which protects unversioned deployments: it refuses the incompatible build and accepts
   * this one.
   */
  private async checkNext(): Promise<void> {
    const [ours, theirs] = [
      await checkReplay(THIS_BUILD.programs, THIS_BUILD.bundle),
      await checkReplay(THIS_BUILD.programs, this.deps.next.bundle),
    ];
    Object.assign(this.figures, {
      histories: ours.histories,
      historiesRefused: ours.refused,
      historiesRefusedOfNext: theirs.refused,
    });
    if (ours.code !== 0)
      this.problems.push(`the replay check refuses this build: ${ours.refused} histories fail`);
    if (theirs.code !== 1 || theirs.refused === 0)
      this.problems.push('the replay check accepts the next build, which cannot replay runs of this one');
  }

  private async moreOrders(orders: OrderFlow, count: number): Promise<void> {
    const wanted = orders.placedCount + count;
    await this.until(`${count} more orders`, async () => orders.placedCount >= wanted);
  }

  /**
   * Continue-as-new keeps a pinned run on its build by default. Our workflows ask to move to the current
   * build.
   */
  private async goOnAsNew(): Promise<void> {
    const { window, quiet, log, signal } = this.deps;
    if (!this.long) return;
    const { workflowId } = this.long;
    const current = this.epochs.at(-1)?.build ?? '';
    const begun = await window.run(workflowId);
    for (
      let pings = 0;
      pings < MAX_PINGS && (await window.run(workflowId)).startedAt === begun.startedAt;
      pings += 1
    ) {
      await window.client.workflow
        .getHandle(workflowId)
        .signal(offerWithdrawn, { offerId: '', correlationId: 'upgrade' });
      await pause(PING_EVERY_MS, signal); // a run continues as new once its inbox is empty
    }
    await this.until(
      'the first task after continue-as-new',
      async () => (await window.run(workflowId)).builds.length > 0,
    );
    const after = await window.run(workflowId);
    await quiet.cancel(this.long);
    log(`a run continued as new from build ${begun.pinnedTo ?? 'none'} to ${after.pinnedTo ?? 'none'}`);
    this.figures.wentOnAsNewOnCurrent =
      after.startedAt !== begun.startedAt && after.pinnedTo === current && begun.pinnedTo !== current;
    if (!this.figures.wentOnAsNewOnCurrent)
      this.problems.push('continue-as-new did not move the run to the current build');
  }

  private async drain(): Promise<void> {
    const { env, next, log } = this.deps;
    const old = this.epochs[0]?.build ?? '';
    const startedAt = Date.now();
    if (!(await isDrained(next.programs, old, this.options.drainSeconds, env))) {
      this.problems.push(`build ${old} was not drained within ${this.options.drainSeconds} s`);
      return;
    }
    this.figures.drainedAfterSeconds = Math.round((Date.now() - startedAt) / 1_000);
    await this.worker?.stop();
    this.worker = undefined;
    log(`build ${old} is drained; its worker is stopped`);
  }

  /** @throws Error where the condition does not come true in time */
  private async until(what: string, came: () => Promise<boolean>): Promise<void> {
    const seen = await poll(async () => ((await came()) ? true : undefined), {
      everyMs: 100,
      deadlineAt: Date.now() + SEEN_WITHIN_MS,
      signal: this.deps.signal,
    });
    if (!seen) throw new Error(`${what} did not come within ${SEEN_WITHIN_MS / 1_000} s`);
  }
}
