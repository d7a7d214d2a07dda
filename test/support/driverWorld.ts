/**
 * A world for tests about drivers outside the way of a delivery: a fresh database and a corner of Redis, a
 * clock that stands, the outbox to look into.
 */
import { v7 as newId } from 'uuid';
import { createRedisDriverMap } from '../../adapters/redis/driverMap';
import { type AvailabilityService, createAvailability } from '../../services/availability';
import type { DriverMap, Features } from '../../services/ports';
import { createPositions, type Positions } from '../../services/positions';
import { createPresence, type Presence } from '../../activities/sweeps/presence';
import { AVAILABILITY_LIMITS, type Availability } from '../../domain/driver/availability';
import type { Message } from '../../domain/notices/message';
import type { Point } from '../../domain/geo/places';
import type { PrismaClient } from '../../prisma/client/client';
import { freshDatabase, type FreshDatabase } from './database';
import { freshRedis, type FreshRedis } from './freshRedis';

export const CITY = 'ams';
export const PLACE: Point = { lat: 52.37, lng: 4.89 };
export const START = Date.UTC(2026, 0, 31, 12);
export const MINUTE = 60_000;

export type NewDriver = {
  availability?: Availability;
  until?: number | null;
  cityId?: string;
  capacity?: number;
  idleSince?: number;
  vehicleKind?: string;
  offerVersion?: number | null;
  pending?: object;
};

export type DriverWorld = FreshDatabase & {
  redis: FreshRedis;
  map: DriverMap;
  time: { now: number };
  switches: { availabilityStates: boolean };
  availability: AvailabilityService;
  positions: Positions;
  presence: Presence;
  /** How often the relay was told of news. */
  relayCalls: { count: number };
  addDriver(driver?: NewDriver): Promise<string>;
  addDelivery(delivery?: NewDelivery): Promise<string>;
  /** One ping from here, at the world's time. */
  ping(driverId: string, point?: Point, deviceAt?: number): Promise<'recorded' | 'notFound'>;
  /** Takes all that lies in the outbox, in order. */
  takeMessages(): Promise<Message[]>;
  row(driverId: string): ReturnType<PrismaClient['driver']['findUniqueOrThrow']>;
};

export type NewDelivery = {
  status?: string;
  cityId?: string;
  searchAt?: number;
  level?: number;
  round?: number;
  pickup?: Point;
  parcelSize?: string;
  payCents?: number;
  driverId?: string;
};

export async function createDriverWorld(): Promise<DriverWorld> {
  const database = await freshDatabase({ poolSize: 10 });
  const redis = await freshRedis();
  const { db } = database;
  await db.city.createMany({
    data: [CITY, 'rtm'].map((id) => ({
      id,
      name: id,
      timezone: 'Europe/Amsterdam',
      currency: 'EUR',
      centerLat: PLACE.lat,
      centerLng: PLACE.lng,
    })),
  });
  await db.merchant.create({ data: { id: 'bakery', name: 'The Bakery' } });
  const map = createRedisDriverMap(redis.redis, {
    freshPositionMs: AVAILABILITY_LIMITS.freshPositionMs,
    keyPrefix: redis.keyPrefix,
  });
  const time = { now: START };
  const clock = () => time.now;
  const switches = { availabilityStates: true };
  const features: Features = {
    isOn: (feature) => feature === 'availability_states' && switches.availabilityStates,
  };
  const relayCalls = { count: 0 };
  const notifyRelay = (): void => void relayCalls.count++;
  const availability = createAvailability({
    db,
    map,
    features,
    clock,
    limits: AVAILABILITY_LIMITS,
    notifyRelay,
  });
  const positions = createPositions({ db, map, clock, notifyRelay });
  return {
    ...database,
    redis,
    map,
    time,
    switches,
    relayCalls,
    availability,
    positions,
    presence: createPresence({
      db,
      map,
      availability,
      features,
      clock,
      limits: AVAILABILITY_LIMITS,
      notifyRelay,
    }),
    addDriver: (driver) => addDriver(db, driver),
    addDelivery: (delivery) => addDelivery(db, delivery),
    ping: (driverId, point = PLACE, deviceAt = time.now) =>
      positions.record(driverId, [
        { point, at: deviceAt, accuracyMeters: 8, speedMps: null, headingDegrees: null },
      ]),
    takeMessages: () => takeMessages(db),
    row: (id) => db.driver.findUniqueOrThrow({ where: { id } }),
    close: async () => {
      await redis.close();
      await database.close();
    },
  };
}

async function addDriver(db: PrismaClient, driver: NewDriver = {}): Promise<string> {
  const {
    availability = 'AVAILABLE',
    until = null,
    cityId = CITY,
    capacity = 1,
    idleSince = START,
    vehicleKind = 'CAR',
    offerVersion = 2,
    pending,
  } = driver;
  const id = newId();
  await db.driver.create({
    data: {
      id,
      cityId,
      name: 'Sam',
      vehicleKind,
      offerVersion,
      availability,
      capacity,
      ...(pending && { pending }),
      availabilityUntil: until === null ? null : new Date(until),
      idleSince: availability === 'AVAILABLE' ? new Date(idleSince) : null,
    },
  });
  return id;
}

async function addDelivery(db: PrismaClient, delivery: NewDelivery = {}): Promise<string> {
  const {
    status = 'SEARCHING',
    cityId = CITY,
    searchAt = START,
    level = 0,
    round = 0,
    pickup = PLACE,
    parcelSize = 'SMALL',
    payCents = 700,
    driverId = null,
  } = delivery;
  const id = newId();
  const stop = (kind: 'PICKUP' | 'DROPOFF') => ({
    id: newId(),
    kind,
    address: `${kind} street 1`,
    ...pickup,
    contactName: 'Kim',
  });
  await db.delivery.create({
    data: {
      id,
      merchantId: 'bakery',
      sellerOrderId: id,
      requestHash: 'test',
      cityId,
      status,
      statusChangedAt: new Date(searchAt),
      parcelSize,
      readyAt: new Date(searchAt),
      currency: 'EUR',
      feeCents: 500,
      payCents,
      distanceMeters: 1_700,
      searchAt: new Date(searchAt),
      searchRound: round,
      escalationLevel: level,
      driverId,
      correlationId: 'test',
      stops: { create: [stop('PICKUP'), stop('DROPOFF')] },
    },
  });
  return id;
}

async function takeMessages(db: PrismaClient): Promise<Message[]> {
  const rows = await db.$queryRaw<
    { kind: string; payload: object }[]
  >`WITH taken AS (DELETE FROM outbox RETURNING id, kind, payload) SELECT kind, payload FROM taken ORDER BY id`;
  return rows.map(({ kind, payload }) => ({ kind, ...payload }) as Message);
}
