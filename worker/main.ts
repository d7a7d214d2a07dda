/**
 * The worker process: runs workflows and activities, relays the outbox, archives positions. Composition only.
 */
import { Client } from '@temporalio/client';
import { GracefulShutdownPeriodExpiredError, NativeConnection, Worker } from '@temporalio/worker';
import Redis from 'ioredis';
import { collectDefaultMetrics } from 'prom-client';
import { v7 as newId } from 'uuid';
import { createDeliveryActivities } from '../activities/delivery';
import { createMatching } from '../activities/matching';
import { createPresence, switchStatesOffAtOnce } from '../activities/sweeps/presence';
import { commonChecks, composeAdapters } from '../adapters/compose';
import { auditPartitionsState } from '../adapters/postgres/auditPartitions';
import { auditLagMs, lastFinishedCheck } from '../adapters/postgres/auditChains';
import { refuseUnfitPostgres } from '../adapters/postgres/fitness';
import { connectPostgres, poolReader } from '../adapters/postgres/database';
import { outboxBacklog } from '../adapters/postgres/outbox';
import { readLatestHealth } from '../adapters/postgres/zoneHealthRows';
import { createTemporalClock, requireTemporalTime } from '../adapters/temporal/temporalClock';
import { createProcessLog } from '../adapters/processLog';
import { createFeatureChangeChannel } from '../adapters/redis/featureChangeChannel';
import { FOLLOWING_PRIMARY } from '../adapters/redis/primary';
import { dataConverterOf } from '../adapters/temporal/payloadCodec';
import { PositionArchive } from '../adapters/redis/positionArchive';
import { createAnnouncedIntervals } from '../adapters/redis/sweepIntervals';
import { composeRelayedServices, startFeatures } from '../services/compose';
import { createFeatureSwitch } from '../services/features/featureService';
import { createReadiness } from '../services/readiness';
import type { NoticeChannels } from '../services/noticeChannels';
import { readSettings, startFailure } from '../settings';
import { readTemporalSettings } from '../settings/temporal';
import { ATTEMPT_MS, TASK_QUEUE } from '../workflows/contract';
import { beginAttempt } from './attempts';
import { observeAudit } from './auditMetrics';
import { BUNDLE_PATH, deploymentOf } from './deployment';
import { SURVIVING_FREEZES } from './frozenWorker';
import { startHealthServer } from './health';
import { observeOutbox } from './metrics';
import { keepSchedules } from './scheduleKeeper';
import { ensureSchedules } from './schedules';
import { createSweeps } from './sweeps';
import { installTemporalLog } from './temporalLog';
import { endingByOurClock, observeTemporalClock, readingTemporalTime, temporalSkewAt } from './temporalTime';
import { whenTemporalAnswers } from './whenTemporalAnswers';
import { observeZones } from './zoneMetrics';

/** A Redis connection that is silent for this long is closed. */
const SILENT_SOCKET_MS = 5_000;
/** Zones are computed every minute; older figures than these are not exposed as current. */
const ZONES_SHOWN_MS = 180_000;

/** An activity that ignores its cancellation for this long after the grace is left to another worker. */
const FORCED_AFTER_GRACE_MS = 5_000;

/** How often the lost-driver sweep runs. */
const LOST_DRIVERS_MS = 15_000;
/** How often windows are checked: more often than the shortest warning before the end of one. */
const WINDOWS_MS = 30_000;

async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const temporal = readTemporalSettings(process.env);
  const { log, always } = createProcessLog({ level: settings.log.level, name: 'worker' });
  installTemporalLog(log);
  collectDefaultMetrics();

  const postgres = connectPostgres(settings.database.url, {
    ...settings.database,
    applicationName: 'driver-service worker',
  });
  const { db } = postgres;
  await refuseUnfitPostgres(postgres);
  // Half an attempt of a transaction: a search must not hold up a cancel while Redis hangs.
  const redis = new Redis(settings.redis.url, {
    maxRetriesPerRequest: 2,
    commandTimeout: ATTEMPT_MS / 2,
    socketTimeout: SILENT_SOCKET_MS,
    enableAutoPipelining: true,
    ...FOLLOWING_PRIMARY,
  });
  redis.on('error', (error) => log.warn({ err: error }, 'Redis'));
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
  const temporalClock = createTemporalClock(clock, () => performance.now());
  const running: Running = { isStopping: false };
  stopOnSignal(running);
  const health = await startHealthServer({
    host: settings.worker.healthHost,
    port: settings.worker.healthPort,
    log,
    features: () => features.effective(),
    isStopping: () => running.isStopping,
    refusingChannels: () => running.noticeChannels?.refusing() ?? [],
    readiness: createReadiness({
      needed: {
        ...commonChecks({ postgres, redis, clock }),
        temporal: async () => {
          if (running.worker?.getState() !== 'RUNNING')
            throw new Error(`the worker is ${running.worker?.getState() ?? 'waiting for it'}`);
        },
        temporalClock: () => requireTemporalTime(temporalClock),
      },
      onDown: (name, err) => log.warn({ err }, `${name} is down`),
    }),
  });
  const connection = await whenTemporalAnswers(
    () => NativeConnection.connect(temporal.connectionOptions),
    log,
  );
  const dataConverter = dataConverterOf(settings.payloads);
  const client = new Client({ connection, namespace: temporal.namespace, dataConverter });
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
  running.noticeChannels = noticeChannels;
  const { map, dispatcher } = adapters;
  const { store, availability } = services;
  const notifyRelay = relay.notify;
  const presence = createPresence({
    db,
    map,
    availability,
    features,
    clock,
    limits: settings.availability,
    notifyRelay,
  });
  switchStatesOffAtOnce(features, presence, log);
  const sweeps = createSweeps({
    db,
    map,
    client,
    dispatcher,
    features,
    featureSwitch: createFeatureSwitch({ db, registry: features, changeChannel, clock, log, notifyRelay }),
    presence,
    services,
    clock,
    settings,
    log,
    notifyRelay,
  });
  const create = (): Promise<Worker> =>
    Worker.create({
      connection,
      namespace: temporal.namespace,
      dataConverter,
      taskQueue: TASK_QUEUE,
      workflowBundle: { codePath: BUNDLE_PATH },
      ...deploymentOf(settings.worker, log),
      ...SURVIVING_FREEZES,
      interceptors: { activity: [readingTemporalTime(temporalClock)] },
      activities: {
        ...createDeliveryActivities({
          store,
          map,
          features,
          clock,
          newId,
          limits: settings,
          travel: settings.travel,
          timeScale: settings.timeScale,
          notifyRelay,
          beginAttempt,
          temporalSkewAt: temporalSkewAt(temporalClock),
        }),
        endTimedState: endingByOurClock((end) => availability.endTimedState(end), {
          skewMs: () => temporalClock.skewMs(),
          clock,
        }),
        ...createMatching({
          read: poolReader(postgres),
          map,
          dispatcher,
          features,
          clock,
          newId,
          limits: settings,
          travel: settings.travel,
          timeScale: settings.timeScale,
          log,
        }),
        ...sweeps,
      },
      maxCachedWorkflows: settings.worker.maxCachedWorkflows,
      maxConcurrentWorkflowTaskExecutions: settings.worker.workflowTaskSlots,
      maxConcurrentLocalActivityExecutions: settings.worker.localActivitySlots,
      maxConcurrentActivityTaskExecutions: settings.worker.activitySlots,
      maxConcurrentWorkflowTaskPolls: Math.min(
        settings.worker.workflowTaskPollers,
        settings.worker.workflowTaskSlots,
      ),
      maxConcurrentActivityTaskPolls: Math.min(
        settings.worker.activityPollers,
        settings.worker.activitySlots,
      ),
      stickyQueueScheduleToStartTimeout: '2s', // clients of a killed worker wait this long
      shutdownGraceTime: settings.worker.shutdownGraceMs,
      shutdownForceTime: settings.worker.shutdownGraceMs + FORCED_AFTER_GRACE_MS,
    });
  const worker = (running.worker = await whenTemporalAnswers(create, log));

  const archive = new PositionArchive({
    redis,
    db,
    onError: (error) => log.warn({ err: error }, 'positions could not be archived; retrying'),
  });
  observeOutbox(() => outboxBacklog(db), log);
  observeZones(() => readLatestHealth(db, clock() - ZONES_SHOWN_MS), log);
  observeTemporalClock(temporalClock);
  observeAudit(
    {
      lastCheck: () => lastFinishedCheck(db),
      lagMs: () => auditLagMs(db),
      partitions: () => auditPartitionsState(db),
    },
    log,
  );
  const sweepTimes = {
    escalationCheckMs: settings.escalation.checkEveryMs,
    lostDriversMs: Math.round(LOST_DRIVERS_MS / settings.timeScale),
    windowsMs: Math.round(WINDOWS_MS / settings.timeScale),
    matchingNetMs: settings.matchingNetMs,
  };
  const announced = createAnnouncedIntervals(redis);
  await whenTemporalAnswers(() => ensureSchedules(client, sweepTimes, announced), log);
  const schedules = keepSchedules(client, sweepTimes, announced, log);
  relay.start();
  archive.start();

  await worker.run().catch((error: unknown) => {
    if (!(error instanceof GracefulShutdownPeriodExpiredError)) throw error;
    log.warn({ err: error }, 'stopping: a task is still in progress; another worker will take it over');
  });
  log.info('stopping: no task is in progress');
  schedules.stop();
  await Promise.all([archive.stop(), relay.stop(), features.stop(), health.close()]);
  await Promise.allSettled([db.$disconnect(), redis.quit(), connection.close()]);
  log.info('stopped');
}

type Running = { worker?: Worker; isStopping: boolean; noticeChannels?: NoticeChannels };

/**
 * Waits for signals from the start: the first process of a container ignores those that it does not wait for.
 * A worker that does not run yet has nothing to finish, and ends.
 */
function stopOnSignal(running: Running): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      running.isStopping = true;
      if (running.worker?.getState() === 'RUNNING') running.worker.shutdown();
      else process.exit(0);
    });
}

main().then(
  () => process.exit(0), // a task that was left, or a handle of a library, must not keep the process alive
  (error: unknown) => {
    process.stderr.write(`${startFailure(error)}\n`);
    process.exitCode = 1;
    setTimeout(() => process.exit(1), 1_000).unref(); // open pools must not keep a failed start alive
  },
);
