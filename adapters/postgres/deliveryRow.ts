import {
  type Availability,
  type DriverFacts,
  type PendingAvailability,
} from '../../domain/driver/availability';
import { type DeliveryStatus, type ReasonCode } from '../../domain/delivery/status';
import { type ReachedLevel } from '../../domain/delivery/escalation';
import {
  type CaseFacts,
  type CaseReason,
  type CaseResolution,
  type CaseState,
  type HeldReason,
} from '../../domain/support/supportCase';
import { type OfferEnd, type OfferFacts, type OfferKind, type OfferState } from '../../domain/delivery/offer';
import {
  type AssignmentFacts,
  type AssignmentState,
  type AssignmentWay,
  type DeliveryFacts,
} from '../../domain/delivery/deliveryState';
import { type CityPay } from '../../domain/money/cityPay';
import { type Read } from '../../services/ports';
import { join, msOf, numberOf, sql } from './database';

/**
 * Rows as PostgreSQL returns them, and their translation into the facts of the domain. Check constraints hold
 * text columns to the values of the unions.
 */

type DeliveryRow = {
  id: string;
  merchant_id: string;
  seller_order_id: string;
  city_id: string;
  zone_id: string | null;
  status: DeliveryStatus;
  status_changed_at: Date;
  reason_code: ReasonCode | null;
  ready_at: Date;
  search_at: Date;
  search_again_at: Date | null;
  search_round: number;
  unassigned_ms: bigint | string;
  unassigned_since: Date | null;
  escalation_level: ReachedLevel;
  driver_id: string | null;
  pinned: boolean;
  pay_cents: number;
  bonus_cents: number;
  assigned_at: Date | null;
  picked_up_at: Date | null;
  closed_at: Date | null;
  audit_hash: Uint8Array | null;
  escalated_at: Date | null;
  escalated_after_ms: bigint | string | null;
  broadcast_since: Date | null;
  held_reason: HeldReason | null;
  lost_at: Date | null;
  losses: number;
  delayed_since: Date | null;
  window_warned_at: Date | null;
  city_timezone: string;
  currency: string;
  city: { escalationMinutes: number[]; locale: string | null; pay: CityPay | null };
};

/** A delivery's row, with the head of its audit chain. */
export type ReadDelivery = { facts: DeliveryFacts; auditHash: Uint8Array | null };

const DELIVERY_COLUMNS = sql`id, merchant_id, seller_order_id, city_id, zone_id, status, status_changed_at,
  reason_code, ready_at, search_at, search_again_at, search_round, unassigned_ms, unassigned_since,
  escalation_level, driver_id, pinned, pay_cents, bonus_cents, assigned_at, picked_up_at, closed_at, audit_hash,
  escalated_at, escalated_after_ms, broadcast_since, held_reason, lost_at, losses, delayed_since, window_warned_at,
  (SELECT timezone FROM cities WHERE cities.id = deliveries.city_id) AS city_timezone,
  currency, (SELECT jsonb_build_object('escalationMinutes', escalation_minutes, 'locale', locale, 'pay', pay)
    FROM cities WHERE cities.id = deliveries.city_id) AS city`;

/** Reads a delivery and locks its row on request. @returns undefined if there is none */
export async function readDelivery(
  read: Read,
  deliveryId: string,
  lock: 'lock' | 'noLock',
): Promise<ReadDelivery | undefined> {
  const locking = lock === 'lock' ? sql`FOR UPDATE` : sql``;
  const [row] = await read<DeliveryRow>(
    sql`SELECT ${DELIVERY_COLUMNS} FROM deliveries WHERE id = ${deliveryId}::uuid ${locking}`,
  );
  return row && { facts: deliveryFacts(row), auditHash: row.audit_hash };
}

function deliveryFacts(row: DeliveryRow): DeliveryFacts {
  return {
    deliveryId: row.id,
    merchantId: row.merchant_id,
    sellerOrderId: row.seller_order_id,
    cityId: row.city_id,
    zoneId: row.zone_id,
    status: row.status,
    statusSince: msOf(row.status_changed_at),
    reasonCode: row.reason_code,
    readyAt: msOf(row.ready_at),
    searchAt: msOf(row.search_at),
    searchAgainAt: msOf(row.search_again_at),
    searchRound: row.search_round,
    clock: { accumulatedMs: Number(row.unassigned_ms), runningSince: msOf(row.unassigned_since) },
    escalationLevel: row.escalation_level,
    escalatedAt: msOf(row.escalated_at),
    escalatedAfterMs: numberOf(row.escalated_after_ms),
    cityTimezone: row.city_timezone,
    cityEscalationMinutes: row.city.escalationMinutes,
    cityLocale: row.city.locale,
    cityPay: row.city.pay,
    currency: row.currency,
    broadcastSince: msOf(row.broadcast_since),
    heldReason: row.held_reason,
    lostAt: msOf(row.lost_at),
    losses: row.losses,
    delayedSince: msOf(row.delayed_since),
    windowWarnedAt: msOf(row.window_warned_at),
    driverId: row.driver_id,
    pinned: row.pinned,
    payCents: row.pay_cents,
    bonusCents: row.bonus_cents,
    assignedAt: msOf(row.assigned_at),
    pickedUpAt: msOf(row.picked_up_at),
    closedAt: msOf(row.closed_at),
  };
}

type DriverRow = {
  id: string;
  city_id: string;
  availability: Availability;
  availability_until: Date | null;
  availability_reason: string | null;
  pending: PendingAvailability | null;
  capacity: number;
  live_offers: number;
  active_assignments: number;
  next_slots: number;
  offer_version: number | null;
  shift_ends_at: Date | null;
  last_fix_at: Date | null;
  lapses_in_row: number;
  audit_hash: Uint8Array | null;
};

/** A driver's row, with the head of its audit chain. */
export type ReadDriver = { facts: DriverFacts; auditHash: Uint8Array | null };

const DRIVER_COLUMNS = sql`drivers.id, drivers.city_id, availability, availability_until, availability_reason,
  pending, capacity, live_offers, active_assignments, next_slots, offer_version,
  shift_ends_at, last_fix_at, lapses_in_row, audit_hash`;

function readDriverOf(row: DriverRow): ReadDriver {
  return {
    auditHash: row.audit_hash,
    facts: {
      driverId: row.id,
      cityId: row.city_id,
      availability: row.availability,
      availabilityUntil: msOf(row.availability_until),
      availabilityReason: row.availability_reason,
      pending: row.pending,
      capacity: row.capacity,
      liveOffers: row.live_offers,
      activeAssignments: row.active_assignments,
      nextSlots: row.next_slots,
      offerVersion: row.offer_version,
      shiftEndsAt: msOf(row.shift_ends_at),
      lastFixAt: msOf(row.last_fix_at),
      lapsesInRow: row.lapses_in_row,
    },
  };
}

/** Locks the rows of several deliveries in the order of their ids. */
export async function lockDeliveries(read: Read, deliveryIds: readonly string[]): Promise<void> {
  await read(
    sql`SELECT id FROM deliveries WHERE id = ANY(${[...deliveryIds]}::uuid[]) ORDER BY id FOR UPDATE`,
  );
}

/**
 * Locks the drivers of these deliveries' live offers and active assignments, and the drivers named, in the order of
 * their ids.
 */
export async function lockDriversOf(
  read: Read,
  deliveryIds: readonly string[],
  besides: readonly string[],
): Promise<ReadDriver[]> {
  const ids = sql`${[...deliveryIds]}::uuid[]`;
  const rows = await read<DriverRow>(sql`
    SELECT ${DRIVER_COLUMNS} FROM drivers WHERE id IN (
      SELECT driver_id FROM offers WHERE delivery_id = ANY(${ids}) AND state = 'LIVE'
      UNION SELECT driver_id FROM assignments WHERE delivery_id = ANY(${ids}) AND state = 'ACTIVE'
      UNION SELECT unnest(${[...besides]}::uuid[]))
    ORDER BY id FOR UPDATE`);
  return rows.map(readDriverOf);
}

/** Locks one driver's row. @returns undefined if there is none, or it was erased */
export async function lockDriver(read: Read, driverId: string): Promise<ReadDriver | undefined> {
  const [row] = await read<DriverRow>(
    sql`SELECT ${DRIVER_COLUMNS} FROM drivers WHERE id = ${driverId}::uuid AND erased_at IS NULL
      FOR UPDATE`,
  );
  return row && readDriverOf(row);
}

/**
 * Locks the first `atMost` of these drivers, best first, that may take work and that no other transaction
 * holds: making an offer waits for no lock. Locks none where the delivery, whose row the caller has locked,
 * needs no driver.
 * @param asNext whether a driver may get a next job beyond their capacity
 */
export async function lockFirstFree(
  read: Read,
  deliveryId: string,
  driverIds: readonly string[],
  { atMost, asNext }: { atMost: number; asNext: boolean },
): Promise<ReadDriver[]> {
  if (driverIds.length === 0 || atMost === 0) return [];
  const rows = await read<DriverRow>(sql`
    SELECT ${DRIVER_COLUMNS} FROM unnest(${[...driverIds]}::uuid[]) WITH ORDINALITY AS ranked(id, place)
      JOIN drivers ON drivers.id = ranked.id
    WHERE availability IN ('AVAILABLE', 'BUSY') AND pending IS NULL AND live_offers = 0
      AND (active_assignments < capacity
        OR (${asNext} AND active_assignments = capacity AND next_slots = 0 AND offer_version >= 2))
      AND EXISTS (SELECT FROM deliveries d WHERE d.id = ${deliveryId}::uuid
        AND d.status IN ('PENDING', 'SEARCHING') AND d.held_reason IS NULL)
    ORDER BY place LIMIT ${atMost} FOR UPDATE OF drivers SKIP LOCKED`);
  return rows.map(readDriverOf);
}

/** Reads drivers without locking them. */
export async function readDrivers(read: Read, driverIds: readonly string[]): Promise<ReadDriver[]> {
  const rows = await read<DriverRow>(
    sql`SELECT ${DRIVER_COLUMNS} FROM drivers WHERE id = ANY(${[...driverIds]}::uuid[])`,
  );
  return rows.map(readDriverOf);
}

type OfferRow = {
  id: string;
  delivery_id: string;
  driver_id: string;
  kind: OfferKind;
  state: OfferState;
  round: number;
  pay_cents: number;
  escalation_level: ReachedLevel;
  created_at: Date;
  expires_at: Date;
  reached_at: Date | null;
  ended_at: Date | null;
  end_reason: OfferEnd | null;
  trip_id: string | null;
  trip_seat: number;
};

/** Leaves out the payload and the reasons of the choice: both are large, and no event needs them. */
const OFFER_COLUMNS = sql`id, delivery_id, driver_id, kind, state, round, pay_cents,
  escalation_level, created_at, expires_at, reached_at, ended_at, end_reason, trip_id, trip_seat`;

/**
 * The live offers of a delivery, those of their trips, those of the drivers named, and the offers named. All live
 * offers of a driver are of one trip.
 */
export async function readOffers(
  read: Read,
  deliveryId: string,
  { offerIds, driverIds }: { offerIds: readonly string[]; driverIds: readonly string[] },
): Promise<OfferFacts[]> {
  const named =
    offerIds.length === 0
      ? []
      : [
          sql`SELECT ${OFFER_COLUMNS} FROM offers
            WHERE id = ANY(${[...offerIds]}::uuid[]) AND delivery_id = ${deliveryId}::uuid`,
        ];
  const ofDrivers =
    driverIds.length === 0
      ? []
      : [
          sql`SELECT ${OFFER_COLUMNS} FROM offers WHERE driver_id = ANY(${[...driverIds]}::uuid[]) AND state = 'LIVE'`,
        ];
  const live = sql`SELECT ${OFFER_COLUMNS} FROM offers WHERE state = 'LIVE' AND driver_id IN (
    SELECT driver_id FROM offers WHERE delivery_id = ${deliveryId}::uuid AND state = 'LIVE')`;
  const rows = await read<OfferRow>(join([live, ...named, ...ofDrivers], ' UNION '));
  return rows.map(offerFacts);
}

function offerFacts(row: OfferRow): OfferFacts {
  return {
    offerId: row.id,
    deliveryId: row.delivery_id,
    driverId: row.driver_id,
    kind: row.kind,
    state: row.state,
    round: row.round,
    payCents: row.pay_cents,
    escalationLevel: row.escalation_level,
    createdAt: msOf(row.created_at),
    expiresAt: msOf(row.expires_at),
    reachedAt: msOf(row.reached_at),
    endedAt: msOf(row.ended_at),
    endReason: row.end_reason,
    trip: row.trip_id === null ? null : { tripId: row.trip_id, seat: row.trip_seat },
  };
}

type AssignmentRow = {
  id: string;
  driver_id: string;
  offer_id: string | null;
  way: AssignmentWay;
  state: AssignmentState;
  pinned: boolean;
  pay_cents: number;
  started_at: Date;
  at_pickup_at: Date | null;
  picked_up_at: Date | null;
  at_dropoff_at: Date | null;
  ended_at: Date | null;
  end_reason: string | null;
  meeting_lat: number | null;
  meeting_lng: number | null;
  meeting_address: string | null;
  goods_claimed_at: Date | null;
};

/** All assignments of a delivery, oldest first. */
export async function readAssignments(read: Read, deliveryId: string): Promise<AssignmentFacts[]> {
  const rows = await read<AssignmentRow>(sql`
    SELECT id, driver_id, offer_id, way, state, pinned, pay_cents, started_at, at_pickup_at, picked_up_at,
      at_dropoff_at, ended_at, end_reason,
      meeting_lat, meeting_lng, meeting_address, goods_claimed_at
    FROM assignments WHERE delivery_id = ${deliveryId}::uuid ORDER BY started_at, id`);
  return rows.map((row) => ({
    assignmentId: row.id,
    driverId: row.driver_id,
    offerId: row.offer_id,
    way: row.way,
    state: row.state,
    pinned: row.pinned,
    payCents: row.pay_cents,
    startedAt: msOf(row.started_at),
    atPickupAt: msOf(row.at_pickup_at),
    pickedUpAt: msOf(row.picked_up_at),
    atDropoffAt: msOf(row.at_dropoff_at),
    endedAt: msOf(row.ended_at),
    endReason: row.end_reason,
    meeting:
      row.meeting_lat === null || row.meeting_lng === null
        ? null
        : { point: { lat: row.meeting_lat, lng: row.meeting_lng }, address: row.meeting_address },
    goodsClaimedAt: msOf(row.goods_claimed_at),
  }));
}

type CaseRow = {
  id: string;
  level: ReachedLevel;
  state: CaseState;
  reason: CaseReason;
  driver_id: string | null;
  opened_at: Date;
  rose_at: Date | null;
  resolved_at: Date | null;
  resolved_by: string | null;
  resolution: CaseResolution | null;
  in_group: boolean | null;
};

/** The open case of a delivery; there is at most one. */
export async function readOpenCase(read: Read, deliveryId: string): Promise<CaseFacts | null> {
  const [row] = await read<CaseRow>(sql`
    SELECT id, level, state, reason, driver_id, opened_at, rose_at, resolved_at, resolved_by, resolution,
      in_group
    FROM escalations WHERE delivery_id = ${deliveryId}::uuid AND state <> 'RESOLVED'`);
  return row ? caseFacts(row) : null;
}

function caseFacts(row: CaseRow): CaseFacts {
  return {
    caseId: row.id,
    level: row.level,
    state: row.state,
    reason: row.reason,
    driverId: row.driver_id,
    openedAt: msOf(row.opened_at),
    roseAt: msOf(row.rose_at ?? row.opened_at),
    resolvedAt: msOf(row.resolved_at),
    resolvedBy: row.resolved_by,
    resolution: row.resolution,
    isInGroup: row.in_group ?? false,
  };
}
