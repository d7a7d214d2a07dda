import { type Actor } from '../domain/delivery/status';
import { merchantRoom, type Message, opsRoom } from '../domain/notices/message';
import { DEFAULT_PAY_TARIFF, payFor } from '../domain/money/pay';
import { distanceMeters, type Point, type TravelModel, travelMsFor } from '../domain/geo/places';
import { type Entry } from '../domain/delivery/deliveryState';
import { type ParcelSize } from '../domain/driver/vehicles';
import { type OrderLimits } from '../domain/orders/orderLimits';
import {
  type ImpossibleTime,
  impossibleTimes,
  pickupDueAt,
  searchBeginsAt,
  wayTimes,
} from '../domain/orders/orderTimes';
import { type Zone, zoneOf } from '../domain/zones/zones';
import { type NotifyRelay, type NewId } from './ports';

/** One stop of an order. */
export type OrderStop = {
  address: string;
  point: Point;
  contactName: string | null;
  contactPhone: string | null;
  notes: string | null;
};

/** An order of a merchant. Instants are epoch ms, amounts are cents. */
export type Order = {
  merchantId: string;
  /** The merchant's idempotency key: the same key is the same delivery. */
  sellerOrderId: string;
  cityId: string;
  pickup: OrderStop;
  dropoff: OrderStop;
  /** Null = ready now. */
  readyAt: number | null;
  windowFrom: number | null;
  windowTo: number | null;
  parcelSize: ParcelSize;
  feeCents: number;
  /** Null = by the tariff. */
  payCents: number | null;
  /** Null = the city's. */
  currency: string | null;
  by: Actor;
};

/** `again`: a repeat of an accepted order with the same body. */
export type Taken =
  | { taken: 'new' | 'again'; deliveryId: string }
  | {
      refused:
        | 'IDEMPOTENCY_CONFLICT'
        | 'UNKNOWN_CITY'
        | 'UNKNOWN_MERCHANT'
        | 'WRONG_CURRENCY'
        | 'TIME_NOT_POSSIBLE'
        | 'TOO_MANY_OPEN_DELIVERIES';
      detail: string;
      /** The fields that are refused, where it is about fields. */
      errors?: readonly { path: string; message: string }[];
    };

export type OrderCity = { currency: string; zones: readonly Zone[] };

/** The rows needed to accept an order; null for a missing row. */
export type OrderContext = {
  known: { deliveryId: string; requestHash: string } | null;
  city: OrderCity | null;
  merchantExists: boolean;
  /** Open deliveries of the merchant, counted up to the quota. */
  openDeliveries: number;
};

/** `keyTaken`: an order has the merchant's key already. `quotaReached`: only with a quota. */
export type Inserted = 'inserted' | 'keyTaken' | 'quotaReached';

/** A new delivery. */
export type NewDelivery = Omit<Order, 'readyAt' | 'payCents' | 'currency' | 'by'> & {
  deliveryId: string;
  requestHash: string;
  correlationId: string;
  zoneId: string | null;
  readyAt: number;
  searchAt: number;
  currency: string;
  payCents: number;
  distanceMeters: number;
  createdAt: number;
};

/** The store of orders. */
export interface OrderStore {
  /**
   * In one snapshot: the order already stored under the merchant's key, the city with its zones, whether the
   * merchant exists, and how many open deliveries it has, up to `countedTo`.
   */
  context(
    order: Pick<Order, 'merchantId' | 'sellerOrderId' | 'cityId'>,
    countedTo: number,
  ): Promise<OrderContext>;
  /**
   * Writes delivery, stops, audit entry and messages in one transaction, or nothing if the merchant's key is
   * taken.
   * @param quota the merchant's orders wait for each other, and none is written beyond this number of open
   *   deliveries; null = it is not counted again
   */
  insert(
    delivery: NewDelivery,
    entry: Entry,
    messages: readonly Message[],
    quota: number | null,
  ): Promise<Inserted>;
}

export type OrderDeps = {
  store: OrderStore;
  newId: NewId;
  searchLeadMs: number;
  limits: OrderLimits;
  travel: TravelModel;
  /** Divides travel times, as TIME_SCALE divides all durations. */
  timeScale: number;
  /** Called after a commit that wrote to the outbox. */
  notifyRelay: NotifyRelay;
};

export type Orders = {
  /**
   * Accepts an order. The row is the commitment, so this works while Temporal is down. `requestHash`
   * distinguishes a retry from another order with the same key (docs/behaviour.md#deliveries). `now` is epoch
   * ms.
   */
  takeOrder(order: Order, requestHash: string, correlationId: string, now: number): Promise<Taken>;
};

export function createOrders(deps: OrderDeps): Orders {
  return {
    takeOrder: async (order, requestHash, correlationId, now) => {
      const { limits, store } = deps;
      const { known, city, merchantExists, openDeliveries } = await store.context(
        order,
        limits.openDeliveriesMax,
      );
      if (known) return takenBefore(known, order, requestHash);
      if (!city) return { refused: 'UNKNOWN_CITY', detail: `there is no city ${order.cityId}` };
      if (order.currency !== null && order.currency !== city.currency)
        return { refused: 'WRONG_CURRENCY', detail: `the currency of ${order.cityId} is ${city.currency}` };
      if (!merchantExists)
        return { refused: 'UNKNOWN_MERCHANT', detail: `there is no merchant ${order.merchantId}` };
      const impossible = impossibleTimes(order, now, limits.horizonMs);
      if (impossible.length > 0) return timeRefusal(impossible);
      if (openDeliveries >= limits.openDeliveriesMax) return quotaRefusal(order, limits);
      const delivery = newDelivery(deps, order, city, { requestHash, correlationId, now });
      const messages = messagesOf(delivery);
      const quota = isNearQuota(openDeliveries, limits) ? limits.openDeliveriesMax : null;
      const inserted = await store.insert(delivery, entryOf(delivery, order.by), messages, quota);
      if (inserted !== 'inserted') return takenMeanwhile(deps, order, { requestHash, inserted });
      deps.notifyRelay(messages);
      return { taken: 'new', deliveryId: delivery.deliveryId };
    },
  };
}

function timeRefusal(impossible: readonly ImpossibleTime[]): Taken {
  return {
    refused: 'TIME_NOT_POSSIBLE',
    detail: impossible.map(({ field, rule }) => `${field} ${rule}`).join('; '),
    errors: impossible.map(({ field, rule }) => ({ path: field, message: rule })),
  };
}

function quotaRefusal({ merchantId }: Order, { openDeliveriesMax }: OrderLimits): Taken {
  return {
    refused: 'TOO_MANY_OPEN_DELIVERIES',
    detail: `${merchantId} has ${openDeliveriesMax} open deliveries, which is the most allowed`,
  };
}

/** More orders of one merchant than this are never written at the same moment. */
const CONCURRENT_ORDERS = 100;

/** Far from the quota, orders of one merchant need not wait for each other. */
function isNearQuota(openDeliveries: number, { openDeliveriesMax }: OrderLimits): boolean {
  return openDeliveries >= openDeliveriesMax - CONCURRENT_ORDERS;
}

function takenBefore(
  { deliveryId, requestHash: before }: NonNullable<OrderContext['known']>,
  { sellerOrderId }: Order,
  requestHash: string,
): Taken {
  if (before === requestHash) return { taken: 'again', deliveryId };
  return {
    refused: 'IDEMPOTENCY_CONFLICT',
    detail: `the order ${sellerOrderId} was taken before with another body`,
  };
}

/** Of two concurrent first attempts one writes, and the other reads what it wrote. */
async function takenMeanwhile(
  { store, limits }: OrderDeps,
  order: Order,
  { requestHash, inserted }: { requestHash: string; inserted: Exclude<Inserted, 'inserted'> },
): Promise<Taken> {
  const { known } = await store.context(order, 0);
  if (known) return takenBefore(known, order, requestHash);
  if (inserted === 'quotaReached') return quotaRefusal(order, limits);
  throw new Error('an order conflicted on its key, but no order with that key exists');
}

function newDelivery(
  { newId, searchLeadMs, travel, timeScale }: OrderDeps,
  order: Order,
  city: OrderCity,
  { requestHash, correlationId, now }: { requestHash: string; correlationId: string; now: number },
): NewDelivery {
  const { merchantId, sellerOrderId, cityId, pickup, dropoff, windowFrom, windowTo, parcelSize, feeCents } =
    order;
  const readyAt = order.readyAt ?? now;
  const meters = distanceMeters(pickup.point, dropoff.point);
  const pickupAt = pickupDueAt(
    { readyAt, windowFrom, windowTo },
    wayTimes(meters, parcelSize, travel, timeScale),
  );
  return {
    merchantId,
    sellerOrderId,
    cityId,
    pickup,
    dropoff,
    windowFrom,
    windowTo,
    parcelSize,
    feeCents,
    requestHash,
    correlationId,
    readyAt,
    deliveryId: newId(),
    zoneId: zoneOf(pickup.point, city.zones)?.zoneId ?? null,
    searchAt: searchBeginsAt(pickupAt, now, searchLeadMs),
    currency: city.currency,
    payCents:
      order.payCents ??
      payFor(
        { distanceMeters: meters, travelMs: travelMsFor(meters, 'CAR', travel), waitMs: 0, bonusCents: 0 },
        DEFAULT_PAY_TARIFF,
      ).totalCents,
    distanceMeters: Math.round(meters),
    createdAt: now,
  };
}

function entryOf(
  { zoneId, payCents, feeCents, currency, readyAt, searchAt }: NewDelivery,
  actor: Actor,
): Entry {
  const detail = {
    zoneId,
    payCents,
    feeCents,
    currency,
    readyAt: new Date(readyAt).toISOString(),
    searchAt: new Date(searchAt).toISOString(),
  };
  return {
    kind: 'delivery_created',
    chain: 'delivery',
    driverId: null,
    actor,
    from: null,
    to: 'PENDING',
    why: null,
    deviceAt: null,
    detail,
  };
}

function messagesOf({ deliveryId, sellerOrderId, merchantId, cityId, createdAt }: NewDelivery): Message[] {
  const body = {
    deliveryId,
    sellerOrderId,
    status: 'PENDING' as const,
    driverId: null,
    reasonCode: null,
    at: new Date(createdAt).toISOString(),
  };
  return [
    { kind: 'startDelivery', deliveryId },
    {
      kind: 'emit',
      emits: [{ rooms: [opsRoom(cityId), merchantRoom(merchantId)], event: 'delivery_created', body }],
    },
  ];
}
