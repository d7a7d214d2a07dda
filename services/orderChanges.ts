import { countryOf } from '../domain/orders/country';
import { type OrderLimits } from '../domain/orders/orderLimits';
import { type OrderChange, type StopState } from '../domain/orders/orderChange';
import { areaOfCity, type OrderRefusal, placesRefusal } from '../domain/orders/orderRules';
import { type ImpossibleTime, impossibleTimes } from '../domain/orders/orderTimes';
import { e164Of } from '../domain/orders/phone';
import { type OrderCity } from './orders';
import { type NewId } from './ports';

/** What a shop or ops send for a stop. A field that is absent stays as it is. */
export type RequestedStop = Partial<Omit<StopState, 'contactPhoneE164'>>;

/** What they send for an order. Instants are epoch ms; `readyAt` null = now. */
export type RequestedChange = {
  pickup?: RequestedStop;
  dropoff?: RequestedStop;
  readyAt?: number | null;
  feeCents?: number;
};

/** What a change is judged by. `keptId`: the change that was kept under the same key before. */
export type ChangeContext = {
  keptId: string | null;
  city: OrderCity;
  windowFrom: number | null;
  windowTo: number | null;
};

export type KeptChange = {
  changeId: string;
  deliveryId: string;
  /** Caller and idempotency key: a repeat is the change that was kept first. */
  requestKey: string;
  content: OrderChange;
};

/** The store of changes that were asked for. */
export interface OrderChangeStore {
  context(deliveryId: string, requestKey: string): Promise<ChangeContext | null>;
  /** @returns the id of the change, or of the one that was kept under the same key before */
  keep(change: KeptChange, at: number): Promise<string>;
  /** Blanks a change that was refused. */
  blank(changeId: string): Promise<void>;
}

export type OrderChanges = {
  /**
   * Keeps a change for the delivery's workflow, which is told its id only.
   * @returns null where there is no such delivery
   */
  keep(
    deliveryId: string,
    request: RequestedChange,
    requestKey: string,
    now: number,
  ): Promise<{ changeId: string } | ChangeRefusal | null>;
  blank(changeId: string): Promise<void>;
};

export type ChangeRefusal =
  OrderRefusal | { refused: 'TIME_NOT_POSSIBLE'; detail: string; times: readonly ImpossibleTime[] };

export function createOrderChanges({
  store,
  limits,
  newId,
}: {
  store: OrderChangeStore;
  limits: OrderLimits;
  newId: NewId;
}): OrderChanges {
  return {
    keep: async (deliveryId, request, requestKey, now) => {
      const context = await store.context(deliveryId, requestKey);
      if (!context) return null;
      if (context.keptId !== null) return { changeId: context.keptId };
      const refusal = refusalOf(request, context, now, limits);
      if (refusal) return refusal;
      const content = contentOf(request, context.city, now);
      return { changeId: await store.keep({ changeId: newId(), deliveryId, requestKey, content }, now) };
    },
    blank: (changeId) => store.blank(changeId),
  };
}

function refusalOf(
  { pickup, dropoff, readyAt }: RequestedChange,
  { city, windowFrom, windowTo }: ChangeContext,
  now: number,
  limits: OrderLimits,
): ChangeRefusal | null {
  const places = Object.entries({ pickup, dropoff }).flatMap(([name, stop]) =>
    stop?.point === undefined ? [] : [{ name, point: stop.point }],
  );
  const outside = placesRefusal(places, areaOfCity(city, limits));
  if (outside || readyAt === undefined) return outside;
  const times = impossibleTimes({ readyAt, windowFrom, windowTo }, now, limits.horizonMs);
  if (times.length === 0) return null;
  const detail = times.map(({ field, rule }) => `${field} ${rule}`).join('; ');
  return { refused: 'TIME_NOT_POSSIBLE', detail, times };
}

/** With what follows from the city: the phone that can be called, and the zone of the pickup. */
function contentOf(
  { pickup, dropoff, readyAt, feeCents }: RequestedChange,
  city: OrderCity,
  now: number,
): OrderChange {
  const withE164 = (stop: RequestedStop = {}) =>
    stop.contactPhone === undefined
      ? stop
      : { ...stop, contactPhoneE164: e164Of(stop.contactPhone, countryOf(city)) };
  return {
    pickup: withE164(pickup),
    dropoff: withE164(dropoff),
    ...(readyAt === undefined ? {} : { readyAt: readyAt ?? now }),
    ...(feeCents === undefined ? {} : { feeCents }),
    ...(pickup?.point === undefined ? {} : { zoneId: city.zoneAt(pickup.point) }),
  };
}
