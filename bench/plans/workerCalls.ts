import { v7 as newId } from 'uuid';
import { commonChecks } from '../../adapters/compose';
import { auditLagMs, createAuditChains, lastFinishedCheck } from '../../adapters/postgres/auditChains';
import { auditPartitionsState, ensureAuditPartitions } from '../../adapters/postgres/auditPartitions';
import { readFeatureRows } from '../../adapters/postgres/featureRows';
import { createOpenRowsStore } from '../../adapters/postgres/openRowsStore';
import {
  enqueue,
  markSent,
  outboxBacklog,
  pruneSent,
  putBack,
  takeDue,
  whatIsDue,
} from '../../adapters/postgres/outbox';
import { PositionArchive } from '../../adapters/redis/positionArchive';
import { prunePositions } from '../../adapters/postgres/positionRows';
import { pruneFingerprints } from '../../adapters/postgres/requestFingerprints';
import { pruneRoundCounts } from '../../adapters/postgres/guardRailRows';
import { pruneShadowRounds } from '../../adapters/postgres/shadowRows';
import { createUnassignedRows } from '../../adapters/postgres/unassignedRows';
import { createWebPushNotifier } from '../../adapters/notify/webPushNotifier';
import { blankChanges } from '../../adapters/postgres/orderChangeStore';
import { pruneHealth, readLatestHealth } from '../../adapters/postgres/zoneHealthRows';
import { createAuditCheck } from '../../activities/sweeps/auditCheck';
import { createErasureSweep } from '../../activities/sweeps/erasures';
import { createEscalationCheck } from '../../activities/sweeps/escalationCheck';
import { createLostDrivers } from '../../activities/sweeps/lostDrivers';
import { createOpenRowsSweep } from '../../activities/sweeps/openRows';
import { type Lane, LANES } from '../../services/outbox/outboxRelay';
import { createMatching } from '../../activities/matching';
import { createMatchingNet } from '../../activities/sweeps/matchingNet';
import type { FeatureSetting } from '../../domain/features/rollout';
import { createGuardRails } from '../../services/matching/guardRails';
import { createPresence } from '../../activities/sweeps/presence';
import { createUpkeep } from '../../activities/sweeps/upkeep';
import { deliveryWorkflowId } from '../../workflows/contract';
import { type Call, call, callAfter, type Site } from './calls';
import type { Draw } from './draw';
import { markIngestUp, syncDrivers } from './liveDrivers';
import { runEvent } from './world';
import { latOf, posted } from './writes';

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const nothing = (): void => {};

/** Each event of a delivery that no person triggers. */
export function eventCalls(site: Site, draw: Draw): Call[] {
  const {
    world: {
      activities,
      answered,
      services: { driverStates, fingerprints, supportCases, zoneActs },
      dispatcher,
      db,
      clock,
    },
  } = site;
  const push = createWebPushNotifier({
    db,
    vapid: { publicKey: '', privateKey: '', subject: '' },
    publicUrl: null,
    allowLocal: false,
    clock,
    log: quiet,
  });
  const pushed = {
    about: 'bench',
    what: 'open',
    severity: 'info',
    title: 'bench',
    text: 'bench',
    link: null,
    cityId: 'city-0',
  } as const;
  const raise = ({ cityId, zoneId }: { cityId: string; zoneId: string }) =>
    zoneActs.raisePay(
      { cityId, zoneId },
      { bonusCents: 1 },
      { by: { kind: 'ops', id: 'bench' }, why: 'bench', correlationId: 'plans', key: newId() },
    );
  return [
    callAfter(
      'lookForDriver, a driver is near',
      () => posted(site, draw.one('free').cityId),
      (deliveryId) => runEvent(activities, { deliveryId, event: { kind: 'lookForDriver', freed: null } }),
    ),
    callAfter(
      'lookForDriver again',
      async () => draw.one('searching').id,
      (deliveryId) => runEvent(activities, { deliveryId, event: { kind: 'lookForDriver', freed: null } }),
    ),
    callAfter(
      'lapseOffer',
      async () => draw.one('lapsedOffers'),
      ({ id: offerId, deliveryId }) =>
        runEvent(activities, { deliveryId, event: { kind: 'lapseOffer', offerId } }),
    ),
    callAfter(
      'releaseDriver',
      async () => draw.one('assigned'),
      ({ id: deliveryId, driverId }) =>
        runEvent(activities, {
          deliveryId,
          event: { kind: 'releaseDriver', driverId, offerId: null, assignmentId: null, why: 'WENT_OFFLINE' },
        }),
    ),
    callAfter(
      'escalate',
      async () => draw.one('held').id,
      (deliveryId) => runEvent(activities, { deliveryId, event: { kind: 'escalate' } }),
    ),
    callAfter(
      'giveUpSearch',
      async () => draw.one('searching').id,
      (deliveryId) => runEvent(activities, { deliveryId, event: { kind: 'giveUpSearch' } }),
    ),
    callAfter(
      'readDelivery',
      async () => draw.one('atPickup').id,
      (deliveryId) => runEvent(activities, { deliveryId, event: { kind: 'readDelivery' } }),
    ),
    callAfter(
      'handOver at a meeting point',
      async () => draw.one('meetings'),
      ({ id, deliveryId, driverId }) =>
        runEvent(activities, {
          deliveryId,
          event: {
            kind: 'handOver',
            driverId,
            by: { kind: 'ops', id: 'bench' },
            override: false,
            meetingId: id,
            why: 'bench',
          },
        }),
    ),
    callAfter(
      'the answer to an offer, from its row',
      async () => draw.one('closed').id,
      (deliveryId) =>
        answered(deliveryId, {
          kind: 'cancelDelivery',
          by: { kind: 'ops', id: 'bench' },
          reason: 'OPS_CANCELLED',
        }),
    ),
    callAfter(
      'push subscriptions for an offer',
      async () => {
        const offer = draw.one('liveOffers');
        // A driver's reads before this call count as shown, and what was shown is not pushed.
        await db.offer.update({ where: { id: offer.id }, data: { reachedAt: null } });
        return offer;
      },
      ({ id: offerId, driverId }) =>
        push.notify({ ...pushed, to: { kind: 'driver', driverId }, facts: { offerId }, at: clock() }),
    ),
    callAfter(
      'offerSeen',
      async () => draw.one('liveOffers'),
      ({ id, driverId }) => driverStates.offerSeen(id, driverId),
    ),
    callAfter(
      'fingerprint of a request',
      async () => draw.one('closed').id,
      (id) =>
        fingerprints.isSameRequest(
          { role: 'ops', subject: 'bench', route: 'bench', params: { id }, key: 'bench' },
          { why: 'bench' },
        ),
    ),
    { ...callAfter('act on a zone', async () => draw.one('searching'), raise), most: 10 },
    {
      ...callAfter(
        'part of an act on a zone',
        async () => {
          const delivery = draw.one('searching');
          return { actId: (await raise(delivery)).actId, deliveryId: delivery.deliveryId };
        },
        (part) => zoneActs.carryOut(part, { sendCommand: async () => ({ outcome: 'noted' }) }),
      ),
      most: 10,
    },
    callAfter(
      'case of a suspended merchant',
      async () => draw.one('atPickup').id,
      (id) =>
        supportCases.open(id, {
          reason: 'MERCHANT_SUSPENDED',
          by: { kind: 'ops', id: 'bench' },
          correlationId: 'plans',
        }),
    ),
    callAfter(
      'event of a closed delivery',
      async () => draw.one('closed').id,
      (deliveryId) => dispatcher.startDelivery(deliveryId, 'plans'),
    ),
  ];
}

/** The outbox queries, by lane. */
export function outboxCalls({ world: { db, read } }: Site): Call[] {
  const lanes = Object.entries<Lane>(LANES).map(([name, lane]) =>
    call(`outbox, take: ${name}`, () => takeDue(read, lane.kinds, 100, lane)),
  );
  const due = async (kinds: Lane['kinds'], limit: number) => {
    await enqueue(db, newId(), 'plans', [
      { kind: 'startDelivery', deliveryId: newId() },
      { kind: 'syncDriver', driverId: newId() },
    ]);
    return takeDue(read, kinds, limit);
  };
  return [
    call('outbox, due messages', () => whatIsDue(read)),
    ...lanes,
    call('outbox, backlog', () => outboxBacklog(db)),
    callAfter(
      'outbox, put back',
      () => due(LANES.temporal.kinds, 1),
      async ([first]) => {
        if (first) await putBack(db, first, 'bench');
      },
    ),
    callAfter(
      'outbox, mark sent',
      () => due(LANES.redis.kinds, 100),
      (taken) =>
        markSent(
          read,
          taken.map(({ id }) => id),
        ),
    ),
    call('outbox, prune a day', () => pruneSent(db, 86_400_000)),
  ];
}

/** Drivers' times, positions, and free drivers who wake deliveries. */
export function driverCalls(site: Site, draw: Draw): Call[] {
  const { world } = site;
  const { db, map, clock, redis, keyPrefix } = world;
  const { availability, liveMap, wake } = world.services;
  const matching = createMatching({
    read: world.read,
    map,
    dispatcher: { propose: async () => {} },
    features: { isOn: () => true },
    clock,
    newId,
    limits: world.settings,
    travel: world.settings.travel,
    timeScale: 1,
    log: quiet,
  });
  const sweepMatchingNet = createMatchingNet({
    read: world.read,
    features: { isOn: () => true },
    reevaluate: async () => {},
    clock,
    netMs: world.settings.matchingNetMs,
    log: quiet,
    heartbeat: () => {},
  });
  const archive = new PositionArchive({
    redis,
    db,
    keyPrefix,
    onError: (error) => {
      throw error;
    },
  });
  return [
    callAfter(
      'driverFree',
      async () => draw.one('free').id,
      (driverId) => wake.driverFree({ driverId, passed: [], correlationId: 'plans' }),
    ),
    call('round of the matching of a city', () =>
      matching.runRound({ cityId: draw.city(), correlationId: 'plans' }),
    ),
    call('sweep of the net of the matching', () => sweepMatchingNet()),
    callAfter(
      'others that wait',
      async () => draw.one('searching'),
      ({ cityId, id: deliveryId }) => world.services.store.othersWaiting({ cityId, deliveryId, atMost: 50 }),
    ),
    callAfter(
      'syncDriver',
      async () => draw.one('busy').id,
      (driverId) => liveMap.syncDriver(driverId),
    ),
    callAfter(
      'letGo',
      async () => draw.one('offDuty').id,
      (driverId) => availability.releaseDriver(driverId, 'plans'),
    ),
    callAfter(
      'endTimedState',
      async () => draw.one('onBreak').id,
      (driverId) =>
        availability.endTimedState({ driverId, state: 'ON_BREAK', until: clock(), correlationId: 'plans' }),
    ),
    callAfter(
      'archiving positions',
      async () => {
        for (let count = 0; count < 200; count += 1) {
          const { id, cityId } = draw.one('busy');
          const fix = {
            at: clock(),
            point: { lat: latOf(cityId) + 0.01, lng: 5 },
            accuracyMeters: 5,
            speedMps: null,
            headingDegrees: null,
          };
          await map.recordPositions(id, [fix], clock());
        }
      },
      () => archive.archiveAll(),
    ),
  ];
}

const matchedEverywhere = (): FeatureSetting => ({
  feature: 'batch_matching',
  state: 'ON',
  rolloutPercent: 100,
  cities: null,
});

/** A sweep reads all pages of its tables, so a few runs make many statements. */
const some = (calls: Call[]): Call[] => calls.map((each) => ({ ...each, most: 5 }));

/** The sweeps and the metrics queries. */
export function sweepCalls(site: Site, draw: Draw): Call[] {
  const { world } = site;
  const { db, map, clock, settings, notifyRelay, features } = world;
  const presence = createPresence({
    db,
    map,
    availability: world.services.availability,
    features,
    clock,
    limits: settings.availability,
    notifyRelay,
  });
  const lost = createLostDrivers({
    db,
    map,
    cases: world.services.supportCases,
    clock,
    limits: settings.loss,
    stages: settings.stages,
    overdueStages: world.services.overdueStages,
    travel: settings.travel,
    timeScale: 1,
    log: quiet,
    notifyRelay,
  });
  const rows = createOpenRowsStore(db);
  const openRows = createOpenRowsSweep({
    store: rows,
    clock,
    heartbeat: nothing,
    start: async () => {},
    reevaluate: async () => {},
    callRound: async () => {},
    onReport: nothing,
    running: {
      count: async () => 1_000,
      amongRunning: async (workflowIds) => new Set(workflowIds),
      list: async function* () {
        for (let count = 0; count < 1_000; count += 1) {
          const { merchantId, sellerOrderId } = draw.one('closed');
          yield { workflowId: deliveryWorkflowId(merchantId, sellerOrderId), startedAt: clock() };
        }
      },
      stuck: async () => [],
      hungOwners: async () => [],
      end: async () => {},
      isRunning: async () => true,
    },
  });
  const escalation = createEscalationCheck({
    rows: createUnassignedRows(db),
    features,
    switchedAt: () => 0,
    reevaluate: async () => {},
    clock,
    limits: settings.escalation,
    heartbeat: nothing,
    onReport: nothing,
  });
  const upkeep = createUpkeep({
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
  });
  const guardRails = createGuardRails({
    db,
    registry: { environment: matchedEverywhere, isOn: () => true },
    features: { put: async () => ({ outcome: 'notFound' }) },
    policies: world.services.matchPolicies,
    clock,
    settings: settings.guardRails,
    timeScale: 1,
    log: quiet,
  });
  const DAY_MS = 86_400_000;
  const erasures = createErasureSweep({
    db,
    erasures: world.services.erasures,
    clock,
    newId,
    keptMs: 350 * DAY_MS, // the seed covers a year
    positionsKeptMs: settings.positionsKeptMs,
    heartbeat: nothing,
  });
  return some([
    {
      readsAll: {
        tables: ['drivers'],
        why: 'it looks for old last places, page by page; an index on them would slow down each position',
      },
      ...call('sweep of erasures', () => erasures()),
    },
    callAfter(
      'sweep of presence',
      () => markIngestUp(world),
      () => presence.sweepPresence(),
    ),
    callAfter(
      'sweep of lost drivers',
      async () => {
        await syncDrivers(world, 'but for a few');
        await markIngestUp(world);
      },
      () => lost.sweepLostDrivers(),
    ),
    callAfter(
      'sweep of lost drivers, all silent',
      async () => {
        await syncDrivers(world, 'long ago');
        await markIngestUp(world);
      },
      () => lost.sweepLostDrivers(),
    ),
    callAfter(
      'sweep of lost drivers, all heard from again',
      async () => {
        await syncDrivers(world, 'all');
        await markIngestUp(world);
      },
      () => lost.sweepLostDrivers(),
    ),
    call('sweep of zones', () => world.services.zoneHealth.compute(null)),
    call('guard rails of the matching', () => guardRails.check()),
    callAfter(
      'sweep of notice groups',
      () => openGroups(db, draw.city()),
      () => world.services.noticeGroups.bringUpToDate(),
    ),
    {
      readsAll: {
        tables: ['drivers'],
        why: 'it compares every counter with the rows; an index would slow down each offer',
      },
      ...call('sweep of open rows', () => openRows()),
    },
    call('check of escalation', () => escalation()),
    call('upkeep', () => upkeep()),
    call('metrics: audit lag', () => auditLagMs(db)),
    call('metrics: audit partitions', () => auditPartitionsState(db)),
    call('metrics: last check', () => lastFinishedCheck(db)),
    call('metrics: zones', () => readLatestHealth(db, clock() - 180_000)),
    call('metrics: backlog', () => outboxBacklog(db)),
    call('features', () =>
      readFeatureRows(
        db,
        settings.features.map(({ feature }) => feature),
        1,
      ),
    ),
    ...Object.entries(commonChecks(world)).map(([name, check]) => call(`check of ${name}`, check)),
  ]);
}

/**
 * The daily check goes through the share of one day, by design (ADR 11): each of its pages is looked at, but
 * it is asked once.
 */
export function auditCalls({ world: { db, clock } }: Site, draw: Draw): Call[] {
  const chains = createAuditChains(db);
  const check = createAuditCheck({
    chains,
    clock,
    beat: nothing,
    resumeFrom: () => undefined,
    onReport: nothing,
  });
  return [
    {
      most: 1,
      readsAll: {
        tables: ['audit_entries', 'deliveries', 'drivers'],
        why: 'it goes through all chains and rows, page by page, to check those of its day (ADR 11)',
      },
      ...callAfter(
        'daily check of the audit',
        () =>
          db.auditCheck.create({
            data: {
              startedAt: new Date(clock() - 3_600_000),
              finishedAt: new Date(clock()),
              checkedTo: new Date(clock() - 3_600_000),
              problems: { count: 0, named: [] },
            },
          }),
        () => check(),
      ),
    },
    call('one chain in order', () => chains.walkChain(`delivery/${draw.one('closed').id}`, async () => true)),
  ];
}

/** Groups of each zone of a city, told of long ago: of those who wait for ops, and of nobody. */
async function openGroups(db: Site['world']['db'], cityId: string): Promise<void> {
  await db.$executeRaw`
    INSERT INTO notice_groups (key, addressee, city_id, zone_id, cause, level, opened_at, alerted_at, told_at,
      told_count)
    SELECT 'support/zone/' || city_id || '/' || id || '/' || cause, 'support', city_id, id, cause, 0,
      now() - interval '1 day', now() - interval '1 day', now() - interval '1 day', 1000
    FROM zones, unnest(ARRAY['UNASSIGNED', 'REASSIGNMENT_OFF', 'GOODS_IN_HAND']) AS cause
    WHERE city_id = ${cityId} ON CONFLICT (key) DO UPDATE SET told_at = excluded.told_at`;
}
