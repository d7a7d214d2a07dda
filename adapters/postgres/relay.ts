import { type Message } from '../../domain/notices/message';
import { type NoticeAddressee } from '../../domain/notices/notice';
import { DirectLane } from '../../services/outbox/directLane';
import { createLeasing } from '../../services/outbox/leasing';
import { type Lane, LANES, OutboxRelay, type Pace } from '../../services/outbox/outboxRelay';
import { type MessageHandler, type Outbox, Sending } from '../../services/outbox/sending';
import { SentMarks } from '../../services/outbox/sentMarks';
import { type Leasing, type Log, type NotifyRelay } from '../../services/ports';
import { poolReader, type Postgres } from './database';
import { type Due, markSent, putBack, takeDue, whatIsDue } from './outbox';

/** `notify` wakes the lanes of these messages, or all lanes except those of notices and acts if none are given. */
export type Relay = Leasing & { start(): void; notify: NotifyRelay; stop(): Promise<void> };

const POLL_MS = 500;
/** The most open calls to one channel in one process. */
const NOTICES_AT_ONCE: Readonly<Record<NoticeAddressee['kind'], number>> = {
  support: 5,
  pager: 10,
  driver: 50,
};

/**
 * Relays the outbox of this database, lane by lane.
 * @param gatheredMs how long a message that was leased and sent waits to be marked with others
 */
export function createRelay(
  postgres: Postgres,
  handle: MessageHandler,
  log: Pick<Log, 'warn'>,
  gatheredMs?: number,
): Relay {
  const { db } = postgres;
  const read = poolReader(postgres);
  const marks = new SentMarks((ids) => markSent(read, ids), log, gatheredMs);
  const returnMessage: Outbox['putBack'] = (message, error, minDelayMs) =>
    putBack(db, message, error, minDelayMs);
  const lanes = Object.values<Lane>(LANES).map((lane) => ({
    lane,
    relay: new OutboxRelay(
      {
        takeDue: async (limit) => {
          await marks.flush(); // what waits for an event that was sent need not wait for its mark
          return takeDue(read, lane.kinds, limit, lane);
        },
        markSent: (ids) => markSent(read, ids),
        putBack: returnMessage,
      },
      handle,
      log,
      paceOf(lane),
    ),
    // Notices and acts wait in the outbox for their turn.
    direct:
      paceOf(lane) === 'batches'
        ? new DirectLane(new Sending({ putBack: returnMessage }, handle, log), marks, log)
        : undefined,
  }));
  const notifyLanes = (isMeant: (lane: Lane) => boolean): void =>
    lanes.filter(({ lane }) => isMeant(lane)).forEach(({ relay }) => relay.notify());
  const poll = new Poll(async () => {
    const due = await whatIsDue(read);
    notifyLanes((lane) => due.some((each) => isOf(lane, each)));
  }, log);
  // Notices and acts are left to the poll: a commit does not pay for four more queries.
  const notify: NotifyRelay = (messages) => notifyLanes((lane) => isNotifiedBy(lane, messages));
  const directOf = (kind: Message['kind']): DirectLane | undefined =>
    lanes.find(({ lane, direct }) => direct && lane.kinds.includes(kind))?.direct;
  return {
    start: () => poll.start(),
    notify,
    ...createLeasing(directOf, notify),
    stop: async () => {
      const sent = Promise.all(lanes.flatMap(({ direct }) => (direct ? [direct.stop()] : [])));
      await poll.stop();
      await Promise.all(lanes.map(({ relay }) => relay.stop()));
      await sent;
      await marks.stop();
    },
  };
}

function paceOf({ to, atOnce }: Lane): Pace {
  if (to !== undefined) return { atOnce: NOTICES_AT_ONCE[to] };
  return atOnce === undefined ? 'batches' : { atOnce };
}

function isNotifiedBy(lane: Lane, messages: readonly Message[] | undefined): boolean {
  if (paceOf(lane) !== 'batches') return false;
  return messages === undefined || messages.some(({ kind }) => lane.kinds.includes(kind));
}

function isOf({ kinds, to }: Lane, due: Due): boolean {
  return kinds.includes(due.kind) && (to === undefined || to === due.to);
}

/** One cheap query for all lanes; only lanes with something due take messages. */
class Poll {
  private timer: NodeJS.Timeout | null = null;
  private polling: Promise<void> | null = null;

  constructor(
    private readonly poll: () => Promise<void>,
    private readonly log: Pick<Log, 'warn'>,
  ) {}

  start(): void {
    this.timer ??= setInterval(() => {
      this.polling ??= this.pollOnce();
    }, POLL_MS);
  }

  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await this.polling;
  }

  /** After a database failure the next poll retries. */
  private async pollOnce(): Promise<void> {
    try {
      await this.poll();
    } catch (error) {
      this.log.warn({ err: error }, 'the outbox could not be polled; retrying');
    } finally {
      this.polling = null;
    }
  }
}
