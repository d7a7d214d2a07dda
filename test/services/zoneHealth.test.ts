/** The health of zones over real PostgreSQL, with the live map in memory and in Redis. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { readLatestHealth } from '../../adapters/postgres/zoneHealthRows';
import type { DriverMap } from '../../services/ports';
import { createZoneHealth, type ZoneHealth } from '../../services/zones/zoneHealth';
import { AVAILABILITY_LIMITS, type Availability } from '../../domain/driver/availability';
import { ESCALATION_THRESHOLDS } from '../../domain/delivery/escalation';
import type { Point } from '../../domain/geo/places';
import { NO_FIGURES, type ZoneFigures } from '../../domain/zones/zoneHealth';
import {
  CITY,
  createDriverWorld,
  type DriverWorld,
  MINUTE,
  type NewDelivery,
  START,
} from '../support/driverWorld';
import { createMemoryDriverMap } from '../support/memoryDriverMap';

const WEST: Point = { lat: 52.35, lng: 4.85 };
const EAST: Point = { lat: 52.35, lng: 4.95 };
const OUTSIDE: Point = { lat: 52.35, lng: 5.5 };
const box = (west: number, east: number) => ({
  type: 'Polygon',
  coordinates: [
    [
      [west, 52.3],
      [east, 52.3],
      [east, 52.4],
      [west, 52.4],
      [west, 52.3],
    ],
  ],
});

let world: DriverWorld;
let map: DriverMap;
let health: ZoneHealth;
beforeEach(async () => {
  world = await createDriverWorld();
  map = createMemoryDriverMap({ freshPositionMs: AVAILABILITY_LIMITS.freshPositionMs });
  health = healthWith(map);
});
afterEach(() => world.close());

function healthWith(
  on: DriverMap,
  change: { timeScale?: number; waiting?: typeof ESCALATION_THRESHOLDS } = {},
): ZoneHealth {
  return createZoneHealth({
    db: world.db,
    map: on,
    clock: () => world.time.now,
    freshPositionMs: AVAILABILITY_LIMITS.freshPositionMs,
    waiting: ESCALATION_THRESHOLDS,
    timeScale: 1,
    notifyRelay: () => void world.relayCalls.count++,
    ...change,
  });
}

async function drawZones(): Promise<void> {
  await world.db.zone.createMany({
    data: [
      ['west', 4.8, 4.9],
      ['east', 4.9, 5.0],
    ].map(([id, from, to]) => ({
      id: String(id),
      cityId: CITY,
      name: String(id),
      polygon: box(Number(from), Number(to)),
    })),
  });
}

/** A delivery of a zone that has waited so many minutes at the world's time. */
async function addDelivery({
  zoneId = null,
  waited = 0,
  ...rest
}: NewDelivery & { zoneId?: string | null; waited?: number } = {}): Promise<string> {
  const id = await world.addDelivery(rest);
  const isSearched = ['SEARCHING', 'OFFERED'].includes(rest.status ?? 'SEARCHING');
  // Half of it counted before, half of it running.
  await world.db.delivery.update({
    where: { id },
    data: {
      zoneId,
      unassignedMs: (waited * MINUTE) / 2,
      unassignedSince: isSearched ? new Date(world.time.now - (waited * MINUTE) / 2) : null,
    },
  });
  return id;
}

async function cancel(id: string): Promise<void> {
  await world.db.delivery.update({
    where: { id },
    data: { status: 'CANCELLED', closedAt: new Date(world.time.now), unassignedSince: null },
  });
}

async function addDriver(
  point: Point,
  {
    availability = 'AVAILABLE',
    cityId = CITY,
    on = map,
  }: { availability?: Availability; cityId?: string; on?: DriverMap } = {},
): Promise<string> {
  const driverId = await world.addDriver({ availability, cityId });
  const now = world.time.now;
  await world.db.driver.update({
    where: { id: driverId },
    data: { lastLat: point.lat, lastLng: point.lng, lastFixAt: new Date(now) },
  });
  await on.sync(
    {
      driverId,
      cityId,
      availability,
      hasRoom: true,
      version: 0,
      lastFix: { point, at: now, receivedAt: now },
    },
    now,
  );
  return driverId;
}

async function addAnswer(deliveryId: string, state: string, minutesAgo: number): Promise<void> {
  const [driverId, endedAt] = [
    await world.addDriver({ availability: 'OFFLINE' }),
    new Date(world.time.now - minutesAgo * MINUTE),
  ];
  await world.db.offer.create({
    data: {
      id: newId(),
      deliveryId,
      driverId,
      state,
      round: 1,
      payCents: 700,
      payload: {},
      choice: {},
      createdAt: new Date(endedAt.getTime() - 1),
      expiresAt: endedAt,
      endedAt,
    },
  });
}

type Row = { zoneId: string | null; state: string; reasons: string[]; figures: ZoneFigures };
async function latest(cityId = CITY): Promise<Record<string, Row>> {
  const {
    _max: { at },
  } = await world.db.zoneHealth.aggregate({ where: { cityId }, _max: { at: true } });
  const rows = await world.db.$queryRaw<
    Row[]
  >`SELECT zone_id AS "zoneId", state, reasons, figures FROM zone_health WHERE city_id = ${cityId} AND at = ${at}`;
  return Object.fromEntries(rows.map((row) => [row.zoneId ?? 'none', row]));
}

describe('a computation', () => {
  it('counts deliveries, answers, cases and drivers per zone', async () => {
    await drawZones();
    const [searched] = [
      await addDelivery({ zoneId: 'west', waited: 2 }),
      await addDelivery({ zoneId: 'west', status: 'OFFERED', waited: 6, level: 1 }),
      await addDelivery({ zoneId: 'west', waited: 4 }),
    ];
    await addDelivery({
      zoneId: 'west',
      status: 'PICKED_UP',
      waited: 40,
      level: 3,
      driverId: await addDriver(WEST, { availability: 'BUSY' }),
    });
    await addDelivery({ zoneId: 'west', status: 'PENDING' });
    const closed = await addDelivery({ zoneId: 'west' });
    await cancel(closed);
    for (const [state, ago] of [
      ['ACCEPTED', 1],
      ['REJECTED', 14],
      ['EXPIRED', 5],
      ['WITHDRAWN', 5],
      ['ACCEPTED', 16],
    ] as const)
      await addAnswer(closed, state, ago);
    await world.db.escalation.createMany({
      data: [{ state: 'OPEN' }, { state: 'RESOLVED' }].map((more) => ({
        id: newId(),
        deliveryId: searched,
        cityId: CITY,
        level: 2,
        reason: 'test',
        openedAt: new Date(START),
        ...more,
      })),
    });
    for (const at of [WEST, WEST, EAST]) await addDriver(at);
    await addDriver(WEST, { cityId: 'rtm' });
    expect(await health.compute(null)).toEqual({ cities: 2, zones: 3, strained: 1, critical: 0, changed: 1 });
    expect(await latest()).toEqual({
      west: {
        zoneId: 'west',
        state: 'STRAINED',
        reasons: ['LEVEL_1', 'WAITING_LONG', 'DRIVERS_SHORT'],
        figures: {
          openDeliveries: 5,
          searching: 3,
          carried: 1,
          freeDrivers: 2,
          busyDrivers: 1,
          waitingP50Ms: 4 * MINUTE,
          waitingMaxMs: 6 * MINUTE,
          acceptance15m: { accepted: 1, answered: 3, rate: 1 / 3 },
          escalationsByLevel: { 1: 1, 2: 0, 3: 0 },
          openCases: 1,
        },
      },
      east: expect.objectContaining({
        state: 'OK',
        figures: expect.objectContaining({ openDeliveries: 0, freeDrivers: 1 }),
      }),
    });
    expect((await latest('rtm')).none?.figures.freeDrivers).toBe(1);
  });

  it('leaves out silent drivers, whatever the map says', async () => {
    await addDriver(WEST);
    world.time.now += AVAILABILITY_LIMITS.freshPositionMs + 1;
    await addDriver(WEST);
    await health.compute(CITY);
    expect((await latest()).none?.figures.freeDrivers).toBe(1);
  });

  it('has a row for the area outside zones only while it has deliveries or was unhealthy', async () => {
    await drawZones();
    await health.compute(CITY);
    expect(Object.keys(await latest()).sort()).toEqual(['east', 'west']);
    const id = await addDelivery();
    world.time.now += MINUTE;
    await health.compute(CITY);
    expect((await latest()).none).toMatchObject({ state: 'CRITICAL', reasons: ['NO_FREE_DRIVERS'] });
    await cancel(id);
    world.time.now += MINUTE;
    await health.compute(CITY);
    expect((await latest()).none).toMatchObject({ state: 'OK' });
    world.time.now += MINUTE;
    await health.compute(CITY);
    expect(Object.keys(await latest()).sort()).toEqual(['east', 'west']);
    await addDriver(OUTSIDE);
    world.time.now += 1;
    await health.compute(CITY);
    expect((await latest()).none?.figures.freeDrivers).toBe(1);
  });

  it('uses the city’s thresholds and the time scale', async () => {
    await world.db.city.update({ where: { id: CITY }, data: { escalationMinutes: [1, 2, 3] } });
    const id = await addDelivery({ waited: 3 });
    await addDriver(WEST);
    await health.compute(CITY);
    expect((await latest()).none).toMatchObject({ state: 'CRITICAL', reasons: ['WAITING_VERY_LONG'] });
    await world.db.city.update({ where: { id: CITY }, data: { escalationMinutes: [10, 20, 30] } });
    await addAnswer(id, 'ACCEPTED', 2);
    world.time.now += 1_000;
    // a minute lasts 6 s, the window a minute and a half
    await healthWith(map, { timeScale: 10, waiting: { 1: 1, 2: 2, 3: 3 } }).compute(CITY);
    expect((await latest()).none).toMatchObject({
      state: 'CRITICAL',
      reasons: ['WAITING_VERY_LONG'],
      figures: { acceptance15m: { answered: 0, rate: null } },
    });
    await healthWith(map).compute(CITY);
    world.time.now += 1;
    await healthWith(map).compute(CITY);
    expect((await latest()).none).toMatchObject({
      state: 'OK',
      figures: { acceptance15m: { answered: 1, rate: 1 } },
    });
  });

  it('notifies ops of the city only when a state changes', async () => {
    const id = await addDelivery({ waited: 1 });
    await health.compute(CITY);
    expect(await world.takeMessages()).toEqual([
      {
        kind: 'emit',
        emits: [
          {
            rooms: [`ops:${CITY}`],
            event: 'zone_health_changed',
            body: {
              cityId: CITY,
              zoneId: null,
              state: 'CRITICAL',
              before: 'OK',
              reasons: [{ code: 'NO_FREE_DRIVERS', words: '1 delivery searched for, no driver free' }],
              computedAt: new Date(START).toISOString(),
            },
          },
        ],
      },
    ]);
    expect(world.relayCalls.count).toBe(1);
    world.time.now += MINUTE;
    await health.compute(CITY);
    expect(await world.takeMessages()).toEqual([]);
    await cancel(id);
    world.time.now += MINUTE;
    await health.compute(CITY);
    expect(await world.takeMessages()).toMatchObject([
      { emits: [{ body: { state: 'OK', before: 'CRITICAL', reasons: [] } }] },
    ]);
  });

  it('concurrent with one of the same instant or later writes nothing and notifies once', async () => {
    await addDelivery();
    await Promise.all([health.compute(CITY), healthWith(map).compute(CITY), healthWith(map).compute(null)]);
    world.time.now -= 1;
    expect(await health.compute(CITY)).toMatchObject({ zones: 0, changed: 0 });
    expect(await world.db.zoneHealth.count({ where: { cityId: CITY } })).toBe(1);
    expect(await world.takeMessages()).toHaveLength(1);
  });

  it('continues after a snapshot from a clock one hour ahead and never shows it as the newest', async () => {
    await addDelivery();
    await world.db.zoneHealth.create({
      data: {
        cityId: CITY,
        at: new Date(Date.now() + 60 * MINUTE),
        state: 'OK',
        reasons: [],
        figures: { ...NO_FIGURES },
      },
    });
    expect(await health.compute(CITY)).toMatchObject({ zones: 1, critical: 1, changed: 1 });
    expect(await readLatestHealth(world.db, START - 1)).toMatchObject([{ cityId: CITY, state: 'CRITICAL' }]);
  });

  it('is shared by concurrent callers', async () => {
    const looks = { count: 0 };
    const counted = healthWith({ ...map, members: (...args) => (looks.count++, map.members(...args)) });
    const [first, second] = [counted.compute(CITY), counted.compute(CITY)];
    expect(await first).toBe(await second);
    expect(looks.count).toBe(1);
    await counted.compute(CITY);
    expect(looks.count).toBe(2);
  });

  it('that fails stores nothing, and the next one succeeds', async () => {
    const failing = { isDown: true };
    const shaky = healthWith({
      ...map,
      members: async (...args) =>
        failing.isDown ? Promise.reject(new Error('Redis is away')) : map.members(...args),
    });
    await expect(shaky.compute(CITY)).rejects.toThrow('Redis is away');
    expect(await world.db.zoneHealth.count()).toBe(0);
    failing.isDown = false;
    expect(await shaky.compute(CITY)).toMatchObject({ zones: 1 });
  });

  it('of an unknown city is empty', async () => {
    expect(await health.compute('atlantis')).toEqual({
      cities: 0,
      zones: 0,
      strained: 0,
      critical: 0,
      changed: 0,
    });
  });

  it('counts a driver once whom the map lists twice', async () => {
    await addDriver(WEST);
    const twice: DriverMap['members'] = async (part, cursor) => {
      const { driverIds } = await map.members(part, cursor);
      return { driverIds: [...driverIds, ...driverIds], next: cursor === '0' ? '1' : null };
    };
    await healthWith({ ...map, members: twice }).compute(CITY);
    expect((await latest()).none?.figures.freeDrivers).toBe(1);
  });

  it('counts every driver of a map in Redis once', async () => {
    await drawZones();
    for (let count = 0; count < 30; count++)
      await addDriver(count % 3 === 0 ? WEST : EAST, { on: world.map });
    await healthWith(world.map).compute(CITY);
    expect(await latest()).toMatchObject({
      west: { figures: { freeDrivers: 10 } },
      east: { figures: { freeDrivers: 20 } },
    });
  });
});

describe('the newest health', () => {
  it('is each city’s last computation if recent', async () => {
    await addDelivery();
    await health.compute(null);
    world.time.now += MINUTE;
    await addDriver(WEST);
    await health.compute(CITY);
    const seen = async (since: number) =>
      (await readLatestHealth(world.db, since)).map(({ cityId, state }) => [cityId, state]).sort();
    expect(await seen(START - 1)).toEqual([
      [CITY, 'OK'],
      ['rtm', 'OK'],
    ]);
    expect(await seen(START)).toEqual([[CITY, 'OK']]);
    expect(await seen(world.time.now)).toEqual([]);
  });
});
