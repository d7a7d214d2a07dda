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
   * Records one ping with one or more positions, in any order (docs/behaviour.md#positions).
   * @throws RangeError for a point or instant out of bounds; Redis errors while it is down
   */
  record(driverId: string, fixes: readonly Position[]): Promise<'recorded' | 'notFound'>;
  /**
   * The instant `deviceAt` of the driver's device by our clock: corrected where their positions show that the
   * device's clock is wrong. Never later than now. Unchanged while Redis is down.
   */
  correctedTime(driverId: string, deviceAt: number): Promise<number>;
};

/**
 * A ping goes to Redis only. PostgreSQL is read if Redis does not know the driver. It is written if the
 * driver is new on the map: the outbox then wakes a waiting delivery, because a ping must not wait for
 * Temporal and the wake must survive this process.
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
    correctedTime: async (driverId, deviceAt) => {
      const lagMs = await deps.map.clockLagMs(driverId).catch(() => 0);
      return lagMs === 0 ? deviceAt : Math.min(deviceAt + lagMs, deps.clock());
    },
  };
}

/** Retries for a driver unknown after a Redis flush, which may happen between any two calls. */
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

/** A delivery may be waiting for a driver who is new on the map. */
async function wakeFor({ db, notifyRelay }: PositionsDeps, driverId: string): Promise<void> {
  const messages: Message[] = [{ kind: 'driverFree', driverId, passed: [] }];
  await enqueue(db, driverId, newCorrelationId(), messages);
  notifyRelay(messages);
}
