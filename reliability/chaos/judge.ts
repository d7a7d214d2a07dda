import { type Broken, sentenceOf } from '../checker/broken';
import { type Checker, type LookCounts, openChecker } from '../checker/checker';
import { type Bounds, DESIGN_BOUNDS } from '../checker/patience';
import type { Acknowledged } from '../../simulator/people/ledger';
import { pause } from '../../simulator/kit/pause';
import type { CpuContention } from './cpuContention';
import type { FaultClock } from './faults';

export type JudgeSettings = {
  env: NodeJS.ProcessEnv;
  cityId: string;
  clock: FaultClock;
  cpuContention: CpuContention;
  log: (line: string) => void;
};

const LOOK_EVERY_MS = 1_000;
/**
 * A minute after the last fault all must be right, as promised. What goes wrong later has five seconds of a
 * machine that lets our processes run whenever they want to; where they have to wait for it, for the
 * simulator, the servers and whatever else there is, so many times longer as they wait. The one second of
 * normal work is measured where nothing else runs.
 */
const NORMAL_MS = 5_000;

/** Holds the service to its invariants while faults are on, and at the end. */
export class Judge {
  private constructor(
    private readonly checker: Checker,
    private readonly log: JudgeSettings['log'],
  ) {}

  static async open({ env, cityId, clock, cpuContention, log }: JudgeSettings): Promise<Judge> {
    const bounds: Bounds = {
      afterFaultMs: DESIGN_BOUNDS.afterFaultMs,
      get normalMs() {
        return NORMAL_MS * cpuContention.slowness;
      },
    };
    return new Judge(await openChecker({ env, cityIds: [cityId], faultEndedAt: clock.endedAt, bounds }), log);
  }

  get counts(): Readonly<LookCounts> {
    return this.checker.counts;
  }

  /** A look each second until the signal. What is found is told at once. */
  async keepLooking(signal: AbortSignal): Promise<void> {
    while (await pause(LOOK_EVERY_MS, signal)) {
      for (const broken of await this.checker.look(Date.now())) this.log(`broken: ${sentenceOf(broken)}`);
    }
  }

  /** @returns all that was found broken in the whole run */
  conclude(acknowledged: readonly Acknowledged[]): Promise<Broken[]> {
    return this.checker.final({ acknowledged });
  }

  close(): Promise<void> {
    return this.checker.close();
  }
}
