import { type Database, readerOf, sql, type Tx } from '../adapters/postgres/database';
import { readWorkingDrivers } from '../adapters/postgres/driverJobs';
import { readCarried, readLiveOffer } from '../adapters/postgres/driverStateRows';
import { readDrivers } from '../adapters/postgres/deliveryRow';
import { LRUCache } from 'lru-cache';
import { type RouteSettings } from '../domain/driver/route';
import { type DriverState } from '../domain/notices/realtimeEvents';
import { shownRoute } from './driverRoutes';
import { type Clock, type DriverStates, type ShownOffer } from './ports';

type DriverStatesDeps = { db: Database; clock: Clock; routes: RouteSettings };

/**
 * The state that a driver's app gets when it connects, from PostgreSQL (docs/behaviour.md#realtime), and its
 * report that it showed an offer.
 */
export function createDriverStates({ db, clock, routes }: DriverStatesDeps): DriverStates {
  const read = readerOf(db);
  const readRoute = async (
    tx: Tx,
    driverId: string,
    deliveries: DriverState['deliveries'],
  ): Promise<DriverState['route']> => {
    const working = await readWorkingDrivers(readerOf(tx), [driverId]);
    return working.flatMap((driver) => shownRoute(driver, deliveries, routes, clock()));
  };
  /** Offers that were noted by this process: most are answered in a moment, by the same app. */
  const shown = new LRUCache<string, Promise<ShownOffer | null>>({ max: SHOWN_REMEMBERED });
  const note = async (offerId: string, driverId: string): Promise<ShownOffer | null> => {
    const [noted] = await read<ShownOffer>(sql`
      UPDATE offers SET reached_at = ${new Date(clock()).toISOString()}::timestamptz
      FROM deliveries d
      WHERE offers.id = ${offerId}::uuid AND offers.driver_id = ${driverId}::uuid AND offers.state = 'LIVE'
        AND offers.reached_at IS NULL AND d.id = offers.delivery_id
      RETURNING d.id AS "deliveryId", d.merchant_id AS "merchantId", d.seller_order_id AS "sellerOrderId"`);
    return noted ?? null;
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
      const noted = note(offerId, driverId);
      const key = keyOf(offerId, driverId);
      // The answer may come before it is noted.
      if (!shown.has(key))
        shown.set(
          key,
          noted.catch(() => null),
        );
      return (await noted) !== null;
    },
    shownOffer: async (offerId, driverId) => (await shown.get(keyOf(offerId, driverId))) ?? null,
  };
}

const SHOWN_REMEMBERED = 10_000;

const keyOf = (offerId: string, driverId: string): string => `${offerId}/${driverId}`;
