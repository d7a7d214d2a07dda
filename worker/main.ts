/** The worker process: runs workflows and activities, relays the outbox, archives positions. Composition only. */
import { join } from 'node:path';
import { heartbeat } from '@temporalio/activity';
import { Client } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import Redis from 'ioredis';
import pino from 'pino';
import { collectDefaultMetrics } from 'prom-client';
import { v7 as newId } from 'uuid';
import { ensureAuditPartitions } from '../activities/adapters/audit';
import { connectDatabase } from '../activities/adapters/database';
import { createDeliveryStore } from '../activities/adapters/deliveryStore';
import { createOpenRowsStore } from '../activities/adapters/openRowsStore';
import { outboxBacklog, pruneSent } from '../activities/adapters/outbox';
import { PositionArchive } from '../activities/adapters/positionArchive';
import { createRedisDriverMap } from '../activities/adapters/redisDriverMap';
import { createRelay, type Relay } from '../activities/adapters/relay';
import { createNudge, createRunningDeliveries } from '../activities/adapters/runningDeliveries';
import { createSocketEmitter } from '../activities/adapters/socketEmitter';
import { createDispatcher } from '../activities/adapters/temporalDispatcher';
import { createAvailability } from '../activities/availability';
import { createDeliveryActivities } from '../activities/delivery';
import { createLiveMap } from '../activities/liveMap';
import { createOpenRowsSweep } from '../activities/openRows';
import { createMessageHandler } from '../activities/outboxMessages';
import { createPresence } from '../activities/presence';
import { createUpkeep } from '../activities/upkeep';
import { createWake } from '../activities/wake';
import { readSettings } from '../settings';
import { disabledFeatures, environmentFeatures } from '../settings/features';
import { readTemporalSettings } from '../settings/temporal';
import { ATTEMPT_MS, TASK_QUEUE } from '../workflows/contract';
import { beginAttempt } from './attempts';
import { startHealthServer } from './health';
import { observeOpenRows, observeOutbox } from './metrics';
import { ensureSchedules } from './schedules';
import { installTemporalLog } from './temporalLog';

/** A Redis that answers nothing for so long is gone, and its connection with it. */
const SILENT_SOCKET_MS = 5_000;

async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const temporal = readTemporalSettings(process.env);
  const log = pino({ level: settings.log.level, name: 'worker' });
  installTemporalLog(log);
  collectDefaultMetrics();
  for (const { line, ...why } of disabledFeatures(settings.features)) log.info(why, line);

  const db = connectDatabase(settings.database.url, { ...settings.database, applicationName: 'driver-service worker' });
  // Half an attempt of a transaction: a search must not hold up who cancels while Redis hangs.
  const redis = new Redis(settings.redis.url, { maxRetriesPerRequest: 2, commandTimeout: ATTEMPT_MS / 2, socketTimeout: SILENT_SOCKET_MS, enableAutoPipelining: true });
  redis.on('error', (error) => log.warn({ err: error }, 'Redis'));
  const connection = await NativeConnection.connect(temporal.connectionOptions);
  const client = new Client({ connection, namespace: temporal.namespace });

  const clock = Date.now;
  const features = environmentFeatures(settings.features);
  const map = createRedisDriverMap(redis, { freshFixMs: settings.ranking.freshFixMs });
  const relayHolder: { relay?: Relay } = {};
  const kick = (): void => relayHolder.relay?.kick();
  const store = createDeliveryStore(db);
  const dispatcher = createDispatcher(client, db);
  const availability = createAvailability({ db, map, features, clock, limits: settings.availability, kick });
  const presence = createPresence({ db, map, availability, features, clock, limits: settings.availability, kick });
  const wake = createWake({ db, map, store, dispatcher, clock, ...settings });
  const liveMap = createLiveMap({ db, map, clock });
  const relay = createRelay(db, createMessageHandler({
    dispatcher, emitter: createSocketEmitter(redis), syncDriver: (driverId) => liveMap.syncDriver(driverId), driverFree: (news) => wake.driverFree(news),
  }), log);
  relayHolder.relay = relay;

  const sweepOpenRows = createOpenRowsSweep({
    store: createOpenRowsStore(db), running: createRunningDeliveries(client), clock, heartbeat: () => heartbeat(),
    start: (deliveryId) => dispatcher.startDelivery(deliveryId, newId()),
    nudge: createNudge(client, newId),
    onReport: (report) => observeOpenRows(report, log),
  });
  const keepUp = createUpkeep({
    ensureAuditPartitions: (from, months) => ensureAuditPartitions(db, from, months), pruneSent: (olderThanMs) => pruneSent(db, olderThanMs), clock,
  });
  const worker = await Worker.create({
    connection, namespace: temporal.namespace, taskQueue: TASK_QUEUE,
    workflowBundle: { codePath: join(__dirname, '../workflow-bundle.js') },
    activities: {
      ...createDeliveryActivities({ store, map, features, clock, newId, limits: settings, travel: settings.travel, timeScale: settings.timeScale, kick, beginAttempt }),
      endTimedState: (end: Parameters<typeof availability.endTimedState>[0]) => availability.endTimedState(end), sweepPresence: () => presence.sweepPresence(), sweepOpenRows, keepUp,
    },
    maxCachedWorkflows: settings.worker.maxCachedWorkflows,
    maxConcurrentWorkflowTaskExecutions: settings.worker.workflowTaskSlots,
    maxConcurrentLocalActivityExecutions: settings.worker.localActivitySlots,
    maxConcurrentActivityTaskExecutions: settings.worker.activitySlots,
    stickyQueueScheduleToStartTimeout: '2s', // whoever waits for a killed worker waits this long
    shutdownGraceTime: '10s',
  });

  const archive = new PositionArchive({ redis, db, onError: (error) => log.warn({ err: error }, 'positions were not archived; trying again') });
  const health = await startHealthServer({
    host: settings.worker.healthHost, port: settings.worker.healthPort, log,
    checks: {
      postgres: async () => void (await db.$queryRaw`SELECT 1`), redis: async () => void (await redis.ping()),
      temporal: async () => { if (worker.getState() !== 'RUNNING') throw new Error(`the worker is ${worker.getState()}`); },
    },
  });
  observeOutbox(() => outboxBacklog(db));
  await ensureSchedules(client);
  relay.start();
  archive.start();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopOnce(worker));

  await worker.run(); // ends when told to stop and no task is under way
  log.info('stopping: no task is under way');
  await Promise.all([archive.stop(), relay.stop(), health.close()]);
  await Promise.all([db.$disconnect(), redis.quit(), connection.close()]);
  log.info('stopped');
}

function stopOnce(worker: Worker): void {
  if (worker.getState() === 'RUNNING') worker.shutdown();
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.name === 'SettingsError' ? error.message : error.stack) : String(error)}\n`);
  process.exitCode = 1;
  setTimeout(() => process.exit(1), 1_000).unref(); // pools that are open must not keep a failed start alive
});
