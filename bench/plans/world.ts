import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import type { Redis } from 'ioredis';
import { pino } from 'pino';
import { v7 as newId } from 'uuid';
import { type Database, poolReader, type Postgres } from '../../adapters/postgres/database';
import { readFeatureRows } from '../../adapters/postgres/featureRows';
import { createFeatureClient } from '../../adapters/openfeature/featureClient';
import { createRedisDriverMap } from '../../adapters/redis/driverMap';
import { createDispatcher } from '../../adapters/temporal/dispatcher';
import { composeServices } from '../../services/compose';
import { createDeliveryActivities, type DeliveryActivities } from '../../activities/delivery';
import { answerFromRow, type EventInput } from '../../services/deliveries/deliveryEvents';
import type { Leasing } from '../../services/ports';
import { createFeatureService } from '../../services/features/featureService';
import { createFeatureRegistry } from '../../services/features/featureRegistry';
import { createCommandSender, type WorkflowUpdates } from '../../api/commands/commandSender';
import { apiEndpoints } from '../../api/app';
import { createTrackingTokens } from '../../api/auth/trackingTokens';
import type { ApiDeps } from '../../api/deps';
import type { Settings } from '../../settings';

/**
 * Every part of the service that sends statements, composed as in worker and API, except for Temporal: the
 * work of an update runs at once.
 */
export type World = ReturnType<typeof createWorld>;

/** A P-256 point, as in VAPID. */
const PUSH_KEY = 'BDd3_hVL9fZi9Ybo2UUzA284WG5FZR30_95YeZJsiApwXKpNcF1rRPF3foIiBHXRdJI2Qhumhf6_LFTeZaNndIo';
const quiet = { info: () => {}, warn: () => {}, error: () => {} };
/** Messages are written as by a process that sends them itself. They wait for the end of their leases. */
const NEVER_SENT: Leasing = {
  lease: (_key, _correlationId, messages) => ({ known: messages.map(() => []), send: () => [] }),
};
const NO_CHANGE_CHANNEL = { listen: () => {}, publish: async () => {}, stop: async () => {} };

// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- World is its type
export function createWorld({
  postgres,
  redis,
  settings,
  keyPrefix,
}: {
  postgres: Postgres;
  redis: Redis;
  settings: Settings;
  keyPrefix: string;
}) {
  const { db } = postgres;
  const read = poolReader(postgres);
  const [clock, notifyRelay] = [Date.now, () => {}];
  const map = createRedisDriverMap(redis, { freshPositionMs: settings.ranking.freshPositionMs, keyPrefix });
  const names = settings.features.map(({ feature }) => feature);
  const features = createFeatureRegistry({
    environment: settings.features,
    readRows: () => readFeatureRows(db, names, 1),
    changeChannel: NO_CHANGE_CHANNEL,
    clock,
    log: quiet,
  });
  // Never connected: only deliveries that are over are asked about, and of those Temporal hears nothing.
  const client = new Client({ connection: Connection.lazy({ address: '127.0.0.1:1' }) });
  const dispatcher = createDispatcher(client, db);
  const services = composeServices({
    leasing: NEVER_SENT,
    postgres,
    map,
    features,
    dispatcher: { wake: async () => {} },
    settings,
    clock,
    newId,
    notifyRelay,
  });
  const { store } = services;
  const activities = createDeliveryActivities({
    store,
    map,
    features,
    clock,
    newId,
    limits: settings,
    travel: settings.travel,
    timeScale: settings.timeScale,
    notifyRelay,
  });
  const answered = (deliveryId: string, event: Parameters<typeof answerFromRow>[2]) =>
    answerFromRow({ store, limits: settings, features, clock, newId }, deliveryId, event);
  const deps: ApiDeps = {
    ...services,
    tracking: createTrackingTokens({ key: 'k'.repeat(32), previousKey: null, validMs: 86_400_000 }),
    settings: {
      orders: settings.orders,
      corsOrigins: null,
      requireV2From: 0, // long ago, so that a driver of v1 is looked up
      api: {
        host: '127.0.0.1',
        port: 0,
        trustedProxies: 0,
        admin: null,
        keepAliveMs: 1_000,
        shutdownDrainMs: 0,
        shutdownGraceMs: 1_000,
        answerTimeoutMs: 8_000,
      },
      rateLimits: {
        perMinute: 1,
        merchantPerMinute: 1,
        opsPerMinute: 1,
        locationPerMinute: 1,
        availabilityPerMinute: 1,
        handshakesPerMinute: 1,
        badTokenPerMinute: 1,
      }, // counted in Redis by the router, which this bench does not run
    },
    log: pino({ level: 'silent' }),
    clock,
    newId,
    db,
    read,
    redis,
    keyPrefix,
    readToken: () => Promise.reject(new Error('no HTTP requests here')),
    // Nobody is refused: the calls follow one another in any order.
    suspended: { has: () => false, refresh: async () => void (await services.suspensions.list()) },
    commands: createCommandSender({
      updates: updatesInProcess(db, activities),
      timeoutMs: 8_000,
      log: pino({ level: 'silent' }),
      startDelivery: async () => {},
      answerFromRow: answered,
    }),
    payloads: { read: async (payloads) => [...payloads], uiOrigin: null, isEncrypting: false },
    push: { publicKey: PUSH_KEY, allowLocal: false },
    features: createFeatureService({
      db,
      registry: features,
      changeChannel: NO_CHANGE_CHANNEL,
      client: createFeatureClient(features, randomUUID()),
      clock,
      log: quiet,
      notifyRelay,
    }),
    readiness: { report: async () => ({ status: 'ready', dependencies: {} }), isStopping: () => false },
  };
  return {
    db,
    postgres,
    read,
    redis,
    keyPrefix,
    settings,
    clock,
    notifyRelay,
    map,
    features,
    services,
    store,
    activities,
    client,
    dispatcher,
    answered,
    deps,
    endpoints: apiEndpoints(deps),
  };
}

/** Runs the transaction of an update's event, as the delivery's workflow does. */
function updatesInProcess(db: Database, activities: DeliveryActivities): WorkflowUpdates {
  return {
    execute: async (workflowId, { command, payload }) => {
      const [, merchantId = '', sellerOrderId = ''] = workflowId.split('/').map(decodeURIComponent);
      const { id: deliveryId } = await db.delivery.findUniqueOrThrow({
        where: { merchantId_sellerOrderId: { merchantId, sellerOrderId } },
        select: { id: true },
      });
      return (await runEvent(activities, { deliveryId, event: command.eventOf(payload) })).answer;
    },
    recall: () => Promise.reject(new Error('updates are not stored here')),
  };
}

/** Runs one event of a delivery now. */
export function runEvent(
  activities: DeliveryActivities,
  { deliveryId, event }: Pick<EventInput, 'deliveryId' | 'event'>,
): ReturnType<DeliveryActivities[typeof event.kind]> {
  return activities[event.kind]({ deliveryId, correlationId: 'plans', at: Date.now(), event });
}
