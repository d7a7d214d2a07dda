import { type Database, readerOf } from '../adapters/postgres/database';
import { readMapEntries } from '../adapters/postgres/mapEntryRow';
import { type Clock, type DriverMap, type MapEntry } from './ports';

export type LiveMapDeps = { db: Database; map: DriverMap; clock: Clock };

export type LiveMap = {
  /**
   * Handles the message syncDriver: the map says of this driver what PostgreSQL says. May be repeated, in any
   * order.
   * @param entry as a transaction just wrote it; left out, it is read
   */
  syncDriver(driverId: string, entry?: MapEntry): Promise<'notFound' | { cameOn: boolean }>;
};

export function createLiveMap({ db, map, clock }: LiveMapDeps): LiveMap {
  return {
    syncDriver: async (driverId, written) => {
      const [entry] = written ? [written] : await readMapEntries(readerOf(db), [driverId]);
      return entry ? map.sync(entry, clock()) : 'notFound';
    },
  };
}
