import { defaultRolloutPercent, type FeatureName } from '../domain/features/rollout';
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

/** What worker and API both read. Times are those of a real day; TIME_SCALE divides them. */
export const SERVICE_VARIABLES = {
  databaseUrl: secretUrl(
    'DATABASE_URL',
    ['postgresql:', 'postgres:'],
    'PostgreSQL, by the login of the service (it owns no table)',
  ),
  databasePoolSize: whole(
    'DATABASE_POOL_SIZE',
    10,
    { min: 1, max: 500 },
    'connections to PostgreSQL of one process',
  ),
  databaseStatementTimeoutMs: whole(
    'DATABASE_STATEMENT_TIMEOUT_MS',
    1_000,
    { min: 50, max: 600_000 },
    'the longest one statement may run; less than a local activity may',
  ),
  databasePrepares: choice(
    'DATABASE_PREPARED_STATEMENTS',
    'true',
    ['true', 'false'],
    'connections keep statements prepared; false behind a pooler that hands out connections by transaction and knows no prepared statements',
  ),
  redisUrl: secretUrl('REDIS_URL', ['redis:', 'rediss:'], 'Redis: the live map, realtime rooms, rate limits'),
  logLevel: choice(
    'LOG_LEVEL',
    'info',
    ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    'the least severe log line that is written',
  ),
  timeScale: decimal(
    'TIME_SCALE',
    1,
    { min: 0.1, max: 1_000 },
    'for replays: every duration of business is divided by it',
  ),

  offerExpirationSeconds: optionalWhole(
    'OFFER_EXPIRATION_SECONDS',
    { min: 1, max: 3_600 },
    'how long an offer waits for its answer where its zone sets nothing else; 30 where neither this nor its alias is set',
  ),
  driverOffersTimeoutSeconds: optionalWhole(
    'DRIVER_OFFERS_TIMEOUT_SECONDS',
    { min: 1, max: 3_600 },
    'alias of OFFER_EXPIRATION_SECONDS',
  ),
  searchLeadMinutes: whole(
    'SEARCH_LEAD_MINUTES',
    10,
    { min: 0, max: 1_440 },
    'how long before the ready time the search for a driver begins',
  ),
  searchMaxMinutes: whole(
    'SEARCH_MAX_MINUTES',
    120,
    { min: 0, max: 10_080 },
    'a search that found nobody for so long ends with NO_DRIVER; 0 = never',
  ),
  searchRadiusMeters: whole(
    'SEARCH_RADIUS_METERS',
    3_000,
    METERS,
    'how far around the pickup the first search looks',
  ),
  searchRadiusFactor: decimal(
    'SEARCH_RADIUS_FACTOR',
    1.5,
    { min: 1, max: 10 },
    'how much each fruitless round widens that',
  ),
  searchRadiusMaxMeters: whole(
    'SEARCH_RADIUS_MAX_METERS',
    15_000,
    METERS,
    'the widest radius before escalation',
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
    'the longest such wait',
  ),
  lapseExclusionMinutes: whole(
    'LAPSE_EXCLUSION_MINUTES',
    5,
    { min: 0, max: 1_440 },
    'a driver who let an offer lapse is not asked for that delivery for so long',
  ),
  bicycleSpeed: whole(
    'DRIVER_SPEED_BICYCLE_METERS_PER_MINUTE',
    250,
    SPEED,
    'how fast a bicycle gets along, for estimates',
  ),
  mopedSpeed: whole('DRIVER_SPEED_MOPED_METERS_PER_MINUTE', 400, SPEED, 'the same for a moped'),
  carSpeed: whole('DRIVER_SPEED_CAR_METERS_PER_MINUTE', 400, SPEED, 'the same for a car'),
  vanSpeed: whole('DRIVER_SPEED_VAN_METERS_PER_MINUTE', 333, SPEED, 'the same for a van'),
  travelDetourFactor: decimal(
    'TRAVEL_DETOUR_FACTOR',
    1.3,
    { min: 1, max: 5 },
    'how much longer roads are than straight lines, for estimates',
  ),

  positionFreshSeconds: whole(
    'POSITION_FRESH_SECONDS',
    60,
    { min: 5, max: 3_600 },
    'an AVAILABLE driver silent for longer is off the map',
  ),
  positionOfflineMinutes: whole(
    'POSITION_OFFLINE_MINUTES',
    10,
    MINUTES_OF_A_DAY,
    'an AVAILABLE driver silent for longer goes OFFLINE',
  ),
  positionHistoryDays: whole(
    'POSITION_HISTORY_DAYS',
    30,
    { min: 1, max: 3_650 },
    'how long it is kept where drivers were',
  ),
  breakMinMinutes: whole('BREAK_MIN_DURATION_MINUTES', 5, MINUTES_OF_A_DAY, 'the shortest break'),
  breakMaxMinutes: whole('BREAK_MAX_DURATION_MINUTES', 120, MINUTES_OF_A_DAY, 'the longest break'),
  pauseMaxMinutes: whole(
    'PAUSE_MAX_DURATION_MINUTES',
    480,
    MINUTES_OF_A_DAY,
    'the longest pause of set length',
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
    'page and broadcast of level 3 come again after so long',
  ),
  escalationBonusCents: whole(
    'ESCALATION_BONUS_CENTS',
    200,
    { min: 0, max: 100_000 },
    'how much level 2 adds to the pay',
  ),
  escalationBroadcastSize: whole(
    'ESCALATION_BROADCAST_SIZE',
    8,
    { min: 1, max: 8 },
    'how many drivers one wave of a broadcast asks',
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
    'a driver with work who is silent for so long is lost',
  ),
  lostNoProgressMinutes: whole(
    'LOST_AFTER_NO_PROGRESS_MINUTES',
    5,
    MINUTES_OF_A_DAY,
    'so is one who makes no way to the pickup for so long',
  ),
  lostMaxSilentPercent: whole(
    'LOST_MAX_SILENT_PERCENT',
    30,
    { min: 1, max: 100 },
    'where more of a city’s working drivers are silent at once, nobody is lost: there is an alert instead',
  ),
  lapsesBeforePause: whole(
    'LAPSES_BEFORE_PAUSE',
    0,
    { min: 0, max: 100 },
    'a driver who let so many offers in a row lapse, though their app showed them, is paused; 0 = never',
  ),
  lapsePauseMinutes: whole(
    'LAPSE_PAUSE_MINUTES',
    15,
    MINUTES_OF_A_DAY,
    'how long that pause lasts, unless the driver comes back before',
  ),

  enableDriverOffers: featureSwitch(
    'ENABLE_DRIVER_OFFERS',
    'offers to drivers; without them the nearest driver is assigned unasked',
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
    'a new driver is looked for where one was lost',
  ),
  autoReassignmentRollout: featureRollout('auto_reassignment', 'deliveries'),
  autoReassignmentCities: featureCities('auto_reassignment'),

  slackWebhookUrl: optionalSecretUrl(
    'SLACK_WEBHOOK_URL',
    'the incoming webhook of support’s chat; unset: the log',
  ),
  pagerDutyRoutingKey: optionalKey(
    'PAGERDUTY_ROUTING_KEY',
    32,
    'the integration key of PagerDuty’s Events API v2; unset: pages go to the log',
  ),
  pagerDutyUrl: safeUrl(
    'PAGERDUTY_URL',
    'https://events.pagerduty.com/v2/enqueue',
    'where events for PagerDuty are posted',
  ),
  webPushPublicKey: optionalText(
    'WEB_PUSH_VAPID_PUBLIC_KEY',
    { pattern: /^[\w-]{87}$/, allowed: '65 bytes in base64url', isSecret: false },
    'the public key of web push, which apps subscribe with; all three or none',
  ),
  webPushPrivateKey: optionalText(
    'WEB_PUSH_VAPID_PRIVATE_KEY',
    { pattern: /^[\w-]{43}$/, allowed: '32 bytes in base64url', isSecret: true },
    'the private key that goes with it',
  ),
  webPushSubject: optionalText(
    'WEB_PUSH_VAPID_SUBJECT',
    {
      pattern: /^(mailto:[^\s@]+@[^\s@]+|https:\/\/[^\s/]+\S*)$/,
      allowed: 'a mailto: or https: address',
      isSecret: false,
    },
    'where push services reach who sends',
  ),
  webPushAllowLocal: choice(
    'WEB_PUSH_ALLOW_LOCAL',
    'false',
    ['true', 'false'],
    'for tests and demo: push services on this machine are taken too, also without TLS',
  ),
  publicUrl: optionalUrl(
    'PUBLIC_URL',
    ['https:', 'http:'],
    'before the paths of links in notices; unset: the paths alone are shown',
  ),
  notificationMaxAgeMinutes: whole(
    'NOTIFICATION_MAX_AGE_MINUTES',
    60,
    MINUTES_OF_A_DAY,
    'a notice that could not be sent for so long is given up',
  ),

  workerHealthHost: word(
    'WORKER_HEALTH_HOST',
    '127.0.0.1',
    'the address on which a worker answers /health, /health/ready and /metrics',
  ),
  workerHealthPort: whole('WORKER_HEALTH_PORT', 3_002, PORT, 'the port of that address; 0 = any free one'),
  workerMaxCachedWorkflows: whole(
    'WORKER_MAX_CACHED_WORKFLOWS',
    1_000,
    { min: 0, max: 100_000 },
    'workflows that a worker keeps in memory',
  ),
  workerWorkflowTaskSlots: whole(
    'WORKER_WORKFLOW_TASK_SLOTS',
    40,
    { min: 2, max: 10_000 },
    'workflow tasks that a worker runs at once',
  ),
  workerLocalActivitySlots: whole(
    'WORKER_LOCAL_ACTIVITY_SLOTS',
    40,
    SLOTS,
    'local activities (transactions) that a worker runs at once',
  ),
  workerActivitySlots: whole(
    'WORKER_ACTIVITY_SLOTS',
    20,
    SLOTS,
    'other activities that a worker runs at once',
  ),
  workerWorkflowTaskPollers: whole(
    'WORKER_WORKFLOW_TASK_POLLERS',
    10,
    { min: 2, max: 1_000 },
    'polls for workflow tasks that a worker has open at once; never more than it has slots',
  ),
  workerActivityPollers: whole(
    'WORKER_ACTIVITY_POLLERS',
    10,
    { min: 1, max: 1_000 },
    'polls for other activities that a worker has open at once; never more than it has slots',
  ),
  workerDeploymentName: optionalText(
    'WORKER_DEPLOYMENT_NAME',
    {
      pattern: /^[a-z][a-z0-9-]{0,62}$/,
      allowed: 'up to 63 lower case letters, digits and hyphens, a letter first',
      isSecret: false,
    },
    'switches worker versioning on, under this name: a run stays on the build that began it (docs/upgrading.md); unset: off',
  ),
};

/** What the API reads beside them. */
export const API_VARIABLES = {
  host: word('API_HOST', '127.0.0.1', 'the address the API listens on'),
  port: whole('API_PORT', 3_001, PORT, 'the port the API listens on; 0 = any free one'),
  trustedProxies: whole(
    'TRUSTED_PROXIES',
    0,
    { min: 0, max: 10 },
    'how many reverse proxies stand before the API: so many hops of X-Forwarded-For are believed',
  ),
  shutdownGraceSeconds: whole(
    'SHUTDOWN_GRACE_SECONDS',
    10,
    { min: 0, max: 300 },
    'how long requests in flight may take once the process is told to stop',
  ),
  answerTimeoutMs: whole(
    'ANSWER_TIMEOUT_MS',
    8_000,
    { min: 100, max: 60_000 },
    'after so long without the answer of a workflow: 503, safe to retry',
  ),
  jwksUrl: optionalUrl(
    'JWT_JWKS_URL',
    ['https:', 'http:'],
    'where the public keys of the issuer of tokens are; this or JWT_LOCAL_KEY',
  ),
  localKey: optionalKey(
    'JWT_LOCAL_KEY',
    32,
    'the key of tokens signed with HS256, for demo and tests; this or JWT_JWKS_URL',
  ),
  demoSignIn: choice(
    'DEMO_SIGN_IN',
    'false',
    ['true', 'false'],
    'only `npm start` sets it: the page of API docs signs in whoever uses this machine (ADR 29)',
  ),
  issuer: word('JWT_ISSUER', 'driver-service', 'the `iss` that a token must have'),
  audience: word('JWT_AUDIENCE', 'driver-service', 'the `aud` that a token must have'),
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
    300,
    PER_MINUTE,
    'location pings a minute of one driver, counted apart',
  ),
  availabilityPerMinute: whole(
    'RATE_LIMIT_AVAILABILITY_PER_MINUTE',
    30,
    PER_MINUTE,
    'changes of availability a minute of one driver, counted apart',
  ),
  badTokenPerMinute: whole(
    'RATE_LIMIT_BAD_TOKEN_PER_MINUTE',
    60,
    PER_MINUTE,
    'requests a minute without a valid token from one IP address',
  ),
};

function featureRollout(feature: FeatureName, subjects: string): Variable<number> {
  return whole(
    `${feature.toUpperCase()}_ROLLOUT`,
    defaultRolloutPercent(feature),
    { min: 0, max: 100 },
    `percent of ${subjects} that ${feature} holds for`,
  );
}

function featureCities(feature: FeatureName): Variable<readonly string[] | null> {
  return optionalIds(
    `${feature.toUpperCase()}_CITIES`,
    `the cities that ${feature} is limited to; unset: all`,
  );
}
