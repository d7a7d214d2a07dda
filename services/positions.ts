import { v7 as newCorrelationId } from 'uuid';
import { type Message } from '../domain/notices/message';
import { type Database } from '../adapters/postgres/database';
import { enqueue } from '../adapters/postgres/outbox';
import { positionsReceived } from './driverMetrics';
import { createLiveMap } from './liveMap';
import { type Clock, type DriverMap, type Position, type NotifyRelay } from './ports';

export type PositionsDeps = {
  db: Database;
  map: DriverMap;
  clock: Clock;
  /** Called after a commit that wrote to the outbox. */
  notifyRelay: NotifyRelay;
};

export type Positions = {
  /**
   * Takes in one ping, single or batch, in any order (docs/behaviour.md#positions).
   * @throws RangeError for a place or instant out of bounds; Redis away: its error
   */
  record(driverId: string, fixes: readonly Position[]): Promise<'recorded' | 'notFound'>;
};

/**
 * A ping goes to Redis only. PostgreSQL is asked where Redis does not know the driver, and written to where a
 * driver comes on the map: then the delivery that waits for one is woken by the outbox, since a ping must not
 * wait for Temporal, and that wake must not be lost with this process.
 */
export function createPositions(deps: PositionsDeps): Positions {
  return {
    record: async (driverId, fixes) => {
      if (fixes.length === 0) return 'recorded';
      const receivedAt = deps.clock();
      const known = await deps.map.recordPositions(driverId, fixes, receivedAt);
      const recorded = known === 'unknown' ? await recordAfterSync(deps, driverId, fixes, receivedAt) : known;
      if (recorded === 'notFound') return 'notFound';
      positionsReceived.inc(fixes.length);
      if (recorded.cameOn) await wakeFor(deps, driverId);
      return 'recorded';
    },
  };
}

/** A driver is not known after Redis was flushed, which may happen between any two of our calls. */
const TRIES = 3;

async function recordAfterSync(
  deps: PositionsDeps,
  driverId: string,
  fixes: readonly Position[],
  receivedAt: number,
): Promise<'notFound' | { cameOn: boolean }> {
  let cameOnBySync = false;
  for (let left = TRIES; left > 0; left--) {
    const synced = await createLiveMap(deps).syncDriver(driverId);
    if (synced === 'notFound') return 'notFound';
    cameOnBySync ||= synced.cameOn;
    const recorded = await deps.map.recordPositions(driverId, fixes, receivedAt);
    if (recorded !== 'unknown') return { cameOn: recorded.cameOn || cameOnBySync };
  }
  throw new Error(`the live map lost driver ${driverId} ${TRIES} times`);
}

/** A driver who came on the map may be what a delivery waits for. */
async function wakeFor({ db, notifyRelay }: PositionsDeps, driverId: string): Promise<void> {
  const messages: Message[] = [{ kind: 'driverFree', driverId, passed: [] }];
  await enqueue(db, driverId, newCorrelationId(), messages);
  notifyRelay(messages);
}
