import { CLAIM_VARIABLES, PRODUCTION_VARIABLES } from './accessVariables';
import { ATTEMPT_MS } from '../domain/delivery/attempt';
import { defaultRolloutPercent, type FeatureName } from '../domain/features/rollout';
import { CODEC_VARIABLES, PRIVACY_VARIABLES } from './privacyVariables';
import { OUTSIDE_VARIABLES } from './outsideVariables';
import { SERVING_VARIABLES, WORKER_STOP_VARIABLES } from './servingVariables';
import {
  choice,
  decimal,
  featureSwitch,
  optionalIds,
  optionalKey,
  optionalSecretUrl,
  optionalText,
  optionalUrl,
  optionalWhole,
  safeUrl,
  secretUrl,
  type Variable,
  whole,
  word,
} from './variable';

const PORT = { min: 0, max: 65_535 };
const SLOTS = { min: 1, max: 10_000 };
const SPEED = { min: 1, max: 10_000 };
const METERS = { min: 100, max: 200_000 };
const MINUTES_OF_A_DAY = { min: 1, max: 1_440 };
const PER_MINUTE = { min: 1, max: 10_000_000 };

/** Variables of both worker and API. Times are real times; TIME_SCALE divides them. */
export const SERVICE_VARIABLES = {
  databaseUrl: secretUrl(
    'DATABASE_URL',
    ['postgresql:', 'postgres:'],
    'PostgreSQL, with the login of the service (which owns no table)',
  ),
  databasePoolSize: whole(
    'DATABASE_POOL_SIZE',
    10,
    { min: 1, max: 500 },
    'PostgreSQL connections of one process',
  ),
  databaseStatementTimeoutMs: whole(
    'DATABASE_STATEMENT_TIMEOUT_MS',
    1_000,
    { min: 50, max: ATTEMPT_MS - 1 },
    'time-out of one statement; shorter than that of a local activity',
  ),
  databasePrepares: choice(
    'DATABASE_PREPARED_STATEMENTS',
    'true',
    ['true', 'false'],
    'use prepared statements, and limits of a connection; false behind a pooler such as PgBouncer',
  ),
  redisUrl: secretUrl('REDIS_URL', ['redis:', 'rediss:'], 'Redis: the live map, realtime rooms, rate limits'),
  logLevel: choice(
    'LOG_LEVEL',
    'info',
    ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    'the lowest severity that is logged',
  ),
  ...PRODUCTION_VARIABLES,
  timeScale: decimal(
    'TIME_SCALE',
    1,
    { min: 0.1, max: 1_000 },
    'divides every duration of business events, for replays and the demo',
  ),

  offerExpirationSeconds: optionalWhole(
    'OFFER_EXPIRATION_SECONDS',
    { min: 1, max: 3_600 },
    'how long an offer waits for an answer, unless its zone sets a time; 30 where this and its alias are unset',
  ),
  driverOffersTimeoutSeconds: optionalWhole(
    'DRIVER_OFFERS_TIMEOUT_SECONDS',
    { min: 1, max: 3_600 },
    'alias of OFFER_EXPIRATION_SECONDS',
  ),
  serviceRadiusMeters: whole(
    'SERVICE_RADIUS_METERS',
    60_000,
    { min: 1_000, max: 1_000_000 },
    'how far from the centre of its city a stop may be, where the city sets nothing',
  ),
  payMaxCents: whole(
    'PAY_MAX_CENTS',
    100_000,
    { min: 1_000, max: 100_000_000 },
    'the most that a driver may get for one delivery, with the bonus, in minor units; a city may set its own',
  ),
  searchLeadMinutes: whole(
    'SEARCH_LEAD_MINUTES',
    10,
    { min: 0, max: 1_440 },
    'how long before the ready time the search for a driver begins',
  ),
  orderHorizonDays: whole(
    'ORDER_HORIZON_DAYS',
    30,
    { min: 1, max: 366 },
    'how far from now the ready time and the window of an order may lie',
  ),
  merchantOpenDeliveriesMax: whole(
    'MERCHANT_OPEN_DELIVERIES_MAX',
    1_000,
    { min: 1, max: 1_000_000 },
    'how many open deliveries a merchant may have; one more is refused',
  ),
  windowWarningMinutes: whole(
    'WINDOW_WARNING_MINUTES',
    5,
    MINUTES_OF_A_DAY,
    'how long before the end of its window a delivery must be expected; else ops and merchant are told',
  ),
  searchMaxMinutes: whole(
    'SEARCH_MAX_MINUTES',
    120,
    { min: 0, max: 10_080 },
    'a search without a driver for this long ends with NO_DRIVER; 0 = never',
  ),
  searchRadiusMeters: whole(
    'SEARCH_RADIUS_METERS',
    3_000,
    METERS,
    'the radius of the first search around the pickup',
  ),
  searchRadiusFactor: decimal(
    'SEARCH_RADIUS_FACTOR',
    1.5,
    { min: 1, max: 10 },
    'the factor by which each fruitless round widens the radius',
  ),
  searchRadiusMaxMeters: whole(
    'SEARCH_RADIUS_MAX_METERS',
    15_000,
    METERS,
    'the largest radius before escalation',
  ),
  searchRadiusEscalatedMeters: whole(
    'SEARCH_RADIUS_ESCALATED_METERS',
    22_500,
    METERS,
    'the radius from escalation level 1 on',
  ),
  searchBackoffSeconds: whole(
    'SEARCH_BACKOFF_SECONDS',
    5,
    { min: 1, max: 3_600 },
    'the first wait after a search that found nobody; it doubles each time',
  ),
  searchBackoffMaxSeconds: whole(
    'SEARCH_BACKOFF_MAX_SECONDS',
    150,
    { min: 1, max: 3_600 },
    'the longest wait between searches',
  ),
  matchingNetSeconds: whole(
    'MATCHING_NET_SECONDS',
    60,
    { min: 5, max: 3_600 },
    'with batch_matching: how long a delivery waits for its city’s matching before it searches by itself',
  ),
  tripMaxDeliveries: whole(
    'TRIP_MAX_DELIVERIES',
    2,
    { min: 1, max: 3 },
    'with batch_matching: the most deliveries that one offer is for; 1: one each',
  ),
  tripMaxExtraMinutes: whole(
    'TRIP_MAX_EXTRA_MINUTES',
    10,
    { min: 0, max: 240 },
    'how much later than alone a customer may get theirs for the sake of another of the same driver',
  ),
  nextJobAheadMinutes: whole(
    'NEXT_JOB_AHEAD_MINUTES',
    5,
    { min: 0, max: 60 },
    'with batch_matching: how long before a drop-off a driver may be offered the next job; 0: not before it',
  ),
  lapseExclusionMinutes: whole(
    'LAPSE_EXCLUSION_MINUTES',
    5,
    { min: 0, max: 1_440 },
    'how long a driver who let an offer lapse gets no other offer of that delivery',
  ),
  bicycleSpeed: whole(
    'DRIVER_SPEED_BICYCLE_METERS_PER_MINUTE',
    250,
    SPEED,
    'speed of a bicycle, for travel estimates',
  ),
  mopedSpeed: whole(
    'DRIVER_SPEED_MOPED_METERS_PER_MINUTE',
    400,
    SPEED,
    'speed of a moped, for travel estimates',
  ),
  carSpeed: whole('DRIVER_SPEED_CAR_METERS_PER_MINUTE', 400, SPEED, 'speed of a car, for travel estimates'),
  vanSpeed: whole('DRIVER_SPEED_VAN_METERS_PER_MINUTE', 333, SPEED, 'speed of a van, for travel estimates'),
  travelDetourFactor: decimal(
    'TRAVEL_DETOUR_FACTOR',
    1.3,
    { min: 1, max: 5 },
    'ratio of road length to straight line, for travel estimates',
  ),

  positionFreshSeconds: whole(
    'POSITION_FRESH_SECONDS',
    60,
    { min: 5, max: 3_600 },
    'an AVAILABLE driver silent for longer leaves the live map',
  ),
  positionOfflineMinutes: whole(
    'POSITION_OFFLINE_MINUTES',
    10,
    MINUTES_OF_A_DAY,
    'an AVAILABLE driver silent for longer goes OFFLINE',
  ),
  positionVagueMeters: whole(
    'POSITION_VAGUE_METERS',
    200,
    { min: 10, max: 100_000 },
    'a position of a worse accuracy is kept as history and moves nobody',
  ),
  positionFastestSpeed: whole(
    'POSITION_FASTEST_METERS_PER_MINUTE',
    4_000,
    { min: 100, max: 10_000_000 },
    'a position that no driver can have reached at this speed is kept as history and moves nobody',
  ),
  positionHistoryDays: whole(
    'POSITION_HISTORY_DAYS',
    30,
    { min: 1, max: 3_650 },
    'how long position history is kept',
  ),
  breakMinMinutes: whole('BREAK_MIN_DURATION_MINUTES', 5, MINUTES_OF_A_DAY, 'the shortest break'),
  breakMaxMinutes: whole('BREAK_MAX_DURATION_MINUTES', 120, MINUTES_OF_A_DAY, 'the longest break'),
  pauseMaxMinutes: whole(
    'PAUSE_MAX_DURATION_MINUTES',
    480,
    MINUTES_OF_A_DAY,
    'the longest pause with an end',
  ),

  escalationLevel1Minutes: whole(
    'ESCALATION_LEVEL_1_THRESHOLD_MINUTES',
    5,
    MINUTES_OF_A_DAY,
    'unassigned time until level 1',
  ),
  escalationLevel2Minutes: whole(
    'ESCALATION_LEVEL_2_THRESHOLD_MINUTES',
    15,
    MINUTES_OF_A_DAY,
    'unassigned time until level 2; more than level 1',
  ),
  escalationLevel3Minutes: whole(
    'ESCALATION_LEVEL_3_THRESHOLD_MINUTES',
    30,
    MINUTES_OF_A_DAY,
    'unassigned time until level 3; more than level 2',
  ),
  escalationRepeatMinutes: whole(
    'ESCALATION_REPEAT_MINUTES',
    10,
    MINUTES_OF_A_DAY,
    'the interval at which level 3 repeats page and broadcast',
  ),
  escalationBonusCents: whole(
    'ESCALATION_BONUS_CENTS',
    200,
    { min: 0, max: 100_000 },
    'how much level 2 adds to the pay, in minor units; a city may set its own',
  ),
  escalationBroadcastSize: whole(
    'ESCALATION_BROADCAST_SIZE',
    8,
    { min: 1, max: 8 },
    'the number of drivers in one wave of a broadcast',
  ),
  zoneActDeliveriesPerSecond: whole(
    'ZONE_ACT_DELIVERIES_PER_SECOND',
    20,
    { min: 1, max: 1_000 },
    'how many deliveries of a zone an act of ops reaches in a second',
  ),
  zoneWidenMaxMeters: whole(
    'ZONE_WIDEN_MAX_METERS',
    50_000,
    { min: 1_000, max: 200_000 },
    'how far ops may widen the searches of a zone; the radius from escalation level 1 on is always allowed',
  ),
  escalationCheckMinutes: whole(
    'ESCALATION_CHECK_INTERVAL_MINUTES',
    2,
    { min: 1, max: 60 },
    'how often overdue deliveries are checked for their escalation',
  ),

  lostSilenceSeconds: whole(
    'LOST_AFTER_SILENCE_SECONDS',
    180,
    { min: 10, max: 86_400 },
    'a driver with work who is silent for this long is lost',
  ),
  lostSilenceAtStopMinutes: whole(
    'LOST_AFTER_SILENCE_AT_STOP_MINUTES',
    10,
    MINUTES_OF_A_DAY,
    'the same for a driver at a stop, where signal is poor; or LOST_AFTER_SILENCE_SECONDS, where that is longer',
  ),
  lostNoProgressMinutes: whole(
    'LOST_AFTER_NO_PROGRESS_MINUTES',
    5,
    MINUTES_OF_A_DAY,
    'a driver who stands still on the way to the pickup for this long is lost',
  ),
  lostDetourMinutes: optionalWhole(
    'LOST_AFTER_DETOUR_MINUTES',
    MINUTES_OF_A_DAY,
    'a driver who moves but comes no nearer to the pickup for this long is lost; unset: three times as long',
  ),
  lostMaxSilentPercent: whole(
    'LOST_MAX_SILENT_PERCENT',
    30,
    { min: 1, max: 100 },
    'where a greater share of a city’s working drivers is silent at once, an alert replaces the losses',
  ),
  stageTravelPercent: whole(
    'STAGE_TRAVEL_PERCENT',
    200,
    { min: 100, max: 10_000 },
    'percent of its travel time that a carrier’s way may take, before the driver is reminded',
  ),
  stageSlackMinutes: whole('STAGE_SLACK_MINUTES', 10, MINUTES_OF_A_DAY, 'and this much more'),
  stageAtPickupMinutes: whole(
    'STAGE_AT_PICKUP_MINUTES',
    15,
    MINUTES_OF_A_DAY,
    'how long a driver may be at the pickup, from the arrival or the ready time, before a reminder',
  ),
  stageAtDropoffMinutes: whole(
    'STAGE_AT_DROPOFF_MINUTES',
    15,
    MINUTES_OF_A_DAY,
    'how long a driver may be at the dropoff before a reminder',
  ),
  stageCaseMinutes: whole(
    'STAGE_CASE_AFTER_MINUTES',
    5,
    MINUTES_OF_A_DAY,
    'how long after the reminder ops get a case',
  ),
  lapsesBeforePause: whole(
    'LAPSES_BEFORE_PAUSE',
    0,
    { min: 0, max: 100 },
    'a driver who lets this many offers in a row lapse that their app showed is paused; 0 = never',
  ),
  lapsePauseMinutes: whole(
    'LAPSE_PAUSE_MINUTES',
    15,
    MINUTES_OF_A_DAY,
    'how long that pause lasts, unless the driver resumes earlier',
  ),

  enableDriverOffers: featureSwitch(
    'ENABLE_DRIVER_OFFERS',
    'offers to drivers; without them the nearest driver is assigned without an offer',
  ),
  driverOffersRollout: featureRollout('driver_offers', 'deliveries'),
  driverOffersCities: featureCities('driver_offers'),
  enableAvailabilityStates: featureSwitch(
    'ENABLE_AVAILABILITY_STATES',
    'breaks, pauses and shift ends of drivers',
  ),
  availabilityStatesRollout: featureRollout('availability_states', 'drivers'),
  availabilityStatesCities: featureCities('availability_states'),
  enableEscalation: featureSwitch('ENABLE_ESCALATION', 'timed escalation of deliveries without a driver'),
  escalationRollout: featureRollout('escalation', 'deliveries'),
  escalationCities: featureCities('escalation'),
  enableAutoReassignment: featureSwitch(
    'ENABLE_AUTO_REASSIGNMENT',
    'automatic search for a new driver after a loss',
  ),
  autoReassignmentRollout: featureRollout('auto_reassignment', 'deliveries'),
  autoReassignmentCities: featureCities('auto_reassignment'),
  enableBatchMatching: featureSwitch(
    'ENABLE_BATCH_MATCHING',
    'drivers for waiting deliveries are chosen for a city at once; needs driver_offers',
  ),
  batchMatchingRollout: featureRollout('batch_matching', 'deliveries'),
  batchMatchingCities: featureCities('batch_matching'),

  slackWebhookUrl: optionalSecretUrl(
    'SLACK_WEBHOOK_URL',
    'the incoming webhook of support’s chat; unset: notices go to the log',
  ),
  notificationFallbackUrl: optionalSecretUrl(
    'NOTIFICATION_FALLBACK_URL',
    'the webhook of a second chat, for what its own channel refuses; unset: pages go to support’s chat, then the log',
  ),
  pagerDutyRoutingKey: optionalKey(
    'PAGERDUTY_ROUTING_KEY',
    32,
    'the integration key of PagerDuty’s Events API v2; unset: pages go to the log',
  ),
  pagerDutyUrl: safeUrl(
    'PAGERDUTY_URL',
    'https://events.pagerduty.com/v2/enqueue',
    'the address of PagerDuty’s Events API',
  ),
  webPushPublicKey: optionalText(
    'WEB_PUSH_VAPID_PUBLIC_KEY',
    { pattern: /^[\w-]{87}$/, allowed: '65 bytes in base64url', isSecret: false },
    'the public VAPID key, with which apps subscribe to web push; all three or none',
  ),
  webPushPrivateKey: optionalText(
    'WEB_PUSH_VAPID_PRIVATE_KEY',
    { pattern: /^[\w-]{43}$/, allowed: '32 bytes in base64url', isSecret: true },
    'the private VAPID key',
  ),
  webPushSubject: optionalText(
    'WEB_PUSH_VAPID_SUBJECT',
    {
      pattern: /^(mailto:[^\s@]+@[^\s@]+|https:\/\/[^\s/]+\S*)$/,
      allowed: 'a mailto: or https: address',
      isSecret: false,
    },
    'the contact address for push services',
  ),
  webPushAllowLocal: choice(
    'WEB_PUSH_ALLOW_LOCAL',
    'false',
    ['true', 'false'],
    'for tests and demo: allow push services on this machine, also without TLS',
  ),
  publicUrl: optionalUrl(
    'PUBLIC_URL',
    ['https:', 'http:'],
    'the base address of links in notices; unset: links are bare paths',
  ),
  notificationMaxAgeMinutes: whole(
    'NOTIFICATION_MAX_AGE_MINUTES',
    60,
    MINUTES_OF_A_DAY,
    'how long a notice is retried',
  ),
  noticeGroupUpdateSeconds: whole(
    'NOTICE_GROUP_UPDATE_SECONDS',
    60,
    { min: 1, max: 3_600 },
    'how often support and pager are told at most how the waiting deliveries of a zone fare',
  ),
  guardRailWindowMinutes: whole(
    'GUARD_RAIL_WINDOW_MINUTES',
    60,
    { min: 10, max: 1_440 },
    'how far back the guard rails of the matching look',
  ),
  guardRailSample: whole(
    'GUARD_RAIL_SAMPLE',
    30,
    { min: 10, max: 10_000 },
    'fewer deliveries, answers or rounds break no guard rail',
  ),
  guardRailUnassignedMinutes: whole(
    'GUARD_RAIL_UNASSIGNED_MINUTES',
    10,
    { min: 1, max: 240 },
    'for the guard rails, a delivery that waits this long has found nobody in time',
  ),
  ...PRIVACY_VARIABLES,

  workerHealthHost: word(
    'WORKER_HEALTH_HOST',
    '127.0.0.1',
    'the address on which a worker answers /health, /health/ready and /metrics',
  ),
  workerHealthPort: whole(
    'WORKER_HEALTH_PORT',
    3_002,
    PORT,
    'the port of the worker’s health endpoint; 0 = any free one',
  ),
  ...WORKER_STOP_VARIABLES,
  workerMaxCachedWorkflows: whole(
    'WORKER_MAX_CACHED_WORKFLOWS',
    1_000,
    { min: 0, max: 100_000 },
    'the number of workflows in a worker’s sticky cache',
  ),
  workerWorkflowTaskSlots: whole(
    'WORKER_WORKFLOW_TASK_SLOTS',
    40,
    { min: 2, max: 10_000 },
    'concurrent workflow tasks of a worker',
  ),
  workerLocalActivitySlots: whole(
    'WORKER_LOCAL_ACTIVITY_SLOTS',
    40,
    SLOTS,
    'concurrent local activities (transactions) of a worker',
  ),
  workerActivitySlots: whole('WORKER_ACTIVITY_SLOTS', 20, SLOTS, 'other concurrent activities of a worker'),
  workerWorkflowTaskPollers: whole(
    'WORKER_WORKFLOW_TASK_POLLERS',
    10,
    { min: 2, max: 1_000 },
    'concurrent polls for workflow tasks; at most the number of slots',
  ),
  workerActivityPollers: whole(
    'WORKER_ACTIVITY_POLLERS',
    10,
    { min: 1, max: 1_000 },
    'concurrent polls for other activities; at most the number of slots',
  ),
  workerDeploymentName: optionalText(
    'WORKER_DEPLOYMENT_NAME',
    {
      pattern: /^[a-z][a-z0-9-]{0,62}$/,
      allowed: 'up to 63 lower case letters, digits and hyphens, a letter first',
      isSecret: false,
    },
    'the deployment name for worker versioning: a run stays on its build (docs/upgrading.md); unset: off',
  ),
};

/** Variables of the API only. */
export const API_VARIABLES = {
  host: word('API_HOST', '127.0.0.1', 'the address the API listens on'),
  port: whole('API_PORT', 3_001, PORT, 'the port the API listens on; 0 = any free one'),
  ...SERVING_VARIABLES,
  trustedProxies: whole(
    'TRUSTED_PROXIES',
    0,
    { min: 0, max: 10 },
    'the number of reverse proxies in front of the API, whose X-Forwarded-For entries are trusted',
  ),
  shutdownGraceSeconds: whole(
    'SHUTDOWN_GRACE_SECONDS',
    10,
    { min: 0, max: 300 },
    'how long requests in progress may take during shutdown',
  ),
  answerTimeoutMs: whole(
    'ANSWER_TIMEOUT_MS',
    8_000,
    { min: 100, max: 60_000 },
    'time-out for a workflow’s answer; then 503, which is safe to retry',
  ),
  jwksUrl: optionalUrl(
    'JWT_JWKS_URL',
    ['https:', 'http:'],
    'the address of the token issuer’s public keys; this or JWT_LOCAL_KEY',
  ),
  localKey: optionalKey(
    'JWT_LOCAL_KEY',
    32,
    'the HS256 key of tokens for demo and tests; this or JWT_JWKS_URL',
  ),
  demoSignIn: choice(
    'DEMO_SIGN_IN',
    'false',
    ['true', 'false'],
    'lets the API docs page sign in demo users on this machine; only `npm start` sets it (ADR 29)',
  ),
  issuer: word('JWT_ISSUER', 'driver-service', 'the `iss` that a token must have'),
  audience: word('JWT_AUDIENCE', 'driver-service', 'the `aud` that a token must have'),
  ...CLAIM_VARIABLES,
  ...CODEC_VARIABLES,
  ...OUTSIDE_VARIABLES,
  perMinute: whole('RATE_LIMIT_PER_MINUTE', 600, PER_MINUTE, 'requests a minute of one driver or customer'),
  merchantPerMinute: whole(
    'RATE_LIMIT_MERCHANT_PER_MINUTE',
    6_000,
    PER_MINUTE,
    'requests a minute of one merchant',
  ),
  opsPerMinute: whole(
    'RATE_LIMIT_OPS_PER_MINUTE',
    6_000,
    PER_MINUTE,
    'requests a minute of one member of ops',
  ),
  locationPerMinute: whole(
    'RATE_LIMIT_LOCATION_PER_MINUTE',
    600,
    PER_MINUTE,
    'positions a minute of one driver, counted separately; a batch counts each of its positions',
  ),
  availabilityPerMinute: whole(
    'RATE_LIMIT_AVAILABILITY_PER_MINUTE',
    30,
    PER_MINUTE,
    'availability changes a minute of one driver, counted separately',
  ),
  handshakesPerMinute: whole(
    'RATE_LIMIT_HANDSHAKES_PER_MINUTE',
    60,
    PER_MINUTE,
    'socket connections a minute of one subject',
  ),
  badTokenPerMinute: whole(
    'RATE_LIMIT_BAD_TOKEN_PER_MINUTE',
    60,
    PER_MINUTE,
    'requests and handshakes a minute without a valid token from one IP address (IPv6: one /64); beyond it ' +
      'their 401 comes late',
  ),
};

function featureRollout(feature: FeatureName, subjects: string): Variable<number | null> {
  return optionalWhole(
    `${feature.toUpperCase()}_ROLLOUT`,
    { min: 0, max: 100 },
    `percent of ${subjects} that ${feature} holds for. ` +
      `Unset: ${defaultRolloutPercent(feature)}, can be changed. 0: killed, nothing overrides it`,
  );
}

function featureCities(feature: FeatureName): Variable<readonly string[] | null> {
  return optionalIds(
    `${feature.toUpperCase()}_CITIES`,
    `the cities that ${feature} is limited to; unset: all`,
  );
}
