import { type DriverFacts } from '../../domain/driver/availability';
import { type OfferFacts } from '../../domain/delivery/offer';
import { type CaseFacts } from '../../domain/support/supportCase';
import {
  type AssignmentFacts,
  type Decision,
  type DeliveryFacts,
  type DeliveryState,
} from '../../domain/delivery/deliveryState';
import { dayIn } from '../../domain/money/workday';
import { possible } from '../../services/impossibleEvent';
import { type Lease, type WrittenMessage } from '../../services/ports';
import { chainEntries, type ChainHeads, ENTRY_ROWS, INSERT_ENTRIES } from './audit';
import { WRITTEN_ENTRY, type WrittenDriver } from './mapEntryRow';
import {
  INSERT_MESSAGES,
  MESSAGE_ROWS,
  messageRows,
  OPEN_GROUPS,
  WHERE_TOLD,
  WRITTEN_MESSAGES,
} from './outbox';
import { type Transaction } from './transaction';

/** The rows that a decision changes or adds, by table. */
type Rows = {
  delivery: object[];
  offers: object[];
  assignments: object[];
  drivers: object[];
  cases: object[];
  newOffers: object[];
  newAssignments: object[];
  newCases: object[];
  entries: object[];
  messages: object[];
};

const NO_ROWS: Rows = {
  delivery: [],
  offers: [],
  assignments: [],
  drivers: [],
  cases: [],
  newOffers: [],
  newAssignments: [],
  newCases: [],
  entries: [],
  messages: [],
};

/**
 * Writes a decision: the rows that differ from the state before, then the new ones, with audit entries and
 * messages. The rows were locked when the state was read. One statement writes all of it, unless a row of a
 * table ends and another begins: then the same statement is sent twice, so that the unique indexes never see
 * both at once.
 * @returns the rows of the messages and of the drivers, and the heads of the chains with the new entries
 * @throws ImpossibleEvent if the decision violates a constraint of the rows
 */
export function writeDecision(
  tx: Transaction,
  before: DeliveryState,
  decision: Decision,
  heads: ChainHeads,
  { at, correlationId, known }: { at: number; correlationId: string; known: Lease['known'] },
): { rows: Promise<WrittenRows>; after: ChainHeads } {
  const { rows, after } = possible(() => rowsOf(before, decision, heads, { at, correlationId, known }));
  const { newOffers, newAssignments, newCases, entries, messages, ...changed } = rows;
  const begun = { newOffers, newAssignments, newCases, entries, messages };
  const write = (each: Rows): Promise<WrittenRows[]> =>
    tx.write(
      CHANGES,
      PARAMETERS.map((name) => JSON.stringify(each[name])),
    );
  const written = isReplaced(rows)
    ? [write({ ...NO_ROWS, ...changed }), write({ ...NO_ROWS, ...begun })]
    : [write(rows)];
  return { rows: together(written), after };
}

/** What a decision wrote that others need: its messages in their order, and the drivers that it changed. */
export type WrittenRows = { messages: WrittenMessage[]; drivers: WrittenDriver[] };

async function together(written: readonly Promise<WrittenRows[]>[]): Promise<WrittenRows> {
  const rows = (await Promise.all(written)).flat();
  return {
    messages: rows.flatMap(({ messages }) => messages),
    drivers: rows.flatMap(({ drivers }) => drivers),
  };
}

/** Whether a row of one table ends while another row of it begins. */
function isReplaced(rows: Rows): boolean {
  const pairs = [
    [rows.offers, rows.newOffers],
    [rows.assignments, rows.newAssignments],
    [rows.cases, rows.newCases],
  ] as const;
  return pairs.some(([ending, beginning]) => ending.length > 0 && beginning.length > 0);
}

function rowsOf(
  before: DeliveryState,
  decision: Decision,
  heads: ChainHeads,
  { at, correlationId, known }: { at: number; correlationId: string; known: Lease['known'] },
): { rows: Rows; after: ChainHeads } {
  const { next } = decision;
  const { deliveryId, cityId, merchantId, sellerOrderId } = next.delivery;
  const { rows: entries, heads: after } = chainEntries(
    { cityId, deliveryId, merchantId, sellerOrderId, ...heads },
    decision.entries,
    at,
    correlationId,
  );
  const rows: Rows = {
    delivery: [deliveryRow(next.delivery, after)],
    offers: changedOffers(before, next).map(endedOffer),
    assignments: changedAssignments(before, next).map(assignmentRow),
    drivers: changedDrivers(before, decision, after, at),
    cases: changedCases(before, next),
    newOffers: newOffers(decision),
    newAssignments: newAssignments(decision),
    newCases: newCases(before, next),
    entries,
    messages: messageRows(deliveryId, correlationId, decision.messages, known),
  };
  return { rows, after };
}

/** The statement's parameters in order, $1 first. */
const PARAMETERS = [
  'delivery',
  'offers',
  'assignments',
  'drivers',
  'cases',
  'newOffers',
  'newAssignments',
  'newCases',
  'entries',
  'messages',
] as const satisfies readonly (keyof Rows)[];

/** The placeholder of these rows: `$n`. */
function parameter(name: (typeof PARAMETERS)[number]): string {
  return `$${PARAMETERS.indexOf(name) + 1}`;
}

/** These rows as rows of a table, which gives the columns their types. */
function recordset(table: string, name: (typeof PARAMETERS)[number]): string {
  return `jsonb_populate_recordset(null::${table}, ${parameter(name)}::jsonb)`;
}

const CHANGES = `
  WITH d AS (
    UPDATE deliveries SET status = new.status, status_changed_at = new.status_changed_at,
      reason_code = new.reason_code,
      search_again_at = new.search_again_at, search_round = new.search_round,
        unassigned_ms = new.unassigned_ms, unassigned_since = new.unassigned_since,
      escalation_level = new.escalation_level, driver_id = new.driver_id, pinned = new.pinned,
        bonus_cents = new.bonus_cents, assigned_at = new.assigned_at,
      picked_up_at = new.picked_up_at, closed_at = new.closed_at, audit_hash = new.audit_hash,
        escalated_at = new.escalated_at, escalated_after_ms = new.escalated_after_ms,
      broadcast_since = new.broadcast_since, held_reason = new.held_reason, lost_at = new.lost_at,
        losses = new.losses, delayed_since = new.delayed_since, window_warned_at = new.window_warned_at
    FROM ${recordset('deliveries', 'delivery')} AS new WHERE deliveries.id = new.id
  ), o AS (
    UPDATE offers SET state = new.state, ended_at = new.ended_at, end_reason = new.end_reason
    FROM ${recordset('offers', 'offers')} AS new WHERE offers.id = new.id
  ), a AS (
    UPDATE assignments SET state = new.state, at_pickup_at = new.at_pickup_at,
      picked_up_at = new.picked_up_at, at_dropoff_at = new.at_dropoff_at,
      ended_at = new.ended_at, end_reason = new.end_reason, pay_cents = new.pay_cents, pinned = new.pinned,
      goods_claimed_at = new.goods_claimed_at
    FROM ${recordset('assignments', 'assignments')} AS new WHERE assignments.id = new.id
  ), c AS (
    UPDATE escalations SET level = new.level, state = new.state, reason = new.reason,
      driver_id = new.driver_id, rose_at = new.rose_at, resolved_at = new.resolved_at,
      resolved_by = new.resolved_by, resolution = new.resolution, in_group = new.in_group
    FROM ${recordset('escalations', 'cases')} AS new WHERE escalations.id = new.id
  ), dr AS (
    UPDATE drivers SET live_offers = new.live_offers, active_assignments = new.active_assignments,
      next_slots = new.next_slots, availability = new.availability,
      availability_until = new.availability_until, availability_reason = new.availability_reason,
        pending = new.pending, shift_ends_at = new.shift_ends_at,
      availability_version = drivers.availability_version + 1, audit_hash = new.audit_hash,
      idle_since = CASE WHEN new.availability <> 'AVAILABLE' THEN NULL
        WHEN drivers.availability = 'AVAILABLE' THEN drivers.idle_since ELSE new.idle_since END,
      earned_today_cents = least(2147483647, new.earned_today_cents::bigint + CASE
        WHEN drivers.earned_on = new.earned_on THEN drivers.earned_today_cents ELSE 0 END)::int,
      earned_on = new.earned_on, lapses_in_row = new.lapses_in_row
    FROM ${recordset('drivers', 'drivers')} AS new WHERE drivers.id = new.id
    RETURNING drivers.erased_at, ${WRITTEN_ENTRY}
  ), new_o AS (
    INSERT INTO offers (id, delivery_id, driver_id, kind, state, round, pay_cents, escalation_level, payload,
      choice, created_at, expires_at, trip_id, trip_seat)
    SELECT id, delivery_id, driver_id, kind, state, round, pay_cents, escalation_level, payload, choice,
      created_at, expires_at, trip_id, trip_seat
    FROM ${recordset('offers', 'newOffers')}
  ), new_a AS (
    INSERT INTO assignments (id, delivery_id, driver_id, offer_id, way, state, pinned, pay_cents, started_at,
      at_pickup_at, picked_up_at, choice, meeting_lat, meeting_lng, meeting_address)
    SELECT id, delivery_id, driver_id, offer_id, way, state, pinned, pay_cents, started_at,
      at_pickup_at, picked_up_at, choice, meeting_lat, meeting_lng, meeting_address
    FROM ${recordset('assignments', 'newAssignments')}
  ), new_c AS (
    INSERT INTO escalations (id, delivery_id, city_id, zone_id, level, state, reason, driver_id, opened_at,
      rose_at, resolved_at, resolved_by, resolution, in_group)
    SELECT id, delivery_id, city_id, zone_id, level, state, reason, driver_id, opened_at, rose_at,
      resolved_at, resolved_by, resolution, in_group
    FROM ${recordset('escalations', 'newCases')}
  ), e AS (${INSERT_ENTRIES} FROM ${ENTRY_ROWS(parameter('entries'))}),
  opened AS (${OPEN_GROUPS(parameter('messages'))}),
  m AS (
    ${INSERT_MESSAGES} FROM ${MESSAGE_ROWS(parameter('messages'))} ${WHERE_TOLD} RETURNING ${WRITTEN_MESSAGES}
  )
  SELECT (SELECT coalesce(jsonb_agg(m ORDER BY m.id::bigint), '[]') FROM m) AS messages,
    (SELECT coalesce(jsonb_agg(dr), '[]') FROM dr WHERE erased_at IS NULL) AS drivers`;

function deliveryRow(delivery: DeliveryFacts, { deliveryHash }: ChainHeads): object {
  return {
    id: delivery.deliveryId,
    status: delivery.status,
    status_changed_at: iso(delivery.statusSince),
    reason_code: delivery.reasonCode,
    search_again_at: iso(delivery.searchAgainAt),
    search_round: delivery.searchRound,
    unassigned_ms: delivery.clock.accumulatedMs,
    unassigned_since: iso(delivery.clock.runningSince),
    escalation_level: delivery.escalationLevel,
    driver_id: delivery.driverId,
    pinned: delivery.pinned,
    bonus_cents: delivery.bonusCents,
    assigned_at: iso(delivery.assignedAt),
    picked_up_at: iso(delivery.pickedUpAt),
    closed_at: iso(delivery.closedAt),
    audit_hash: bytea(deliveryHash),
    escalated_at: iso(delivery.escalatedAt),
    escalated_after_ms: delivery.escalatedAfterMs,
    broadcast_since: iso(delivery.broadcastSince),
    held_reason: delivery.heldReason,
    lost_at: iso(delivery.lostAt),
    losses: delivery.losses,
    delayed_since: iso(delivery.delayedSince),
    window_warned_at: iso(delivery.windowWarnedAt),
  };
}

/** Facts are immutable: the same object is the same row. */
function changedOffers(before: DeliveryState, next: DeliveryState): OfferFacts[] {
  return next.offers.filter((offer) =>
    before.offers.some((old) => old.offerId === offer.offerId && old !== offer),
  );
}

function endedOffer({ offerId, state, endedAt, endReason }: OfferFacts): object {
  return { id: offerId, state, ended_at: iso(endedAt), end_reason: endReason };
}

function changedAssignments(before: DeliveryState, next: DeliveryState): AssignmentFacts[] {
  return next.assignments.filter((assignment) =>
    before.assignments.some((old) => old.assignmentId === assignment.assignmentId && old !== assignment),
  );
}

function assignmentRow({
  assignmentId,
  state,
  pinned,
  payCents,
  atPickupAt,
  pickedUpAt,
  atDropoffAt,
  endedAt,
  endReason,
  goodsClaimedAt,
}: AssignmentFacts): object {
  return {
    id: assignmentId,
    state,
    pinned,
    pay_cents: payCents,
    at_pickup_at: iso(atPickupAt),
    picked_up_at: iso(pickedUpAt),
    at_dropoff_at: iso(atDropoffAt),
    ended_at: iso(endedAt),
    end_reason: endReason,
    goods_claimed_at: iso(goodsClaimedAt),
  };
}

function changedDrivers(
  before: DeliveryState,
  { next, entries }: Decision,
  { driverHashes }: ChainHeads,
  at: number,
): object[] {
  const noted = new Set(entries.filter(({ chain }) => chain === 'driver').map(({ driverId }) => driverId));
  return Object.values(next.drivers)
    .filter((driver) => before.drivers[driver.driverId] !== driver || noted.has(driver.driverId))
    .map((driver) => ({
      ...driverRow(driver, driverHashes[driver.driverId] ?? null, at),
      earned_on: dayIn(next.delivery.cityTimezone, at),
      earned_today_cents: earnedNow(before, next, driver.driverId),
    }));
}

/** What the driver earned by this decision: the pay of the assignments that it completed. */
function earnedNow(before: DeliveryState, next: DeliveryState, driverId: string): number {
  return changedAssignments(before, next)
    .filter((assignment) => assignment.driverId === driverId && assignment.state === 'COMPLETED')
    .reduce((sum, { payCents }) => sum + payCents, 0);
}

function driverRow(driver: DriverFacts, auditHash: Uint8Array | null, at: number): object {
  return {
    id: driver.driverId,
    live_offers: driver.liveOffers,
    active_assignments: driver.activeAssignments,
    next_slots: driver.nextSlots,
    availability: driver.availability,
    availability_until: iso(driver.availabilityUntil),
    availability_reason: driver.availabilityReason,
    pending: driver.pending,
    shift_ends_at: iso(driver.shiftEndsAt),
    audit_hash: bytea(auditHash),
    idle_since: iso(at),
    lapses_in_row: driver.lapsesInRow,
  };
}

function newOffers({ next, newOffers: made }: Decision): object[] {
  return made.flatMap(({ offerId, chosen }) =>
    next.offers
      .filter((offer) => offer.offerId === offerId)
      .map((offer) => ({
        id: offer.offerId,
        delivery_id: offer.deliveryId,
        driver_id: offer.driverId,
        kind: offer.kind,
        state: offer.state,
        round: offer.round,
        pay_cents: offer.payCents,
        escalation_level: offer.escalationLevel,
        payload: chosen.payload,
        choice: chosen.why,
        created_at: iso(offer.createdAt),
        expires_at: iso(offer.expiresAt),
        trip_id: offer.trip?.tripId ?? null,
        trip_seat: offer.trip?.seat ?? 0,
      })),
  );
}

function newAssignments({ next, newAssignment }: Decision): object[] {
  const assignment = next.assignments.find(
    ({ assignmentId }) => assignmentId === newAssignment?.assignmentId,
  );
  if (!newAssignment || !assignment) return [];
  return [
    {
      id: assignment.assignmentId,
      delivery_id: next.delivery.deliveryId,
      driver_id: assignment.driverId,
      offer_id: assignment.offerId,
      way: assignment.way,
      state: assignment.state,
      pinned: assignment.pinned,
      pay_cents: assignment.payCents,
      started_at: iso(assignment.startedAt),
      at_pickup_at: iso(assignment.atPickupAt),
      picked_up_at: iso(assignment.pickedUpAt),
      choice: newAssignment.why,
      meeting_lat: assignment.meeting?.point.lat ?? null,
      meeting_lng: assignment.meeting?.point.lng ?? null,
      meeting_address: assignment.meeting?.address ?? null,
    },
  ];
}

function changedCases(before: DeliveryState, { supportCase }: DeliveryState): object[] {
  return supportCase !== null &&
    supportCase !== before.supportCase &&
    supportCase.caseId === before.supportCase?.caseId
    ? [caseRow(supportCase)]
    : [];
}

function newCases(
  before: DeliveryState,
  { delivery: { deliveryId, cityId, zoneId }, supportCase }: DeliveryState,
): object[] {
  if (supportCase === null || supportCase.caseId === before.supportCase?.caseId) return [];
  return [{ ...caseRow(supportCase), delivery_id: deliveryId, city_id: cityId, zone_id: zoneId }];
}

function caseRow({
  caseId,
  level,
  state,
  reason,
  driverId,
  openedAt,
  roseAt,
  resolvedAt,
  resolvedBy,
  resolution,
  isInGroup,
}: CaseFacts): object {
  return {
    id: caseId,
    level,
    state,
    reason,
    driver_id: driverId,
    opened_at: iso(openedAt),
    rose_at: iso(roseAt),
    resolved_at: iso(resolvedAt),
    resolved_by: resolvedBy,
    resolution,
    in_group: isInGroup,
  };
}

function iso(at: number): string;
function iso(at: number | null): string | null;
function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

/** PostgreSQL's hex notation of bytes, which jsonb_populate_recordset reads. */
function bytea(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : `\\x${Buffer.from(bytes).toString('hex')}`;
}
