import { pause } from './pause';
import { type ServiceProcess, startApi, startWorker } from './processes';

/** One of our processes, with its whole environment. */
export type MemberSetup = { name: string; kind: ServiceProcess['name']; env: NodeJS.ProcessEnv };

/** The restart delay after an unexpected exit, as a process supervisor would set it. */
const AGAIN_AFTER_MS = 500;

type Log = (line: string) => void;

/**
 * Our own processes. Tests kill, freeze and restart them. The fleet restarts and counts processes that exit
 * unexpectedly.
 */
export class Fleet {
  /** Each unexpected exit, with its cause. */
  readonly endedByThemselves: string[] = [];
  private readonly members = new Map<string, Member>();

  private constructor(setups: readonly MemberSetup[], log: Log) {
    for (const setup of setups) {
      this.members.set(
        setup.name,
        new Member(setup, log, (how) => {
          this.endedByThemselves.push(`${setup.name}: ${how}`);
          log(`${setup.name} ended by itself: ${how}`);
        }),
      );
    }
  }

  /** Resolves when all are ready. */
  static async start(setups: readonly MemberSetup[], log: Log): Promise<Fleet> {
    const fleet = new Fleet(setups, log);
    await Promise.all([...fleet.members.values()].map((member) => member.start()));
    return fleet;
  }

  /** kill -9. */
  kill(name: string): Promise<void> {
    return this.member(name).kill();
  }

  /**
   * Resolves when the process is ready again. If a server it needs is away, the process exits during startup,
   * and the fleet restarts it until the server is back.
   */
  startAgain(name: string): Promise<void> {
    return this.member(name).start();
  }

  freeze(name: string): void {
    this.member(name).process?.freeze();
  }

  thaw(name: string): void {
    this.member(name).process?.thaw();
  }

  /** The running processes. */
  get pids(): number[] {
    return [...this.members.values()].flatMap(({ process }) => process?.pid ?? []);
  }

  /** The name of a running process; undefined if it is none of these. */
  nameOf(pid: number): string | undefined {
    return [...this.members].find(([, { process }]) => process?.pid === pid)?.[0];
  }

  async stop(): Promise<void> {
    await Promise.all([...this.members.values()].map((member) => member.stop()));
  }

  private member(name: string): Member {
    const member = this.members.get(name);
    if (!member) throw new Error(`there is no ${name}`);
    return member;
  }
}

class Member {
  process: ServiceProcess | undefined;
  private isWanted = false;
  /** The number of the latest start. An earlier start that still waits gives up. */
  private starts = 0;

  constructor(
    private readonly setup: MemberSetup,
    private readonly log: Log,
    private readonly onEnd: (how: string) => void,
  ) {}

  async start(): Promise<void> {
    this.isWanted = true;
    const turn = (this.starts += 1);
    while (this.isStillWanted(turn)) {
      const { name, kind, env } = this.setup;
      const started = await (kind === 'worker' ? startWorker : startApi)(env, { label: name });
      this.process = started;
      const isReady = await started.ready().then(
        () => true,
        (error: unknown) => {
          this.log(`${name}: ${String(error)}`);
          return false;
        },
      );
      if (isReady) return this.watch(started);
      await started.kill();
      await pause(AGAIN_AFTER_MS);
    }
  }

  private isStillWanted(turn: number): boolean {
    return this.isWanted && turn === this.starts;
  }

  async kill(): Promise<void> {
    this.isWanted = false;
    await this.process?.kill();
  }

  async stop(): Promise<void> {
    this.isWanted = false;
    this.process?.thaw();
    await this.process?.stop();
  }

  private watch(started: ServiceProcess): void {
    void started.gone.then(async (how) => {
      if (!this.isWanted || this.process !== started) return;
      this.onEnd(how);
      await pause(AGAIN_AFTER_MS);
      await this.start();
    });
  }
}
