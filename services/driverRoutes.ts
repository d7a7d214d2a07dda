import { type WorkingDriverRow } from '../adapters/postgres/driverJobs';
import {
  planRoute,
  type PlannedStop,
  type RouteJob,
  routeModel,
  type RouteSettings,
} from '../domain/driver/route';
import { type DriverRouteStop, type DriverState } from '../domain/notices/realtimeEvents';

type Carried = DriverState['deliveries'];

/** The route of a driver as their app shows it. Addresses are those of the stops of their deliveries. */
export function shownRoute(
  driver: WorkingDriverRow,
  deliveries: Carried,
  settings: RouteSettings,
  now: number,
): DriverRouteStop[] {
  return planRoute(driver, routeModel(driver.vehicle, settings, now)).flatMap((stop) => {
    const job = driver.jobs.find(({ deliveryId }) => deliveryId === stop.deliveryId);
    return job ? [shownStop(stop, job, deliveries)] : [];
  });
}

function shownStop(planned: PlannedStop, job: RouteJob, deliveries: Carried): DriverRouteStop {
  const { deliveryId, place: point, isBegun, arrivesAt } = planned;
  const kind = kindOf(planned, job);
  const stops = deliveries.find((each) => each.deliveryId === deliveryId)?.stops ?? [];
  const address = stops.find((stop) => stop.kind === (kind === 'RETURN' ? 'PICKUP' : kind))?.address ?? null;
  const expectedAt = new Date(Math.round(arrivesAt)).toISOString();
  return { deliveryId, kind, address, point, expectedAt, isBegun };
}

function kindOf({ kind }: PlannedStop, { status, meeting }: RouteJob): DriverRouteStop['kind'] {
  if (kind === 'PICKUP') return meeting === null ? 'PICKUP' : 'HANDOVER';
  return status === 'RETURNING' ? 'RETURN' : 'DROPOFF';
}
