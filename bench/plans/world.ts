import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import type { Redis } from 'ioredis';
import { pino } from 'pino';
import { v7 as newId } from 'uuid';
import { createAuditChains } from '../../adapters/postgres/auditChains';
import { type Database, poolReader, type Postgres } from '../../adapters/postgres/database';
import { createDeliveryStore } from '../../adapters/postgres/deliveryStore';
import { createDriverRegistry } from '../../adapters/postgres/driverRegistry';
import { readFeatureRows } from '../../adapters/postgres/featureRows';
import { createFeatureClient } from '../../adapters/openfeature/featureClient';
import { createOrderStore } from '../../adapters/postgres/orderStore';
import { createRedisDriverMap } from '../../adapters/redis/driverMap';
import { createDispatcher } from '../../adapters/temporal/dispatcher';
import { createAuditService } from '../../services/auditChains';
import { createAvailability } from '../../services/availability';
import {
  answerFromRow,
  createDeliveryActivities,
  type DeliveryActivities,
  type EventInput,
} from '../../activities/delivery';
import { createDriverStates } from '../../services/driverStates';
import { createFeatureService } from '../../services/features/featureService';
import { createFeatureRegistry } from '../../services/features/featureRegistry';
import { createOrders } from '../../services/orders';
import { createPositions } from '../../services/positions';
import { createRegistration } from '../../services/registration';
import { createRescue } from '../../services/rescue';
import { createSupportCases } from '../../services/supportCases';
import { createZoneHealth } from '../../services/zones/zoneHealth';
import { createAnswers, eventOf, type WorkflowUpdates } from '../../api/commands/answers';
import { apiEndpoints } from '../../api/app';
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
const NO_NEWS = { listen: () => {}, tell: async () => {}, stop: async () => {} };

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
    news: NO_NEWS,
    clock,
    log: quiet,
  });
  const store = createDeliveryStore(postgres);
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
  const availability = createAvailability({
    db,
    map,
    features,
    clock,
    limits: settings.availability,
    notifyRelay,
  });
  // Never connected: only closed deliveries are read, which need no workflow query.
  const client = new Client({ connection: Connection.lazy({ address: '127.0.0.1:1' }) });
  const dispatcher = createDispatcher(client, db);
  const driverStates = createDriverStates({ db, clock });
  const answered = (deliveryId: string, event: Parameters<typeof answerFromRow>[2]) =>
    answerFromRow({ store, limits: settings, features, clock, newId }, deliveryId, event);
  const deps: ApiDeps = {
    settings: {
      api: { host: '127.0.0.1', port: 0, trustedProxies: 0, shutdownGraceMs: 1_000, answerTimeoutMs: 8_000 },
      rateLimits: {
        perMinute: 1,
        merchantPerMinute: 1,
        opsPerMinute: 1,
        locationPerMinute: 1,
        availabilityPerMinute: 1,
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
    orders: createOrders({
      store: createOrderStore(db),
      newId,
      searchLeadMs: settings.searchLeadMs,
      travel: settings.travel,
      notifyRelay,
    }),
    answers: createAnswers({
      updates: updatesInProcess(db, activities),
      timeoutMs: 8_000,
      log: pino({ level: 'silent' }),
      startDelivery: async () => {},
      answerFromRow: answered,
    }),
    availability,
    positions: createPositions({ db, map, clock, notifyRelay }),
    registration: createRegistration(createDriverRegistry(db)),
    supportCases: createSupportCases({ db, clock, notifyRelay }),
    rescue: createRescue({ db, features, clock, newId, limits: settings.availability, notifyRelay }),
    zoneHealth: createZoneHealth({
      db,
      map,
      clock,
      freshPositionMs: settings.ranking.freshPositionMs,
      waiting: settings.escalation.thresholds,
      timeScale: 1,
      notifyRelay,
    }),
    push: { publicKey: PUSH_KEY, allowLocal: false },
    driverStates,
    audit: createAuditService(createAuditChains(db, settings.database.statementTimeoutMs)),
    features: createFeatureService({
      db,
      registry: features,
      news: NO_NEWS,
      client: createFeatureClient(features, randomUUID()),
      clock,
      log: quiet,
      notifyRelay,
    }),
    readiness: { dependencies: [], isStopping: () => false },
  };
  return {
    db,
    read,
    redis,
    keyPrefix,
    settings,
    clock,
    notifyRelay,
    map,
    features,
    store,
    activities,
    availability,
    client,
    dispatcher,
    driverStates,
    answered,
    deps,
    endpoints: apiEndpoints(deps),
  };
}

/** Runs the transaction of an update's event, as the delivery's workflow does. */
function updatesInProcess(db: Database, activities: DeliveryActivities): WorkflowUpdates {
  return {
    execute: async (workflowId, question) => {
      const [, merchantId = '', sellerOrderId = ''] = workflowId.split('/').map(decodeURIComponent);
      const { id: deliveryId } = await db.delivery.findUniqueOrThrow({
        where: { merchantId_sellerOrderId: { merchantId, sellerOrderId } },
        select: { id: true },
      });
      return (await runEvent(activities, { deliveryId, event: eventOf(question) })).answer;
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
