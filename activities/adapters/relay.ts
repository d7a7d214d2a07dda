import { LANES, type MessageHandler, OutboxRelay, type RelayLog } from '../outboxRelay';
import { type Database } from './database';
import { markSent, putBack, takeDue } from './outbox';

export type Relay = { start(): void; kick(): void; stop(): Promise<void> };

/** The outbox of this database, relayed lane by lane. */
export function createRelay(db: Database, handle: MessageHandler, log: RelayLog): Relay {
  const lanes = Object.values(LANES).map((kinds) => new OutboxRelay({
    takeDue: (limit) => takeDue(db, kinds, limit),
    markSent: (ids) => markSent(db, ids),
    putBack: (message, error) => putBack(db, message, error),
  }, handle, log));
  return {
    start: () => lanes.forEach((lane) => lane.start()),
    kick: () => lanes.forEach((lane) => lane.kick()),
    stop: async () => void (await Promise.all(lanes.map((lane) => lane.stop()))),
  };
}
