/**
 * The API process: reads the environment, builds the clients, serves until it is told to stop. Composition
 * only.
 */
import { createServer, type Server } from 'node:http';
import { Client } from '@temporalio/client';
import { Redis } from 'ioredis';
import { type Logger, pino } from 'pino';
import { collectDefaultMetrics } from 'prom-client';
import { v7 as newId } from 'uuid';
import { createAuditChains } from '../adapters/postgres/auditChains';
import { connectPostgres, poolReader } from '../adapters/postgres/database';
import { requireSameTime } from '../adapters/postgres/databaseClock';
import { createDeliveryStore } from '../adapters/postgres/deliveryStore';
import { createDriverRegistry } from '../adapters/postgres/driverRegistry';
import { createNotifiers } from '../adapters/notify/notifiers';
import { createFeatureNews } from '../adapters/redis/featureNews';
import { readFeatureRows } from '../adapters/postgres/featureRows';
import { createFeatureClient } from '../adapters/openfeature/featureClient';
import { createOrderStore } from '../adapters/postgres/orderStore';
import { createRedisDriverMap } from '../adapters/redis/driverMap';
import { createRelay, type Relay } from '../adapters/postgres/relay';
import { createSocketEmitter } from '../adapters/redis/socketEmitter';
import { createDispatcher } from '../adapters/temporal/dispatcher';
import { createAuditService } from '../services/auditChains';
import { createAvailability } from '../services/availability';
import { answerFromRow } from '../services/deliveries/deliveryEvents';
import { createDriverStates } from '../services/driverStates';
import { createFeatureService } from '../services/features/featureService';
import { createFeatureRegistry, logFeatures } from '../services/features/featureRegistry';
import { createLiveMap } from '../services/liveMap';
import { createNotices } from '../services/notices';
import { createOrders } from '../services/orders';
import { createMessageHandler } from '../services/outbox/outboxMessages';
import type { DriverMap, NotifyRelay } from '../services/ports';
import { createPositions } from '../services/positions';
import { createRegistration } from '../services/registration';
import { createRescue } from '../services/rescue';
import { createSupportCases } from '../services/supportCases';
import { createWake } from '../services/wake';
import { createZoneHealth } from '../services/zones/zoneHealth';
import { readApiSettings } from '../settings';
import { readTemporalSettings } from '../settings/temporal';
import { createCommandSender } from './commands/commandSender';
import { createApp } from './app';
import { attachGateway } from './realtime/gateway';
import { stopServing } from './http/shutdown';
import { connectTemporal, createWorkflowUpdates } from './commands/workflowUpdates';
import { createLocalSigner } from './auth/localTokens';
import { createTokenReader } from './auth/tokens';

/** That the API hears its drivers holds for three times as long. */
const REPORT_INGEST_UP_EVERY_MS = 5_000;
const TEMPORAL_CHECK_MS = 1_500;

async function main(): Promise<void> {
  const settings = readApiSettings(process.env);
  const temporal = readTemporalSettings(process.env);
  const log = pino({ level: settings.log.level, name: 'api' });
  collectDefaultMetrics();

  const postgres = connectPostgres(settings.database.url, {
    ...settings.database,
    applicationName: 'driver-service api',
  });
  const { db } = postgres;
  const redis = connectRedis(settings.redis.url, log);
  const connection = connectTemporal(temporal.connectionOptions);
  const client = new Client({ connection, namespace: temporal.namespace });

  const clock = Date.now;
  const featureNews = createFeatureNews(redis, log);
  const features = createFeatureRegistry({
    environment: settings.features,
    news: featureNews,
    clock,
    log,
    readRows: () =>
      readFeatureRows(
        db,
        settings.features.map(({ feature }) => feature),
        1,
      ),
  });
  await features.start();
  logFeatures(features, log);
  const map = createRedisDriverMap(redis, { freshPositionMs: settings.ranking.freshPositionMs });
  const relayHolder: { relay?: Relay } = {};
  const notifyRelay: NotifyRelay = (messages) => relayHolder.relay?.notify(messages);
  const store = createDeliveryStore(postgres);
  const dispatcher = createDispatcher(client, db);
  const driverStates = createDriverStates({ db, clock });
  const readToken = createTokenReader(settings.auth);
  const availability = createAvailability({
    db,
    map,
    features,
    clock,
    limits: settings.availability,
    notifyRelay,
  });
  const wake = createWake({ ...settings, db, map, store, dispatcher, clock, features });
  const liveMap = createLiveMap({ db, map, clock });
  const relay = createRelay(
    postgres,
    createMessageHandler({
      dispatcher,
      emitter: createSocketEmitter(redis),
      syncDriver: (driverId) => liveMap.syncDriver(driverId),
      releaseDriver: (driverId, correlationId) => availability.releaseDriver(driverId, correlationId),
      driverFree: (news) => wake.driverFree(news),
      notify: createNotices({
        notifiers: createNotifiers({ db, clock, log, settings: settings.notices }),
        clock,
        log,
        maxAgeMs: settings.notices.maxAgeMs,
      }),
    }),
    log,
  );
  relayHolder.relay = relay;

  const progress = { isStopping: false };
  const server = createServer(
    createApp({
      settings,
      log,
      clock,
      newId,
      db,
      read: poolReader(postgres),
      redis,
      readToken,
      signDemoToken: settings.demoSignIn ? createLocalSigner(settings.auth) : null,
      driverStates,
      features: createFeatureService({
        db,
        registry: features,
        news: featureNews,
        client: createFeatureClient(features),
        clock,
        log,
        notifyRelay,
      }),
      orders: createOrders({
        store: createOrderStore(db),
        newId,
        searchLeadMs: settings.searchLeadMs,
        travel: settings.travel,
        notifyRelay,
      }),
      commands: createCommandSender({
        updates: createWorkflowUpdates(client),
        timeoutMs: settings.api.answerTimeoutMs,
        log,
        startDelivery: (deliveryId, correlationId) => dispatcher.startDelivery(deliveryId, correlationId),
        answerFromRow: (deliveryId, event) =>
          answerFromRow({ store, limits: settings, features, clock, newId }, deliveryId, event),
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
        timeScale: settings.timeScale,
        notifyRelay,
      }),
      audit: createAuditService(createAuditChains(db, settings.database.statementTimeoutMs)),
      push: {
        publicKey: settings.notices.webPush?.publicKey ?? null,
        allowLocal: settings.notices.allowLocalPush,
      },
      readiness: {
        isStopping: () => progress.isStopping,
        dependencies: [
          { name: 'postgres', check: () => db.$queryRaw`SELECT 1` },
          { name: 'redis', check: () => redis.ping() },
          { name: 'clock', check: () => requireSameTime(db, clock) },
          {
            name: 'temporal',
            check: () =>
              connection.withDeadline(Date.now() + TEMPORAL_CHECK_MS, () =>
                connection.workflowService.getSystemInfo({}),
              ),
          },
        ],
      },
    }),
  );
  const gateway = attachGateway(server, {
    redis,
    readToken,
    driverStates,
    clock,
    log,
    cityIds: async () => (await db.city.findMany({ select: { id: true } })).map(({ id }) => id),
  });
  const reporting = keepReportingIngestUp(map, log);
  relay.start();
  await listen(server, settings.api);
  log.info({ address: server.address() }, 'listening');

  const signal = await toldToStop();
  progress.isStopping = true;
  log.info({ signal }, 'stopping: no new requests are taken');
  await stopServing(server, { graceMs: settings.api.shutdownGraceMs, closeSockets: () => gateway.close() });
  clearInterval(reporting);
  await Promise.all([relay.stop(), features.stop()]);
  await Promise.allSettled([db.$disconnect(), redis.quit(), connection.close()]);
  log.info('stopped');
}

/** Fails soon while Redis is away, and comes back within a second of it. */
function connectRedis(url: string, log: Logger): Redis {
  const redis = new Redis(url, {
    maxRetriesPerRequest: 1,
    commandTimeout: 2_000,
    enableAutoPipelining: true,
    retryStrategy: (times) => Math.min(50 * times, 1_000),
  });
  return redis.on('error', (err) => log.warn({ err }, 'Redis'));
}

/** Says, as long as this process takes pings, that silence is the drivers' own. */
function keepReportingIngestUp(map: DriverMap, log: Logger): NodeJS.Timeout {
  const report = (): void =>
    void map
      .reportIngestUp(Date.now())
      .catch((err: unknown) => log.warn({ err }, 'it could not be said that drivers are heard'));
  report();
  return setInterval(report, REPORT_INGEST_UP_EVERY_MS);
}

function listen(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(
              `port ${port} of ${host} is taken: set API_PORT to another one, or end what listens there`,
            )
          : error,
      );
    });
    server.listen(port, host, resolve);
  });
}

function toldToStop(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
}

main().then(
  () => process.exit(0), // whatever a library left open must not keep a stopped process alive
  (error: unknown) => {
    process.stderr.write(
      `${error instanceof Error ? (error.name === 'SettingsError' ? error.message : error.stack) : String(error)}\n`,
    );
    process.exit(1);
  },
);
