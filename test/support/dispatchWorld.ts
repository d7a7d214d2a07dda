/**
 * A world of its own for tests of dispatch: a fresh database with a city and a merchant, a map in memory, the
 * real activities, the real outbox.
 */
import { v7 as newId } from 'uuid';
import { createDeliveryStore } from '../../adapters/postgres/deliveryStore';
import { createRelay, type Relay } from '../../adapters/postgres/relay';
import { createDeliveryActivities, type DeliveryActivities } from '../../activities/delivery';
import type { DeliveryDeps } from '../../services/deliveries/deliveryEvents';
import type { MessageHandler } from '../../services/outbox/sending';
import { NO_LEASES } from '../../services/outbox/leasing';
import type { Features, Leasing } from '../../services/ports';
import { AVAILABILITY_LIMITS, type Availability } from '../../domain/driver/availability';
import type { DispatchLimits } from '../../domain/delivery/decisionContext';
import type { Point } from '../../domain/geo/places';
import { TRAVEL_MODEL } from '../../domain/geo/places';
import { ESCALATION_LIMITS } from '../../domain/delivery/escalation';
import { RANKING_LIMITS } from '../../domain/matching/candidate';
import { ORDER_LIMITS } from '../../domain/orders/orderLimits';
import { SEARCH_LIMITS } from '../../domain/matching/searchPlan';
import { freshDatabase, type FreshDatabase } from './database';
import { createMemoryDriverMap, type MemoryDriverMap } from './memoryDriverMap';

/** Workflow tests skip hours: there, places never grow old. */
const FOR_EVER_MS = Number.MAX_SAFE_INTEGER / 4;

export const TEST_LIMITS: DispatchLimits = {
  search: { ...SEARCH_LIMITS, maxBackoffMs: 150_000 },
  matchingNetMs: 60_000,
  tripMaxExtraMs: 600_000,
  nextJobAheadMs: 300_000,
  ranking: { ...RANKING_LIMITS, freshPositionMs: FOR_EVER_MS },
  availability: { ...AVAILABILITY_LIMITS, freshPositionMs: FOR_EVER_MS, silentMs: FOR_EVER_MS },
  offerTtlMs: 30_000,
  searchMaxMs: 120 * 60_000,
  escalation: ESCALATION_LIMITS,
  lapsePause: { afterLapses: 0, pauseMs: 15 * 60_000 },
  pushesOffers: false,
  orders: ORDER_LIMITS,
  searchLeadMs: 600_000,
  travel: TRAVEL_MODEL,
  timeScale: 1,
};

export const CITY = 'testville';
export const MERCHANT = 'bakery';
export const PICKUP: Point = { lat: 52.37, lng: 4.89 };
export const DROPOFF: Point = { lat: 52.38, lng: 4.91 };

export type DispatchWorld = FreshDatabase & {
  map: MemoryDriverMap;
  deps: DeliveryDeps;
  activities: DeliveryActivities;
  /** Switches features while the world runs. */
  switches: {
    driverOffers: boolean;
    availabilityStates: boolean;
    escalation: boolean;
    autoReassignment: boolean;
    batchMatching: boolean;
  };
  /**
   * Relays the outbox to a handler; notified by the activities, whose messages it sends from memory. `polls`: it
   * also finds what it was not told of.
   */
  relayTo(
    handle: MessageHandler,
    options?: { polls?: boolean; gatheredMs?: number },
  ): { stop(): Promise<void> };
  /** Of the relay, as long as there is one. */
  leasing: Leasing;
  /** A city of a test's own, so that no other test's deliveries want its drivers. */
  addCity(): Promise<string>;
  addDriver(driver?: NewDriver): Promise<string>;
  addDelivery(delivery?: NewDelivery): Promise<{ deliveryId: string; sellerOrderId: string }>;
};

export type NewDriver = {
  offerVersion?: number | null;
  availability?: Availability;
  at?: Point;
  capacity?: number;
  cityId?: string;
};
export type NewDelivery = {
  sellerOrderId?: string;
  searchAt?: Date;
  payCents?: number;
  cityId?: string;
  windowTo?: Date | null;
  pickup?: Point;
  dropoff?: Point;
};

export async function createDispatchWorld(): Promise<DispatchWorld> {
  const database = await freshDatabase({ poolSize: 10 });
  const { db } = database;
  const addCity = async (id: string = newId()): Promise<string> => {
    await db.city.create({
      data: {
        id,
        name: id,
        timezone: 'Europe/Amsterdam',
        currency: 'EUR',
        centerLat: PICKUP.lat,
        centerLng: PICKUP.lng,
      },
    });
    return id;
  };
  await addCity(CITY);
  await db.merchant.create({ data: { id: MERCHANT, name: 'The Bakery' } });
  const map = createMemoryDriverMap({ freshPositionMs: FOR_EVER_MS });
  const switches = {
    driverOffers: true,
    availabilityStates: true,
    escalation: true,
    autoReassignment: true,
    batchMatching: false,
  };
  const relays: Relay[] = [];
  const leasing: Leasing = {
    lease: (...written) => (relays[0] ?? NO_LEASES).lease(...written),
  };
  const deps: DeliveryDeps = {
    store: createDeliveryStore(database.postgres, leasing),
    map,
    features: featuresOf(switches),
    clock: Date.now,
    newId,
    limits: TEST_LIMITS,
    travel: TRAVEL_MODEL,
    timeScale: 1,
    notifyRelay: (messages) => relays.forEach((relay) => relay.notify(messages)),
  };
  const stopRelays = () => Promise.all(relays.splice(0).map((relay) => relay.stop()));
  return {
    ...database,
    map,
    deps,
    switches,
    activities: createDeliveryActivities(deps),
    leasing,
    relayTo: (handle, { polls = true, gatheredMs } = {}) => {
      const relay = createRelay(database.postgres, handle, { warn: () => {} }, gatheredMs);
      relays.push(relay);
      if (polls) relay.start();
      return { stop: async () => void (await stopRelays()) };
    },
    addCity: () => addCity(),
    addDriver: (driver = {}) => addDriver(database, map, driver),
    addDelivery: (delivery = {}) => addDelivery(database, delivery),
    close: async () => {
      await stopRelays();
      await database.close();
    },
  };
}

function featuresOf(switches: DispatchWorld['switches']): Features {
  return {
    isOn: (feature) => {
      switch (feature) {
        case 'driver_offers':
          return switches.driverOffers;
        case 'availability_states':
          return switches.availabilityStates;
        case 'escalation':
          return switches.escalation;
        case 'auto_reassignment':
          return switches.autoReassignment;
        case 'batch_matching':
          return switches.batchMatching;
      }
    },
  };
}

async function addDriver(
  { db }: FreshDatabase,
  map: MemoryDriverMap,
  { offerVersion = 2, availability = 'AVAILABLE', at = PICKUP, capacity = 1, cityId = CITY }: NewDriver,
): Promise<string> {
  const driverId = newId();
  await db.driver.create({
    data: {
      id: driverId,
      cityId,
      name: 'Sam',
      vehicleKind: 'CAR',
      offerVersion,
      availability,
      capacity,
      idleSince: new Date(),
      lastLat: at.lat,
      lastLng: at.lng,
      lastFixAt: new Date(),
    },
  });
  const now = Date.now();
  await map.sync(
    {
      driverId,
      cityId,
      availability,
      hasRoom: true,
      vehicle: 'CAR',
      version: 0,
      lastFix: { point: at, at: now, receivedAt: now },
    },
    now,
  );
  return driverId;
}

async function addDelivery(
  { db }: FreshDatabase,
  {
    sellerOrderId = newId(),
    searchAt = new Date(),
    payCents = 700,
    cityId = CITY,
    windowTo = null,
    pickup = PICKUP,
    dropoff = DROPOFF,
  }: NewDelivery,
): Promise<{ deliveryId: string; sellerOrderId: string }> {
  const deliveryId = newId();
  const stop = (kind: 'PICKUP' | 'DROPOFF', { lat, lng }: Point) => ({
    id: newId(),
    kind,
    address: `${kind} street 1`,
    lat,
    lng,
  });
  await db.delivery.create({
    data: {
      id: deliveryId,
      merchantId: MERCHANT,
      sellerOrderId,
      requestHash: 'test',
      cityId,
      statusChangedAt: new Date(),
      parcelSize: 'SMALL',
      readyAt: searchAt,
      windowTo,
      currency: 'EUR',
      feeCents: 500,
      payCents,
      distanceMeters: 1_700,
      searchAt,
      searchAgainAt: searchAt,
      correlationId: 'test',
      stops: { create: [stop('PICKUP', pickup), stop('DROPOFF', dropoff)] },
    },
  });
  return { deliveryId, sellerOrderId };
}
