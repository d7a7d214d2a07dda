import type { Availability } from '../../domain/driver/availability';
import type { DeliveryStatus, ReasonCode, Step } from '../../domain/delivery/status';
import type { LeaveReason } from '../../domain/driver/loss';
import type { RejectReason } from '../../domain/delivery/offer';
import type { Point } from '../../domain/geo/places';
import type { ParcelSize, VehicleKind } from '../../domain/driver/vehicles';

/** What a client sees of the service. Instants are epoch ms here, ISO texts on the wire; money in cents. */

/** Refused for good: the same request would be refused again. `code` is the stable code of the problem. */
export type Refused = { ok: false; status: number; code: string; detail: string };
export type Outcome<T> = ({ ok: true } & T) | Refused;

export type Position = { point: Point; at: number; speedMps?: number; headingDegrees?: number };

/** One delivery, as far as whoever works on it must know. */
export type DeliveryView = {
  deliveryId: string;
  status: DeliveryStatus;
  driverId: string | null;
  pickup: Point;
  dropoff: Point;
  readyAt: number;
};

export type OfferView = {
  offerId: string;
  deliveryId: string;
  expiresAt: number;
  pickup: Point;
  dropoff: Point;
  readyAt: number;
};

/**
 * What an app shows after it was away. `handoverPoints`: where goods are to be taken over from another driver, by
 * delivery id.
 */
export type DriverView = {
  availability: Availability;
  /** The service took the driver off duty, because they were lost. */
  wasLost?: boolean;
  offers: OfferView[];
  deliveryIds: string[];
  handoverPoints?: ReadonlyMap<string, Point>;
  /** The deliveries of the stops that are left, in the order of the route. */
  route?: readonly string[];
};

/** A delivery that an accept took. */
export type TakenDelivery = { deliveryId: string; offerId: string; assignmentId: string };

/** One driver's app. Every method may throw ServiceUnavailableError, and may be repeated. */
export interface DriverClient {
  view(): Promise<Outcome<DriverView>>;
  delivery(deliveryId: string): Promise<Outcome<DeliveryView>>;
  startShift(endsAt: number | null): Promise<Outcome<object>>;
  endShift(): Promise<Outcome<object>>;
  goOffline(): Promise<Outcome<object>>;
  startBreak(minutes: number): Promise<Outcome<object>>;
  endBreak(): Promise<Outcome<object>>;
  sendPositions(fixes: readonly Position[]): Promise<Outcome<object>>;
  /** `deliveries`: of an offer for several, all that the answer took. */
  accept(
    offerId: string,
  ): Promise<Outcome<{ assignmentId: string; at: number; deliveries?: TakenDelivery[] }>>;
  reject(offerId: string, reason: RejectReason): Promise<Outcome<object>>;
  step(deliveryId: string, step: Step, deviceAt: number): Promise<Outcome<{ status: DeliveryStatus }>>;
  fail(
    deliveryId: string,
    reason: ReasonCode,
    goods: 'RETURN' | 'LOST',
  ): Promise<Outcome<{ status: DeliveryStatus }>>;
  /**
   * Gives a delivery up; the driver stays on duty. `isReleased`: false where they have the goods, and ops
   * decide.
   */
  leave(
    deliveryId: string,
    reason: Extract<LeaveReason, 'TOO_FAR' | 'OTHER'>,
  ): Promise<Outcome<{ isReleased: boolean }>>;
}

export type NewOrder = {
  sellerOrderId: string;
  cityId: string;
  pickup: { address: string; point: Point };
  dropoff: { address: string; point: Point; contactName?: string };
  readyAt: number | null;
  parcelSize: ParcelSize;
  feeCents: number;
};

/** One shop's system. */
export interface MerchantClient {
  post(order: NewOrder): Promise<Outcome<{ deliveryId: string }>>;
  delivery(deliveryId: string): Promise<Outcome<DeliveryView>>;
  cancel(deliveryId: string, reason: ReasonCode): Promise<Outcome<{ status: DeliveryStatus }>>;
}

export type CitySetup = {
  cityId: string;
  name: string;
  timezone: string;
  currency: string;
  center: Point;
  /** Absent: the setting of the service. */
  serviceRadiusMeters?: number;
};
export type ZoneSetup = {
  zoneId: string;
  cityId: string;
  name: string;
  ring: readonly (readonly [number, number])[];
  offerTtlSeconds: number | null;
};
export type DriverSetup = {
  driverId: string;
  cityId: string;
  name: string;
  vehicle: VehicleKind;
  offerVersion: number | null;
  /** How many deliveries they carry at once; absent: one. */
  capacity?: number;
};

/**
 * Ops, who set a city up. Setting up again what is there already changes nothing; a driver whose app or room differs
 * from before gets them.
 */
export interface OpsClient {
  putCity(city: CitySetup): Promise<Outcome<object>>;
  putZone(zone: ZoneSetup): Promise<Outcome<object>>;
  putMerchant(merchant: { merchantId: string; name: string }): Promise<Outcome<object>>;
  putDriver(driver: DriverSetup): Promise<Outcome<object>>;
  cancel(deliveryId: string, reason: ReasonCode): Promise<Outcome<{ status: DeliveryStatus }>>;
}

/** The service refused a request that the simulator expected to succeed. */
export class UnexpectedRefusal extends Error {
  override name = 'UnexpectedRefusal';
}

/** Returns a successful outcome. @throws UnexpectedRefusal */
export function requireSuccess<T>(what: string, outcome: Outcome<T>): { ok: true } & T {
  if (outcome.ok) return outcome;
  throw new UnexpectedRefusal(`${what}: ${outcome.status} ${outcome.code}: ${outcome.detail}`);
}
