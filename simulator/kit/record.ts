import type { Pool, PoolClient } from 'pg';
import type { Availability } from '../../domain/driver/availability';
import type { DeliveryStatus, ReasonCode } from '../../domain/delivery/status';
import type { OfferEnd, OfferKind, OfferState } from '../../domain/delivery/offer';
import type { AssignmentState, AssignmentWay } from '../../domain/delivery/deliveryState';

/** Rows read directly from PostgreSQL, to verify the service. Instants are epoch ms. */
export type RecordedOffer = {
  offerId: string;
  driverId: string;
  kind: OfferKind;
  state: OfferState;
  round: number;
  createdAt: number;
  expiresAt: number;
  endedAt: number | null;
  endReason: OfferEnd | null;
};
export type RecordedAssignment = {
  assignmentId: string;
  driverId: string;
  offerId: string | null;
  way: AssignmentWay;
  state: AssignmentState;
  startedAt: number;
  atPickupAt: number | null;
  pickedUpAt: number | null;
  atDropoffAt: number | null;
  endedAt: number | null;
  /** Search rounds without a driver before it. Set for assignments without an offer. */
  round?: number | null;
};
export type RecordedMove = {
  kind: string;
  from: string | null;
  to: string | null;
  driverId: string | null;
  offerId: string | null;
};
export type RecordedDelivery = {
  deliveryId: string;
  merchantId: string;
  sellerOrderId: string;
  cityId: string;
  status: DeliveryStatus;
  reasonCode: ReasonCode | null;
  driverId: string | null;
  createdAt: number;
  readyAt: number;
  searchAt: number;
  assignedAt: number | null;
  closedAt: number | null;
  offers: RecordedOffer[];
  assignments: RecordedAssignment[];
  /** The audit trail, the oldest first. */
  moves: RecordedMove[];
};
export type RecordedDriver = {
  driverId: string;
  availability: Availability;
  capacity: number;
  liveOffers: number;
  activeAssignments: number;
  /** 1 = they may have one more than their capacity: their next job. */
  nextSlots: number;
};

/** A pool, or a client within one transaction. */
export type Reader = Pool | PoolClient;

/** The deliveries with these ids, in any order. Unknown ids are left out. */
export async function readDeliveries(
  pool: Reader,
  deliveryIds: readonly string[],
): Promise<RecordedDelivery[]> {
  const { rows } = await pool.query<{ delivery: RecordedDelivery }>(DELIVERIES, [[...deliveryIds]]);
  return rows.map(({ delivery }) => delivery);
}

export async function readDrivers(pool: Reader, driverIds: readonly string[]): Promise<RecordedDriver[]> {
  const { rows } = await pool.query<RecordedDriver>(DRIVERS, [[...driverIds]]);
  return rows;
}

const ms = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;

const OFFERS = `(SELECT coalesce(jsonb_agg(jsonb_build_object(
    'offerId', o.id, 'driverId', o.driver_id, 'kind', o.kind, 'state', o.state, 'round', o.round, 'createdAt',
      ${ms('o.created_at')}, 'expiresAt', ${ms('o.expires_at')},
    'endedAt', ${ms('o.ended_at')}, 'endReason', o.end_reason) ORDER BY o.created_at, o.id), '[]')
  FROM offers o WHERE o.delivery_id = d.id)`;

const ASSIGNMENTS = `(SELECT coalesce(jsonb_agg(jsonb_build_object(
    'assignmentId', a.id, 'driverId', a.driver_id, 'offerId', a.offer_id, 'way', a.way, 'state', a.state,
      'startedAt', ${ms('a.started_at')},
    'atPickupAt', ${ms('a.at_pickup_at')}, 'pickedUpAt', ${ms('a.picked_up_at')}, 'atDropoffAt',
      ${ms('a.at_dropoff_at')}, 'endedAt', ${ms('a.ended_at')},
    'round', (a.choice->>'round')::int) ORDER BY a.started_at, a.id), '[]')
  FROM assignments a WHERE a.delivery_id = d.id)`;

const MOVES = `(SELECT coalesce(jsonb_agg(jsonb_build_object(
    'kind', e.kind, 'from', e.from_state, 'to', e.to_state, 'driverId', e.driver_id, 'offerId',
      e.detail->>'offerId') ORDER BY e.at, e.id), '[]')
  FROM audit_entries e WHERE e.delivery_id = d.id AND e.chain = 'delivery/' || d.id)`;

const DELIVERIES = `SELECT jsonb_build_object(
    'deliveryId', d.id, 'merchantId', d.merchant_id, 'sellerOrderId', d.seller_order_id, 'cityId', d.city_id,
      'status', d.status,
    'reasonCode', d.reason_code, 'driverId', d.driver_id, 'createdAt', ${ms('d.created_at')}, 'readyAt',
      ${ms('d.ready_at')}, 'searchAt', ${ms('d.search_at')},
    'assignedAt', ${ms('d.assigned_at')}, 'closedAt', ${ms('d.closed_at')},
    'offers', ${OFFERS}, 'assignments', ${ASSIGNMENTS}, 'moves', ${MOVES}) AS delivery
  FROM deliveries d WHERE d.id = ANY($1::uuid[])`;

const DRIVERS = `SELECT id AS "driverId", availability, capacity, live_offers AS "liveOffers",
    active_assignments AS "activeAssignments", next_slots AS "nextSlots"
  FROM drivers WHERE id = ANY($1::uuid[])`;
