import { type Message } from '../../domain/notices/message';
import { type NoticeAddressee } from '../../domain/notices/notice';
import { type Enqueued } from '../../adapters/postgres/outbox';
import { type Log } from '../ports';

/** What the relay needs of the outbox table; see adapters/outbox.ts. */
export interface Outbox {
  takeDue(limit: number): Promise<Enqueued[]>;
  markSent(ids: readonly bigint[]): Promise<void>;
  /** @param minDelayMs it is not due earlier */
  putBack(message: Enqueued, error: string, minDelayMs?: number): Promise<void>;
}

export type MessageHandler = (message: Message, correlationId: string) => Promise<void>;

/** The messages of one lane. `to`: notices only, of this addressee, and not before they are so old. */
export type Lane = { kinds: readonly Message['kind'][]; to?: NoticeAddressee['kind']; afterMs?: number };

/**
 * Messages that go to Redis and those that go to Temporal travel in lanes of their own, so that one of them
 * being away does not hold up the other; so do those that need both, and each channel of notices: a chat that
 * hangs delays no page (ADR 10).
 */
export const LANES = {
  redis: { kinds: ['emit', 'syncDriver', 'letGo'] },
  temporal: { kinds: ['startDelivery', 'driverLeft', 'rescue', 'offerWithdrawn', 'endAvailabilityLater'] },
  both: { kinds: ['driverFree'] },
  support: { kinds: ['notify'], to: 'support' },
  pager: { kinds: ['notify'], to: 'pager' },
  // by then an app that is open has said that it shows the offer
  driver: { kinds: ['notify'], to: 'driver', afterMs: 1_500 },
} as const satisfies Record<string, Lane>;

const BATCH = 100;

/**
 * `batches`: the next batch is taken when the slowest of this one is done. `{ atOnce }`: nobody waits for
 * another, up to so many at once; where all places were taken, the next is taken when one gets free.
 */
export type Pace = 'batches' | { atOnce: number };

/** Cannot be sent before so long: whoever refused it said so. */
export class NotBefore extends Error {
  override name = 'NotBefore';

  constructor(
    message: string,
    readonly delayMs: number,
  ) {
    super(message);
  }
}

/**
 * Tells the world what lies in one lane of the outbox, whenever it is notified: after a commit, and by the poll
 * for what a dead process left behind (ADR 3). At least once: handlers must bear repeats. Any
 * number of processes may relay side by side.
 */
export class OutboxRelay {
  private running: Promise<void> | null = null;
  private again = false;
  private stopped = false;
  private readonly apart = new Set<Promise<void>>();
  /** The last take filled all places there were: more may be due. */
  private wasFull = false;

  constructor(
    private readonly outbox: Outbox,
    private readonly handle: MessageHandler,
    private readonly log: Pick<Log, 'warn'>,
    private readonly pace: Pace = 'batches',
  ) {}

  /** Call after a commit that put messages in. Returns at once. */
  notify(): void {
    if (this.stopped) return;
    this.again = true;
    this.running ??= this.drain().finally(() => {
      this.running = null;
      if (this.again) this.notify(); // notified after the last look, before this line
    });
  }

  /** Sends what is under way and stops; what is left is sent by another process or after the next start. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
    await Promise.all(this.apart);
  }

  private async drain(): Promise<void> {
    try {
      while (this.again && !this.stopped) {
        this.again = false;
        const room = this.pace === 'batches' ? BATCH : this.pace.atOnce - this.apart.size;
        const taken = room > 0 ? await this.outbox.takeDue(room) : [];
        if (room > 0) this.wasFull = taken.length === room;
        if (this.pace !== 'batches') taken.forEach((each) => this.sendApart(each));
        else if (taken.length > 0) await this.send(taken);
        if (taken.length === BATCH) this.again = true;
      }
    } catch (error) {
      this.again = false; // the next poll tries again; a database that is away is not hammered
      this.log.warn({ err: error }, 'the outbox could not be read; retrying');
    }
  }

  /** A stranger's server that answers late holds up nothing but its own message. */
  private sendApart(each: Enqueued): void {
    const sending = this.send([each])
      .catch((error: unknown) =>
        this.log.warn(
          { err: error, outboxId: String(each.id) },
          'sent messages could not be marked as sent; they may be sent again',
        ),
      )
      .finally(() => {
        this.apart.delete(sending);
        if (this.wasFull) this.notify();
      });
    this.apart.add(sending);
  }

  /** Keys side by side, messages of one key one after another. */
  private async send(taken: Enqueued[]): Promise<void> {
    const byKey = new Map<string, Enqueued[]>();
    for (const message of taken) byKey.set(message.key, [...(byKey.get(message.key) ?? []), message]);
    const sent = await Promise.all([...byKey.values()].map((messages) => this.sendInOrder(messages)));
    await this.outbox.markSent(sent.flat());
  }

  /**
   * What clients are told must not overtake what could not be told before; other news may come in any order.
   */
  private async sendInOrder(messages: Enqueued[]): Promise<bigint[]> {
    const sent: bigint[] = [];
    let isHeldBack = false;
    for (const each of messages) {
      const isEmit = each.message.kind === 'emit';
      const failure: Error | null =
        isEmit && isHeldBack ? new Error('waits for an earlier one') : await this.trySend(each);
      if (failure === null) sent.push(each.id);
      else
        await this.outbox.putBack(
          each,
          failure.message,
          failure instanceof NotBefore ? failure.delayMs : undefined,
        );
      isHeldBack ||= isEmit && failure !== null;
    }
    return sent;
  }

  /** @returns what went wrong, or null */
  private async trySend(each: Enqueued): Promise<Error | null> {
    try {
      await this.handle(each.message, each.correlationId);
      return null;
    } catch (error) {
      this.log.warn(
        {
          err: error,
          outboxId: String(each.id),
          kind: each.message.kind,
          correlationId: each.correlationId,
          attempts: each.attempts,
        },
        'message not sent; trying again',
      );
      return error instanceof Error ? error : new Error(String(error));
    }
  }
}
