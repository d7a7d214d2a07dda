import { type DeliveryStatus } from '../../domain/delivery/status';
import { type ParcelSize, type VehicleKind } from '../../domain/driver/vehicles';
import { type Point } from '../../domain/geo/places';
import { type WindowedDelivery } from '../../domain/orders/windowWatch';
import { type Database, msOf, sql } from './database';

/** An open delivery whose window ends soon, and that nobody was told of. `placeAt`: of its carrier's place. */
export type WindowRow = WindowedDelivery & {
  deliveryId: string;
  driverId: string | null;
  placeAt: number | null;
};

/** A position in the list: by the end of the window, then by id. */
export type WindowCursor = { windowTo: number; deliveryId: string };

type Row = {
  id: string;
  status: DeliveryStatus;
  ready_at: Date;
  window_to: Date;
  parcel_size: ParcelSize;
  pickup_lat: number;
  pickup_lng: number;
  dropoff_lat: number;
  dropoff_lng: number;
  driver_id: string | null;
  vehicle_kind: VehicleKind | null;
  last_lat: number | null;
  last_lng: number | null;
  last_fix_at: Date | null;
  meeting_lat: number | null;
  meeting_lng: number | null;
};

/**
 * A page of the open deliveries whose window ends before `endsBefore`, those that end first at the front.
 * Places are those of PostgreSQL: thinned, and late. A meeting point counts until the goods are there.
 */
export async function readWindows(
  db: Database,
  { endsBefore, after, limit }: { endsBefore: number; after: WindowCursor | null; limit: number },
): Promise<WindowRow[]> {
  const next =
    after === null
      ? sql``
      : sql`AND (d.window_to, d.id) > (${new Date(after.windowTo)}, ${after.deliveryId}::uuid)`;
  const rows = await db.$queryRaw<Row[]>`
    SELECT d.id, d.status, d.ready_at, d.window_to, d.parcel_size, p.lat AS pickup_lat, p.lng AS pickup_lng,
      o.lat AS dropoff_lat, o.lng AS dropoff_lng, a.driver_id, dr.vehicle_kind, dr.last_lat, dr.last_lng,
      dr.last_fix_at, CASE WHEN a.picked_up_at IS NULL THEN a.meeting_lat END AS meeting_lat,
      CASE WHEN a.picked_up_at IS NULL THEN a.meeting_lng END AS meeting_lng
    FROM (SELECT d.id, d.status, d.ready_at, d.window_to, d.parcel_size FROM deliveries d
      WHERE d.closed_at IS NULL AND d.window_warned_at IS NULL AND d.window_to < ${new Date(endsBefore)} ${next}
      ORDER BY d.window_to, d.id LIMIT ${limit}) d
    JOIN stops p ON p.delivery_id = d.id AND p.kind = 'PICKUP'
    JOIN stops o ON o.delivery_id = d.id AND o.kind = 'DROPOFF'
    LEFT JOIN (assignments a JOIN drivers dr ON dr.id = a.driver_id)
      ON a.delivery_id = d.id AND a.state = 'ACTIVE'
    ORDER BY d.window_to, d.id`;
  return rows.map(windowRow);
}

function windowRow(row: Row): WindowRow {
  return {
    deliveryId: row.id,
    status: row.status,
    readyAt: msOf(row.ready_at),
    windowTo: msOf(row.window_to),
    parcelSize: row.parcel_size,
    pickup: { lat: row.pickup_lat, lng: row.pickup_lng },
    dropoff: { lat: row.dropoff_lat, lng: row.dropoff_lng },
    driverId: row.driver_id,
    placeAt: msOf(row.last_fix_at),
    carrier:
      row.vehicle_kind === null
        ? null
        : {
            vehicle: row.vehicle_kind,
            place: pointOf(row.last_lat, row.last_lng),
            meeting: pointOf(row.meeting_lat, row.meeting_lng),
          },
  };
}

function pointOf(lat: number | null, lng: number | null): Point | null {
  return lat === null || lng === null ? null : { lat, lng };
}
