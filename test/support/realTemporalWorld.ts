/**
 * A real Temporal server with a worker of the real workflows and activities, over a database of the test
 * file's own. Time passes as it does.
 */
import { type TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { v7 as newId } from 'uuid';
import { ensureAuditPartitions } from '../../adapters/postgres/auditPartitions';
import { createAuditChains } from '../../adapters/postgres/auditChains';
import { createOpenRowsStore } from '../../adapters/postgres/openRowsStore';
import { pruneSent } from '../../adapters/postgres/outbox';
import { createRunningDeliveries } from '../../adapters/temporal/runningDeliveries';
import { createDispatcher } from '../../adapters/temporal/dispatcher';
import { createAuditCheck } from '../../activities/sweeps/auditCheck';
import { createMatching } from '../../activities/matching';
import { poolReader } from '../../adapters/postgres/database';
import { activitiesRunBy, type DeliveryActivities } from '../../activities/delivery';
import type { AvailabilityService } from '../../services/availability';
import { composeMessageHandler, composeServices } from '../../services/compose';
import { createLostDrivers } from '../../activities/sweeps/lostDrivers';
import { createOpenRowsSweep } from '../../activities/sweeps/openRows';
import type { Clock, Dispatcher } from '../../services/ports';
import { createPresence } from '../../activities/sweeps/presence';
import { createUnassignedRows } from '../../adapters/postgres/unassignedRows';
import { createEscalationCheck } from '../../activities/sweeps/escalationCheck';
import { createUpkeep } from '../../activities/sweeps/upkeep';
import { createZoneSweep } from '../../activities/sweeps/zones';
import { createErasureSweep } from '../../activities/sweeps/erasures';
import { createMatchingNet } from '../../activities/sweeps/matchingNet';
import { createWindowsSweep } from '../../activities/sweeps/windows';
import { createWindowRisks } from '../../services/windowRisks';
import type { ZoneActs } from '../../services/zones/zoneActs';
import type { DispatchLimits } from '../../domain/delivery/decisionContext';
import { STAGE_LIMITS } from '../../domain/driver/stageWatch';
import { LOSS_LIMITS } from '../../domain/driver/loss';
import type { Emit } from '../../domain/notices/message';
import type { Point } from '../../domain/geo/places';
import { ORDER_LIMITS } from '../../domain/orders/orderLimits';
import { deliveryWorkflowId, offerWithdrawn, TASK_QUEUE } from '../../workflows/contract';
import { type DevServerOptions, startDevServer } from './devServer';
import {
  createDispatchWorld,
  type DispatchWorld,
  MERCHANT,
  type NewDelivery,
  PICKUP,
  TEST_LIMITS,
} from './dispatchWorld';
import type { RunningDelivery } from './temporalWorld';
import { workflowsUnderTest } from './workflowsUnderTest';

export type RealTemporalWorld = DispatchWorld & {
  env: TestWorkflowEnvironment;
  dispatcher: Dispatcher;
  availability: AvailabilityService;
  zoneActs: ZoneActs;
  emits: Emit[];
  /** What holds until a test changes `deps`; where deliveries are picked up. */
  standard: { limits: DispatchLimits; pickup: Point };
  /** So many of the delivery's next transactions fail, as when the database is away. */
  outage: { transactionsLeft: number };
  /** The clock of the sweeps: ahead of time, young changes count as settled, and drivers as silent. */
  sweepClock: { aheadMs: number };
  /** Writes a delivery's row and starts its workflow, as the outbox would. */
  dispatch(delivery?: NewDelivery): Promise<RunningDelivery>;
  runningOf(delivery: { deliveryId: string; sellerOrderId: string }): RunningDelivery;
};

export async function createRealTemporalWorld(options: DevServerOptions = {}): Promise<RealTemporalWorld> {
  const [world, env] = await Promise.all([createDispatchWorld(), startDevServer(options)]);
  const parts = partsOf(world, env);
  const worker = await Worker.create({
    ...workflowsUnderTest(),
    connection: env.nativeConnection,
    namespace: env.namespace,
    taskQueue: TASK_QUEUE,
    activities: parts.activities,
    stickyQueueScheduleToStartTimeout: '2s',
  });
  const running = worker.run();
  const relay = world.relayTo(parts.handle);
  const runningOf = ({
    deliveryId,
    sellerOrderId,
  }: {
    deliveryId: string;
    sellerOrderId: string;
  }): RunningDelivery => {
    const workflowId = deliveryWorkflowId(MERCHANT, sellerOrderId);
    return { deliveryId, workflowId, handle: env.client.workflow.getHandle(workflowId) };
  };
  return {
    ...world,
    env,
    runningOf,
    ...parts.shown,
    standard: { limits: TEST_LIMITS, pickup: PICKUP },
    dispatch: async (wanted) => {
      const delivery = await world.addDelivery(wanted);
      await parts.shown.dispatcher.startDelivery(delivery.deliveryId, 'test');
      return runningOf(delivery);
    },
    close: async () => {
      await relay.stop();
      worker.shutdown();
      await running;
      await env.teardown();
      await world.close();
    },
  };
}

function partsOf(world: DispatchWorld, { client }: TestWorkflowEnvironment) {
  const {
    db,
    postgres,
    map,
    leasing,
    deps: { features, limits, travel, timeScale, notifyRelay },
  } = world;
  const clock: Clock = Date.now;
  const sweepClock = { aheadMs: 0 };
  const outage = { transactionsLeft: 0 };
  const emits: Emit[] = [];
  const dispatcher = createDispatcher(client, db);
  const services = composeServices({
    postgres,
    map,
    features,
    dispatcher,
    settings: {
      ...limits,
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
  const { availability, zoneActs } = services;
  const presence = createPresence({
    db,
    map,
    availability,
    features,
    clock,
    limits: limits.availability,
    notifyRelay,
  });
  const sweepOpenRows = createOpenRowsSweep({
    store: createOpenRowsStore(db),
    running: createRunningDeliveries(client),
    clock: () => Date.now() + sweepClock.aheadMs,
    heartbeat: () => {},
    onReport: () => {},
    start: (deliveryId) => dispatcher.startDelivery(deliveryId, newId()),
    callRound: (cityId) => dispatcher.callRound(cityId, newId()),
    reevaluate: (workflowId) =>
      client.workflow.getHandle(workflowId).signal(offerWithdrawn, { offerId: '', correlationId: newId() }),
  });
  const reevaluate = (deliveryId: string): Promise<void> =>
    dispatcher.signalOfferWithdrawn(deliveryId, { offerId: '', correlationId: newId() });
  const checkEscalation = createEscalationCheck({
    rows: createUnassignedRows(db),
    features: world.deps.features,
    switchedAt: () => 0,
    clock,
    limits: limits.escalation,
    heartbeat: () => {},
    onReport: () => {},
    reevaluate,
  });
  const keepUp = createUpkeep({
    ensureAuditPartitions: (from, months) => ensureAuditPartitions(db, from, months),
    pruneSent: (olderThanMs) => pruneSent(db, olderThanMs),
    pruneHealth: async () => 0,
    blankChanges: async () => 0,
    prunePositions: async () => 0,
    pruneFingerprints: async () => 0,
    pruneShadows: async () => 0,
    pruneRoundCounts: async () => 0,
    positionsKeptMs: 1,
    clock,
  });
  const handle = composeMessageHandler(services, {
    dispatcher,
    emitter: { emit: async (event) => void emits.push(event) },
    notify: async () => {},
  });
  const { sweepLostDrivers } = createLostDrivers({
    db,
    map: { readViews: map.readViews, ingestUpSince: async () => 0 },
    cases: services.supportCases,
    clock: () => Date.now() + sweepClock.aheadMs,
    limits: LOSS_LIMITS,
    stages: STAGE_LIMITS,
    overdueStages: services.overdueStages,
    travel,
    timeScale,
    log: { warn: () => {} },
    notifyRelay,
  });
  const sweepWindows = createWindowsSweep({
    db,
    map,
    risks: createWindowRisks(world.deps),
    clock,
    travel,
    timeScale,
    warningMs: 300_000,
    log: { warn: () => {} },
    heartbeat: () => {},
  });
  const sweepMatchingNet = createMatchingNet({
    read: poolReader(postgres),
    features,
    reevaluate,
    clock,
    netMs: limits.matchingNetMs,
    log: { warn: () => {} },
    heartbeat: () => {},
  });
  const sweepErasures = createErasureSweep({
    db,
    erasures: services.erasures,
    clock,
    newId,
    keptMs: 86_400_000,
    positionsKeptMs: 86_400_000,
    heartbeat: () => {},
  });
  const sweepZoneHealth = createZoneSweep({
    ...services,
    guardRails: { check: async () => ({ cities: 0, switchedOff: 0 }) },
  });
  const verifyAudit = createAuditCheck({
    chains: createAuditChains(db),
    clock,
    beat: () => {},
    resumeFrom: () => undefined,
    onReport: () => {},
  });
  const matching = createMatching({
    read: poolReader(postgres),
    map,
    dispatcher,
    features,
    clock,
    newId,
    limits: { ...limits, tripMaxDeliveries: 2 },
    travel,
    timeScale,
    log: { warn: () => {} },
  });
  const activities = {
    ...failingIn(outage, world.activities),
    ...matching,
    endTimedState: availability.endTimedState,
    sweepPresence: presence.sweepPresence,
    sweepOpenRows,
    keepUp,
    verifyAudit,
    sweepZoneHealth,
    checkEscalation,
    sweepLostDrivers,
    sweepWindows,
    sweepMatchingNet,
    sweepErasures,
  };
  return { activities, handle, shown: { dispatcher, availability, zoneActs, emits, sweepClock, outage } };
}

function failingIn(outage: RealTemporalWorld['outage'], activities: DeliveryActivities): DeliveryActivities {
  return activitiesRunBy((input) => {
    if (outage.transactionsLeft-- > 0) throw new Error('the database is away');
    return activities[input.event.kind](input);
  });
}
