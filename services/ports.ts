/**
 * What services and activities need from outside. The two `main.ts` and the tests give them; nothing here knows
 * Prisma, Redis or Temporal.
 */
import type { Availability, PendingAvailability } from '../domain/driver/availability';
import type { Actor, DeliveryStatus } from '../domain/delivery/status';
import type { Emit, Message } from '../domain/notices/message';
import type { Notice } from '../domain/notices/notice';
import type { Point } from '../domain/geo/places';
import type { AssignmentWay } from '../domain/delivery/deliveryState';

/** The time by this process's clock, epoch ms. */
export type Clock = () => number;

/** A new id, UUID v7: later ids sort after earlier ones. */
export type NewId = () => string;

/**
 * Tells the relay of this process what was committed just now: these messages; where none are named, any.
 * Returns at once.
 */
export type NotifyRelay = (messages?: readonly Message[]) => void;

/** Where a process says what it did and what went wrong. A logger of pino is one. */
export type Log = Record<'info' | 'warn' | 'error', (fields: object, text: string) => void>;

/** One check for each thing that a process cannot work without; it rejects while that is away. */
export type DependencyChecks = Readonly<Record<string, () => Promise<unknown>>>;

/** A statement written by hand, with its parameters. */
export type Statement = { readonly text: string; readonly values: readonly unknown[] };

/**
 * Reads rows by a statement written by hand. Instants come as Date; numbers of eight bytes as bigint or as
 * text.
 */
export type Read = <R extends Record<string, unknown>>(statement: Statement) => Promise<R[]>;

/**
 * A driver near a place, by the live map. `fixAt` is when we last heard of them (epoch ms, our clock). The
 * map may be stale: the hold reads PostgreSQL again.
 */
export type NearDriver = { driverId: string; point: Point; distanceMeters: number; fixAt: number };

/**
 * A known place: `at` by the device's clock, which orders places; `receivedAt` by ours, which says whether
 * they are fresh.
 */
export type KnownPosition = { point: Point; at: number; receivedAt: number };

/**
 * What the map must know of a driver. An entry with a lower version than the one kept is dropped. `lastFix`
 * is PostgreSQL's thinned memory, for a map that lost its own.
 */
export type MapEntry = {
  driverId: string;
  cityId: string;
  availability: Availability;
  hasRoom: boolean;
  version: number;
  lastFix: KnownPosition | null;
};

/** One place of one driver, by the device's clock. */
export type Position = {
  point: Point;
  at: number;
  accuracyMeters: number | null;
  speedMps: number | null;
  headingDegrees: number | null;
};

/** All that the map says of one driver; `entry` null = it does not know them. */
export type MapView = {
  driverId: string;
  entry: MapEntry | null;
  /**
   * On `drivers:geo`, on the shard of the driver's own city, on that city's map of BUSY drivers with room.
   */
  on: { all: boolean; city: boolean; busy: boolean };
};

/** One of the sorted sets that make up the map. */
export type MapPart = { kind: 'all' } | { kind: 'city' | 'busy'; cityId: string };

/**
 * The live map of drivers: `drivers:geo` and its shards by city hold the AVAILABLE drivers with a fresh place
 * and no others; BUSY ones with room stand apart. Fresh = heard of within the setting, by our clock.
 * test/support/driverMapConformance.ts says what every adapter must do.
 */
export interface DriverMap {
  /** AVAILABLE drivers of a city within a radius, nearest first, fresh at `now`. */
  near(query: {
    cityId: string;
    point: Point;
    radiusMeters: number;
    limit: number;
    now: number;
  }): Promise<NearDriver[]>;
  /**
   * Makes the map say what PostgreSQL says.
   * @returns whether the driver is new on the map of the AVAILABLE
   */
  sync(entry: MapEntry, now: number): Promise<{ cameOn: boolean }>;
  /**
   * Keeps all fixes (at least one) as history; only one that is not older than the live place moves it. A
   * device's clock over a minute ahead is taken for ours.
   * @returns `unknown` where the map does not know the driver: nothing was kept, the caller syncs from
   *   PostgreSQL and comes again
   * @throws RangeError for a place outside the bounds of `Point`; nothing was kept
   */
  recordPositions(
    driverId: string,
    fixes: readonly Position[],
    receivedAt: number,
  ): Promise<'unknown' | { cameOn: boolean }>;
  /** What the map says of these drivers, in their order. */
  readViews(driverIds: readonly string[]): Promise<MapView[]>;
  /**
   * A page of the drivers in one part. A driver may come twice; one who is there all the while comes at least
   * once.
   * @param cursor '0' to begin
   * @returns next `null` at the end
   */
  members(part: MapPart, cursor: string): Promise<{ driverIds: string[]; next: string | null }>;
  /** Takes drivers out of one part where they have no business. */
  drop(part: MapPart, driverIds: readonly string[]): Promise<void>;
  /** Takes all who are not fresh at `now` off the map; they stay known. @returns how many */
  takeSilentOff(now: number): Promise<number>;
  /** Says that this service hears its drivers; to be repeated every few seconds while the API runs. */
  reportIngestUp(now: number): Promise<void>;
  /**
   * Since when (epoch ms) drivers could be heard without a gap; `now` where nobody listens: nobody is silent
   * while ingest is down.
   */
  ingestUpSince(now: number): Promise<number>;
}

/** What a driver's app is told on connecting. Instants in ISO. */
export type DriverState = {
  driverId: string;
  offerVersion: number | null;
  availability: {
    availability: Availability;
    until: string | null;
    reason: string | null;
    pending: PendingAvailability | null;
  };
  /** The live offer, shaped as the body of DELIVERY_OFFERED_V2. */
  offer: {
    offerId: string;
    deliveryId: string;
    driverId: string;
    expiresAt: string;
    offerPayload: Record<string, unknown>;
  } | null;
  /**
   * `way` HANDOVER: the goods are taken over from another driver; where they meet stands first among the
   * stops until that is done.
   */
  deliveries: {
    deliveryId: string;
    assignmentId: string;
    way: AssignmentWay;
    status: DeliveryStatus;
    stops: DriverStop[];
  }[];
};

/** One stop of a delivery, for its carrier. Apps leave out kinds that they do not know. */
export type DriverStop =
  | {
      kind: 'PICKUP' | 'DROPOFF';
      address: string;
      point: Point;
      contactName: string | null;
      contactPhone: string | null;
      notes: string | null;
    }
  | { kind: 'HANDOVER'; address: string | null; point: Point };

/** What the realtime gateway reads and writes. */
export interface DriverStates {
  /** @returns null where there is no such driver */
  read(driverId: string): Promise<DriverState | null>;
  /**
   * Notes that the driver's app showed the offer; only the driver's own, only the first time.
   * @returns whether it was noted
   */
  offerSeen(offerId: string, driverId: string): Promise<boolean>;
}

/**
 * Sends realtime events to rooms, from any process. A client that is away misses them: it is told its state
 * on coming back.
 */
export interface Emitter {
  /** @throws where it could not be sent: to be tried again */
  emit(event: Emit): Promise<void>;
}

/**
 * Tells one addressee who looks at no screen of ours (docs/behaviour.md#escalation): a chat, a pager, a
 * driver's closed app. A notice may come twice.
 */
export interface Notifier {
  /** The name of the channel in metrics and log. */
  readonly channel: 'slack' | 'pagerduty' | 'web_push' | 'log';
  /**
   * @returns not_needed: there is nobody to tell, or nothing to tell any more
   * @throws NoticeRefused where it will never be taken; NotBefore where the receiver wants to be left alone
   *   for so long; any other error: to be tried again
   */
  notify(notice: Notice): Promise<NoticeOutcome>;
}

export type NoticeOutcome = 'sent' | 'not_needed';

/** Where notices go. What is not set goes to the log, but for drivers. */
export type NoticeSettings = {
  slackUrl: string | null;
  pagerDuty: { url: string; routingKey: string | null };
  /** Null: web push is off. */
  webPush: VapidKeys | null;
  /** Push services on this machine are taken, also without TLS: for tests and demo. */
  allowLocalPush: boolean;
  /** Before the path of a link, without a slash at its end. Null: links are shown as paths. */
  publicUrl: string | null;
  /**
   * A notice that could not be sent for so long is given up; a `resolved` for support or pager after a day at
   * the earliest.
   */
  maxAgeMs: number;
};

/** Who we are to push services (RFC 8292): keys of P-256 in base64url, and a mailto: or https: address. */
export type VapidKeys = { publicKey: string; privateKey: string; subject: string };

/** Which features hold, for a delivery or a driver (docs/behaviour.md#features). */
export interface Features {
  isOn(
    feature: 'driver_offers' | 'availability_states' | 'escalation' | 'auto_reassignment',
    subject: { cityId: string; key: string },
  ): boolean;
}

/** Tells Temporal what happened. Every call may be repeated. */
export interface Dispatcher {
  startDelivery(deliveryId: string, correlationId: string): Promise<void>;
  signalDriverLeft(
    deliveryId: string,
    payload: {
      driverId: string;
      offerId: string | null;
      assignmentId: string | null;
      why: string;
      correlationId: string;
    },
  ): Promise<void>;
  signalDriverRescued(
    deliveryId: string,
    payload: {
      driverId: string;
      offerId: string | null;
      assignmentId: string | null;
      by: Actor;
      why: string;
      correlationId: string;
    },
  ): Promise<void>;
  signalOfferWithdrawn(
    deliveryId: string,
    payload: { offerId: string; correlationId: string },
  ): Promise<void>;
  wake(
    deliveryId: string,
    payload: { driverId: string; passed: string[]; correlationId: string },
  ): Promise<void>;
  endAvailabilityLater(timer: {
    driverId: string;
    state: Availability;
    until: number;
    correlationId: string;
  }): Promise<void>;
}
