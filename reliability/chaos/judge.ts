import { type Violation, sentenceOf } from '../checker/violation';
import { type Checker, type CheckCounts, openChecker } from '../checker/checker';
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
 * All invariants must hold again within a minute of the last fault. A later violation has five seconds to
 * clear, multiplied by the CPU contention that our processes see. The one-second bound of normal operation is
 * measured only on an otherwise idle machine.
 */
const NORMAL_MS = 5_000;

/** Checks the invariants while faults are active, and once more at the end. */
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

  get counts(): Readonly<CheckCounts> {
    return this.checker.counts;
  }

  /** Runs a check every second until the signal, and logs each violation at once. */
  async keepChecking(signal: AbortSignal): Promise<void> {
    while (await pause(LOOK_EVERY_MS, signal)) {
      for (const broken of await this.checker.look(Date.now())) this.log(`broken: ${sentenceOf(broken)}`);
    }
  }

  /** @returns all violations of the whole run */
  conclude(acknowledged: readonly Acknowledged[]): Promise<Violation[]> {
    return this.checker.final({ acknowledged });
  }

  close(): Promise<void> {
    return this.checker.close();
  }
}
