import { type Database, readerOf, sql, type Tx } from '../adapters/postgres/database';
import { readWorkingDrivers } from '../adapters/postgres/driverJobs';
import { readCarried, readLiveOffer } from '../adapters/postgres/driverStateRows';
import { readDrivers } from '../adapters/postgres/deliveryRow';
import { type RouteSettings } from '../domain/driver/route';
import { type DriverState } from '../domain/notices/realtimeEvents';
import { shownRoute } from './driverRoutes';
import { type Clock, type DriverStates } from './ports';

type DriverStatesDeps = { db: Database; clock: Clock; routes: RouteSettings };

/**
 * The state that a driver's app gets when it connects, from PostgreSQL (docs/behaviour.md#realtime), and its
 * report that it showed an offer.
 */
export function createDriverStates({ db, clock, routes }: DriverStatesDeps): DriverStates {
  const readRoute = async (
    tx: Tx,
    driverId: string,
    deliveries: DriverState['deliveries'],
  ): Promise<DriverState['route']> => {
    const working = await readWorkingDrivers(readerOf(tx), [driverId]);
    return working.flatMap((driver) => shownRoute(driver, deliveries, routes, clock()));
  };
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
          const deliveries = await readCarried(tx, driverId);
          const route = deliveries.length === 0 ? [] : await readRoute(tx, driverId, deliveries);
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
            deliveries,
            route,
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
