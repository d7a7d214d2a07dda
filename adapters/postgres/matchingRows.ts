import { type Availability, type PendingAvailability } from '../../domain/driver/availability';
import { type ParcelSize, type VehicleKind } from '../../domain/driver/vehicles';
import { type Point } from '../../domain/geo/places';
import { answersTrips } from '../../domain/matching/candidate';
import { type PastChoice } from '../../domain/matching/refusals';
import { type Widening } from '../../domain/zones/widening';
import { dayIn } from '../../domain/money/workday';
import { type Read } from '../../services/ports';
import { instant, msOf, sql } from './database';
import { widenedMeters, wideningsInForce } from './zoneActRows';

/** A delivery that waits for a driver, as its city's matching reads it. `payCents` with the bonus. */
export type UnmatchedRow = {
  deliveryId: string;
  pickup: Point;
  dropoff: Point;
  parcelSize: ParcelSize;
  placedAt: number;
  readyAt: number;
  windowTo: number | null;
  waitingSince: number;
  level: number;
  payCents: number;
  /** How far its searches reach at least; null: as far as usual. */
  widenedToMeters: number | null;
};

type WaitingRow = {
  id: string;
  pickup_lat: number;
  pickup_lng: number;
  dropoff_lat: number;
  dropoff_lng: number;
  parcel_size: ParcelSize;
  created_at: Date;
  ready_at: Date;
  window_to: Date | null;
  unassigned_since: Date | null;
  unassigned_ms: bigint | string;
  status_changed_at: Date;
  escalation_level: number;
  pay_cents: number;
  zone_id: string | null;
  widenings: Widening[] | null;
};

/** The waiting deliveries of a city, the most urgent first. */
export async function readUnmatched(
  read: Read,
  { cityId, limit, now }: { cityId: string; limit: number; now: number },
): Promise<UnmatchedRow[]> {
  const rows = await read<WaitingRow>(sql`
    SELECT d.id, p.lat AS pickup_lat, p.lng AS pickup_lng, o.lat AS dropoff_lat, o.lng AS dropoff_lng,
      d.parcel_size, d.created_at, d.ready_at, d.window_to, d.unassigned_since, d.unassigned_ms, d.status_changed_at,
      d.escalation_level, d.pay_cents + d.bonus_cents AS pay_cents, d.zone_id,
      (${wideningsInForce(sql`${cityId}`, now)}) AS widenings
    FROM deliveries d
    JOIN stops p ON p.delivery_id = d.id AND p.kind = 'PICKUP'
    JOIN stops o ON o.delivery_id = d.id AND o.kind = 'DROPOFF'
    WHERE d.city_id = ${cityId} AND d.status = 'SEARCHING' AND d.held_reason IS NULL
    ORDER BY d.escalation_level DESC, d.search_at, d.id LIMIT ${limit}`);
  return rows.map((row) => ({
    deliveryId: row.id,
    pickup: { lat: row.pickup_lat, lng: row.pickup_lng },
    dropoff: { lat: row.dropoff_lat, lng: row.dropoff_lng },
    parcelSize: row.parcel_size,
    placedAt: msOf(row.created_at),
    readyAt: msOf(row.ready_at),
    windowTo: msOf(row.window_to),
    waitingSince: msOf(row.unassigned_since ?? row.status_changed_at) - Number(row.unassigned_ms),
    level: row.escalation_level,
    payCents: row.pay_cents,
    widenedToMeters: widenedMeters(row.widenings, row.zone_id, now),
  }));
}

/** A delivery that waits and plans no search for long, with the last round of its city. */
export type WaitingLongRow = {
  deliveryId: string;
  cityId: string;
  searchAgainAt: number;
  matchedAt: number | null;
};

/** Waiting deliveries whose next search is planned after an instant (epoch ms), the soonest first. */
export async function readWaitingLong(
  read: Read,
  { plannedAfter, limit }: { plannedAfter: number; limit: number },
): Promise<WaitingLongRow[]> {
  const rows = await read<{
    id: string;
    city_id: string;
    search_again_at: Date;
    matched_at: Date | null;
  }>(sql`
    SELECT d.id, d.city_id, d.search_again_at, c.matched_at
    FROM deliveries d JOIN cities c ON c.id = d.city_id
    WHERE d.status = 'SEARCHING' AND d.held_reason IS NULL
      AND d.search_again_at > ${instant(plannedAfter)}
    ORDER BY d.search_again_at, d.id LIMIT ${limit}`);
  return rows.map((row) => ({
    deliveryId: row.id,
    cityId: row.city_id,
    searchAgainAt: msOf(row.search_again_at),
    matchedAt: msOf(row.matched_at),
  }));
}

type PastRow = {
  delivery_id: string;
  driver_id: string;
  end: PastChoice['end'];
  pay_cents: number;
  level: number;
  ended_at: Date;
};

/** What there was between these deliveries and drivers who rejected, let lapse or lost them, the oldest first. */
export async function readPastChoices(
  read: Read,
  deliveryIds: readonly string[],
): Promise<ReadonlyMap<string, readonly PastChoice[]>> {
  const found = new Map<string, PastChoice[]>();
  if (deliveryIds.length === 0) return found;
  const ids = sql`${[...deliveryIds]}::uuid[]`;
  const rows = await read<PastRow>(sql`
    SELECT delivery_id, driver_id, state AS "end", pay_cents, escalation_level AS level, ended_at
    FROM offers WHERE delivery_id = ANY(${ids}) AND state IN ('REJECTED', 'EXPIRED') AND ended_at IS NOT NULL
    UNION ALL
    SELECT delivery_id, driver_id, 'LOST', pay_cents, 0, ended_at
    FROM assignments WHERE delivery_id = ANY(${ids}) AND state = 'LOST' AND ended_at IS NOT NULL
    ORDER BY ended_at`);
  for (const {
    delivery_id: deliveryId,
    driver_id: driverId,
    end,
    pay_cents: payCents,
    level,
    ended_at,
  } of rows) {
    const past = found.get(deliveryId) ?? [];
    found.set(deliveryId, past);
    past.push({ driverId, end, payCents, level, endedAt: msOf(ended_at) });
  }
  return found;
}

/** A driver as a city's matching reads them. `isAskable`: they could be held now. */
export type MatchDriverRow = {
  driverId: string;
  vehicle: VehicleKind;
  capacity: number;
  room: number;
  /** How many deliveries one offer may be for: one, unless the app knows trips and nothing is in hand. */
  tripRoom: number;
  isAskable: boolean;
  hasWork: boolean;
  offerVersion: number | null;
  shiftEndsAt: number | null;
  idleSince: number | null;
  earnedTodayCents: number;
  /** Of their offers lately: how many they accepted, and how many they rejected or let lapse. */
  accepted: number;
  refused: number;
};

type DriverRow = {
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
  accepted: number;
  refused: number;
};

/** How far back answers count. */
const HISTORY_MS = 8 * 3_600_000;

/** These drivers of a city, whatever they do. */
export async function readMatchDrivers(
  read: Read,
  driverIds: readonly string[],
  now: number,
): Promise<MatchDriverRow[]> {
  if (driverIds.length === 0) return [];
  const rows = await read<DriverRow>(sql`
    SELECT d.id, d.availability, d.pending, d.vehicle_kind, d.capacity, d.live_offers, d.active_assignments,
      d.offer_version, d.shift_ends_at, d.idle_since, c.timezone, d.earned_on::text AS earned_on,
      d.earned_today_cents, answers.accepted, answers.refused
    FROM drivers d JOIN cities c ON c.id = d.city_id
    CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE o.state = 'ACCEPTED')::int AS accepted,
        count(*) FILTER (WHERE o.state = 'REJECTED' OR (o.state = 'EXPIRED' AND o.reached_at IS NOT NULL))::int
          AS refused
      FROM offers o WHERE o.driver_id = d.id
        AND o.created_at > ${instant(now - HISTORY_MS)}) AS answers
    WHERE d.id = ANY(${[...driverIds]}::uuid[])`);
  return rows.map((row) => {
    const room = row.capacity - row.live_offers - row.active_assignments;
    const isOnDuty = row.availability === 'AVAILABLE' || row.availability === 'BUSY';
    return {
      driverId: row.id,
      vehicle: row.vehicle_kind,
      capacity: row.capacity,
      room,
      tripRoom: answersTrips(row.offer_version) && row.active_assignments === 0 ? room : Math.min(room, 1),
      hasWork: row.active_assignments > 0,
      offerVersion: row.offer_version,
      isAskable: isOnDuty && row.pending === null && row.live_offers === 0 && room > 0,
      shiftEndsAt: msOf(row.shift_ends_at),
      idleSince: msOf(row.idle_since),
      earnedTodayCents: row.earned_on === dayIn(row.timezone, now) ? row.earned_today_cents : 0,
      accepted: row.accepted,
      refused: row.refused,
    };
  });
}

/** A driver whose only job is on its last leg. */
export type FinishingRow = { driverId: string; status: 'PICKED_UP' | 'AT_DROPOFF'; dropoff: Point };

/** The drivers of a city who are about to finish their only job, and stay on duty after it. */
export async function readFinishing(
  read: Read,
  { cityId, limit }: { cityId: string; limit: number },
): Promise<FinishingRow[]> {
  const rows = await read<{ id: string; status: FinishingRow['status']; lat: number; lng: number }>(sql`
    SELECT dr.id, d.status, o.lat, o.lng
    FROM drivers dr
    JOIN assignments a ON a.driver_id = dr.id AND a.state = 'ACTIVE'
      AND (a.meeting_lat IS NULL OR a.picked_up_at IS NOT NULL)
    JOIN deliveries d ON d.id = a.delivery_id AND d.status IN ('PICKED_UP', 'AT_DROPOFF')
    JOIN stops o ON o.delivery_id = d.id AND o.kind = 'DROPOFF'
    WHERE dr.city_id = ${cityId} AND dr.availability = 'BUSY' AND dr.pending IS NULL AND dr.live_offers = 0
      AND dr.active_assignments = 1
    LIMIT ${limit}`);
  return rows.map(({ id, status, lat, lng }) => ({ driverId: id, status, dropoff: { lat, lng } }));
}
