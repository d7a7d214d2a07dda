import { distanceMeters, type Point, type TravelModel, travelMsFor } from '../domain/geo/places';
import { carries, type VehicleKind } from '../domain/driver/vehicles';
import { exclusionOf } from '../domain/matching/exclusion';
import { type RankingLimits } from '../domain/matching/candidate';
import { searchKind, type SearchLimits, searchRadiusMeters } from '../domain/matching/searchPlan';
import { type Database } from '../adapters/postgres/database';
import { readWaiting, type WaitingDelivery } from '../adapters/postgres/waitingRows';
import { type CandidateFacts, type DeliveryStore } from './deliveries/deliveryStore';
import { enqueue } from '../adapters/postgres/outbox';
import { createLiveMap } from './liveMap';
import { isMatched } from './matching/isMatched';
import {
  type Clock,
  type Dispatcher,
  type DriverMap,
  type Features,
  type MapEntry,
  type NotifyRelay,
} from './ports';

export type WakeDeps = {
  db: Database;
  map: DriverMap;
  store: Pick<DeliveryStore, 'candidates'>;
  dispatcher: Pick<Dispatcher, 'wake'>;
  features: Features;
  clock: Clock;
  search: SearchLimits;
  ranking: RankingLimits;
  travel: TravelModel;
  /** Divides travel times, as TIME_SCALE divides all durations. */
  timeScale: number;
  notifyRelay: NotifyRelay;
};

export type FreeDriver = {
  driverId: string;
  passed: readonly string[];
  correlationId: string;
  /** As the transaction that freed the driver wrote it; left out, it is read. */
  entry?: MapEntry;
};

export type Wake = {
  /**
   * Handles the message driverFree: wakes the most urgent waiting delivery that this driver may serve, and calls for
   * a round where the city's matching looks for the drivers of others.
   * @returns the id of the woken one, or null if there is none
   */
  driverFree(driver: FreeDriver): Promise<string | null>;
};

/**
 * The most deliveries that pass on one free driver. Each one without an offer wakes the next, never all of
 * them (docs/behaviour.md#offers).
 */
export const MAX_HOPS = 5;
/** Page size and the most pages of waiting deliveries. */
const PAGE = 200;
const MAX_PAGES = 5;
/**
 * The most deliveries in reach that are checked one by one. Others are found by the driver's next change or
 * their own next search.
 */
const MAX_ASKED = 20;

export function createWake(deps: WakeDeps): Wake {
  return {
    driverFree: async ({ driverId, passed, correlationId, entry }) => {
      if (passed.length >= MAX_HOPS) return null;
      // The woken delivery reads the map, which may not have this driver's change yet.
      await createLiveMap(deps).syncDriver(driverId, entry);
      const free = await whereFree(deps, driverId);
      if (free === null) return null;
      const { deliveryId, othersAreMatched } = free.hasWork
        ? { deliveryId: null, othersAreMatched: await isAnyMatched(deps, free.cityId) }
        : await mostUrgent(deps, free, passed);
      if (othersAreMatched) await callRound(deps, free, correlationId);
      if (deliveryId !== null)
        await deps.dispatcher.wake(deliveryId, { driverId, passed: [...passed, deliveryId], correlationId });
      return deliveryId;
    },
  };
}

type FreeOnMap = {
  driverId: string;
  cityId: string;
  vehicle: VehicleKind | null;
  point: Point;
  fixAt: number;
  /** At work, with room for more: a search would not find them, but a round does. */
  hasWork: boolean;
};

/** The woken delivery can find only drivers with capacity who are on the map. */
async function whereFree({ map }: WakeDeps, driverId: string): Promise<FreeOnMap | null> {
  const [view] = await map.readViews([driverId]);
  const { entry, on } = view ?? {};
  if (!entry?.lastFix || !entry.hasRoom || !(on?.city || on?.busy)) return null;
  const { cityId, vehicle = null, lastFix } = entry;
  return { driverId, cityId, vehicle, point: lastFix.point, fixAt: lastFix.receivedAt, hasWork: !on.city };
}

async function isAnyMatched({ db, features, clock }: WakeDeps, cityId: string): Promise<boolean> {
  const waiting = await readWaiting(db, { cityId, limit: PAGE, offset: 0, now: clock() });
  return waiting.some(({ deliveryId }) => isMatched(features, { cityId, deliveryId }));
}

/** By the outbox, which puts calls together and loses none. */
async function callRound(
  { db, notifyRelay }: WakeDeps,
  { driverId, cityId }: FreeOnMap,
  correlationId: string,
): Promise<void> {
  const due = { kind: 'roundDue', cityId } as const;
  await enqueue(db, `driver/${driverId}`, correlationId, [due]);
  notifyRelay([due]);
}

/** `othersAreMatched`: deliveries wait whose drivers the city's matching looks for. */
type Urgent = { deliveryId: string | null; othersAreMatched: boolean };

/**
 * The first delivery in reach that searches by itself and does not exclude this driver: highest escalation first,
 * then longest search.
 */
async function mostUrgent(deps: WakeDeps, free: FreeOnMap, passed: readonly string[]): Promise<Urgent> {
  let asked = 0;
  let othersAreMatched = false;
  const now = deps.clock();
  for (let page = 0; page < MAX_PAGES; page++) {
    const waiting = await readWaiting(deps.db, {
      cityId: free.cityId,
      limit: PAGE,
      offset: page * PAGE,
      now,
    });
    const searching = waiting.filter(
      ({ deliveryId }) => !isMatched(deps.features, { cityId: free.cityId, deliveryId }),
    );
    othersAreMatched ||= searching.length < waiting.length;
    for (const delivery of searching.filter(
      (each) =>
        !passed.includes(each.deliveryId) &&
        (free.vehicle === null || carries(free.vehicle, each.parcelSize)) &&
        isInReach(deps, free, each),
    )) {
      if (asked++ === MAX_ASKED) return { deliveryId: null, othersAreMatched };
      if (await mayServe(deps, free, delivery)) return { deliveryId: delivery.deliveryId, othersAreMatched };
    }
    if (waiting.length < PAGE || searching.length === 0) break;
  }
  return { deliveryId: null, othersAreMatched };
}

function isInReach(
  { search }: WakeDeps,
  { point }: FreeOnMap,
  { pickup, round, level, widenedToMeters }: WaitingDelivery,
): boolean {
  return distanceMeters(point, pickup) <= searchRadiusMeters(round, level, search, widenedToMeters);
}

/** By the same rule as the search. */
async function mayServe(
  deps: WakeDeps,
  free: FreeOnMap,
  { deliveryId, pickup, parcelSize, payCents, level, readyAt, broadcastSince }: WaitingDelivery,
): Promise<boolean> {
  const now = deps.clock();
  const [facts] = await deps.store.candidates({
    deliveryId,
    driverIds: [free.driverId],
    broadcastSince,
    now,
  });
  if (!facts) return false;
  const subject = { cityId: free.cityId, key: deliveryId };
  const kind = searchKind({
    offersOn: deps.features.isOn('driver_offers', subject),
    escalates: deps.features.isOn('escalation', subject),
    broadcastSince,
  });
  return (
    exclusionOf(
      { ...facts, ...wayTo(deps, free, facts, pickup) },
      { kind, parcelSize, payCents, level, readyAt, now },
      deps.ranking,
    ) === null
  );
}

function wayTo(
  { travel, timeScale }: WakeDeps,
  { point, fixAt }: FreeOnMap,
  { vehicle }: CandidateFacts,
  pickup: Point,
): { fixAt: number; distanceMeters: number; travelMs: number } {
  const meters = distanceMeters(point, pickup);
  return { fixAt, distanceMeters: meters, travelMs: travelMsFor(meters, vehicle, travel) / timeScale };
}
