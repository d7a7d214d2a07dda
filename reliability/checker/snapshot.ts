/** One snapshot of PostgreSQL, read directly and not through the service. Instants are epoch ms. */
import type { PoolClient } from 'pg';
import type { DeliveryStatus } from '../../domain/delivery/status';
import type { ReachedLevel } from '../../domain/delivery/escalation';
import type { UnassignedClock } from '../../domain/delivery/unassignedClock';
import type { FeatureName } from '../../domain/features/rollout';
import type { OfferKind } from '../../domain/delivery/offer';
import type { HeldReason } from '../../domain/support/supportCase';
import type { RecordedDriver } from '../../simulator/kit/record';

/** A delivery that is not closed. `auditHash`: the head of its audit trail, which every change moves. */
export type OpenDelivery = {
  deliveryId: string;
  merchantId: string;
  sellerOrderId: string;
  cityId: string;
  status: DeliveryStatus;
  statusSince: number;
  driverId: string | null;
  searchAt: number;
  searchAgainAt: number | null;
  searchRound: number;
  heldReason: HeldReason | null;
  clock: UnassignedClock;
  escalationLevel: ReachedLevel;
  escalatedAfterMs: number | null;
  cityEscalationMinutes: number[];
  hasOpenCase: boolean;
  auditHash: string | null;
};

export type LiveOffer = {
  offerId: string;
  deliveryId: string;
  driverId: string;
  kind: OfferKind;
  tripId: string | null;
  tripSeat: number;
  createdAt: number;
  expiresAt: number;
};
export type ActiveAssignment = { assignmentId: string; deliveryId: string; driverId: string };

/**
 * `version` rises with each change. `fixAt`: when the last position was received, as far as the database
 * knows.
 */
export type DutyDriver = RecordedDriver & {
  cityId: string;
  hasPendingChange: boolean;
  version: number;
  fixAt: number | null;
  auditHash: string | null;
};

/** An outbox message that has not been sent. `dueAt`: when it was first due. */
export type Unsent = { id: string; kind: string; key: string; dueAt: number };

/** The last change of a feature's switch at run time. */
export type FeatureSwitch = {
  enabled: boolean | null;
  percent: number | null;
  cities: string[] | null;
  plan: null;
  at: number;
};

export type Snapshot = {
  drivers: DutyDriver[];
  offers: LiveOffer[];
  assignments: ActiveAssignment[];
  open: OpenDelivery[];
  unsent: Unsent[];
  cities: City[];
  /** Those that were switched at run time. */
  switches: Partial<Record<FeatureName, FeatureSwitch>>;
};

/** `matchedAt`: when the last round of its matching ended; null = none did. */
export type City = { cityId: string; matchedAt: number | null };

/** @param cityIds null = all. The caller's transaction provides the snapshot */
export async function readSnapshot(client: PoolClient, cityIds: readonly string[] | null): Promise<Snapshot> {
  const ask = async <T extends object>(statement: string): Promise<T[]> =>
    (await client.query<T>(statement, [cityIds && [...cityIds]])).rows;
  return {
    drivers: await ask<DutyDriver>(DRIVERS),
    offers: await ask<LiveOffer>(OFFERS),
    assignments: await ask<ActiveAssignment>(ASSIGNMENTS),
    open: await ask<OpenDelivery>(OPEN),
    unsent: (await client.query<Unsent>(UNSENT)).rows,
    cities: await ask<City>(CITIES),
    switches: Object.fromEntries(
      (await client.query<FeatureSwitch & { name: FeatureName }>(SWITCHES)).rows.map(({ name, ...each }) => [
        name,
        each,
      ]),
    ),
  };
}

/** The column as epoch ms. */
export const ms = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;
const inCities = (column: string): string => `($1::text[] IS NULL OR ${column} = ANY($1::text[]))`;

const DRIVERS = `SELECT id AS "driverId", availability, capacity, live_offers AS "liveOffers",
  active_assignments AS "activeAssignments", next_slots AS "nextSlots", city_id AS "cityId",
    pending IS NOT NULL AS "hasPendingChange", availability_version::float8 AS version,
      ${ms('last_fix_at')} AS "fixAt", encode(audit_hash, 'hex') AS "auditHash"
  FROM drivers WHERE ${inCities('city_id')}`;

const OFFERS = `SELECT o.id AS "offerId", o.delivery_id AS "deliveryId", o.driver_id AS "driverId", o.kind,
  o.trip_id AS "tripId", o.trip_seat AS "tripSeat",
  ${ms('o.created_at')} AS "createdAt", ${ms('o.expires_at')} AS "expiresAt"
  FROM offers o JOIN deliveries d ON d.id = o.delivery_id WHERE o.state = 'LIVE'
    AND ${inCities('d.city_id')}`;

const ASSIGNMENTS = `SELECT a.id AS "assignmentId", a.delivery_id AS "deliveryId", a.driver_id AS "driverId"
  FROM assignments a JOIN deliveries d ON d.id = a.delivery_id WHERE a.state = 'ACTIVE'
    AND ${inCities('d.city_id')}`;

const OPEN = `SELECT d.id AS "deliveryId", d.merchant_id AS "merchantId", d.seller_order_id AS "sellerOrderId",
  d.city_id AS "cityId", d.status, ${ms('d.status_changed_at')} AS "statusSince", d.driver_id AS "driverId",
    ${ms('d.search_at')} AS "searchAt", ${ms('d.search_again_at')} AS "searchAgainAt",
      d.search_round AS "searchRound", d.held_reason AS "heldReason",
    jsonb_build_object('accumulatedMs', d.unassigned_ms, 'runningSince',
      ${ms('d.unassigned_since')}) AS clock,
    d.escalation_level AS "escalationLevel", d.escalated_after_ms::float8 AS "escalatedAfterMs",
      c.escalation_minutes AS "cityEscalationMinutes",
    EXISTS (SELECT FROM escalations e WHERE e.delivery_id = d.id AND e.state <> 'RESOLVED') AS "hasOpenCase",
      encode(d.audit_hash, 'hex') AS "auditHash"
  FROM deliveries d JOIN cities c ON c.id = d.city_id WHERE d.closed_at IS NULL AND ${inCities('d.city_id')}`;

/**
 * Push notices wait a moment in case the open app shows the offer itself. Unordered: an ORDER BY would read
 * every message ever sent.
 */
const UNSENT = `SELECT id::text, kind, key,
  ${ms('created_at')} + CASE WHEN kind = 'notify' THEN 1500 ELSE 0 END AS "dueAt"
  FROM outbox WHERE sent_at IS NULL LIMIT 1000`;

const CITIES = `SELECT id AS "cityId", ${ms('matched_at')} AS "matchedAt" FROM cities WHERE ${inCities('id')}`;

const SWITCHES = `SELECT DISTINCT ON (name) name, enabled, percent, cities, NULL AS plan, ${ms('created_at')} AS at
  FROM feature_settings ORDER BY name, id DESC`;
