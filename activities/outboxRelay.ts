import { type Message } from '../domain/message';
import { type Enqueued } from './adapters/outbox';

/** What the relay needs of the outbox table; see adapters/outbox.ts. */
export interface Outbox {
  takeDue(limit: number): Promise<Enqueued[]>;
  markSent(ids: readonly bigint[]): Promise<void>;
  putBack(message: Enqueued, error: string): Promise<void>;
}

export type MessageHandler = (message: Message, correlationId: string) => Promise<void>;
export type RelayLog = { warn(fields: object, text: string): void };

/**
 * Messages that go to Redis and those that go to Temporal travel in lanes of their own, so that one of them being away does not hold up the other;
 * so do those that need both.
 */
export const LANES = {
  redis: ['emit', 'syncDriver'],
  temporal: ['startDelivery', 'driverLeft', 'offerWithdrawn', 'endAvailabilityLater'],
  both: ['driverFree'],
} as const satisfies Record<string, readonly Message['kind'][]>;

const BATCH = 100;
const POLL_MS = 500;

/**
 * Tells the world what lies in the outbox: at once when kicked after a commit, and by polling for what a dead process left behind (ADR on the outbox).
 * At least once: handlers must bear repeats. Any number of processes may relay side by side.
 */
export class OutboxRelay {
  private running: Promise<void> | null = null;
  private again = false;
  private stopped = false;
  private poll: NodeJS.Timeout | null = null;

  constructor(private readonly outbox: Outbox, private readonly handle: MessageHandler, private readonly log: RelayLog) {}

  start(): void {
    this.poll ??= setInterval(() => this.kick(), POLL_MS);
  }

  /** Call after a commit that put messages in. Returns at once. */
  kick(): void {
    if (this.stopped) return;
    this.again = true;
    this.running ??= this.drain().finally(() => {
      this.running = null;
      if (this.again) this.kick(); // kicked after the last look, before this line
    });
  }

  /** Sends what is under way and stops; what is left is sent by another process or after the next start. */
  async stop(): Promise<void> {
    this.stopped = true;
    if (this.poll) clearInterval(this.poll);
    await this.running;
  }

  private async drain(): Promise<void> {
    try {
      while (this.again && !this.stopped) {
        this.again = false;
        const taken = await this.outbox.takeDue(BATCH);
        if (taken.length === BATCH) this.again = true;
        if (taken.length > 0) await this.send(taken);
      }
    } catch (error) {
      this.again = false; // the next poll tries again; a database that is away is not hammered
      this.log.warn({ err: error }, 'the outbox could not be read; trying again');
    }
  }

  /** Keys side by side, messages of one key one after another. */
  private async send(taken: Enqueued[]): Promise<void> {
    const byKey = new Map<string, Enqueued[]>();
    for (const message of taken) byKey.set(message.key, [...(byKey.get(message.key) ?? []), message]);
    const sent = await Promise.all([...byKey.values()].map((messages) => this.sendInOrder(messages)));
    await this.outbox.markSent(sent.flat());
  }

  /** What clients are told must not overtake what could not be told before; other news may come in any order. */
  private async sendInOrder(messages: Enqueued[]): Promise<bigint[]> {
    const sent: bigint[] = [];
    let isHeldBack = false;
    for (const each of messages) {
      const isTold = each.message.kind === 'emit';
      const failure: string | null = isTold && isHeldBack ? 'waits for an earlier one' : await this.trySend(each);
      if (failure === null) sent.push(each.id);
      else await this.outbox.putBack(each, failure);
      isHeldBack ||= isTold && failure !== null;
    }
    return sent;
  }

  /** @returns what went wrong, or null */
  private async trySend(each: Enqueued): Promise<string | null> {
    try {
      await this.handle(each.message, each.correlationId);
      return null;
    } catch (error) {
      this.log.warn({ err: error, outboxId: String(each.id), kind: each.message.kind, correlationId: each.correlationId, attempts: each.attempts }, 'message not sent; trying again');
      return error instanceof Error ? error.message : String(error);
    }
  }
}
