import { readWorkingDrivers } from '../../adapters/postgres/driverJobs';
import { routeModel } from '../../domain/driver/route';
import { type Point, type TravelModel } from '../../domain/geo/places';
import { type MatchDriver } from '../../domain/matching/round';
import { openRoute } from '../../domain/matching/routeFit';
import { happensAt, meantJob } from '../../domain/matching/scaledTime';
import { type Read } from '../ports';

type RoutesDeps = {
  read: Read;
  travel: TravelModel;
  timeScale: number;
  limits: { tripMaxExtraMs: number };
};

/** Where and when a driver with work can turn to other stops, and those that they have. */
export type RoutedDriver = Pick<MatchDriver<Point>, 'place' | 'freeAt'> &
  Required<Pick<MatchDriver<Point>, 'route'>>;

/** The routes of drivers with work. Rounds weigh minutes as they are meant, and so does a route. */
export async function readMatchRoutes(
  { read, travel, timeScale, limits }: RoutesDeps,
  driverIds: readonly string[],
  places: ReadonlyMap<string, Point>,
  now: number,
): Promise<ReadonlyMap<string, RoutedDriver>> {
  const maxExtraMs = limits.tripMaxExtraMs * timeScale;
  const working = await readWorkingDrivers(read, driverIds);
  return new Map(
    working.map(({ driverId, vehicle, capacity, jobs, place }) => {
      const model = routeModel(vehicle, { travel, timeScale: 1, tripMaxExtraMs: maxExtraMs }, now);
      const meant = jobs.map((job) => meantJob(job, now, timeScale));
      const open = openRoute({ place: places.get(driverId) ?? place, capacity, jobs: meant }, model);
      const route = { stops: open.stops, capacity, maxExtraMs };
      return [driverId, { place: open.place, freeAt: happensAt(open.freeAt, now, timeScale), route }];
    }),
  );
}
