/**
 * The ports of services and activities. The two `main.ts` and the tests provide them. No port depends on
 * Prisma, Redis or Temporal.
 */
import type { Availability } from '../domain/driver/availability';
import type { VehicleKind } from '../domain/driver/vehicles';
import type { Proposal } from '../domain/delivery/events';
import type { Answer } from '../domain/delivery/deliveryState';
import type { Actor } from '../domain/delivery/status';
import type { Emit, Message } from '../domain/notices/message';
import type { Notice } from '../domain/notices/notice';
import type { DriverState } from '../domain/notices/realtimeEvents';
import type { MerchantState, OpsState, Tracking } from '../domain/notices/stateEvents';
import type { Point } from '../domain/geo/places';
import type { ActCommand } from '../domain/zones/zoneAct';

/** The time by this process's clock, epoch ms. */
export type Clock = () => number;

/** A new id, UUID v7: later ids sort after earlier ones. */
export type NewId = () => string;

/**
 * Notifies the relay of this process after a commit. Without messages it notifies all lanes except those of
 * notices. Returns at once.
 */
export type NotifyRelay = (messages?: readonly Message[]) => void;

/**
 * Leases messages to this process as they are written: it sends them from memory after the commit, and nobody
 * has to take them (ADR 54).
 */
export interface Leasing {
  /** @param next which process writes the next messages of this key, as far as is known */
  lease(key: string, correlationId: string, messages: readonly Message[], next: 'here' | 'elsewhere'): Lease;
}

/** `known` goes into the rows; see messageRows in adapters/postgres/outbox.ts. */
export type Lease = {
  known: readonly (readonly string[] | null)[];
  /**
   * Call after the commit, with the rows in the order of the messages.
   * @returns the messages that are left to the relay
   */
  send(written: readonly WrittenMessage[], fresh: Fresh): readonly Message[];
};

/** A notice is written only where it is the first of its group to say what it says; any other message always. */
export type WrittenMessage = { id: string; kind: Message['kind']; isLeased: boolean };

/**
 * What a transaction knew when it wrote its messages, for receivers that would read it again. Only messages that
 * are sent from memory, right after the commit, come with it.
 */
export type Fresh = {
  /** The order that was taken. */
  order?: NewOrder;
  /** The drivers that were changed. */
  mapEntries?: readonly MapEntry[];
};

/** What a workflow is started with, besides the delivery's id. */
export type NewOrder = {
  merchantId: string;
  sellerOrderId: string;
  cityId: string;
  zoneId: string | null;
};

/** The log of a process, such as a pino logger. */
export type Log = Record<'info' | 'warn' | 'error', (fields: object, text: string) => void>;

/** One check per required dependency. A check rejects while its dependency is down. */
export type DependencyChecks = Readonly<Record<string, () => Promise<unknown>>>;

/** A hand-written SQL statement with its parameters. */
export type Statement = { readonly text: string; readonly values: readonly unknown[] };

/** Reads rows with a hand-written statement. Instants are Dates. Eight-byte numbers are bigint or text. */
export type Read = <R extends Record<string, unknown>>(statement: Statement) => Promise<R[]>;

/**
 * A driver near a point, from the live map. `fixAt` is the last contact (epoch ms, server clock). The map may
 * be stale, so the hold rereads PostgreSQL.
 */
export type NearDriver = {
  driverId: string;
  point: Point;
  distanceMeters: number;
  fixAt: number;
  /** As the map knows it; absent where a search did not ask. */
  vehicle?: VehicleKind | null;
};

/**
 * A known position. `at` is device time, corrected where the device's clock is wrong, and orders positions.
 * `receivedAt` is server time, of the last contact, and decides freshness.
 */
export type KnownPosition = { point: Point; at: number; receivedAt: number };

/**
 * The map entry of a driver. The map drops an entry with a lower version than its own. `lastFix` is the
 * thinned position of PostgreSQL, for a map that lost its own.
 */
export type MapEntry = {
  driverId: string;
  cityId: string;
  availability: Availability;
  hasRoom: boolean;
  /** Without it the vehicle is not known, as in an entry of an older release. */
  vehicle?: VehicleKind | null;
  version: number;
  lastFix: KnownPosition | null;
};

/** One position of one driver. `at` is device time, as the device has it. */
export type Position = {
  point: Point;
  at: number;
  accuracyMeters: number | null;
  speedMps: number | null;
  headingDegrees: number | null;
};

/** The map's view of one driver. `entry` is null for an unknown driver. */
export type MapView = {
  driverId: string;
  entry: MapEntry | null;
  /** The last contact, which a vague position is as well (epoch ms, server clock); null: none is known. */
  seenAt: number | null;
  /**
   * On `drivers:geo`, on the shard of the driver's own city, on that city's map of BUSY drivers with room.
   */
  on: { all: boolean; city: boolean; busy: boolean };
};

/** One of the sorted sets that make up the map. */
export type MapPart = { kind: 'all' } | { kind: 'city' | 'busy'; cityId: string };

/**
 * The live map of drivers. `drivers:geo` and its city shards contain exactly the AVAILABLE drivers with a
 * fresh position. BUSY drivers with capacity are in separate sets. A position is fresh if received within the
 * configured time, by server clock. test/support/driverMapConformance.ts tests every adapter.
 */
export interface DriverMap {
  /** AVAILABLE drivers of a city within a radius, nearest first, fresh at `now`. */
  near(query: {
    cityId: string;
    point: Point;
    radiusMeters: number;
    /** Looked at before the limit. Drivers whose vehicle is not known are among them. Unset: any. */
    vehicles?: readonly VehicleKind[] | null;
    limit: number;
    now: number;
  }): Promise<NearDriver[]>;
  /**
   * Writes the PostgreSQL state of a driver to the map.
   * @returns whether the driver is new on the map of the AVAILABLE
   */
  sync(entry: MapEntry, now: number): Promise<{ cameOn: boolean }>;
  /**
   * Stores all fixes (at least one) as history. A fix moves the live position unless it is older, vague, or
   * impossibly far from it (docs/behaviour.md#positions). A device clock that is over a minute off is
   * measured and corrected.
   * @returns `unknown` if the map does not know the driver: nothing was stored, and the caller syncs from
   *   PostgreSQL and retries
   * @throws RangeError for a point outside the bounds of `Point`; nothing was stored
   */
  recordPositions(
    driverId: string,
    fixes: readonly Position[],
    receivedAt: number,
  ): Promise<'unknown' | { cameOn: boolean }>;
  /** How far the clock of the driver's device lags, in ms; 0 = it is right, or nothing is known. */
  clockLagMs(driverId: string): Promise<number>;
  /** The map's views of these drivers, in the order given. */
  readViews(driverIds: readonly string[]): Promise<MapView[]>;
  /**
   * A page of the drivers in one part. A driver may be listed twice. A driver who stays in the part is listed
   * at least once.
   * @param cursor '0' to start
   * @returns next `null` at the end
   */
  members(part: MapPart, cursor: string): Promise<{ driverIds: string[]; next: string | null }>;
  /** Removes what the map knows of a driver who is off duty. Their next position is `unknown`. */
  forget(driverId: string): Promise<void>;
  /** Removes drivers from one part. */
  drop(part: MapPart, driverIds: readonly string[]): Promise<void>;
  /**
   * Removes all drivers who are not fresh at `now` from the map and keeps their entries.
   * @returns how many
   */
  takeSilentOff(now: number): Promise<number>;
  /** Records that position ingest is up. The API repeats it every few seconds. */
  reportIngestUp(now: number): Promise<void>;
  /**
   * Start of uninterrupted ingest (epoch ms). It is `now` while ingest is down, so that no driver counts as
   * silent.
   */
  ingestUpSince(now: number): Promise<number>;
}

/** The reads and writes of the realtime gateway. */
export interface DriverStates {
  /** The state that a driver's app gets when it connects. @returns null for an unknown driver */
  read(driverId: string): Promise<DriverState | null>;
  /**
   * Records that the driver's app showed the offer. It records only the driver's own offer, once.
   * @returns whether it was recorded
   */
  offerSeen(offerId: string, driverId: string): Promise<boolean>;
  /** The delivery of an offer that this process recorded as shown. @returns null for any other offer */
  shownOffer(offerId: string, driverId: string): Promise<ShownOffer | null>;
}

/** The delivery of an offer. It never changes. */
export type ShownOffer = { deliveryId: string; merchantId: string; sellerOrderId: string };

/** What ops, merchants and followers of a delivery are sent when they connect; bounded. */
export interface RoomStates {
  /** @param cities 'all', or these only */
  ops(cities: readonly string[] | 'all'): Promise<OpsState>;
  merchant(merchantId: string): Promise<MerchantState>;
  /** @returns null for an unknown delivery */
  tracking(deliveryId: string): Promise<Tracking | null>;
}

/**
 * Sends realtime events to rooms, from any process. A disconnected client misses them and gets its state on
 * reconnect.
 */
export interface Emitter {
  /** @throws if it could not be sent; the caller retries */
  emit(event: Emit): Promise<void>;
}

/**
 * Notifies one addressee outside our own screens (docs/behaviour.md#escalation): a chat, a pager, a driver's
 * closed app. A notice may be sent twice.
 */
export interface Notifier {
  /** The channel's name in metrics and logs. */
  readonly channel: 'slack' | 'pagerduty' | 'web_push' | 'fallback' | 'log';
  /** Where notices go that this channel refuses; none: they are dropped. */
  readonly second?: Notifier;
  /**
   * @returns not_needed: there is no recipient, or the notice is obsolete
   * @throws NoticeRefused if a retry cannot succeed; NotBefore if the receiver is rate limited; on any other
   *   error the caller retries
   */
  notify(notice: Notice): Promise<NoticeOutcome>;
}

export type NoticeOutcome = 'sent' | 'not_needed';

/** The channels of notices. Unset channels use the log, except for drivers. */
export type NoticeSettings = {
  slackUrl: string | null;
  /** A second chat for what its own channel refuses; null: none. */
  fallbackUrl: string | null;
  pagerDuty: { url: string; routingKey: string | null };
  /** Null: web push is off. */
  webPush: VapidKeys | null;
  /** Allows push services on this machine, also without TLS, for tests and demo. */
  allowLocalPush: boolean;
  /** The prefix of links, without a trailing slash. Null: links are paths. */
  publicUrl: string | null;
  /**
   * The age at which an unsent notice is dropped. A `resolved` for support or pager is kept for at least a
   * day.
   */
  maxAgeMs: number;
};

/**
 * The service's identity for push services (RFC 8292): P-256 keys in base64url, and a mailto: or https:
 * address.
 */
export type VapidKeys = { publicKey: string; privateKey: string; subject: string };

/**
 * Keys of AES-256 by their ids, for personal content in Temporal. `encryptWith` null: nothing is encrypted, and
 * what was encrypted is still read.
 */
export type PayloadKeys = { keys: ReadonlyMap<string, Uint8Array>; encryptWith: string | null };

/** The effective features of a delivery or a driver (docs/behaviour.md#features). */
export interface Features {
  isOn(
    feature: 'driver_offers' | 'availability_states' | 'escalation' | 'auto_reassignment' | 'batch_matching',
    subject: { cityId: string; key: string },
  ): boolean;
}

/** Starts and signals workflows. Every call may be repeated. */
export interface Dispatcher {
  /** @param order of a delivery that was just taken; left out, the row is read, and a closed one is not started */
  startDelivery(deliveryId: string, correlationId: string, order?: NewOrder): Promise<void>;
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
  /**
   * Sends a command to the delivery and waits for its answer.
   * @param scope together with the delivery it names the request: a repeat gets the first answer
   * @returns null where the delivery is closed
   * @throws while there is no answer; the caller retries
   */
  sendCommand(
    deliveryId: string,
    command: ActCommand,
    request: { scope: string; correlationId: string },
  ): Promise<Answer | null>;
  signalOfferWithdrawn(
    deliveryId: string,
    payload: { offerId: string; correlationId: string },
  ): Promise<void>;
  wake(
    deliveryId: string,
    payload: { driverId: string; passed: string[]; correlationId: string },
  ): Promise<void>;
  /** Proposes a driver to a waiting delivery. */
  propose(deliveryId: string, proposal: Proposal & { correlationId: string }): Promise<void>;
  /** Lets the owner of the city's matching run a round. */
  callRound(cityId: string, correlationId: string): Promise<void>;
  endAvailabilityLater(timer: {
    driverId: string;
    state: Availability;
    until: number;
    correlationId: string;
  }): Promise<void>;
}
