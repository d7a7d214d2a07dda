import { type Availability, type PendingAvailability } from '../../domain/driver/availability';
import { type ReachedLevel } from '../../domain/delivery/escalation';
import { type VehicleKind } from '../../domain/driver/vehicles';
import { dayIn } from '../../domain/money/workday';
import { type CandidateFacts, type CandidateQuery } from '../../services/deliveries/deliveryStore';
import { type Read } from '../../services/ports';
import { msOf, sql } from './database';

/** How far back rejections and lapses count in a driver's rank. */
const HISTORY_MS = 8 * 3_600_000;

type Row = {
  id: string;
  availability: Availability;
  pending: PendingAvailability | null;
  vehicle_kind: VehicleKind;
  capacity: number;
  live_offers: number;
  active_assignments: number;
  offer_version: number | null;
  shift_ends_at: Date | null;
  idle_since: Date | null;
  timezone: string;
  earned_on: string | null;
  earned_today_cents: number;
  recent_rejections: number;
  asked_by_broadcast: boolean;
  last_lapse_at: Date | null;
  rejected_pay_cents: number | null;
  rejected_level: ReachedLevel | null;
  lost: boolean;
};

/**
 * The facts of drivers near a pickup, with their history with this delivery. A lapse of an offer that never
 * reached the app does not count (docs/behaviour.md#offers).
 */
export async function readCandidates(
  read: Read,
  { deliveryId, driverIds, broadcastSince, now }: CandidateQuery,
): Promise<CandidateFacts[]> {
  if (driverIds.length === 0) return [];
  const rows = await read<Row>(sql`
    SELECT d.id, d.availability, d.pending, d.vehicle_kind, d.capacity, d.live_offers, d.active_assignments,
      d.offer_version, d.shift_ends_at, d.idle_since,
      c.timezone, d.earned_on::text AS earned_on, d.earned_today_cents,
      (SELECT count(*)::int FROM offers o WHERE o.driver_id = d.id
        AND o.created_at > ${iso(now - HISTORY_MS)}::timestamptz
         AND (o.state = 'REJECTED' OR (o.state = 'EXPIRED'
           AND o.reached_at IS NOT NULL))) AS recent_rejections,
      (SELECT max(o.ended_at) FROM offers o WHERE o.delivery_id = ${deliveryId}::uuid AND o.driver_id = d.id
        AND o.state = 'EXPIRED') AS last_lapse_at,
      rejected.pay_cents AS rejected_pay_cents, rejected.escalation_level AS rejected_level,
      EXISTS (SELECT FROM assignments a WHERE a.delivery_id = ${deliveryId}::uuid AND a.driver_id = d.id
        AND a.state = 'LOST') AS lost,
      EXISTS (SELECT FROM offers o WHERE o.delivery_id = ${deliveryId}::uuid AND o.driver_id = d.id
        AND o.kind = 'BROADCAST'
        AND o.created_at >= ${broadcastSince === null ? null : iso(broadcastSince)}::timestamptz) AS asked_by_broadcast
    FROM drivers d JOIN cities c ON c.id = d.city_id
    LEFT JOIN LATERAL (SELECT o.pay_cents, o.escalation_level FROM offers o
      WHERE o.delivery_id = ${deliveryId}::uuid AND o.driver_id = d.id AND o.state = 'REJECTED'
      ORDER BY o.ended_at DESC LIMIT 1) AS rejected ON true
    WHERE d.id = ANY(${[...driverIds]}::uuid[])`);
  return rows.map((row) => candidateFacts(row, now));
}

function candidateFacts(row: Row, now: number): CandidateFacts {
  return {
    driverId: row.id,
    availability: row.availability,
    leavesAfterWork: row.pending !== null,
    vehicle: row.vehicle_kind,
    room: row.capacity - row.live_offers - row.active_assignments,
    liveOffers: row.live_offers,
    hasWork: row.active_assignments > 0,
    offerVersion: row.offer_version,
    shiftEndsAt: msOf(row.shift_ends_at),
    idleSince: msOf(row.idle_since),
    // Computed here as where it is written: PostgreSQL may know other time zones.
    earningsTodayCents: row.earned_on === dayIn(row.timezone, now) ? row.earned_today_cents : 0,
    recentRejections: row.recent_rejections,
    lastLapseAt: msOf(row.last_lapse_at),
    rejected:
      row.rejected_pay_cents === null
        ? null
        : { payCents: row.rejected_pay_cents, level: row.rejected_level ?? 0 },
    lost: row.lost,
    askedByBroadcast: row.asked_by_broadcast,
  };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
