import { type Database, readerOf, sql } from '../adapters/postgres/database';
import { readCarried, readLiveOffer } from '../adapters/postgres/driverStateRows';
import { readDrivers } from '../adapters/postgres/deliveryRow';
import { type Clock, type DriverStates } from './ports';

/**
 * The state that a driver's app gets when it connects, from PostgreSQL (docs/behaviour.md#realtime), and its
 * report that it showed an offer.
 */
export function createDriverStates({ db, clock }: { db: Database; clock: Clock }): DriverStates {
  return {
    // One snapshot: an offer that becomes an assignment meanwhile must not be in neither or in both.
    read: (driverId) =>
      db.$transaction(
        async (tx) => {
          const [driver] = await readDrivers(readerOf(tx), [driverId]);
          if (!driver) return null;
          const {
            offerVersion,
            availability,
            availabilityUntil: until,
            availabilityReason: reason,
            pending,
          } = driver.facts;
          return {
            driverId,
            offerVersion,
            availability: {
              availability,
              until: until === null ? null : new Date(until).toISOString(),
              reason,
              pending,
            },
            offer: await readLiveOffer(tx, driverId),
            deliveries: await readCarried(tx, driverId),
          };
        },
        { isolationLevel: 'RepeatableRead' },
      ),
    offerSeen: async (offerId, driverId) => {
      const noted = await readerOf(db)(sql`
        UPDATE offers SET reached_at = ${new Date(clock()).toISOString()}::timestamptz
        WHERE id = ${offerId}::uuid AND driver_id = ${driverId}::uuid AND state = 'LIVE' AND reached_at IS NULL
        RETURNING id`);
      return noted.length === 1;
    },
  };
}
