import { type Log } from '../ports';

/** How long a message that was sent waits for others, with which it is marked as sent. */
const GATHERED_MS = 200;

type Sent = { id: bigint; whenMarked: () => void };

/**
 * Marks messages as sent, many in one statement. A process that dies before has its messages of the last moment
 * sent again by another one, once their leases have run out.
 */
export class SentMarks {
  private readonly waiting: Sent[] = [];
  private timer: NodeJS.Timeout | null = null;
  private dueAt = Infinity;
  private marking: Promise<void> = Promise.resolve();
  private isStopped = false;

  constructor(
    private readonly markSent: (ids: readonly bigint[]) => Promise<void>,
    private readonly log: Pick<Log, 'warn'>,
    private readonly gatheredMs = GATHERED_MS,
  ) {}

  /** @param isUrgent it is marked at once, with all that wait */
  add(id: bigint, { isUrgent, whenMarked }: { isUrgent: boolean; whenMarked: () => void }): void {
    this.waiting.push({ id, whenMarked });
    this.markWithin(isUrgent ? 0 : this.gatheredMs);
  }

  /**
   * Marks all that wait.
   * @throws where the database refuses or is away; they go on waiting
   */
  flush(): Promise<void> {
    this.marking = this.marking.catch(() => undefined).then(() => this.markWaiting());
    return this.marking;
  }

  /** Marks what waits, and tries no more: what the database does not take now is sent again. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.flush().catch((error: unknown) =>
      this.log.warn({ err: error }, 'sent messages could not be marked as sent; they may be sent again'),
    );
  }

  private markWithin(ms: number): void {
    if (this.isStopped) return;
    const dueAt = performance.now() + ms;
    if (dueAt >= this.dueAt) return;
    this.unschedule();
    this.dueAt = dueAt;
    this.timer = setTimeout(() => {
      this.flush().catch((error: unknown) =>
        this.log.warn({ err: error }, 'sent messages could not be marked as sent; trying again'),
      );
    }, ms);
  }

  private unschedule(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    this.dueAt = Infinity;
  }

  private async markWaiting(): Promise<void> {
    this.unschedule();
    const sent = this.waiting.splice(0);
    if (sent.length === 0) return;
    try {
      await this.markSent(sent.map(({ id }) => id));
    } catch (error) {
      this.waiting.unshift(...sent);
      this.markWithin(this.gatheredMs);
      throw error;
    }
    sent.forEach(({ whenMarked }) => whenMarked());
  }
}
