import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Clock, DriverStates, Position, NewId, Read } from '../services/ports';
import type { FollowedChain } from '../domain/audit/auditChain';
import type { Availability, PendingAvailability } from '../domain/driver/availability';
import type { AvailabilityRefusal, AvailabilityRequest } from '../domain/driver/availabilityChange';
import type { HandResolution } from '../domain/support/caseByHand';
import type { Actor } from '../domain/delivery/status';
import type { FeatureOverride } from '../domain/features/featureOverride';
import type { Point } from '../domain/geo/places';
import type { FeatureSetting, FeatureSubject } from '../domain/features/rollout';
import type { ParcelSize, VehicleKind } from '../domain/driver/vehicles';
import type { PrismaClient } from '../prisma/client/client';
import type { ApiSettings } from '../settings';
import type { Answers } from './commands/answers';
import type { TokenReader } from './auth/tokens';

/** What the API needs from outside. `main.ts` and the tests give it; no route builds a client of its own. */
export type ApiDeps = {
  settings: Pick<ApiSettings, 'api' | 'rateLimits'>;
  log: Logger;
  clock: Clock;
  newId: NewId;
  /** For reading, and for writing what has no life of its own: cities, zones, merchants. */
  db: PrismaClient;
  /** For what is read with every request of a driver: statements written by hand cost a tenth. */
  read: Read;
  /** Rate limits are counted here. */
  redis: Redis;
  readToken: TokenReader;
  orders: OrderService;
  answers: Answers;
  availability: AvailabilityService;
  positions: PositionService;
  registration: DriverRegistration;
  zoneHealth: ZoneHealthService;
  driverStates: Pick<DriverStates, 'read'>;
  supportCases: SupportService;
  rescue: RescueService;
  audit: AuditService;
  /** `publicKey` null: web push is off. */
  push: { publicKey: string | null; allowLocal: boolean };
  features: FeatureService;
  readiness: Readiness;
  /** Before every key in Redis; tests that share one set it. */
  keyPrefix?: string;
  /** Tests only: a reply that is not as its schema says is an error. */
  checkReplies?: boolean;
};

/** One thing the service cannot work without. `check` rejects while it is away. */
export type Dependency = { name: string; check: () => Promise<unknown> };

/** Whether this process takes requests. */
export interface Readiness {
  dependencies: readonly Dependency[];
  /** True from the moment the process was told to stop. */
  isStopping: () => boolean;
}

/** See activities/auditCheck.ts. */
export interface AuditService {
  /** Follows a delivery's chain now: its entries in their order, and what is wrong with them. */
  check(deliveryId: string): Promise<FollowedChain>;
}

/** See activities/orders.ts. */
export interface OrderService {
  takeOrder(order: OrderAsked, requestHash: string, correlationId: string, now: number): Promise<OrderTaken>;
}

export type StopAsked = {
  address: string;
  point: Point;
  contactName: string | null;
  contactPhone: string | null;
  notes: string | null;
};
export type OrderAsked = {
  merchantId: string;
  sellerOrderId: string;
  cityId: string;
  pickup: StopAsked;
  dropoff: StopAsked;
  readyAt: number | null;
  windowFrom: number | null;
  windowTo: number | null;
  parcelSize: ParcelSize;
  feeCents: number;
  payCents: number | null;
  currency: string | null;
  by: Actor;
};
export type OrderTaken =
  | { taken: 'new' | 'again'; deliveryId: string }
  | {
      refused: 'IDEMPOTENCY_CONFLICT' | 'UNKNOWN_CITY' | 'UNKNOWN_MERCHANT' | 'WRONG_CURRENCY';
      detail: string;
    };

/** What a driver or ops may ask of a driver's availability. */
export type AvailabilityWish =
  | Extract<AvailabilityRequest, { kind: 'shiftStart' | 'breakStart' | 'breakEnd' | 'pause' | 'resume' }>
  | { kind: 'shiftEnd' }
  | { kind: 'set'; availability: 'AVAILABLE' | 'OFFLINE' };

/** Instants in epoch ms. */
export type AvailabilityState = {
  driverId: string;
  availability: Availability;
  until: number | null;
  reason: string | null;
  pending: PendingAvailability | null;
  shiftEndsAt: number | null;
};
export type AvailabilityAnswer =
  | { outcome: 'notFound' }
  | { outcome: 'refused'; code: AvailabilityRefusal; detail: string }
  | { outcome: 'done'; changed: boolean; state: AvailabilityState };

/** See activities/availability.ts. */
export interface AvailabilityService {
  request(
    driverId: string,
    wish: AvailabilityWish,
    by: Actor,
    correlationId: string,
  ): Promise<AvailabilityAnswer>;
  /** @returns null where there is no such driver */
  read(driverId: string): Promise<AvailabilityState | null>;
}

/** `changed` false: it was so already. */
export type CaseAnswer =
  | { outcome: 'notFound' }
  | { outcome: 'refused'; code: 'CASE_RESOLVED' | 'CASE_NEEDS_DECISION'; detail: string }
  | { outcome: 'done'; changed: boolean };

/** What became of a job: `released`, `escalated`, or the code of a refusal; `at` in epoch ms. */
export type RescueResult = { outcome: string; at: number | null };
/** `result` null: its delivery has not answered yet. */
export type RescueJob = {
  deliveryId: string;
  offerId: string | null;
  assignmentId: string | null;
  result: RescueResult | null;
};

/** See activities/rescue.ts. */
export interface RescueService {
  /**
   * Takes the driver off duty and has every delivery told; a repeat under the key is the same rescue.
   * @returns null where there is no such driver
   */
  begin(
    driverId: string,
    asked: { key: string; by: Actor; why: string; correlationId: string },
  ): Promise<{ rescueId: string; jobs: readonly RescueJob[] } | null>;
  /** Keeps the first answer of each delivery. @returns the jobs as they stand */
  keepResults(rescueId: string, results: ReadonlyMap<string, RescueResult>): Promise<readonly RescueJob[]>;
}

/** See activities/supportCases.ts. */
export interface SupportService {
  acknowledge(caseId: string, by: { by: Actor; correlationId: string }): Promise<CaseAnswer>;
  resolve(
    caseId: string,
    how: { by: Actor; resolution: HandResolution; note: string | null; correlationId: string },
  ): Promise<CaseAnswer>;
}

/** See activities/positions.ts. */
export interface PositionService {
  record(driverId: string, fixes: readonly Position[]): Promise<'recorded' | 'notFound'>;
}

export type NewDriver = {
  driverId: string;
  cityId: string;
  name: string;
  phone: string | null;
  vehicleKind: VehicleKind;
  offerVersion: number | null;
  capacity: number;
};

/** See activities/zoneHealth.ts. */
export interface ZoneHealthService {
  /**
   * Computes and keeps the health of every zone of these cities, or all where null; but for what was computed
   * less than 5 s ago.
   */
  refresh(cityIds: readonly string[] | null): Promise<void>;
}

/** See activities/registration.ts. */
export interface DriverRegistration {
  /** Registers a driver, OFFLINE. The same driver again is `again`; another under the same id is refused. */
  register(
    driver: NewDriver,
    by: Actor,
    correlationId: string,
    now: number,
  ): Promise<'new' | 'again' | 'idTaken' | 'unknownCity'>;
}

/**
 * A feature: by the environment, by ops over it, and what holds of both. `plannedPercent` is for today;
 * `history` the last changes, newest first. Instants in epoch ms.
 */
export type FeatureReport = {
  environment: FeatureSetting;
  override: FeatureOverride;
  effective: FeatureSetting;
  plannedPercent: number | null;
  history: readonly (FeatureOverride & { id: bigint; who: string; why: string; at: number })[];
};
export type FeatureAnswer =
  | { outcome: 'notFound' }
  | { outcome: 'refused'; code: 'FEATURE_KILLED' | 'UNKNOWN_CITY'; detail: string }
  | { outcome: 'overtaken'; report: FeatureReport }
  | { outcome: 'done'; changed: boolean; report: FeatureReport };
/**
 * `reason` as OpenFeature names it; `why` null = it is on; `draw` 0..99, on where it is under the percent.
 */
export type FeatureEvaluation = {
  on: boolean;
  reason: string;
  why: string | null;
  draw: number;
  rolloutPercent: number;
};

/** See services/features/featureService.ts. */
export interface FeatureService {
  /** What holds in this process. */
  effective(): readonly FeatureSetting[];
  list(): Promise<FeatureReport[]>;
  /**
   * Replaces all that ops said of a feature before; a repeat changes nothing. `after`: the last change that
   * ops had seen (null: none); where another is, it is overtaken.
   */
  put(
    feature: string,
    wish: FeatureOverride & { after?: string | null },
    by: { who: string; why: string },
    correlationId: string,
  ): Promise<FeatureAnswer>;
  /** @returns null where there is no such feature */
  evaluate(feature: string, subject: FeatureSubject): Promise<FeatureEvaluation | null>;
}
