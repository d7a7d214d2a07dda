import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { PositionArchive } from '../../adapters/redis/positionArchive';
import { mapRepairs, timedEndFailures } from '../../services/driverMetrics';
import { createLiveMap } from '../../services/liveMap';
import type { SweepReport } from '../../activities/sweeps/presence';
import { CITY, createDriverWorld, type DriverWorld, MINUTE, PLACE, START } from '../support/driverWorld';

const NOTHING: SweepReport = { takenOff: 0, endedLate: 0, switchedOff: 0, wentOffline: 0, repaired: 0 };

let world: DriverWorld;
beforeAll(async () => {
  world = await createDriverWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  world.time.now = START;
  world.switches.availabilityStates = true;
  await world.map.reportIngestUp(START);
});
afterEach(async () => {
  await world.redis.flush();
  await world.db
    .$executeRaw`UPDATE drivers SET availability = 'OFFLINE', availability_until = NULL, pending = NULL`;
  await world.takeMessages();
});

const key = (name: string) => `${world.redis.keyPrefix}${name}`;
const sweep = () => world.presence.sweepPresence();
const difference = () => world.presence.mapDifference();
const isOnMap = async (driverId: string) => (await world.map.readViews([driverId]))[0]?.on.all;
/** An AVAILABLE driver on the map. */
async function onMap(): Promise<string> {
  const driverId = await world.addDriver({ idleSince: world.time.now });
  await world.ping(driverId);
  await world.takeMessages();
  return driverId;
}
/** Ends all entries of the map as if Redis had lost them, while the service goes on listening. */
async function loseMap(): Promise<void> {
  await world.redis.flush();
  await world.map.reportIngestUp(world.time.now);
}
async function valueOf(metric: typeof timedEndFailures | typeof mapRepairs): Promise<number> {
  return (await metric.get()).values.reduce((sum: number, { value }: { value: number }) => sum + value, 0);
}

describe('the silence sweep', () => {
  test('does nothing if all drivers are active', async () => {
    const driverId = await onMap();
    expect(await sweep()).toEqual(NOTHING);
    expect(await difference()).toEqual({ missing: [], extra: [] });
    expect(await isOnMap(driverId)).toBe(true);
  });

  test('removes a driver from the map after 60 s; they stay AVAILABLE and return with the next ping', async () => {
    const driverId = await onMap();
    world.time.now = START + MINUTE;
    expect(await sweep()).toEqual(NOTHING);
    world.time.now += 1;
    expect(await sweep()).toEqual({ ...NOTHING, takenOff: 1 });
    expect(await isOnMap(driverId)).toBe(false);
    expect(await world.row(driverId)).toMatchObject({ availability: 'AVAILABLE' });
    await world.ping(driverId);
    expect(await isOnMap(driverId)).toBe(true);
    expect(await world.takeMessages()).toEqual([{ kind: 'driverFree', driverId, passed: [] }]);
  });

  test('sets a driver OFFLINE after 10 minutes, and the audit entry names the rule', async () => {
    const driverId = await onMap();
    world.time.now = START + 10 * MINUTE - 1;
    expect(await sweep()).toMatchObject({ wentOffline: 0 });
    world.time.now = START + 10 * MINUTE;
    expect(await sweep()).toMatchObject({ wentOffline: 1 });
    expect(await world.row(driverId)).toMatchObject({ availability: 'OFFLINE' });
    expect(await world.db.auditEntry.findFirst({ where: { driverId } })).toMatchObject({
      actorId: 'presence-sweep',
      why: 'SILENT',
      toState: 'OFFLINE',
    });
    expect(await sweep()).toEqual(NOTHING);
  });

  test('counts from the change to AVAILABLE for a driver without a position', async () => {
    world.time.now = START + 30 * MINUTE;
    const driverId = await world.addDriver({ idleSince: START + 25 * MINUTE });
    expect(await sweep()).toEqual(NOTHING);
    world.time.now = START + 35 * MINUTE;
    expect(await sweep()).toEqual({ ...NOTHING, wentOffline: 1 });
    expect(await world.row(driverId)).toMatchObject({ availability: 'OFFLINE' });
  });

  test('marks no driver silent during ingest downtime and the 10 minutes after', async () => {
    const driverId = await onMap();
    world.time.now = START + 20 * MINUTE;
    await world.redis.redis.del(key('presence:ears'));
    expect(await sweep()).toMatchObject({ wentOffline: 0 });
    await world.map.reportIngestUp(world.time.now);
    world.time.now += 10 * MINUTE - 1;
    await world.map.reportIngestUp(world.time.now);
    expect(await sweep()).toMatchObject({ wentOffline: 0 });
    world.time.now += 1;
    expect(await sweep()).toMatchObject({ wentOffline: 1 });
    expect(await world.row(driverId)).toMatchObject({ availability: 'OFFLINE' });
  });

  test('ignores BUSY drivers', async () => {
    const driverId = await world.addDriver({ availability: 'BUSY' });
    world.time.now = START + 60 * MINUTE;
    expect(await sweep()).toEqual(NOTHING);
    expect(await world.row(driverId)).toMatchObject({ availability: 'BUSY' });
  });
});

describe('the map sweep', () => {
  test('restores recently active drivers from PostgreSQL after a flush and wakes waiting deliveries', async () => {
    const [lately, longAgo] = [await onMap(), await onMap()];
    world.time.now = START + 50_000;
    await world.ping(lately);
    await new PositionArchive({
      redis: world.redis.redis,
      db: world.db,
      keyPrefix: world.redis.keyPrefix,
      onError: () => {},
    }).archiveAll();
    world.time.now = START + 70_000;
    await loseMap();
    expect(await difference()).toEqual({ missing: [lately], extra: [] });
    const repairs = await valueOf(mapRepairs);
    expect(await sweep()).toEqual({ ...NOTHING, repaired: 1 });
    expect(await valueOf(mapRepairs)).toBe(repairs + 1);
    expect([await isOnMap(lately), await isOnMap(longAgo)]).toEqual([true, false]);
    expect(await world.takeMessages()).toEqual([{ kind: 'driverFree', driverId: lately, passed: [] }]);
    expect(await difference()).toEqual({ missing: [], extra: [] });
    expect(await sweep()).toEqual(NOTHING);
  });

  test('restores every driver with their next ping after a flush without stored positions', async () => {
    const drivers = [await onMap(), await onMap(), await onMap()];
    await loseMap();
    await sweep();
    world.time.now += 10_000;
    for (const driverId of drivers) await world.ping(driverId);
    expect(await Promise.all(drivers.map(isOnMap))).toEqual([true, true, true]);
    expect(await difference()).toEqual({ missing: [], extra: [] });
  });

  test('repairs a driver who is in one part only', async () => {
    const [one, two] = [await onMap(), await onMap()];
    await world.redis.redis.zrem(key('drivers:geo'), one);
    await world.redis.redis.zrem(key(`drivers:geo:${CITY}`), two);
    expect((await difference()).missing.sort()).toEqual([one, two].sort());
    expect(await sweep()).toEqual({ ...NOTHING, repaired: 2 });
    expect(await difference()).toEqual({ missing: [], extra: [] });
  });

  test('removes a driver whose change never reached Redis', async () => {
    const driverId = await onMap();
    await world.availability.request(
      driverId,
      { kind: 'breakStart', minutes: 10, reason: null },
      { kind: 'driver', id: driverId },
      'test',
    );
    expect(await difference()).toEqual({ missing: [], extra: [driverId] });
    expect(await sweep()).toMatchObject({ repaired: 1 });
    expect(await isOnMap(driverId)).toBe(false);
    expect(await difference()).toEqual({ missing: [], extra: [] });
  });

  test('removes unknown drivers and drivers in the part of another city', async () => {
    const driverId = await onMap();
    const stranger = newId();
    const { redis } = world.redis;
    for (const name of ['drivers:geo', 'drivers:geo:rtm', 'drivers:geo:busy:ams'])
      await redis.geoadd(key(name), PLACE.lng, PLACE.lat, stranger, PLACE.lng, PLACE.lat, 'v1-driver-7');
    await redis.geoadd(key('drivers:geo:rtm'), PLACE.lng, PLACE.lat, driverId);
    expect((await difference()).extra.sort()).toEqual([driverId, stranger, 'v1-driver-7'].sort());
    await sweep();
    expect(await difference()).toEqual({ missing: [], extra: [] });
    expect(await isOnMap(driverId)).toBe(true);
    expect((await world.map.members({ kind: 'city', cityId: 'rtm' }, '0')).driverIds).toEqual([]);
  });

  test('sends a lost BUSY change to Redis', async () => {
    const driverId = await onMap();
    await world.db.driver.update({
      where: { id: driverId },
      data: { availability: 'BUSY', capacity: 2, activeAssignments: 1, availabilityVersion: 1 },
    });
    await sweep();
    expect((await world.map.readViews([driverId]))[0]?.on).toEqual({ all: false, city: false, busy: true });
    await world.db.driver.update({
      where: { id: driverId },
      data: { activeAssignments: 2, availabilityVersion: 2 },
    });
    await sweep();
    expect((await world.map.readViews([driverId]))[0]?.on).toEqual({ all: false, city: false, busy: false });
  });

  test('does not repair a driver who just got an offer', async () => {
    const driverId = await onMap();
    await world.db.driver.update({
      where: { id: driverId },
      data: { liveOffers: 1, availabilityVersion: 1 },
    });
    expect(await sweep()).toEqual(NOTHING);
    await world.db.driver.update({
      where: { id: driverId },
      data: { liveOffers: 0, availabilityVersion: 2 },
    });
  });

  test('prefers a map entry newer than its own read', async () => {
    const driverId = await onMap();
    await world.map.sync(
      { driverId, cityId: CITY, availability: 'OFFLINE', hasRoom: true, version: 9, lastFix: null },
      world.time.now,
    );
    expect(await sweep()).toEqual(NOTHING);
    expect(await isOnMap(driverId)).toBe(false);
  });

  test('reads more drivers than fit on a page', async () => {
    const lastPlace = {
      lastLat: PLACE.lat,
      lastLng: PLACE.lng,
      lastFixAt: new Date(START),
      idleSince: new Date(START),
    };
    await world.db.driver.createMany({
      data: Array.from({ length: 520 }, () => ({
        id: newId(),
        cityId: CITY,
        name: 'Sam',
        vehicleKind: 'CAR',
        availability: 'AVAILABLE',
        ...lastPlace,
      })),
    });
    expect((await difference()).missing).toHaveLength(520);
    expect(await sweep()).toMatchObject({ repaired: 520 });
    expect(await difference()).toEqual({ missing: [], extra: [] });
  });

  test('converges to PostgreSQL while drivers change, ping and Redis is flushed', async () => {
    const liveMap = createLiveMap({ db: world.db, map: world.map, clock: () => world.time.now });
    const drivers = await Promise.all(Array.from({ length: 12 }, onMap));
    const toggle = async (driverId: string, round: number) => {
      const availability = round % 2 === 0 ? 'OFFLINE' : 'AVAILABLE';
      await world.availability.request(
        driverId,
        { kind: 'set', availability },
        { kind: 'driver', id: driverId },
        'test',
      );
      await liveMap.syncDriver(driverId);
    };
    const busy = drivers.map(async (driverId, index) => {
      for (let round = 0; round < 6 + (index % 2); round++)
        await Promise.all([toggle(driverId, round), world.ping(driverId), world.ping(driverId)]);
    });
    await Promise.all([...busy, world.redis.flush(), sweep(), world.redis.flush()]);
    await Promise.all(drivers.map((driverId) => world.ping(driverId)));
    await sweep();
    expect(await difference()).toEqual({ missing: [], extra: [] });
    const onIt = new Set((await world.map.members({ kind: 'all' }, '0')).driverIds);
    const available = await world.db.driver.findMany({
      where: { availability: 'AVAILABLE' },
      select: { id: true },
    });
    expect([...onIt].sort()).toEqual(available.map(({ id }) => id).sort());
    expect(available).toHaveLength(6);
  });
});

describe('the state sweep', () => {
  test('ends a break whose timer never fired, and counts a failure', async () => {
    const driverId = await world.addDriver({ availability: 'ON_BREAK', until: START - MINUTE });
    const failures = await valueOf(timedEndFailures);
    expect(await sweep()).toEqual(NOTHING);
    world.time.now += 1;
    expect(await sweep()).toEqual({ ...NOTHING, endedLate: 1 });
    expect(await valueOf(timedEndFailures)).toBe(failures + 1);
    expect(await world.db.auditEntry.findFirst({ where: { driverId } })).toMatchObject({
      actorId: 'presence-sweep',
      why: 'TIME_UP',
    });
    expect(await sweep()).toMatchObject({ endedLate: 0 });
  });

  test('leaves breaks that are not over and pauses without an end', async () => {
    await world.addDriver({ availability: 'ON_BREAK', until: START + MINUTE });
    await world.addDriver({ availability: 'PAUSED' });
    expect(await sweep()).toEqual(NOTHING);
  });

  test('sets drivers in v2 states OFFLINE when the feature is off, and restores none', async () => {
    const states = ['ON_BREAK', 'PAUSED', 'SHIFT_ENDED'] as const;
    const drivers = await Promise.all(
      states.map((availability) =>
        world.addDriver({ availability, until: availability === 'ON_BREAK' ? START + MINUTE : null }),
      ),
    );
    const planning = await world.addDriver({
      availability: 'BUSY',
      pending: { kind: 'BREAK', minutes: 10, reason: null },
    });
    world.switches.availabilityStates = false;
    expect(await sweep()).toEqual({ ...NOTHING, switchedOff: 4 });
    expect((await Promise.all(drivers.map(world.row))).map(({ availability }) => availability)).toEqual([
      'OFFLINE',
      'OFFLINE',
      'OFFLINE',
    ]);
    expect(await world.row(planning)).toMatchObject({ availability: 'BUSY', pending: null });
    world.switches.availabilityStates = true;
    expect(await sweep()).toEqual(NOTHING);
  });
});
