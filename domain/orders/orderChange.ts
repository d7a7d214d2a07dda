/**
 * What a shop may change in an order before the pickup, and what follows from it: the way, the pay, the begin of
 * the search. docs/behaviour.md#deliveries.
 */

import { canonicalJson } from '../audit/canonicalJson';
import { type ParcelSize } from '../driver/vehicles';
import { distanceMeters, type Point, type TravelModel } from '../geo/places';
import { type PayTariff } from '../money/pay';
import { pickupDueAt, searchBeginsAt, wayTimes } from './orderTimes';
import { tariffPayCents } from './tariffPay';

/** One stop as it is. */
export type StopState = {
  address: string;
  point: Point;
  contactName: string | null;
  contactPhone: string | null;
  contactPhoneE164: string | null;
  notes: string | null;
};

/** A field that is absent stays as it is. */
export type StopChange = Partial<StopState>;

/** The change that was asked for. `zoneId`: the zone of the pickup, where that moves. Instants are epoch ms. */
export type OrderChange = {
  pickup: StopChange;
  dropoff: StopChange;
  readyAt?: number;
  feeCents?: number;
  zoneId?: string | null;
};

/** The part of an order that a change can touch, or depends on. */
export type OrderState = {
  pickup: StopState;
  dropoff: StopState;
  readyAt: number;
  windowFrom: number | null;
  windowTo: number | null;
  parcelSize: ParcelSize;
  feeCents: number;
  payCents: number;
  distanceMeters: number;
  zoneId: string | null;
  searchAt: number;
};

/** `payMaxCents`: the most that a change may raise the pay to. `tariff`: the city's. */
export type ChangeLimits = {
  searchLeadMs: number;
  travel: TravelModel;
  timeScale: number;
  payMaxCents: number;
  tariff: PayTariff;
};

/** The order after a change, and the fields whose value is another one now: `dropoff.notes` and the like. */
export type ChangedOrder = { order: OrderState; fields: string[] };

/** @param now epoch ms */
export function changedOrder(
  before: OrderState,
  change: OrderChange,
  now: number,
  limits: ChangeLimits,
): ChangedOrder {
  const wanted = {
    ...before,
    pickup: { ...before.pickup, ...change.pickup },
    dropoff: { ...before.dropoff, ...change.dropoff },
    readyAt: change.readyAt ?? before.readyAt,
    feeCents: change.feeCents ?? before.feeCents,
    zoneId: change.zoneId === undefined ? before.zoneId : change.zoneId,
  };
  const fields = changedFields(before, wanted);
  const order = fields.some(isOfPlace) ? withNewWay(wanted, limits) : wanted;
  return { order: fields.some(isOfSearch) ? withNewSearch(order, now, limits) : order, fields };
}

const STOP_FIELDS = ['address', 'point', 'contactName', 'contactPhone', 'notes'] as const;

function changedFields(before: OrderState, after: OrderState): string[] {
  const differ = (one: unknown, other: unknown): boolean => canonicalJson(one) !== canonicalJson(other);
  return [
    ...(['readyAt', 'feeCents'] as const).filter((field) => before[field] !== after[field]),
    ...(['pickup', 'dropoff'] as const).flatMap((stop) =>
      STOP_FIELDS.filter((field) => differ(before[stop][field], after[stop][field])).map(
        (field) => `${stop}.${field}`,
      ),
    ),
  ];
}

const isOfPlace = (field: string): boolean => field.endsWith('.point');

/** Whether this field decides when the delivery can be made: its ready time, and the places of its stops. */
export function isOfSearch(field: string): boolean {
  return field === 'readyAt' || isOfPlace(field);
}

/** Whether an offer of the delivery shows this field: one that shows another value is no longer true. */
export function isShownInOffers(field: string): boolean {
  return isOfSearch(field) || field.endsWith('.address') || field === 'pickup.notes';
}

/** A longer way is paid by the tariff; a shorter one takes nothing from what was promised. */
function withNewWay(order: OrderState, { travel, payMaxCents, tariff }: ChangeLimits): OrderState {
  const meters = distanceMeters(order.pickup.point, order.dropoff.point);
  const more = tariffPayCents(meters, travel, tariff) - tariffPayCents(order.distanceMeters, travel, tariff);
  const raised = Math.min(order.payCents + more, payMaxCents);
  return {
    ...order,
    distanceMeters: Math.round(meters),
    payCents: Math.max(order.payCents, raised),
  };
}

function withNewSearch(
  order: OrderState,
  now: number,
  { travel, timeScale, searchLeadMs }: ChangeLimits,
): OrderState {
  const way = wayTimes(order.distanceMeters, order.parcelSize, travel, timeScale);
  return { ...order, searchAt: searchBeginsAt(pickupDueAt(order, way), now, searchLeadMs) };
}

/**
 * A change as it was kept, with the order as it is. `change` null = it was applied, or refused.
 */
export type ChangeRequest = { change: OrderChange | null; appliedAt: number | null; order: OrderState };
