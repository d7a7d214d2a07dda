import { type DeliveryStatus } from '../../domain/delivery/status';
import { type AssignmentWay } from '../../domain/delivery/deliveryState';
import { type DriverState, type DriverStop, type OfferPayload } from '../../domain/notices/realtimeEvents';
import { type Tx } from './database';

type OfferRow = { id: string; delivery_id: string; expires_at: Date; payload: OfferPayload };

/** The driver's live offer, of a trip its lead's, in the shape of the body of DELIVERY_OFFERED_V2. */
export async function readLiveOffer(tx: Tx, driverId: string): Promise<DriverState['offer']> {
  const [row] = await tx.$queryRaw<OfferRow[]>`
    SELECT id, delivery_id, expires_at, payload FROM offers
    WHERE driver_id = ${driverId}::uuid AND state = 'LIVE' AND trip_seat = 0`;
  return row
    ? {
        offerId: row.id,
        deliveryId: row.delivery_id,
        driverId,
        expiresAt: row.expires_at.toISOString(),
        offerPayload: row.payload,
      }
    : null;
}

type CarriedRow = {
  delivery_id: string;
  assignment_id: string;
  way: AssignmentWay;
  status: DeliveryStatus;
  meeting: DriverStop | null;
  stops: DriverStop[];
};

/** The driver's active jobs, oldest first. */
export async function readCarried(tx: Tx, driverId: string): Promise<DriverState['deliveries']> {
  const rows = await tx.$queryRaw<CarriedRow[]>`
    SELECT a.delivery_id, a.id AS assignment_id, a.way, d.status,
      CASE WHEN a.meeting_lat IS NOT NULL AND a.picked_up_at IS NULL
        THEN jsonb_build_object('kind', 'HANDOVER', 'address', a.meeting_address, 'point',
          jsonb_build_object('lat', a.meeting_lat, 'lng', a.meeting_lng)) END AS meeting,
      (SELECT jsonb_agg(jsonb_build_object('kind', s.kind, 'address', s.address, 'point',
        jsonb_build_object('lat', s.lat, 'lng', s.lng),
         'contactName', s.contact_name, 'contactPhone', s.contact_phone,
         'contactPhoneE164', s.contact_phone_e164, 'notes', s.notes)
           ORDER BY s.kind DESC) FROM stops s WHERE s.delivery_id = d.id) AS stops
    FROM assignments a JOIN deliveries d ON d.id = a.delivery_id
    WHERE a.driver_id = ${driverId}::uuid AND a.state = 'ACTIVE' ORDER BY a.started_at, a.id`;
  return rows.map(
    ({ delivery_id: deliveryId, assignment_id: assignmentId, way, status, meeting, stops }) => ({
      deliveryId,
      assignmentId,
      way,
      status,
      stops: meeting === null ? stops : [meeting, ...stops],
    }),
  );
}
