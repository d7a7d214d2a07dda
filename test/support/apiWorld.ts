/**
 * The API over real PostgreSQL and Redis, with the real activities. Only Temporal is not there: what a
 * workflow would do with an update, its one transaction, is done at once in this process. Whatever the API
 * answers is held to its documented schemas.
 */
import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { WorkflowNotFoundError } from '@temporalio/common';
import { pino } from 'pino';
import request from 'supertest';
import { v7 as newId } from 'uuid';
import { readerOf } from '../../adapters/postgres/database';
import { createFeatureClient } from '../../adapters/openfeature/featureClient';
import { createRedisDriverMap } from '../../adapters/redis/driverMap';
import { createReadiness } from '../../services/readiness';
import { composeServices } from '../../services/compose';
import { answerFromRow } from '../../services/deliveries/deliveryEvents';
import { createFeatureService, type FeatureService } from '../../services/features/featureService';
import { createFeatureRegistry } from '../../services/features/featureRegistry';
import { createSuspendedSubjects } from '../../services/suspendedSubjects';
import { createCommandSender, type WorkflowUpdates } from '../../api/commands/commandSender';
import { createApp } from '../../api/app';
import type { ApiDeps } from '../../api/deps';
import { createTokenReader } from '../../api/auth/tokens';
import { createTrackingTokens, withTracking } from '../../api/auth/trackingTokens';
import { AVAILABILITY_LIMITS } from '../../domain/driver/availability';
import { RANKING_LIMITS } from '../../domain/matching/candidate';
import { ORDER_LIMITS } from '../../domain/orders/orderLimits';
import type { FeatureSetting } from '../../domain/features/rollout';
import type { AuthSettings } from '../../settings';
import { createDispatchWorld, type DispatchWorld } from './dispatchWorld';
import { freshRedis, type FreshRedis } from './freshRedis';

export const KEY = 'a key for tests only, of over 32 bytes';
export const AUTH: AuthSettings = {
  keys: { kind: 'local', key: KEY },
  issuer: 'tests',
  audience: 'driver-service',
};

/** The tokens with which customers follow deliveries. */
export const TRACKING = createTrackingTokens({
  key: 'a key for tracking in tests only',
  previousKey: null,
  validMs: 86_400_000,
});

/** A point of P-256, as VAPID has it. */
export const PUSH_KEY =
  'BDd3_hVL9fZi9Ybo2UUzA284WG5FZR30_95YeZJsiApwXKpNcF1rRPF3foIiBHXRdJI2Qhumhf6_LFTeZaNndIo';

export type Claims = Record<string, unknown> & { role: string; sub: string };

export type Client = {
  get(path: string): request.Test;
  post(path: string, body?: object): request.Test;
  put(path: string, body?: object): request.Test;
  patch(path: string, body?: object): request.Test;
};

export type ApiWorld = DispatchWorld & {
  redis: FreshRedis;
  apiDeps: ApiDeps;
  url: string;
  /** A client with a token of these claims; without claims, without a token. */
  as(claims?: Claims): Client;
  close(): Promise<void>;
};

export const driver = (driverId: string): Claims => ({ role: 'driver', sub: driverId });
export const merchant = (merchantId: string): Claims => ({
  role: 'merchant',
  sub: `shop-of-${merchantId}`,
  merchantId,
});
export const ops = (cities: string[] | '*' = '*'): Claims => ({ role: 'ops', sub: 'olga', cities });

export async function createApiWorld(
  change: (deps: ApiDeps, world: DispatchWorld) => Partial<ApiDeps> = () => ({}),
): Promise<ApiWorld> {
  const world = await createDispatchWorld();
  const redis = await freshRedis();
  await redis.redis.ping(); // limits are not counted before it is connected
  const standard = apiDepsOf(world, redis);
  const apiDeps: ApiDeps = { ...standard, ...change(standard, world) };
  const server = createServer(createApp(apiDeps));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    ...world,
    redis,
    apiDeps,
    url: urlOf(server),
    as: (claims) => {
      const sent = (test: request.Test): request.Test =>
        claims === undefined ? test : test.set('authorization', `Bearer ${tokenOf(claims)}`);
      return {
        get: (path) => sent(request(server).get(path)),
        post: (path, body) => sent(request(server).post(path)).send(body),
        put: (path, body) => sent(request(server).put(path)).send(body),
        patch: (path, body) => sent(request(server).patch(path)).send(body),
      };
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await redis.close();
      await world.close();
    },
  };
}

function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new Error('the server does not listen on a port');
  return `http://127.0.0.1:${address.port}`;
}

function apiDepsOf(world: DispatchWorld, { redis, keyPrefix }: FreshRedis): ApiDeps {
  const {
    db,
    postgres,
    leasing,
    deps: { notifyRelay, features, store, limits, travel, timeScale },
  } = world;
  const log = pino({ level: 'silent' });
  const clock = Date.now;
  const map = createRedisDriverMap(redis, {
    freshPositionMs: AVAILABILITY_LIMITS.freshPositionMs,
    keyPrefix,
  });
  const services = composeServices({
    postgres,
    map,
    features,
    dispatcher: { wake: async () => {} },
    settings: {
      ...limits,
      availability: AVAILABILITY_LIMITS,
      ranking: RANKING_LIMITS,
      travel,
      timeScale,
      searchLeadMs: 600_000,
      orders: ORDER_LIMITS,
      noticeGroupUpdateMs: 60_000,
      database: { statementTimeoutMs: 5_000 },
      zoneActs: { deliveriesPerSecond: 1_000, widenMaxMeters: 50_000 },
    },
    clock,
    newId,
    notifyRelay,
    leasing,
  });
  return {
    ...services,
    tracking: TRACKING,
    settings: {
      orders: limits.orders,
      corsOrigins: null,
      requireV2From: null,
      api: {
        host: '127.0.0.1',
        port: 0,
        trustedProxies: 0,
        admin: null,
        keepAliveMs: 5_000,
        shutdownDrainMs: 0,
        shutdownGraceMs: 1_000,
        answerTimeoutMs: 2_000,
      },
      rateLimits: {
        perMinute: 100_000,
        merchantPerMinute: 100_000,
        opsPerMinute: 100_000,
        locationPerMinute: 100_000,
        availabilityPerMinute: 100_000,
        handshakesPerMinute: 100_000,
        badTokenPerMinute: 100_000,
      },
    },
    log,
    clock,
    newId,
    db,
    read: readerOf(db),
    redis,
    keyPrefix,
    checkReplies: true,
    readToken: withTracking(createTokenReader(AUTH), TRACKING),
    // Reads where a route asks for it, and never by itself.
    suspended: createSuspendedSubjects({ read: () => services.suspensions.list(), log }),
    commands: createCommandSender({
      updates: updatesInProcess(world),
      timeoutMs: 2_000,
      log,
      startDelivery: async () => {},
      answerFromRow: (deliveryId, event) =>
        answerFromRow({ store, limits, features, clock, newId }, deliveryId, event),
    }),
    payloads: { read: async (payloads) => [...payloads], uiOrigin: null, isEncrypting: false },
    push: { publicKey: PUSH_KEY, allowLocal: false },
    features: createQuietFeatures(world, [
      { feature: 'driver_offers', state: 'ON', rolloutPercent: 100, cities: null },
    ]),
    readiness: {
      report: createReadiness({
        needed: { postgres: () => db.$queryRaw`SELECT 1` },
        useful: { redis: () => redis.ping() },
        onDown: () => undefined,
        keptMs: 0,
      }),
      isStopping: () => false,
    },
  };
}

/**
 * The desk of features over a registry that is alone in the world: nobody else tells it anything, and it
 * reads only when it is asked.
 */
export function createQuietFeatures(
  { db, deps: { notifyRelay } }: DispatchWorld,
  environment: readonly FeatureSetting[],
): FeatureService {
  const log = { info: () => {}, warn: () => {} };
  const changeChannel = { listen: () => {}, publish: async () => {}, stop: async () => {} };
  const registry = createFeatureRegistry({
    environment,
    readRows: async () => [],
    changeChannel,
    clock: Date.now,
    log,
  });
  return createFeatureService({
    db,
    registry,
    changeChannel,
    client: createFeatureClient(registry, newId()),
    clock: Date.now,
    log,
    notifyRelay,
  });
}

/** The transaction of the update's event, as the workflow's one writer runs it. */
export function updatesInProcess({ db, activities }: DispatchWorld): WorkflowUpdates {
  return {
    execute: async (workflowId, { command, payload }) => {
      const [, merchantId = '', sellerOrderId = ''] = workflowId.split('/').map(decodeURIComponent);
      const { id: deliveryId } = await db.delivery.findUniqueOrThrow({
        where: { merchantId_sellerOrderId: { merchantId, sellerOrderId } },
      });
      const event = command.eventOf(payload);
      const { correlationId } = payload;
      const result = await activities[event.kind]({ deliveryId, correlationId, at: Date.now(), event });
      return result.answer;
    },
    recall: async (workflowId) => {
      throw new WorkflowNotFoundError('no update is remembered here', workflowId, undefined);
    },
  };
}

/** A token as the demo's login signs it. */
export function tokenOf(
  claims: Claims,
  { key = KEY, header = { alg: 'HS256' } }: { key?: string; header?: object } = {},
): string {
  const standard = { iss: AUTH.issuer, aud: AUTH.audience, exp: Math.floor(Date.now() / 1_000) + 3_600 };
  const signed = [header, { ...standard, ...claims }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}
