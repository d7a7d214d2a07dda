/** The API process: reads the environment, builds the clients and serves until it gets a signal. Composition only. */
import { createServer, type Server } from 'node:http';
import { Client } from '@temporalio/client';
import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { collectDefaultMetrics } from 'prom-client';
import { v7 as newId } from 'uuid';
import { answerFromRow } from '../services/deliveries/deliveryEvents';
import { commonChecks, composeAdapters } from '../adapters/compose';
import { createFeatureClient } from '../adapters/openfeature/featureClient';
import { refuseUnfitPostgres } from '../adapters/postgres/fitness';
import { connectPostgres, poolReader } from '../adapters/postgres/database';
import { createProcessLog } from '../adapters/processLog';
import { createFeatureChangeChannel } from '../adapters/redis/featureChangeChannel';
import { FOLLOWING_PRIMARY } from '../adapters/redis/primary';
import { createPayloadReader, dataConverterOf } from '../adapters/temporal/payloadCodec';
import { composeRelayedServices, startFeatures } from '../services/compose';
import { createFeatureService } from '../services/features/featureService';
import type { DriverMap } from '../services/ports';
import { createReadiness } from '../services/readiness';
import { createSuspendedSubjects } from '../services/suspendedSubjects';
import { readApiSettings, startFailure } from '../settings';
import { readTemporalSettings } from '../settings/temporal';
import { createCommandSender } from './commands/commandSender';
import { createAdminApp, createApp } from './app';
import type { ApiDeps } from './deps';
import { attachGateway } from './realtime/gateway';
import { keepAlive, stopServing } from './http/shutdown';
import { connectTemporal, createWorkflowUpdates } from './commands/workflowUpdates';
import { createLocalSigner } from './auth/localTokens';
import { createTokenReader } from './auth/tokens';
import { createRateLimits } from './http/rateLimits';
import { createThrottle } from './http/throttle';
import { createTrackingTokens, withTracking } from './auth/trackingTokens';

/** Each report is valid for three times as long. */
const REPORT_INGEST_UP_EVERY_MS = 5_000;
const TEMPORAL_CHECK_MS = 1_500;

/** The share of the connections to PostgreSQL that reads the states of sockets; the others serve requests. */
const SHARE_OF_SOCKETS = 0.4;

async function main(): Promise<void> {
  const progress = { isServing: false, isStopping: false };
  const stopped = stopSignal(progress);
  const settings = readApiSettings(process.env);
  const temporal = readTemporalSettings(process.env);
  const { log, always } = createProcessLog({ level: settings.log.level, name: 'api' });
  collectDefaultMetrics();

  const postgres = connectPostgres(settings.database.url, {
    ...settings.database,
    applicationName: 'driver-service api',
  });
  const { db } = postgres;
  await refuseUnfitPostgres(postgres);
  const redis = connectRedis(settings.redis.url, log);
  const connection = connectTemporal(temporal.connectionOptions);
  const client = new Client({
    connection,
    namespace: temporal.namespace,
    dataConverter: dataConverterOf(settings.payloads),
  });

  const clock = Date.now;
  const changeChannel = createFeatureChangeChannel(redis, log);
  const features = await startFeatures({
    db,
    changeChannel,
    environment: settings.features,
    clock,
    log,
    featureLog: always,
  });
  const adapters = composeAdapters({ db, redis, client, settings, clock, log });
  const { services, relay, noticeChannels } = composeRelayedServices({
    ...adapters,
    postgres,
    features,
    settings,
    clock,
    newId,
    log,
  });
  const { map, dispatcher } = adapters;
  const { store, driverStates, roomStates } = services;
  const notifyRelay = relay.notify;
  const tracking = settings.tracking === null ? null : createTrackingTokens(settings.tracking);
  const readToken = withTracking(createTokenReader(settings.auth, log), tracking);
  const suspended = createSuspendedSubjects({ read: () => services.suspensions.list(), log });
  await suspended.start();

  const dependencies = {
    ...commonChecks({ postgres, redis, clock }),
    temporal: () =>
      connection.withDeadline(Date.now() + TEMPORAL_CHECK_MS, () =>
        connection.workflowService.getSystemInfo({}),
      ),
  };
  const deps: ApiDeps = {
    ...services,
    settings,
    log,
    clock,
    newId,
    db,
    read: poolReader(postgres),
    redis,
    readToken,
    tracking,
    suspended,
    signDemoToken: settings.demoSignIn ? createLocalSigner(settings.auth) : null,
    features: createFeatureService({
      db,
      registry: features,
      changeChannel,
      client: createFeatureClient(features),
      clock,
      log,
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
    payloads: {
      read: createPayloadReader(settings.payloads),
      uiOrigin: settings.temporalUiOrigin,
      isEncrypting: settings.payloads.encryptWith !== null,
    },
    push: {
      publicKey: settings.notices.webPush?.publicKey ?? null,
      allowLocal: settings.notices.allowLocalPush,
    },
    readiness: {
      isStopping: () => progress.isStopping,
      refusingChannels: () => noticeChannels.refusing(),
      report: createReadiness({
        needed: { postgres: dependencies.postgres, clock: dependencies.clock },
        // Orders are taken without Redis and without Temporal: the outbox starts their workflows later.
        useful: { redis: dependencies.redis, temporal: dependencies.temporal },
        onDown: (name, err) => log.warn({ err }, `${name} is down`),
      }),
    },
  };
  const { admin } = settings.api;
  const server = createServer(createApp(deps));
  const adminServer = admin && createServer(createAdminApp(deps));
  keepAlive(server, settings.api.keepAliveMs);
  const gateway = attachGateway(server, {
    redis,
    readToken,
    suspended,
    rateLimits: createRateLimits(redis, settings.rateLimits, log),
    throttle: createThrottle(),
    trustedProxies: settings.api.trustedProxies,
    maxTokenAgeMs: settings.auth.maxAgeMs,
    driverStates,
    roomStates,
    origins: settings.corsOrigins,
    servesPolling: settings.servesPolling,
    limits: { readsAtOnce: Math.max(1, Math.floor(settings.database.poolSize * SHARE_OF_SOCKETS)) },
    clock,
    log,
    cityIds: async () => (await db.city.findMany({ select: { id: true } })).map(({ id }) => id),
  });
  const reporting = keepReportingIngestUp(map, log);
  relay.start();
  await listen(server, settings.api, 'API_PORT');
  if (admin && adminServer) await listen(adminServer, admin, 'API_ADMIN_PORT');
  progress.isServing = true;
  log.info({ address: server.address(), adminAddress: adminServer?.address() }, 'listening');

  const signal = await stopped;
  progress.isStopping = true;
  const { shutdownDrainMs: drainMs, shutdownGraceMs: graceMs } = settings.api;
  log.info({ signal, drainMs }, 'stopping: not ready any more');
  await stopServing(server, { drainMs, graceMs, closeSockets: (withinMs) => gateway.close({ withinMs }) });
  adminServer?.close();
  adminServer?.closeAllConnections();
  clearInterval(reporting);
  await Promise.all([relay.stop(), features.stop(), suspended.stop()]);
  await Promise.allSettled([db.$disconnect(), redis.quit(), connection.close()]);
  log.info('stopped');
}

/** Fails fast while Redis is unavailable, and reconnects within a second. */
function connectRedis(url: string, log: Logger): Redis {
  const redis = new Redis(url, {
    maxRetriesPerRequest: 1,
    commandTimeout: 2_000,
    enableAutoPipelining: true,
    ...FOLLOWING_PRIMARY,
    retryStrategy: (times) => Math.min(50 * times, 1_000),
  });
  return redis.on('error', (err) => log.warn({ err }, 'Redis connection error'));
}

/** Reports that position ingest works, so that a silent driver counts as silent. */
function keepReportingIngestUp(map: DriverMap, log: Logger): NodeJS.Timeout {
  const report = (): void =>
    void map
      .reportIngestUp(Date.now())
      .catch((err: unknown) => log.warn({ err }, 'reporting that position ingest works failed'));
  report();
  return setInterval(report, REPORT_INGEST_UP_EVERY_MS);
}

function listen(
  server: Server,
  { host, port }: { host: string; port: number },
  variable: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(
              `port ${port} of ${host} is in use: set ${variable} to another, or stop the process that has it`,
            )
          : error,
      );
    });
    server.listen(port, host, resolve);
  });
}

/**
 * Waited for from the start, since the first process of a container ignores signals that it does not wait for.
 * Before the process serves there is nothing to finish: it ends.
 */
function stopSignal(progress: { isServing: boolean }): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => (progress.isServing ? resolve(signal) : process.exit(0)));
  });
}

main().then(
  () => process.exit(0), // a handle that a library left open must not keep the process alive
  (error: unknown) => {
    process.stderr.write(`${startFailure(error)}\n`);
    process.exit(1);
  },
);
