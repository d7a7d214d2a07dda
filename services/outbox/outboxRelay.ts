import { type Message } from '../../domain/notices/message';
import { type NoticeAddressee } from '../../domain/notices/notice';
import { type Enqueued } from '../../adapters/postgres/outbox';
import { type Log } from '../ports';
import { heldBack, type MessageHandler, type Outbox, Sending } from './sending';

/**
 * The messages of one lane. `to` limits it to notices of this addressee. `afterMs` is their minimum age. `atOnce`:
 * they have time, and are found by the poll; so many are sent at a time.
 */
export type Lane = {
  kinds: readonly Message['kind'][];
  to?: NoticeAddressee['kind'];
  afterMs?: number;
  atOnce?: number;
};

/**
 * Messages to Redis, to Temporal and to both have separate lanes, so that an outage of one does not delay the
 * other. Each notice channel has its own lane, so that a hanging chat delays no page (ADR 10).
 */
export const LANES = {
  redis: { kinds: ['emit', 'syncDriver', 'letGo', 'merchantSuspended'] },
  temporal: { kinds: ['startDelivery', 'driverLeft', 'rescue', 'offerWithdrawn', 'endAvailabilityLater'] },
  both: { kinds: ['driverFree'] },
  // its calls are put off to at most one a second
  matching: { kinds: ['roundDue'] },
  // A thousand deliveries of a zone must not stand before one driver's accept.
  acts: { kinds: ['zoneAct'], atOnce: 5 },
  support: { kinds: ['notify'], to: 'support' },
  pager: { kinds: ['notify'], to: 'pager' },
  // by then an open app has confirmed that it shows the offer
  driver: { kinds: ['notify'], to: 'driver', afterMs: 1_500 },
} as const satisfies Record<string, Lane>;

const BATCH = 100;

/**
 * `batches`: the next batch is taken when the slowest message of this one is done. `{ atOnce }`: messages are
 * sent independently, up to this many at once. At the limit, the next is taken when one is done.
 */
export type Pace = 'batches' | { atOnce: number };

/**
 * Takes and sends the messages of one outbox lane when notified: after a commit whose messages were not leased
 * (ADR 54), and by the poll for messages of a dead process (ADR 3). Delivery is at least once, so handlers must
 * be idempotent. Any number of processes may relay concurrently.
 */
export class OutboxRelay {
  private running: Promise<void> | null = null;
  private again = false;
  private stopped = false;
  private readonly apart = new Set<Promise<void>>();
  private readonly sending: Sending;
  /** The last take reached the limit, so more may be due. */
  private wasFull = false;

  constructor(
    private readonly outbox: Outbox,
    handle: MessageHandler,
    private readonly log: Pick<Log, 'warn'>,
    private readonly pace: Pace = 'batches',
  ) {
    this.sending = new Sending(outbox, handle, log);
  }

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

  /** A slow third-party server delays only its own message. */
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

  /** Sends keys concurrently and the messages of one key in order. */
  private async send(taken: Enqueued[]): Promise<void> {
    const byKey = new Map<string, Enqueued[]>();
    for (const message of taken) byKey.set(message.key, [...(byKey.get(message.key) ?? []), message]);
    const sent = await Promise.all([...byKey.values()].map((messages) => this.sendInOrder(messages)));
    await this.outbox.markSent(sent.flat());
  }

  /** A client event must not overtake an earlier one that failed. Other messages may be sent in any order. */
  private async sendInOrder(messages: Enqueued[]): Promise<bigint[]> {
    const sent: bigint[] = [];
    let isHeldBack = false;
    for (const each of messages) {
      const isEmit = each.message.kind === 'emit';
      const failure: Error | null = isEmit && isHeldBack ? heldBack() : await this.sending.attempt(each);
      if (failure === null) sent.push(each.id);
      else await this.sending.putBack(each, failure);
      isHeldBack ||= isEmit && failure !== null;
    }
    return sent;
  }
}
