import { type DeliveryStatus } from '../../domain/delivery/status';
import { type RouteJob, type WorkingDriver } from '../../domain/driver/route';
import { type VehicleKind } from '../../domain/driver/vehicles';
import { type Point } from '../../domain/geo/places';
import { type Read } from '../../services/ports';
import { msOf, sql } from './database';

/** A driver with all their active jobs. `place` is that of PostgreSQL: thinned, and late. */
export type WorkingDriverRow = WorkingDriver & { driverId: string; vehicle: VehicleKind };

type JobRow = {
  driver_id: string;
  vehicle_kind: VehicleKind;
  capacity: number;
  last_lat: number | null;
  last_lng: number | null;
  delivery_id: string;
  status: DeliveryStatus;
  ready_at: Date;
  window_to: Date | null;
  at_pickup_at: Date | null;
  picked_up_at: Date | null;
  pickup_lat: number;
  pickup_lng: number;
  dropoff_lat: number;
  dropoff_lng: number;
  meeting_lat: number | null;
  meeting_lng: number | null;
};

/** Those of these drivers who have work, with their jobs in the order in which they got them. */
export async function readWorkingDrivers(
  read: Read,
  driverIds: readonly string[],
): Promise<WorkingDriverRow[]> {
  if (driverIds.length === 0) return [];
  const rows = await read<JobRow>(sql`
    SELECT a.driver_id, dr.vehicle_kind, dr.capacity, dr.last_lat, dr.last_lng, a.delivery_id, d.status, d.ready_at,
      d.window_to, a.at_pickup_at, a.picked_up_at, p.lat AS pickup_lat, p.lng AS pickup_lng, o.lat AS dropoff_lat,
      o.lng AS dropoff_lng, a.meeting_lat, a.meeting_lng
    FROM assignments a
    JOIN drivers dr ON dr.id = a.driver_id
    JOIN deliveries d ON d.id = a.delivery_id
    JOIN stops p ON p.delivery_id = d.id AND p.kind = 'PICKUP'
    JOIN stops o ON o.delivery_id = d.id AND o.kind = 'DROPOFF'
    WHERE a.driver_id = ANY(${[...driverIds]}::uuid[]) AND a.state = 'ACTIVE'
    ORDER BY a.driver_id, a.started_at, a.id`);
  const found = new Map<string, WorkingDriverRow & { jobs: RouteJob[] }>();
  for (const row of rows) {
    const driver = found.get(row.driver_id) ?? { ...driverOf(row), jobs: [] };
    driver.jobs.push(jobOf(row));
    found.set(row.driver_id, driver);
  }
  return [...found.values()];
}

function driverOf(row: JobRow): Omit<WorkingDriverRow, 'jobs'> {
  return {
    driverId: row.driver_id,
    vehicle: row.vehicle_kind,
    capacity: row.capacity,
    place: pointOf(row.last_lat, row.last_lng),
  };
}

function jobOf(row: JobRow): RouteJob {
  return {
    deliveryId: row.delivery_id,
    status: row.status,
    readyAt: msOf(row.ready_at),
    windowTo: msOf(row.window_to),
    arrivedAt: msOf(row.at_pickup_at),
    pickedUpAt: msOf(row.picked_up_at),
    pickup: { lat: row.pickup_lat, lng: row.pickup_lng },
    dropoff: { lat: row.dropoff_lat, lng: row.dropoff_lng },
    meeting: row.picked_up_at === null ? pointOf(row.meeting_lat, row.meeting_lng) : null,
  };
}

function pointOf(lat: number | null, lng: number | null): Point | null {
  return lat === null || lng === null ? null : { lat, lng };
}
