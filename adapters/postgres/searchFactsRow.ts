import { type DeliveryStatus } from '../../domain/delivery/status';
import { type ParcelSize } from '../../domain/driver/vehicles';
import { type Point } from '../../domain/geo/places';
import { type CityPay } from '../../domain/money/cityPay';
import { type Widening } from '../../domain/zones/widening';
import { type SearchFacts } from '../../services/deliveries/deliveryStore';
import { type Read } from '../../services/ports';
import { msOf, numberOf, sql } from './database';
import { widenedMeters, wideningsInForce } from './zoneActRows';

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
  window_to: Date | null;
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

/** What a search for a driver of this delivery starts from. @returns undefined if it has no row or no stops */
export async function readSearchFacts(
  read: Read,
  deliveryId: string,
  now: number,
): Promise<SearchFacts | undefined> {
  const [row] = await read<SearchRow>(sql`
    SELECT d.unassigned_ms, d.unassigned_since, d.escalated_at, d.escalated_after_ms, d.broadcast_since,
      d.held_reason, c.escalation_minutes AS city_escalation_minutes, c.locale AS city_locale, c.pay AS city_pay,
      c.matched_at, d.status, d.status_changed_at, d.search_at, d.city_id, d.parcel_size, d.search_round,
      d.escalation_level, d.pay_cents, d.bonus_cents, d.currency, d.distance_meters,
      d.ready_at, d.window_to, d.zone_id, (${wideningsInForce(sql`d.city_id`, now)}) AS widenings, z.offer_ttl_seconds,
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
    windowTo: msOf(row.window_to),
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
