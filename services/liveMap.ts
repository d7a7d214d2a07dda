import { type Database, readerOf } from '../adapters/postgres/database';
import { readMapEntries } from '../adapters/postgres/mapEntryRow';
import { type Clock, type DriverMap } from './ports';

export type LiveMapDeps = { db: Database; map: DriverMap; clock: Clock };

export type LiveMap = {
  /**
   * Handles the message syncDriver: the map says of this driver what PostgreSQL says. May be repeated, in any
   * order.
   */
  syncDriver(driverId: string): Promise<'notFound' | { cameOn: boolean }>;
};

export function createLiveMap({ db, map, clock }: LiveMapDeps): LiveMap {
  return {
    syncDriver: async (driverId) => {
      const [entry] = await readMapEntries(readerOf(db), [driverId]);
      return entry ? map.sync(entry, clock()) : 'notFound';
    },
  };
}
