/**
 * The services of one process, put together once for API, worker, tests and benches (ADR 28). Nothing here
 * opens a connection or reads the environment: the ports come in, the services come out.
 */
import { createAuditChains } from '../adapters/postgres/auditChains';
import { type Database, poolReader, type Postgres, readerOf } from '../adapters/postgres/database';
import { createDeliveryStore } from '../adapters/postgres/deliveryStore';
import { createDriverRegistry } from '../adapters/postgres/driverRegistry';
import { readFeatureRows } from '../adapters/postgres/featureRows';
import { createOrderChangeStore } from '../adapters/postgres/orderChangeStore';
import { createOrderStore } from '../adapters/postgres/orderStore';
import { createZoneCache } from '../adapters/postgres/zoneCache';
import { createRelay, type Relay } from '../adapters/postgres/relay';
import { type FeatureSetting } from '../domain/features/rollout';
import { type AuditService, createAuditService } from './auditChains';
import { type AvailabilityDeps, type AvailabilityService, createAvailability } from './availability';
import { type Configuration, createConfiguration } from './configuration';
import { type DeliveryStore } from './deliveries/deliveryStore';
import { createDriverProfiles, type DriverProfiles } from './driverProfiles';
import { createDriverStates } from './driverStates';
import {
  createFeatureRegistry,
  type FeatureChangeChannel,
  type FeatureRegistry,
  logFeatures,
} from './features/featureRegistry';
import { createErasures, type Erasures } from './erasures';
import { createLiveMap, type LiveMap } from './liveMap';
import { createNoticeGroups, type NoticeGroups } from './noticeGroups';
import { createMatchPolicies, type MatchPolicies } from './matching/policies';
import { createShadowReports, type ShadowReports } from './matching/shadowReports';
import { createNoticeChannels, type NoticeChannels } from './noticeChannels';
import { createNotices, type NoticeDeps } from './notices';
import { createOrderChanges, type OrderChanges } from './orderChanges';
import { createOrders, type OrderDeps, type Orders } from './orders';
import { createOverdueStages, type OverdueStages } from './overdueStages';
import { createMessageHandler, type MessageDeps } from './outbox/outboxMessages';
import { type MessageHandler } from './outbox/sending';
import {
  type Clock,
  type Dispatcher,
  type DriverMap,
  type DriverStates,
  type Emitter,
  type Features,
  type Leasing,
  type Log,
  type NewId,
  type NotifyRelay,
  type RoomStates,
} from './ports';
import { createPositions, type Positions } from './positions';
import { createPushSubscriptions, type PushSubscriptions } from './pushSubscriptions';
import { createRegistration, type Registration } from './registration';
import { createRequestFingerprints, type RequestFingerprints } from './requestFingerprints';
import { createRescue, type RescueService } from './rescue';
import { createRoomStates } from './roomStates';
import { createStrandedGoods, type StrandedGoods } from './strandedGoods';
import { createSupportCases, type SupportCases } from './supportCases';
import { createSuspensions, type SuspensionService } from './suspensions';
import { createWake, type Wake, type WakeDeps } from './wake';
import { createZoneActs, type ZoneActs, type ZoneActsDeps } from './zones/zoneActs';
import { createZoneHealth, type ZoneHealth, type ZoneHealthDeps } from './zones/zoneHealth';

/** The settings of the services. */
export type ServiceSettings = Pick<WakeDeps, 'search' | 'ranking' | 'travel' | 'timeScale'> &
  Pick<OrderDeps, 'searchLeadMs'> & {
    orders: OrderDeps['limits'];
    availability: AvailabilityDeps['limits'];
    escalation: { thresholds: ZoneHealthDeps['waiting']; repeatMs: number; minuteMs: number };
    /** How much later than alone a customer may get theirs for the sake of another. */
    tripMaxExtraMs: number;
    /** How often support and pager are told at most how a group of deliveries fares. */
    noticeGroupUpdateMs: number;
    database: { statementTimeoutMs: number };
    zoneActs: Pick<ZoneActsDeps, 'deliveriesPerSecond' | 'widenMaxMeters'>;
    /** Whether drivers can be reached by web push while their app is closed. */
    pushesOffers: boolean;
  };

export type ServiceDeps = {
  postgres: Postgres;
  map: DriverMap;
  features: Features;
  dispatcher: WakeDeps['dispatcher'];
  settings: ServiceSettings;
  clock: Clock;
  newId: NewId;
  /** Called after a commit that left messages to the relay. */
  notifyRelay: NotifyRelay;
  /** Absent: all messages are left to the relay. */
  leasing?: Leasing;
};

/** The use cases that API and worker share. */
export type Services = {
  store: DeliveryStore;
  orders: Orders;
  orderChanges: OrderChanges;
  availability: AvailabilityService;
  positions: Positions;
  registration: Registration;
  driverProfiles: DriverProfiles;
  configuration: Configuration;
  pushSubscriptions: PushSubscriptions;
  erasures: Erasures;
  driverStates: DriverStates;
  roomStates: RoomStates;
  supportCases: SupportCases;
  strandedGoods: StrandedGoods;
  overdueStages: OverdueStages;
  rescue: RescueService;
  suspensions: SuspensionService;
  fingerprints: RequestFingerprints;
  zoneHealth: ZoneHealth;
  noticeGroups: NoticeGroups;
  zoneActs: ZoneActs;
  matchPolicies: MatchPolicies;
  shadowReports: ShadowReports;
  audit: AuditService;
  liveMap: LiveMap;
  wake: Wake;
};

export function composeServices(deps: ServiceDeps): Services {
  const { postgres, map, features, settings, clock, newId, notifyRelay, leasing } = deps;
  const { search, ranking, travel, timeScale, searchLeadMs, availability: limits, escalation } = settings;
  const { db } = postgres;
  const store = createDeliveryStore(postgres, leasing);
  const zonesOf = createZoneCache(readerOf(db));
  return {
    store,
    orders: createOrders({
      store: createOrderStore(db, zonesOf, leasing),
      newId,
      searchLeadMs,
      limits: settings.orders,
      travel,
      timeScale,
      notifyRelay,
    }),
    orderChanges: createOrderChanges({
      store: createOrderChangeStore(db, zonesOf),
      limits: settings.orders,
      newId,
    }),
    availability: createAvailability({ db, map, features, clock, limits, notifyRelay }),
    positions: createPositions({ db, map, clock, notifyRelay }),
    registration: createRegistration(createDriverRegistry(db)),
    driverProfiles: createDriverProfiles({ db, clock, notifyRelay }),
    configuration: createConfiguration({ db, clock }),
    pushSubscriptions: createPushSubscriptions({ db, clock, newId }),
    erasures: createErasures({ db, map, clock, newId }),
    driverStates: createDriverStates({
      db,
      clock,
      routes: { travel, timeScale, tripMaxExtraMs: settings.tripMaxExtraMs },
    }),
    roomStates: createRoomStates({ read: poolReader(postgres), clock }),
    strandedGoods: createStrandedGoods({ db, clock, notifyRelay }),
    supportCases: createSupportCases({ db, clock, newId, notifyRelay }),
    fingerprints: createRequestFingerprints({ read: poolReader(postgres), clock }),
    suspensions: createSuspensions({ db, features, clock, newId, limits, notifyRelay }),
    overdueStages: createOverdueStages({ db, clock, newId, notifyRelay, pushes: settings.pushesOffers }),
    rescue: createRescue({ db, features, clock, newId, limits, notifyRelay }),
    zoneActs: createZoneActs({
      ...settings.zoneActs,
      escalatedRadiusMeters: search.escalatedRadiusMeters,
      db,
      clock,
      newId,
      timeScale,
      notifyRelay,
    }),
    zoneHealth: createZoneHealth({
      db,
      map,
      clock,
      freshPositionMs: ranking.freshPositionMs,
      waiting: escalation.thresholds,
      timeScale,
      notifyRelay,
    }),
    noticeGroups: createNoticeGroups({
      db,
      clock,
      limits: {
        updateMs: settings.noticeGroupUpdateMs,
        repeatMs: escalation.repeatMs,
        minuteMs: escalation.minuteMs,
      },
    }),
    matchPolicies: createMatchPolicies({ db, clock, notifyRelay }),
    shadowReports: createShadowReports({ db, timeScale }),
    audit: createAuditService(createAuditChains(db, settings.database.statementTimeoutMs)),
    liveMap: createLiveMap({ db, map, clock }),
    wake: createWake({
      db,
      map,
      store,
      dispatcher: deps.dispatcher,
      features,
      clock,
      search,
      ranking,
      travel,
      timeScale,
      notifyRelay,
    }),
  };
}

/** The receivers of outbox messages, in a process with these services. */
export function composeMessageHandler(
  {
    availability,
    liveMap,
    supportCases,
    wake,
    zoneActs,
  }: Pick<Services, 'availability' | 'liveMap' | 'supportCases' | 'wake' | 'zoneActs'>,
  outgoing: Pick<MessageDeps, 'dispatcher' | 'emitter' | 'notify'>,
): MessageHandler {
  return createMessageHandler({
    ...outgoing,
    syncDriver: (driverId, entry) => liveMap.syncDriver(driverId, entry),
    releaseDriver: (driverId, correlationId) => availability.releaseDriver(driverId, correlationId),
    merchantSuspended: (deliveryId, by, correlationId) =>
      supportCases.open(deliveryId, { reason: 'MERCHANT_SUSPENDED', by, correlationId }),
    zoneAct: (part) => zoneActs.carryOut(part, outgoing.dispatcher),
    driverFree: (driver) => wake.driverFree(driver),
  });
}

export type RelayedDeps = Omit<ServiceDeps, 'notifyRelay' | 'leasing' | 'dispatcher' | 'settings'> & {
  dispatcher: Dispatcher;
  emitter: Emitter;
  notifiers: NoticeDeps['notifiers'];
  settings: ServiceSettings & { notices: Pick<NoticeDeps, 'maxAgeMs'> };
  log: Log;
};

/**
 * The services with their outbox relay. They depend on each other: services notify the relay after a commit,
 * and the relay passes messages to services. The caller starts and stops the relay.
 */
export function composeRelayedServices(deps: RelayedDeps): {
  services: Services;
  relay: Relay;
  noticeChannels: NoticeChannels;
} {
  const { postgres, dispatcher, emitter, notifiers, settings, clock, log } = deps;
  const relay = createRelay(postgres, (...sent) => handle(...sent), log);
  const services = composeServices({ ...deps, notifyRelay: relay.notify, leasing: relay });
  const noticeChannels = createNoticeChannels(clock, log);
  const notify = createNotices({
    notifiers,
    clock,
    log,
    maxAgeMs: settings.notices.maxAgeMs,
    channels: noticeChannels,
  });
  const handle = composeMessageHandler(services, { dispatcher, emitter, notify });
  return { services, relay, noticeChannels };
}

/** The features of this process, after the first read of their settings. Changes are logged. */
export async function startFeatures({
  db,
  changeChannel,
  environment,
  clock,
  log,
  featureLog,
}: {
  db: Database;
  changeChannel: FeatureChangeChannel;
  /** All features, as set by the environment. */
  environment: readonly FeatureSetting[];
  clock: Clock;
  log: Log;
  /** For what is on and off, whatever LOG_LEVEL says. */
  featureLog: Log;
}): Promise<FeatureRegistry> {
  const names = environment.map(({ feature }) => feature);
  const features = createFeatureRegistry({
    environment,
    changeChannel,
    clock,
    log,
    readRows: () => readFeatureRows(db, names, 1),
  });
  await features.start();
  logFeatures(features, featureLog);
  return features;
}
