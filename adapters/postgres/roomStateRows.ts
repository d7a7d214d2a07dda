import { type ReachedLevel } from '../../domain/delivery/escalation';
import { type DeliveryStatus, type ReasonCode } from '../../domain/delivery/status';
import { type CaseReason, type CaseState } from '../../domain/support/supportCase';
import { type Read } from '../../services/ports';
import { lowestIdSince } from '../../domain/timedIds';
import { sql } from './database';

/** A delivery as clients are sent it when they connect. */
export type DeliveryStateRow = {
  deliveryId: string;
  sellerOrderId: string;
  merchantId: string;
  cityId: string;
  status: DeliveryStatus;
  statusSince: Date;
  reasonCode: ReasonCode | null;
  driverId: string | null;
  delayedSince: Date | null;
  escalationLevel: ReachedLevel;
};

export type CaseStateRow = {
  escalationId: string;
  deliveryId: string;
  level: ReachedLevel;
  state: CaseState;
  reason: CaseReason;
  driverId: string | null;
  roseAt: Date;
};

const DELIVERY = sql`id AS "deliveryId", seller_order_id AS "sellerOrderId", merchant_id AS "merchantId",
  city_id AS "cityId", status, status_changed_at AS "statusSince", reason_code AS "reasonCode",
  driver_id AS "driverId", delayed_since AS "delayedSince", escalation_level AS "escalationLevel"`;

/** Open deliveries of these cities, newest first. */
export function readOpenOfCities(
  read: Read,
  cities: readonly string[] | 'all',
  limit: number,
): Promise<DeliveryStateRow[]> {
  return read<DeliveryStateRow>(sql`
    SELECT ${DELIVERY} FROM deliveries WHERE closed_at IS NULL ${inCities(cities)} ORDER BY id DESC LIMIT ${limit}`);
}

/** Unresolved cases of these cities, the highest level first, then the oldest. */
export function readCasesOfCities(
  read: Read,
  cities: readonly string[] | 'all',
  limit: number,
): Promise<CaseStateRow[]> {
  return read<CaseStateRow>(sql`
    SELECT id AS "escalationId", delivery_id AS "deliveryId", level, state, reason, driver_id AS "driverId",
      coalesce(rose_at, opened_at) AS "roseAt"
    FROM escalations WHERE state <> 'RESOLVED' ${inCities(cities)} ORDER BY level DESC, id LIMIT ${limit}`);
}

/** Open deliveries of a merchant, newest first. */
export function readOpenOfMerchant(
  read: Read,
  merchantId: string,
  limit: number,
): Promise<DeliveryStateRow[]> {
  return read<DeliveryStateRow>(sql`
    SELECT ${DELIVERY} FROM deliveries WHERE merchant_id = ${merchantId} AND closed_at IS NULL
    ORDER BY id DESC LIMIT ${limit}`);
}

/** A delivery is ordered at most this long before it closes. */
const LONGEST_LIFE_MS = 32 * 86_400_000;

/**
 * Deliveries of a merchant that closed at `since` (epoch ms) or later, newest first. The index by id bounds the
 * search, so that a merchant with years of orders costs no more.
 */
export function readClosedOfMerchant(
  read: Read,
  merchantId: string,
  since: number,
  limit: number,
): Promise<DeliveryStateRow[]> {
  return read<DeliveryStateRow>(sql`
    SELECT ${DELIVERY} FROM deliveries WHERE merchant_id = ${merchantId}
      AND id >= ${lowestIdSince(since - LONGEST_LIFE_MS)}::uuid
      AND closed_at >= ${new Date(since).toISOString()}::timestamptz
    ORDER BY id DESC LIMIT ${limit}`);
}

/** @returns undefined where there is no such delivery */
export async function readTracked(read: Read, deliveryId: string): Promise<DeliveryStateRow | undefined> {
  const [row] = await read<DeliveryStateRow>(
    sql`SELECT ${DELIVERY} FROM deliveries WHERE id = ${deliveryId}::uuid`,
  );
  return row;
}

function inCities(cities: readonly string[] | 'all'): ReturnType<typeof sql> {
  return cities === 'all' ? sql`` : sql`AND city_id = ANY(${[...cities]}::text[])`;
}
