import { pause } from '../../simulator/kit/pause';
import { type Violation, sentenceOf } from './violation';
import { type Checker, type CheckerOptions, type CheckCounts, openChecker } from './checker';
import type { ClientAnswers } from './promiseRules';

const LOOK_EVERY_MS = 1_000;

/** A checker that runs every second and logs each violation at once. */
export class Watch {
  private readonly over = new AbortController();
  private readonly looking: Promise<void>;

  private constructor(
    private readonly checker: Checker,
    log: (line: string) => void,
  ) {
    this.looking = this.keepChecking(log);
  }

  /** @throws as `openChecker` does */
  static async begin(options: CheckerOptions, log: (line: string) => void): Promise<Watch> {
    return new Watch(await openChecker(options), log);
  }

  get counts(): Readonly<CheckCounts> {
    return this.checker.counts;
  }

  /**
   * Stops the checks and judges the whole run.
   * @returns all its violations
   * @throws as `Checker.final` does
   */
  async conclude(told: ClientAnswers): Promise<Violation[]> {
    this.over.abort();
    await this.looking;
    return this.checker.final(told);
  }

  async close(): Promise<void> {
    this.over.abort();
    await this.looking;
    await this.checker.close();
  }

  private async keepChecking(log: (line: string) => void): Promise<void> {
    while (await pause(LOOK_EVERY_MS, this.over.signal)) {
      for (const broken of await this.checker.look(Date.now())) log(`broken: ${sentenceOf(broken)}`);
    }
  }
}
