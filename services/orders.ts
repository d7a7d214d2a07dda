import { type Actor } from '../domain/delivery/status';
import { merchantRoom, type Message, opsRoom } from '../domain/notices/message';
import { type CityPay, payMaxIn, tariffOf } from '../domain/money/cityPay';
import { moneyText } from '../domain/money/currency';
import { distanceMeters, type Point, type TravelModel } from '../domain/geo/places';
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
import { countryOf } from '../domain/orders/country';
import { differingFields, type TakenOrder } from '../domain/orders/fingerprint';
import { areaOfCity, type OrderRefusal, payRefusal, placesRefusal } from '../domain/orders/orderRules';
import { e164Of } from '../domain/orders/phone';
import { tariffPayCents } from '../domain/orders/tariffPay';
import { type OrdersStop, stopFor, stopWords } from '../domain/zones/ordersStop';
import { type NotifyRelay, type NewId } from './ports';

/** One stop of an order. */
export type OrderStop = {
  address: string;
  point: Point;
  contactName: string | null;
  /** As it was given. */
  contactPhone: string | null;
  notes: string | null;
};

/** An order of a merchant. Instants are epoch ms, amounts are in minor units. */
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

/** What tells a retry from another order under the same key. ADR 36. */
export type OrderFingerprint = {
  /** Of what the shop sent, with its version: `2:<hex>`. */
  fingerprint: string;
  /** As releases up to 2.1.0 made it; they may still run beside this one. */
  requestHash: string;
  /** The fields that the shop sent. */
  fields: readonly string[];
};

/** `again`: a repeat of an accepted order with the same body. */
export type Taken =
  | { taken: 'new'; deliveryId: string; delivery: NewDelivery; locale: string | null }
  | { taken: 'again'; deliveryId: string }
  | OrderRefusal
  | { refused: 'IDEMPOTENCY_CONFLICT'; detail: string; fields: readonly string[] }
  | { refused: 'TIME_NOT_POSSIBLE'; detail: string; times: readonly ImpossibleTime[] }
  | { refused: 'ORDERS_STOPPED'; detail: string; stop: OrdersStop; endsInMs: number }
  | {
      refused: 'UNKNOWN_CITY' | 'UNKNOWN_MERCHANT' | 'WRONG_CURRENCY' | 'TOO_MANY_OPEN_DELIVERIES';
      detail: string;
    };

export type OrderCity = {
  currency: string;
  /** The id of the zone at a place; null outside all zones. */
  zoneAt: (point: Point) => string | null;
  locale: string | null;
  pay: CityPay | null;
  center: Point;
  serviceRadiusMeters: number | null;
  country: string | null;
  timezone: string;
};

/** An order that was taken before. `fingerprint` null = by a release up to 2.1.0. */
export type KnownOrder = { deliveryId: string; requestHash: string; fingerprint: string | null };

/** The rows needed to accept an order; null for a missing row. */
export type OrderContext = {
  known: KnownOrder | null;
  city: OrderCity | null;
  merchantExists: boolean;
  /** Open deliveries of the merchant, counted up to the quota. */
  openDeliveries: number;
  /** Where in the city no orders are taken now. */
  stops: readonly OrdersStop[];
};

/** `keyTaken`: an order has the merchant's key already. `quotaReached`: only with a quota. */
export type NotInserted = 'keyTaken' | 'quotaReached';
/** `left` are the messages that the relay has to be notified of. */
export type Inserted = { left: readonly Message[] } | { refused: NotInserted };

/** A stop with the number that can be called, in E.164; null = none was found in what was given. */
export type NewStop = OrderStop & { contactPhoneE164: string | null };

/** A new delivery. */
export type NewDelivery = Omit<Order, 'pickup' | 'dropoff' | 'readyAt' | 'payCents' | 'currency' | 'by'> & {
  deliveryId: string;
  request: OrderFingerprint;
  pickup: NewStop;
  dropoff: NewStop;
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
   * In one snapshot: the order already stored under the merchant's key, the city with its zones and the stops
   * in force at `now`, whether the merchant exists, and how many open deliveries it has, up to `countedTo`.
   */
  context(
    order: Pick<Order, 'merchantId' | 'sellerOrderId' | 'cityId'>,
    countedTo: number,
    now: number,
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
  /** An order as it was taken, and the fields that were changed since. */
  taken(deliveryId: string): Promise<(TakenOrder & { changedSince: readonly string[] }) | null>;
}

export type OrderDeps = {
  store: OrderStore;
  newId: NewId;
  searchLeadMs: number;
  limits: OrderLimits;
  travel: TravelModel;
  /** Divides travel times, as TIME_SCALE divides all durations. */
  timeScale: number;
  /** Called after a commit that left messages to the relay. */
  notifyRelay: NotifyRelay;
};

export type Orders = {
  /**
   * Accepts an order. The row is the commitment, so this works while Temporal is down. `request`
   * distinguishes a retry from another order with the same key (docs/behaviour.md#deliveries). `now` is epoch
   * ms.
   */
  takeOrder(order: Order, request: OrderFingerprint, correlationId: string, now: number): Promise<Taken>;
};

export function createOrders(deps: OrderDeps): Orders {
  return {
    takeOrder: async (order, request, correlationId, now) => {
      const { limits, store } = deps;
      const { known, city, merchantExists, openDeliveries, stops } = await store.context(
        order,
        limits.openDeliveriesMax,
        now,
      );
      if (known) return takenBefore(deps, known, order, request);
      if (!city) return { refused: 'UNKNOWN_CITY', detail: `there is no city ${order.cityId}` };
      if (order.currency !== null && order.currency !== city.currency)
        return { refused: 'WRONG_CURRENCY', detail: `the currency of ${order.cityId} is ${city.currency}` };
      if (!merchantExists)
        return { refused: 'UNKNOWN_MERCHANT', detail: `there is no merchant ${order.merchantId}` };
      const refusal = refusalOf(deps, order, city);
      if (refusal) return refusal;
      const impossible = impossibleTimes(order, now, limits.horizonMs);
      if (impossible.length > 0) return timeRefusal(impossible);
      const stop = stopFor(stops, city.zoneAt(order.pickup.point), now);
      if (stop) return stopRefusal(stop, now);
      if (openDeliveries >= limits.openDeliveriesMax) return quotaRefusal(order, limits);
      const delivery = newDelivery(deps, order, city, { request, correlationId, now });
      const messages = messagesOf(delivery);
      const quota = isNearQuota(openDeliveries, limits) ? limits.openDeliveriesMax : null;
      const inserted = await store.insert(delivery, entryOf(delivery, order.by), messages, quota);
      if ('refused' in inserted)
        return takenMeanwhile(deps, order, { request, refused: inserted.refused, now });
      if (inserted.left.length > 0) deps.notifyRelay(inserted.left);
      return { taken: 'new', deliveryId: delivery.deliveryId, delivery, locale: city.locale };
    },
  };
}

function timeRefusal(impossible: readonly ImpossibleTime[]): Taken {
  return {
    refused: 'TIME_NOT_POSSIBLE',
    detail: impossible.map(({ field, rule }) => `${field} ${rule}`).join('; '),
    times: impossible,
  };
}

function quotaRefusal({ merchantId }: Order, { openDeliveriesMax }: OrderLimits): Taken {
  return {
    refused: 'TOO_MANY_OPEN_DELIVERIES',
    detail: `${merchantId} has ${openDeliveriesMax} open deliveries, which is the most allowed`,
  };
}

/** What was taken before is answered all the same: only new orders are refused. */
function stopRefusal(stop: OrdersStop, now: number): Taken {
  return { refused: 'ORDERS_STOPPED', detail: stopWords(stop), stop, endsInMs: stop.until - now };
}

/** More orders of one merchant than this are never written at the same moment. */
const CONCURRENT_ORDERS = 100;

/** Far from the quota, orders of one merchant need not wait for each other. */
function isNearQuota(openDeliveries: number, { openDeliveriesMax }: OrderLimits): boolean {
  return openDeliveries >= openDeliveriesMax - CONCURRENT_ORDERS;
}

function refusalOf({ limits }: OrderDeps, order: Order, city: OrderCity): OrderRefusal | null {
  const { pickup, dropoff, payCents, by } = order;
  const places = [
    { name: 'pickup', point: pickup.point },
    { name: 'dropoff', point: dropoff.point },
  ];
  const shown = (amount: number): string => moneyText(amount, city.currency, city.locale);
  return (
    placesRefusal(places, areaOfCity(city, limits)) ??
    payRefusal(payCents, by, payMaxIn(city.pay, limits), shown)
  );
}

async function takenBefore(
  { store }: OrderDeps,
  { deliveryId, requestHash, fingerprint }: KnownOrder,
  order: Order,
  request: OrderFingerprint,
): Promise<Taken> {
  const isSame =
    fingerprint === null ? requestHash === request.requestHash : fingerprint === request.fingerprint;
  if (isSame) return { taken: 'again', deliveryId };
  const taken = await store.taken(deliveryId);
  const fields = taken ? differingFields(taken, order, taken.changedSince) : [];
  const named = fields.length === 0 ? '' : `: ${fields.join(', ')}`;
  return {
    refused: 'IDEMPOTENCY_CONFLICT',
    detail: `the order ${order.sellerOrderId} was taken before with another body${named}`,
    fields,
  };
}

/** Of two concurrent first attempts one writes, and the other reads what it wrote. */
async function takenMeanwhile(
  deps: OrderDeps,
  order: Order,
  { request, refused, now }: { request: OrderFingerprint; refused: NotInserted; now: number },
): Promise<Taken> {
  const { known } = await deps.store.context(order, 0, now);
  if (known) return takenBefore(deps, known, order, request);
  if (refused === 'quotaReached') return quotaRefusal(order, deps.limits);
  throw new Error('an order conflicted on its key, but no order with that key exists');
}

/** The contact's number as it was given, and beside it the form that can be called. */
function withE164(stop: OrderStop, city: OrderCity): NewStop {
  return { ...stop, contactPhoneE164: e164Of(stop.contactPhone, countryOf(city)) };
}

function newDelivery(
  { newId, searchLeadMs, travel, timeScale }: OrderDeps,
  order: Order,
  city: OrderCity,
  { request, correlationId, now }: { request: OrderFingerprint; correlationId: string; now: number },
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
    pickup: withE164(pickup, city),
    dropoff: withE164(dropoff, city),
    windowFrom,
    windowTo,
    parcelSize,
    feeCents,
    request,
    correlationId,
    readyAt,
    deliveryId: newId(),
    zoneId: city.zoneAt(pickup.point),
    searchAt: searchBeginsAt(pickupAt, now, searchLeadMs),
    currency: city.currency,
    payCents: order.payCents ?? tariffPayCents(meters, travel, tariffOf(city.pay)),
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
