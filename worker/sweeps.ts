/** Composes the activities of the Schedules. Each proves an invariant and repairs what broke it. */
import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import { v7 as newId } from 'uuid';
import { ensureAuditPartitions } from '../adapters/postgres/auditPartitions';
import { createAuditChains } from '../adapters/postgres/auditChains';
import { type Database, readerOf } from '../adapters/postgres/database';
import { createOpenRowsStore } from '../adapters/postgres/openRowsStore';
import { blankChanges } from '../adapters/postgres/orderChangeStore';
import { pruneSent } from '../adapters/postgres/outbox';
import { prunePositions } from '../adapters/postgres/positionRows';
import { pruneFingerprints } from '../adapters/postgres/requestFingerprints';
import { pruneRoundCounts } from '../adapters/postgres/guardRailRows';
import { pruneShadowRounds } from '../adapters/postgres/shadowRows';
import { createReevaluate, createRunningDeliveries } from '../adapters/temporal/runningDeliveries';
import { createUnassignedRows } from '../adapters/postgres/unassignedRows';
import { pruneHealth } from '../adapters/postgres/zoneHealthRows';
import { createAuditCheck } from '../activities/sweeps/auditCheck';
import { createErasureSweep } from '../activities/sweeps/erasures';
import { createEscalationCheck, escalateAtOnce } from '../activities/sweeps/escalationCheck';
import type { Services } from '../services/compose';
import type { FeatureRegistry } from '../services/features/featureRegistry';
import type { FeatureService } from '../services/features/featureService';
import { createGuardRails, type GuardRails } from '../services/matching/guardRails';
import { createLostDrivers } from '../activities/sweeps/lostDrivers';
import { createOpenRowsSweep } from '../activities/sweeps/openRows';
import type { Clock, Dispatcher, DriverMap } from '../services/ports';
import type { PresenceActivities } from '../activities/sweeps/presence';
import { createZoneSweep } from '../activities/sweeps/zones';
import { createUpkeep } from '../activities/sweeps/upkeep';
import { createMatchingNet } from '../activities/sweeps/matchingNet';
import { createWindowsSweep } from '../activities/sweeps/windows';
import { createWindowRisks } from '../services/windowRisks';
import type { Settings } from '../settings';
import { observeAuditCheck } from './auditMetrics';
import { observeEscalation, observeOpenRows } from './metrics';

export type SweepsDeps = {
  db: Database;
  map: DriverMap;
  client: Client;
  dispatcher: Dispatcher;
  features: FeatureRegistry;
  featureSwitch: Pick<FeatureService, 'put'>;
  presence: PresenceActivities;
  services: Pick<
    Services,
    'erasures' | 'store' | 'supportCases' | 'overdueStages' | 'noticeGroups' | 'zoneHealth' | 'matchPolicies'
  >;
  clock: Clock;
  settings: Settings;
  log: Logger;
  notifyRelay: () => void;
};

type SweepName =
  | 'sweepPresence'
  | 'sweepOpenRows'
  | 'checkEscalation'
  | 'sweepLostDrivers'
  | 'sweepWindows'
  | 'sweepMatchingNet'
  | 'sweepZoneHealth'
  | 'verifyAudit'
  | 'sweepErasures'
  | 'keepUp';

/** By the names under which the workflows in workflows/sweeps/ call them. */
export function createSweeps(deps: SweepsDeps): Record<SweepName, () => Promise<unknown>> {
  const { db, map, presence, services, clock, settings, log, notifyRelay } = deps;
  const { travel, timeScale } = settings;
  const lost = createLostDrivers({
    db,
    map,
    cases: services.supportCases,
    clock,
    limits: settings.loss,
    stages: settings.stages,
    overdueStages: services.overdueStages,
    travel,
    timeScale,
    log,
    notifyRelay,
  });
  return {
    sweepPresence: () => presence.sweepPresence(),
    sweepOpenRows: openRowsSweep(deps),
    checkEscalation: escalationCheck(deps),
    sweepLostDrivers: () => lost.sweepLostDrivers(),
    sweepWindows: windowsSweep(deps),
    sweepMatchingNet: matchingNetSweep(deps),
    sweepZoneHealth: createZoneSweep({ ...services, guardRails: guardRails(deps) }),
    verifyAudit: auditCheck(deps),
    sweepErasures: createErasureSweep({
      db,
      erasures: services.erasures,
      clock,
      newId,
      keptMs: settings.personalDataKeptMs,
      positionsKeptMs: settings.positionsKeptMs,
      heartbeat: () => heartbeat(),
    }),
    keepUp: createUpkeep({
      ensureAuditPartitions: (from, months) => ensureAuditPartitions(db, from, months),
      pruneSent: (olderThanMs) => pruneSent(db, olderThanMs),
      pruneHealth: (olderThanMs) => pruneHealth(db, olderThanMs),
      blankChanges: (olderThanMs) => blankChanges(db, olderThanMs),
      prunePositions: (olderThanMs) => prunePositions(db, olderThanMs),
      pruneFingerprints: (olderThanMs) => pruneFingerprints(db, olderThanMs),
      pruneShadows: (olderThanMs) => pruneShadowRounds(db, olderThanMs),
      pruneRoundCounts: (olderThanMs) => pruneRoundCounts(db, olderThanMs),
      positionsKeptMs: settings.positionsKeptMs,
      clock,
    }),
  };
}

function openRowsSweep({ db, client, dispatcher, clock, log }: SweepsDeps) {
  return createOpenRowsSweep({
    store: createOpenRowsStore(db),
    running: createRunningDeliveries(client),
    clock,
    heartbeat: () => heartbeat(),
    start: (deliveryId) => dispatcher.startDelivery(deliveryId, newId()),
    reevaluate: createReevaluate(client, newId),
    callRound: (cityId) => dispatcher.callRound(cityId, newId()),
    onReport: (report) => observeOpenRows(report, log),
  });
}

function matchingNetSweep({ db, features, dispatcher, clock, settings, log }: SweepsDeps) {
  return createMatchingNet({
    read: readerOf(db),
    features,
    reevaluate: rereading(dispatcher),
    clock,
    netMs: settings.matchingNetMs,
    log,
    heartbeat: () => heartbeat(),
  });
}

function guardRails({ db, features, featureSwitch, services, clock, settings, log }: SweepsDeps): GuardRails {
  return createGuardRails({
    db,
    registry: features,
    features: featureSwitch,
    policies: services.matchPolicies,
    clock,
    settings: settings.guardRails,
    timeScale: settings.timeScale,
    log,
  });
}

function windowsSweep({ db, map, features, services, clock, settings, log, notifyRelay }: SweepsDeps) {
  const { travel, timeScale } = settings;
  const { store } = services;
  return createWindowsSweep({
    db,
    map,
    risks: createWindowRisks({ store, limits: settings, features, clock, newId, notifyRelay }),
    clock,
    travel,
    timeScale,
    warningMs: settings.windowWarningMs,
    log,
    heartbeat: () => heartbeat(),
  });
}

/** Makes a delivery's workflow reread its row, and starts it where none runs. */
function rereading(dispatcher: Dispatcher): (deliveryId: string) => Promise<void> {
  return (deliveryId) => dispatcher.signalOfferWithdrawn(deliveryId, { offerId: '', correlationId: newId() });
}

function escalationCheck({ db, dispatcher, features, clock, settings, log }: SweepsDeps) {
  const escalation = {
    rows: createUnassignedRows(db),
    features,
    clock,
    limits: settings.escalation,
    reevaluate: rereading(dispatcher),
  };
  escalateAtOnce(features, escalation, log);
  return createEscalationCheck({
    ...escalation,
    switchedAt: () => features.changedAt('escalation'),
    heartbeat: () => heartbeat(),
    onReport: (report) => observeEscalation(report, log),
  });
}

function auditCheck({ db, clock, log }: SweepsDeps) {
  return createAuditCheck({
    chains: createAuditChains(db),
    clock,
    resumeFrom: (): unknown => activityInfo().heartbeatDetails,
    onReport: (report) => observeAuditCheck(report, log),
    beat: (progress) => {
      heartbeat(progress);
      cancellationSignal().throwIfAborted(); // a worker that is told to stop leaves the rest to another one
    },
  });
}
