import { type DeliveryStatus } from '../../domain/delivery/status';
import { type Point } from '../../domain/geo/places';
import { type CityPay } from '../../domain/money/cityPay';
import { type DeliveryState } from '../../domain/delivery/deliveryState';
import { type ParcelSize } from '../../domain/driver/vehicles';
import { type ChangeRequest } from '../../domain/orders/orderChange';
import { type Widening } from '../../domain/zones/widening';
import { type DeliveryStore, type SearchFacts, type Touched } from '../../services/deliveries/deliveryStore';
import { ImpossibleEvent } from '../../services/impossibleEvent';
import { type Leasing, type Read } from '../../services/ports';
import { type ChainHeads } from './audit';
import { readCandidates } from './candidates';
import {
  type Database,
  msOf,
  numberOf,
  poolReader,
  type Postgres,
  readerOf,
  sql,
  sqlStateOf,
} from './database';
import {
  lockDriversOf,
  lockFirstFree,
  readAssignments,
  readDelivery,
  type ReadDriver,
  readDrivers,
  readOffers,
  readOpenCase,
} from './deliveryRow';
import { writeDecision } from './deliveryWriter';
import { writtenEntry } from './mapEntryRow';
import { readOrderChange, writeOrder } from './orderChangeRow';
import { NO_LEASES } from '../../services/outbox/leasing';
import { inTransaction } from './transaction';
import { widenedMeters, wideningsInForce } from './zoneActRows';
import { countOthersWaiting } from './waitingRows';

/**
 * The rows of deliveries in PostgreSQL. Locks are taken in the same order everywhere: the delivery, its
 * drivers by id, then offers and assignments.
 */
export function createDeliveryStore(postgres: Postgres, leasing: Leasing = NO_LEASES): DeliveryStore {
  const { db } = postgres;
  const read = poolReader(postgres);
  return {
    change: async (deliveryId, touched, make, at, correlationId) => {
      const { decision, lease, written } = await refusingImpossible(
        inTransaction(postgres, async (tx) => {
          const { state, heads, picked, change } = await readState(tx.read, deliveryId, touched);
          const decided = make(state, picked, change);
          if (decided.orderWrite) writeOrder(tx, deliveryId, decided.orderWrite, at);
          if (decided.next === state && decided.messages.length === 0) return { decision: decided };
          const leased = leasing.lease(deliveryId, correlationId, decided.messages, 'here');
          const rows = writeDecision(tx, state, decided, heads, { at, correlationId, known: leased.known });
          rows.catch(() => undefined); // the transaction fails with it
          // In an object: the rows are answered with the COMMIT, so they must not be waited for here.
          return { decision: decided, lease: leased, written: { rows } };
        }),
      );
      if (!lease) return { ...decision, left: [] };
      const { messages, drivers } = await written.rows;
      return { ...decision, left: lease.send(messages, { mapEntries: drivers.map(writtenEntry) }) };
    },
    readUnlocked: (deliveryId, touched) => readUnlocked(db, deliveryId, touched),
    orderChange: (deliveryId, changeId) => readOrderChange(read, deliveryId, changeId),
    searchFacts: (deliveryId, now) => readSearchFacts(read, deliveryId, now),
    candidates: (query) => readCandidates(read, query),
    othersWaiting: (query) => countOthersWaiting(read, query),
    meeting: async (deliveryId, meetingId) => {
      const row = await db.meetingPoint.findFirst({ where: { id: meetingId, deliveryId } });
      return row && { point: { lat: row.lat, lng: row.lng }, address: row.address };
    },
  };
}

/**
 * Data that PostgreSQL cannot store (class 22), or rows that violate its constraints (class 23): a retry
 * would fail the same way.
 */
async function refusingImpossible<T>(change: Promise<T>): Promise<T> {
  try {
    return await change;
  } catch (error) {
    const state = sqlStateOf(error);
    if (state === undefined || !/^2[23]/.test(state)) throw error;
    throw new ImpossibleEvent(`PostgreSQL refuses it: SQLSTATE ${state}`, { cause: error });
  }
}

/**
 * Reads everything in one round trip. Each statement sees what was committed when it began, so what is read
 * after taking the locks is current.
 */
async function readState(
  read: Read,
  deliveryId: string,
  { offerIds, driverIds, pickFrom, pickAtMost, changeId = null }: Touched,
): Promise<{
  state: DeliveryState;
  heads: ChainHeads;
  picked: string[];
  change: ChangeRequest | null;
}> {
  const [delivery, involved, picked, offers, assignments, supportCase, change] = await Promise.all([
    readDelivery(read, deliveryId, 'lock'),
    lockDriversOf(read, deliveryId, driverIds),
    lockFirstFree(read, deliveryId, pickFrom, pickAtMost),
    readOffers(read, deliveryId, { offerIds, driverIds }),
    readAssignments(read, deliveryId),
    readOpenCase(read, deliveryId),
    changeId === null ? null : readOrderChange(read, deliveryId, changeId),
  ]);
  if (!delivery) throw new ImpossibleEvent(`delivery ${deliveryId} has no row`);
  const drivers = [...involved, ...picked];
  const state: DeliveryState = {
    delivery: delivery.facts,
    offers,
    assignments,
    supportCase,
    drivers: Object.fromEntries(drivers.map(({ facts }) => [facts.driverId, facts])),
  };
  return {
    state,
    change,
    heads: headsOf(delivery.auditHash, drivers),
    picked: picked.map(({ facts }) => facts.driverId),
  };
}

function headsOf(deliveryHash: Uint8Array | null, drivers: readonly ReadDriver[]): ChainHeads {
  return {
    deliveryHash,
    driverHashes: Object.fromEntries(drivers.map(({ facts, auditHash }) => [facts.driverId, auditHash])),
  };
}

async function readUnlocked(
  db: Database,
  deliveryId: string,
  { offerIds, driverIds }: Touched,
): Promise<DeliveryState | undefined> {
  return db.$transaction(
    async (tx) => {
      const read = readerOf(tx);
      const delivery = await readDelivery(read, deliveryId, 'noLock');
      if (!delivery) return undefined;
      const offers = await readOffers(read, deliveryId, { offerIds, driverIds });
      const assignments = await readAssignments(read, deliveryId);
      const involved = [
        ...driverIds,
        ...offers.map(({ driverId }) => driverId),
        ...assignments.map(({ driverId }) => driverId),
      ];
      const drivers = await readDrivers(read, [...new Set(involved)]);
      const supportCase = await readOpenCase(read, deliveryId);
      return {
        delivery: delivery.facts,
        offers,
        assignments,
        drivers: Object.fromEntries(drivers.map(({ facts }) => [facts.driverId, facts])),
        supportCase,
      };
    },
    { isolationLevel: 'RepeatableRead' },
  );
}

type SearchRow = {
  unassigned_ms: string;
  unassigned_since: Date | null;
  escalated_at: Date | null;
  escalated_after_ms: string | null;
  broadcast_since: Date | null;
  held_reason: string | null;
  city_escalation_minutes: number[];
  city_locale: string | null;
  city_pay: CityPay | null;
  status: DeliveryStatus;
  status_changed_at: Date;
  matched_at: Date | null;
  search_at: Date;
  city_id: string;
  parcel_size: ParcelSize;
  search_round: number;
  escalation_level: SearchFacts['escalationLevel'];
  pay_cents: number;
  bonus_cents: number;
  currency: string;
  distance_meters: number;
  ready_at: Date;
  offer_ttl_seconds: number | null;
  zone_id: string | null;
  widenings: Widening[] | null;
  merchant_name: string;
  pickup_address: string;
  pickup_lat: number;
  pickup_lng: number;
  pickup_notes: string | null;
  dropoff_address: string;
  dropoff_lat: number;
  dropoff_lng: number;
};

async function readSearchFacts(
  read: Read,
  deliveryId: string,
  now: number,
): Promise<SearchFacts | undefined> {
  const [row] = await read<SearchRow>(sql`
    SELECT d.unassigned_ms, d.unassigned_since, d.escalated_at, d.escalated_after_ms, d.broadcast_since,
      d.held_reason, c.escalation_minutes AS city_escalation_minutes, c.locale AS city_locale, c.pay AS city_pay,
      c.matched_at, d.status, d.status_changed_at, d.search_at, d.city_id, d.parcel_size, d.search_round,
      d.escalation_level, d.pay_cents, d.bonus_cents, d.currency, d.distance_meters,
      d.ready_at, d.zone_id, (${wideningsInForce(sql`d.city_id`, now)}) AS widenings, z.offer_ttl_seconds,
      m.name AS merchant_name, p.address AS pickup_address, p.lat AS pickup_lat, p.lng AS pickup_lng,
        p.notes AS pickup_notes,
      o.address AS dropoff_address, o.lat AS dropoff_lat, o.lng AS dropoff_lng
    FROM deliveries d
    JOIN merchants m ON m.id = d.merchant_id
    JOIN cities c ON c.id = d.city_id
    JOIN stops p ON p.delivery_id = d.id AND p.kind = 'PICKUP'
    JOIN stops o ON o.delivery_id = d.id AND o.kind = 'DROPOFF'
    LEFT JOIN zones z ON z.id = d.zone_id
    WHERE d.id = ${deliveryId}::uuid`);
  return row && searchFacts(row, now);
}

function searchFacts(row: SearchRow, now: number): SearchFacts {
  const pickup: Point = { lat: row.pickup_lat, lng: row.pickup_lng };
  const dropoff: Point = { lat: row.dropoff_lat, lng: row.dropoff_lng };
  return {
    status: row.status,
    statusSince: msOf(row.status_changed_at),
    matchedAt: msOf(row.matched_at),
    searchAt: msOf(row.search_at),
    cityId: row.city_id,
    parcelSize: row.parcel_size,
    searchRound: row.search_round,
    escalationLevel: row.escalation_level,
    escalatedAt: msOf(row.escalated_at),
    escalatedAfterMs: numberOf(row.escalated_after_ms),
    broadcastSince: msOf(row.broadcast_since),
    isHeld: row.held_reason !== null,
    clock: { accumulatedMs: Number(row.unassigned_ms), runningSince: msOf(row.unassigned_since) },
    cityEscalationMinutes: row.city_escalation_minutes,
    cityLocale: row.city_locale,
    cityPay: row.city_pay,
    payCents: row.pay_cents,
    bonusCents: row.bonus_cents,
    readyAt: msOf(row.ready_at),
    pickup,
    zoneOfferTtlSeconds: row.offer_ttl_seconds,
    widenedToMeters: widenedMeters(row.widenings, row.zone_id, now),
    shown: {
      currency: row.currency,
      merchant: row.merchant_name,
      parcelSize: row.parcel_size,
      distanceMeters: row.distance_meters,
      readyAt: row.ready_at.toISOString(),
      pickup: { address: row.pickup_address, point: pickup, notes: row.pickup_notes },
      dropoff: { address: row.dropoff_address, point: dropoff },
    },
  };
}
