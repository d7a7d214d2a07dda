import { pause } from '../../simulator/kit/pause';
import { type Broken, sentenceOf } from './broken';
import { type Checker, type CheckerOptions, type LookCounts, openChecker } from './checker';
import type { ClientAnswers } from './promiseRules';

const LOOK_EVERY_MS = 1_000;

/** A checker that looks each second by itself. What it finds is told to `log` at once. */
export class Watch {
  private readonly over = new AbortController();
  private readonly looking: Promise<void>;

  private constructor(
    private readonly checker: Checker,
    log: (line: string) => void,
  ) {
    this.looking = this.keepLooking(log);
  }

  /** @throws as `openChecker` does */
  static async begin(options: CheckerOptions, log: (line: string) => void): Promise<Watch> {
    return new Watch(await openChecker(options), log);
  }

  get counts(): Readonly<LookCounts> {
    return this.checker.counts;
  }

  /**
   * Looks no more, and judges the whole run.
   * @returns all that was found broken in it.
   * @throws as `Checker.final` does
   */
  async conclude(told: ClientAnswers): Promise<Broken[]> {
    this.over.abort();
    await this.looking;
    return this.checker.final(told);
  }

  async close(): Promise<void> {
    this.over.abort();
    await this.looking;
    await this.checker.close();
  }

  private async keepLooking(log: (line: string) => void): Promise<void> {
    while (await pause(LOOK_EVERY_MS, this.over.signal)) {
      for (const broken of await this.checker.look(Date.now())) log(`broken: ${sentenceOf(broken)}`);
    }
  }
}
