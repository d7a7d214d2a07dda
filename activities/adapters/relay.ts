import { type NoticeAddressee } from '../../domain/notice';
import { type Lane, LANES, type MessageHandler, OutboxRelay, type RelayLog } from '../outboxRelay';
import { type Database } from './database';
import { markSent, putBack, takeDue } from './outbox';

export type Relay = { start(): void; kick(): void; stop(): Promise<void> };

/** Calls to one channel that one process may have open. */
const NOTICES_AT_ONCE: Readonly<Record<NoticeAddressee['kind'], number>> = { support: 5, pager: 10, driver: 50 };

/** The outbox of this database, relayed lane by lane. */
export function createRelay(db: Database, handle: MessageHandler, log: RelayLog): Relay {
  const lanes = Object.values<Lane>(LANES).map((lane) => ({
    isKicked: lane.to === undefined,
    relay: new OutboxRelay({
      takeDue: (limit) => takeDue(db, lane.kinds, limit, lane),
      markSent: (ids) => markSent(db, ids),
      putBack: (message, error, minDelayMs) => putBack(db, message, error, minDelayMs),
    }, handle, log, lane.to === undefined ? 'batches' : { atOnce: NOTICES_AT_ONCE[lane.to] }),
  }));
  return {
    start: () => lanes.forEach(({ relay }) => relay.start()),
    // Notices are found by the poll: dispatch does not pay for three more looks a commit.
    kick: () => lanes.forEach(({ relay, isKicked }) => { if (isKicked) relay.kick(); }),
    stop: async () => void (await Promise.all(lanes.map(({ relay }) => relay.stop()))),
  };
}
