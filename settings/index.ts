/**
 * The only place that reads the environment. An invalid or missing value stops the start. The message names
 * every such variable, the problem and the allowed values, and contains no secret.
 */
import type { NoticeSettings, PayloadKeys, VapidKeys } from '../services/ports';
import type { AvailabilityLimits } from '../domain/driver/availability';
import type { EscalationLimits } from '../domain/delivery/escalation';
import { LOSS_LIMITS, type LossLimits } from '../domain/driver/loss';
import { POSITION_LIMITS, type PositionLimits } from '../domain/driver/positionLimits';
import type { StageLimits } from '../domain/driver/stageWatch';
import type { TravelModel } from '../domain/geo/places';
import type { OrderLimits } from '../domain/orders/orderLimits';
import { RANKING_LIMITS, type RankingLimits } from '../domain/matching/candidate';
import { type SearchLimits } from '../domain/matching/searchPlan';
import { environmentSetting, type FeatureSetting } from '../domain/features/rollout';
import { apiContradictions, serviceContradictions } from './contradictions';
import { apiRisks, serviceRisks } from './production';
import type { Environment, Variable } from './variable';
import { API_VARIABLES as API, SERVICE_VARIABLES as SERVICE } from './variables';

/**
 * Settings of both worker and API. Durations of business events are in ms and already divided by TIME_SCALE;
 * technical time-outs are not divided.
 */
export type Settings = {
  database: { url: string; poolSize: number; statementTimeoutMs: number; prepares: boolean };
  redis: { url: string };
  log: { level: string };
  timeScale: number;
  /** The offer time-out if its zone sets none. */
  offerTtlMs: number;
  searchLeadMs: number;
  orders: OrderLimits;
  windowWarningMs: number;
  zoneActs: { deliveriesPerSecond: number; widenMaxMeters: number };
  /** 0 = unlimited. */
  searchMaxMs: number;
  search: SearchLimits;
  /** How long a delivery waits for its city's matching before it searches by itself. */
  matchingNetMs: number;
  /** How many deliveries one offer may be for. */
  tripMaxDeliveries: number;
  tripMaxExtraMs: number;
  nextJobAheadMs: number;
  ranking: RankingLimits;
  /** In real time: divide travel times by `timeScale`. */
  travel: TravelModel;
  availability: AvailabilityLimits;
  escalation: EscalationLimits & { checkEveryMs: number };
  loss: LossLimits;
  positions: PositionLimits;
  stages: StageLimits;
  lapsePause: { afterLapses: number; pauseMs: number };
  /** How long position history is kept, in real ms whatever the time scale. */
  positionsKeptMs: number;
  /** How long personal data is kept after a delivery ended, in real ms; null = for ever. */
  personalDataKeptMs: number | null;
  /** The encryption of personal content in Temporal. */
  payloads: PayloadKeys;
  features: readonly FeatureSetting[];
  notices: NoticeSettings;
  noticeGroupUpdateMs: number;
  /** When the matching of a city switches itself off. */
  guardRails: { windowMs: number; minSample: number; unassignedMs: number };
  /** Whether drivers with a closed app get offers by web push. */
  pushesOffers: boolean;
  worker: WorkerSettings;
};

/** Tuning of a worker. `deploymentName` null: worker versioning is off. */
export type WorkerSettings = {
  healthHost: string;
  healthPort: number;
  shutdownGraceMs: number;
  maxCachedWorkflows: number;
  workflowTaskSlots: number;
  localActivitySlots: number;
  activitySlots: number;
  workflowTaskPollers: number;
  activityPollers: number;
  deploymentName: string | null;
};

/** Settings of the API only. */
export type ApiSettings = Settings & {
  api: {
    host: string;
    port: number;
    trustedProxies: number;
    /** Null: metrics, details of readiness and docs are on `port`. */
    admin: { host: string; port: number } | null;
    keepAliveMs: number;
    shutdownDrainMs: number;
    shutdownGraceMs: number;
    answerTimeoutMs: number;
  };
  auth: AuthSettings;
  /** The API docs page offers tokens of demo people. Never set together with an issuer's keys in `auth`. */
  demoSignIn: boolean;
  /** The origin of the Temporal UI, for the codec endpoint; null: no page may call it. */
  temporalUiOrigin: string | null;
  rateLimits: RateLimits;
  /** Null: customers cannot follow deliveries. */
  tracking: TrackingSettings | null;
  /** Browser origins that may use API and sockets; null: none is listed. */
  corsOrigins: readonly string[] | null;
  servesPolling: boolean;
  /** From when (epoch ms) new drivers need an app of v2; null: never. */
  requireV2From: number | null;
};

/** How tracking tokens are signed, and how long they are valid after the delivery is due. */
export type TrackingSettings = { key: string; previousKey: string | null; validMs: number };

/** How tokens are verified: by the issuer's public keys, or by one key for demo and tests. */
export type AuthSettings = {
  keys: { kind: 'jwks'; url: string } | { kind: 'local'; key: string };
  issuer: string;
  audience: string;
  /** Default: DEFAULT_CLAIMS. */
  claims?: ClaimSettings;
  /** How long a token holds after it was issued. Default: DEFAULT_TOKEN_AGE_MS. */
  maxAgeMs?: number;
};

/** Where a token has its claims, by name or by path, and what its roles mean. */
export type ClaimSettings = {
  role: string;
  /** The roles of the issuer by their name there; null: they have our names. */
  roleValues: ReadonlyMap<string, 'driver' | 'ops' | 'merchant' | 'customer'> | null;
  cities: string;
  driver: string;
  merchant: string;
};

export const DEFAULT_CLAIMS: ClaimSettings = {
  role: 'role',
  roleValues: null,
  cities: 'cities',
  driver: 'sub',
  merchant: 'merchantId',
};
export const DEFAULT_TOKEN_AGE_MS = 24 * 3_600_000;

/** Points a minute: requests, positions, handshakes. */
export type RateLimits = {
  perMinute: number;
  merchantPerMinute: number;
  opsPerMinute: number;
  locationPerMinute: number;
  availabilityPerMinute: number;
  handshakesPerMinute: number;
  badTokenPerMinute: number;
};

/** Invalid settings. The message lists every problem, one per line. */
export class SettingsError extends Error {
  override name = 'SettingsError';

  constructor(readonly problems: readonly string[]) {
    super(['The settings are invalid:', ...problems.map((problem) => `  ${problem}`)].join('\n'));
  }
}

/** The error text of a failed start: the message of a settings error, the stack of any other. */
export function startFailure(error: unknown): string {
  if (error instanceof SettingsError || (error instanceof Error && error.name === 'UnfitPostgres'))
    return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/**
 * The settings of a worker.
 * @throws SettingsError
 */
export function readSettings(environment: Environment): Settings {
  const env = withoutEmpty(environment);
  refuseProblems([
    ...wrongValues(env, Object.values<Variable<unknown>>(SERVICE)),
    ...serviceContradictions(env),
    ...serviceRisks(env),
  ]);
  return servicePart(reader(env));
}

/**
 * The settings of the API: those of a worker, its address, token verification and rate limits.
 * @throws SettingsError
 */
export function readApiSettings(environment: Environment): ApiSettings {
  const env = withoutEmpty(environment);
  const variables = [...Object.values<Variable<unknown>>(SERVICE), ...Object.values<Variable<unknown>>(API)];
  refuseProblems([
    ...wrongValues(env, variables),
    ...serviceContradictions(env),
    ...apiContradictions(env),
    ...serviceRisks(env),
    ...apiRisks(env),
  ]);
  const read = reader(env);
  return { ...servicePart(read), ...apiPart(read) };
}

const DAY_MS = 86_400_000;
/** A detour may take so many times as long as standing still. */
const DETOUR_FACTOR = 3;

type Read = <T>(variable: Variable<T>) => T;

const reader =
  (env: Environment): Read =>
  ({ name, schema }) =>
    schema.parse(env[name]);

/** Compose files and charts set an unused variable to the empty string. */
function withoutEmpty(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, text]) => text !== ''));
}

function wrongValues(env: Environment, variables: readonly Variable<unknown>[]): string[] {
  return variables.flatMap(
    ({ name, schema }) => schema.safeParse(env[name]).error?.issues.map(({ message }) => message) ?? [],
  );
}

function refuseProblems(problems: readonly string[]): void {
  if (problems.length > 0) throw new SettingsError(problems);
}

function servicePart(read: Read): Settings {
  const timeScale = read(SERVICE.timeScale);
  const seconds = (count: number): number => scaledMs(count * 1_000, timeScale);
  const minutes = (count: number): number => scaledMs(count * 60_000, timeScale);
  const notices = noticesPart(read);
  return {
    database: {
      url: read(SERVICE.databaseUrl),
      poolSize: read(SERVICE.databasePoolSize),
      statementTimeoutMs: read(SERVICE.databaseStatementTimeoutMs),
      prepares: read(SERVICE.databasePrepares) === 'true',
    },
    redis: { url: read(SERVICE.redisUrl) },
    log: { level: read(SERVICE.logLevel) },
    timeScale,
    offerTtlMs: seconds(
      read(SERVICE.offerExpirationSeconds) ?? read(SERVICE.driverOffersTimeoutSeconds) ?? 30,
    ),
    searchLeadMs: minutes(read(SERVICE.searchLeadMinutes)),
    windowWarningMs: minutes(read(SERVICE.windowWarningMinutes)),
    zoneActs: {
      deliveriesPerSecond: read(SERVICE.zoneActDeliveriesPerSecond),
      // what escalation does by itself, ops may do too
      widenMaxMeters: Math.max(read(SERVICE.zoneWidenMaxMeters), read(SERVICE.searchRadiusEscalatedMeters)),
    },
    orders: {
      horizonMs: scaledMs(read(SERVICE.orderHorizonDays) * DAY_MS, timeScale),
      openDeliveriesMax: read(SERVICE.merchantOpenDeliveriesMax),
      serviceRadiusMeters: read(SERVICE.serviceRadiusMeters),
      payMaxCents: read(SERVICE.payMaxCents),
    },
    searchMaxMs: minutes(read(SERVICE.searchMaxMinutes)),
    search: searchPart(read, seconds),
    matchingNetMs: seconds(read(SERVICE.matchingNetSeconds)),
    tripMaxDeliveries: read(SERVICE.tripMaxDeliveries),
    nextJobAheadMs: minutes(read(SERVICE.nextJobAheadMinutes)),
    tripMaxExtraMs: minutes(read(SERVICE.tripMaxExtraMinutes)),
    ranking: {
      ...RANKING_LIMITS,
      freshPositionMs: seconds(read(SERVICE.positionFreshSeconds)),
      lapseExclusionMs: minutes(read(SERVICE.lapseExclusionMinutes)),
      travelBucketMs: scaledMs(RANKING_LIMITS.travelBucketMs, timeScale),
    },
    travel: travelPart(read),
    availability: {
      breakMinMinutes: read(SERVICE.breakMinMinutes),
      breakMaxMinutes: read(SERVICE.breakMaxMinutes),
      pauseMaxMinutes: read(SERVICE.pauseMaxMinutes),
      freshPositionMs: seconds(read(SERVICE.positionFreshSeconds)),
      silentMs: minutes(read(SERVICE.positionOfflineMinutes)),
    },
    escalation: {
      thresholds: {
        1: minutes(read(SERVICE.escalationLevel1Minutes)),
        2: minutes(read(SERVICE.escalationLevel2Minutes)),
        3: minutes(read(SERVICE.escalationLevel3Minutes)),
      },
      repeatMs: minutes(read(SERVICE.escalationRepeatMinutes)),
      bonusCents: read(SERVICE.escalationBonusCents),
      waveSize: read(SERVICE.escalationBroadcastSize),
      minuteMs: minutes(1),
      checkEveryMs: minutes(read(SERVICE.escalationCheckMinutes)),
    },
    loss: {
      ...LOSS_LIMITS,
      silentMs: seconds(read(SERVICE.lostSilenceSeconds)),
      silentAtStopMs: minutes(read(SERVICE.lostSilenceAtStopMinutes)),
      noProgressMs: minutes(read(SERVICE.lostNoProgressMinutes)),
      detourMs: minutes(
        read(SERVICE.lostDetourMinutes) ?? DETOUR_FACTOR * read(SERVICE.lostNoProgressMinutes),
      ),
      maxSilentShare: read(SERVICE.lostMaxSilentPercent) / 100,
    },
    positions: {
      vagueMeters: read(SERVICE.positionVagueMeters),
      fastestMetersPerMs: (read(SERVICE.positionFastestSpeed) * timeScale) / 60_000,
      leapBelievedMs: scaledMs(POSITION_LIMITS.leapBelievedMs, timeScale),
    },
    stages: {
      travelFactor: read(SERVICE.stageTravelPercent) / 100,
      slackMs: minutes(read(SERVICE.stageSlackMinutes)),
      atPickupMs: minutes(read(SERVICE.stageAtPickupMinutes)),
      atDropoffMs: minutes(read(SERVICE.stageAtDropoffMinutes)),
      caseAfterMs: minutes(read(SERVICE.stageCaseMinutes)),
    },
    lapsePause: {
      afterLapses: read(SERVICE.lapsesBeforePause),
      pauseMs: minutes(read(SERVICE.lapsePauseMinutes)),
    },
    positionsKeptMs: read(SERVICE.positionHistoryDays) * DAY_MS,
    personalDataKeptMs: read(SERVICE.personalDataDays) * DAY_MS || null,
    payloads: { keys: read(SERVICE.payloadKeys), encryptWith: read(SERVICE.payloadKeyId) },
    features: featuresPart(read),
    notices,
    noticeGroupUpdateMs: seconds(read(SERVICE.noticeGroupUpdateSeconds)),
    guardRails: {
      windowMs: minutes(read(SERVICE.guardRailWindowMinutes)),
      minSample: read(SERVICE.guardRailSample),
      unassignedMs: minutes(read(SERVICE.guardRailUnassignedMinutes)),
    },
    pushesOffers: notices.webPush !== null,
    worker: workerPart(read),
  };
}

/** Never rounds down to 0, which has a meaning of its own. */
function scaledMs(ms: number, timeScale: number): number {
  return ms === 0 ? 0 : Math.max(1, Math.round(ms / timeScale));
}

function searchPart(read: Read, seconds: (count: number) => number): SearchLimits {
  return {
    startRadiusMeters: read(SERVICE.searchRadiusMeters),
    radiusGrowth: read(SERVICE.searchRadiusFactor),
    maxRadiusMeters: read(SERVICE.searchRadiusMaxMeters),
    escalatedRadiusMeters: read(SERVICE.searchRadiusEscalatedMeters),
    backoffMs: seconds(read(SERVICE.searchBackoffSeconds)),
    maxBackoffMs: seconds(read(SERVICE.searchBackoffMaxSeconds)),
  };
}

function travelPart(read: Read): TravelModel {
  return {
    detourFactor: read(SERVICE.travelDetourFactor),
    metersPerMinute: {
      BICYCLE: read(SERVICE.bicycleSpeed),
      MOPED: read(SERVICE.mopedSpeed),
      CAR: read(SERVICE.carSpeed),
      VAN: read(SERVICE.vanSpeed),
    },
  };
}

function featuresPart(read: Read): FeatureSetting[] {
  return [
    environmentSetting(
      'driver_offers',
      read(SERVICE.enableDriverOffers),
      read(SERVICE.driverOffersRollout),
      read(SERVICE.driverOffersCities),
    ),
    environmentSetting(
      'availability_states',
      read(SERVICE.enableAvailabilityStates),
      read(SERVICE.availabilityStatesRollout),
      read(SERVICE.availabilityStatesCities),
    ),
    environmentSetting(
      'escalation',
      read(SERVICE.enableEscalation),
      read(SERVICE.escalationRollout),
      read(SERVICE.escalationCities),
    ),
    environmentSetting(
      'auto_reassignment',
      read(SERVICE.enableAutoReassignment),
      read(SERVICE.autoReassignmentRollout),
      read(SERVICE.autoReassignmentCities),
    ),
    environmentSetting(
      'batch_matching',
      read(SERVICE.enableBatchMatching),
      read(SERVICE.batchMatchingRollout),
      read(SERVICE.batchMatchingCities),
    ),
  ];
}

/** Calls to notice channels happen in real time, so no duration is divided. */
function noticesPart(read: Read): NoticeSettings {
  return {
    slackUrl: read(SERVICE.slackWebhookUrl),
    fallbackUrl: read(SERVICE.notificationFallbackUrl),
    pagerDuty: { url: read(SERVICE.pagerDutyUrl), routingKey: read(SERVICE.pagerDutyRoutingKey) },
    webPush: webPushPart(read),
    allowLocalPush: read(SERVICE.webPushAllowLocal) === 'true',
    publicUrl: read(SERVICE.publicUrl)?.replace(/\/+$/, '') ?? null,
    maxAgeMs: read(SERVICE.notificationMaxAgeMinutes) * 60_000,
  };
}

function webPushPart(read: Read): VapidKeys | null {
  const [publicKey, privateKey, subject] = [
    read(SERVICE.webPushPublicKey),
    read(SERVICE.webPushPrivateKey),
    read(SERVICE.webPushSubject),
  ];
  return publicKey === null || privateKey === null || subject === null
    ? null
    : { publicKey, privateKey, subject };
}

function workerPart(read: Read): WorkerSettings {
  return {
    healthHost: read(SERVICE.workerHealthHost),
    healthPort: read(SERVICE.workerHealthPort),
    shutdownGraceMs: read(SERVICE.workerGraceSeconds) * 1_000,
    maxCachedWorkflows: read(SERVICE.workerMaxCachedWorkflows),
    workflowTaskSlots: read(SERVICE.workerWorkflowTaskSlots),
    localActivitySlots: read(SERVICE.workerLocalActivitySlots),
    activitySlots: read(SERVICE.workerActivitySlots),
    workflowTaskPollers: read(SERVICE.workerWorkflowTaskPollers),
    activityPollers: read(SERVICE.workerActivityPollers),
    deploymentName: read(SERVICE.workerDeploymentName),
  };
}

function apiPart(read: Read): Omit<ApiSettings, keyof Settings> {
  return {
    api: {
      host: read(API.host),
      port: read(API.port),
      trustedProxies: read(API.trustedProxies),
      admin: adminPart(read),
      keepAliveMs: read(API.keepAliveSeconds) * 1_000,
      shutdownDrainMs: read(API.drainSeconds) * 1_000,
      shutdownGraceMs: read(API.shutdownGraceSeconds) * 1_000,
      answerTimeoutMs: read(API.answerTimeoutMs),
    },
    auth: {
      keys: keysPart(read),
      issuer: read(API.issuer),
      audience: read(API.audience),
      claims: {
        role: read(API.roleClaim),
        roleValues: read(API.roleValues),
        cities: read(API.citiesClaim),
        driver: read(API.driverClaim),
        merchant: read(API.merchantClaim),
      },
      maxAgeMs: read(API.maxAgeMinutes) * 60_000,
    },
    demoSignIn: read(API.demoSignIn) === 'true',
    temporalUiOrigin: read(API.temporalUiOrigin),
    tracking: trackingPart(read),
    corsOrigins: read(API.corsOrigins),
    servesPolling: read(API.socketPolling) === 'true',
    requireV2From: dayStart(read(API.requireV2From)),
    rateLimits: {
      perMinute: read(API.perMinute),
      merchantPerMinute: read(API.merchantPerMinute),
      opsPerMinute: read(API.opsPerMinute),
      locationPerMinute: read(API.locationPerMinute),
      availabilityPerMinute: read(API.availabilityPerMinute),
      handshakesPerMinute: read(API.handshakesPerMinute),
      badTokenPerMinute: read(API.badTokenPerMinute),
    },
  };
}

function dayStart(day: string | null): number | null {
  return day === null ? null : Date.parse(`${day}T00:00:00Z`);
}

function trackingPart(read: Read): TrackingSettings | null {
  const key = read(API.trackingKey);
  return key === null
    ? null
    : {
        key,
        previousKey: read(API.trackingPreviousKey),
        validMs: read(API.trackingHours) * 3_600_000,
      };
}

function adminPart(read: Read): ApiSettings['api']['admin'] {
  const [host, port] = [read(API.adminHost), read(API.adminPort)];
  return port === null ? null : { host, port };
}

function keysPart(read: Read): AuthSettings['keys'] {
  const [url, key] = [read(API.jwksUrl), read(API.localKey)];
  if (url !== null) return { kind: 'jwks', url };
  if (key !== null) return { kind: 'local', key };
  throw new SettingsError([`${API.jwksUrl.name} and ${API.localKey.name} must not both be unset`]);
}
