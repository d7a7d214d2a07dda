import { type Message } from '../../domain/message';
import { type NoticeAddressee } from '../../domain/notice';
import { type Lane, LANES, type MessageHandler, OutboxRelay, type RelayLog } from '../outboxRelay';
import { type Kick } from '../ports';
import { poolReader, type Postgres } from './database';
import { markSent, putBack, takeDue } from './outbox';

/** `kick`: only the lanes of these messages are looked at; all, where none are named. */
export type Relay = { start(): void; kick: Kick; stop(): Promise<void> };

/** Calls to one channel that one process may have open. */
const NOTICES_AT_ONCE: Readonly<Record<NoticeAddressee['kind'], number>> = { support: 5, pager: 10, driver: 50 };

/** The outbox of this database, relayed lane by lane. */
export function createRelay(postgres: Postgres, handle: MessageHandler, log: RelayLog): Relay {
  const { db } = postgres;
  const read = poolReader(postgres);
  const lanes = Object.values<Lane>(LANES).map((lane) => ({
    lane,
    relay: new OutboxRelay({
      takeDue: (limit) => takeDue(read, lane.kinds, limit, lane),
      markSent: (ids) => markSent(read, ids),
      putBack: (message, error, minDelayMs) => putBack(db, message, error, minDelayMs),
    }, handle, log, lane.to === undefined ? 'batches' : { atOnce: NOTICES_AT_ONCE[lane.to] }),
  }));
  return {
    start: () => lanes.forEach(({ relay }) => relay.start()),
    // Notices are found by the poll: dispatch does not pay for three more looks a commit.
    kick: (messages) => lanes.filter(({ lane }) => isKickedBy(lane, messages)).forEach(({ relay }) => relay.kick()),
    stop: async () => void (await Promise.all(lanes.map(({ relay }) => relay.stop()))),
  };
}

function isKickedBy({ kinds, to }: Lane, messages: readonly Message[] | undefined): boolean {
  return to === undefined && (messages === undefined || messages.some(({ kind }) => kinds.includes(kind)));
}
