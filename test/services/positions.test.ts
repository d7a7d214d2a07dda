import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { connectDatabase } from '../../adapters/postgres/database';
import { PositionArchive } from '../../adapters/redis/positionArchive';
import { thin } from '../../adapters/redis/positionThinning';
import type { ReceivedPosition } from '../../adapters/redis/positionStream';
import { createPositions } from '../../services/positions';
import { createDriverWorld, CITY, type DriverWorld, PLACE, START } from '../support/driverWorld';

let world: DriverWorld;
beforeAll(async () => {
  world = await createDriverWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  world.time.now = START;
  await world.takeMessages();
});
afterEach(() => world.redis.flush());

/** About 68 m east for each step. */
const east = (steps: number) => ({ lat: PLACE.lat, lng: PLACE.lng + steps / 1_000 });
const idsNear = async () =>
  (
    await world.map.near({ cityId: CITY, point: PLACE, radiusMeters: 5_000, limit: 50, now: world.time.now })
  ).map(({ driverId }) => driverId);
const archiveOf = (driverId: string) =>
  world.db.positionFix.findMany({ where: { driverId }, orderBy: { at: 'asc' } });
const newArchive = (
  onError: (error: unknown) => void = (error) => {
    throw error;
  },
) =>
  new PositionArchive({
    redis: world.redis.redis,
    db: world.db,
    onError,
    everyMs: 5,
    keyPrefix: world.redis.keyPrefix,
  });

describe('a ping', () => {
  test('of a driver missing in Redis is accepted after one PostgreSQL read and wakes a waiting delivery', async () => {
    const driverId = await world.addDriver();
    expect(await world.ping(driverId)).toBe('recorded');
    expect(await idsNear()).toEqual([driverId]);
    expect(await world.takeMessages()).toEqual([{ kind: 'driverFree', driverId, passed: [] }]);
  });

  test('of a driver on the map needs no PostgreSQL', async () => {
    const driverId = await world.addDriver();
    await world.ping(driverId);
    const nowhere = connectDatabase('postgresql://nobody@127.0.0.1:1/none', {
      poolSize: 1,
      statementTimeoutMs: 100,
      applicationName: 'test',
    });
    const positions = createPositions({
      db: nowhere,
      map: world.map,
      clock: () => START + 1_000,
      notifyRelay: () => {
        throw new Error('nothing was enqueued');
      },
    });
    expect(
      await positions.record(driverId, [
        { point: east(1), at: START + 1_000, accuracyMeters: null, speedMps: null, headingDegrees: null },
      ]),
    ).toBe('recorded');
    expect((await world.map.readViews([driverId]))[0]?.entry?.lastFix?.point).toEqual(east(1));
  });

  test('of an unknown driver is not found', async () => {
    expect(await world.ping(newId())).toBe('notFound');
  });

  test('of an OFFLINE driver is stored but does not add them to the map', async () => {
    const driverId = await world.addDriver({ availability: 'OFFLINE' });
    expect(await world.ping(driverId)).toBe('recorded');
    expect(await idsNear()).toEqual([]);
    expect(await world.takeMessages()).toEqual([]);
  });

  test('that is empty is ignored', async () => {
    expect(await world.positions.record(newId(), [])).toBe('recorded');
  });

  test('after FLUSHALL restores the driver, with the position of PostgreSQL if newer', async () => {
    const driverId = await world.addDriver();
    await world.ping(driverId, east(5));
    await newArchive().archiveAll();
    await world.redis.flush();
    world.time.now = START + 20_000;
    await world.ping(driverId, east(1), START - 5_000);
    const [view] = await world.map.readViews([driverId]);
    expect(view?.entry?.lastFix).toEqual({ point: east(5), at: START, receivedAt: START + 20_000 });
    expect(view?.on.all).toBe(true);
  });

  test('expires from Redis two days after the last one; PostgreSQL keeps the driver', async () => {
    const { redis, keyPrefix } = world.redis;
    const driverId = await world.addDriver();
    const key = `${keyPrefix}driver:${driverId}`;
    await world.ping(driverId);
    await redis.pexpire(key, 5_000);
    await world.ping(driverId, east(1));
    expect(await redis.ttl(key)).toBeGreaterThan(172_000);
    await redis.pexpire(key, 5_000);
    await syncFromRow(driverId);
    expect(await redis.ttl(key)).toBeGreaterThan(172_000);
    await redis.del(key); // as when it ends
    expect(await world.ping(driverId)).toBe('recorded');
    expect((await world.map.readViews([driverId]))[0]?.entry).toMatchObject({
      driverId,
      availability: 'AVAILABLE',
    });
    expect(await redis.ttl(key)).toBeLessThanOrEqual(172_800);
  });

  test('that meets a flush between two calls is accepted', async () => {
    const driverId = await world.addDriver();
    const { map } = world;
    let flushes = 0;
    const sync = map.sync;
    map.sync = async (entry, now) => {
      const synced = await sync(entry, now);
      if (flushes++ === 0) await world.redis.flush();
      return synced;
    };
    try {
      expect(await world.ping(driverId)).toBe('recorded');
    } finally {
      map.sync = sync;
    }
    expect(flushes).toBe(2);
    expect(await idsNear()).toEqual([driverId]);
  });

  test('while the driver goes OFFLINE leaves them off the map, in either order', async () => {
    for (let round = 0; round < 25; round++) {
      const driverId = await world.addDriver();
      await world.ping(driverId);
      const goOffline = async () => {
        await world.availability.request(
          driverId,
          { kind: 'set', availability: 'OFFLINE' },
          { kind: 'driver', id: driverId },
          'test',
        );
        await syncFromRow(driverId);
      };
      await Promise.all([goOffline(), world.ping(driverId), world.ping(driverId), world.ping(driverId)]);
      expect((await world.map.readViews([driverId]))[0]).toMatchObject({
        entry: { availability: 'OFFLINE' },
        on: { all: false, city: false },
      });
    }
  });
});

async function syncFromRow(driverId: string): Promise<void> {
  const { cityId, availabilityVersion } = await world.row(driverId);
  await world.map.sync(
    {
      driverId,
      cityId,
      availability: 'OFFLINE',
      hasRoom: true,
      version: Number(availabilityVersion),
      lastFix: null,
    },
    world.time.now,
  );
}

describe('the archive', () => {
  test('stores late fixes as history without moving the last position back', async () => {
    const driverId = await world.addDriver();
    await world.ping(driverId, east(10));
    world.time.now = START + 1_000;
    await world.ping(driverId, east(2), START - 60_000);
    await newArchive().archiveAll();
    expect((await archiveOf(driverId)).map(({ at, lng }) => [at.getTime(), lng])).toEqual([
      [START - 60_000, east(2).lng],
      [START, east(10).lng],
    ]);
    const row = await world.row(driverId);
    expect(row).toMatchObject({
      lastLat: PLACE.lat,
      lastLng: east(10).lng,
      lastFixAt: new Date(START),
      availabilityVersion: 0n,
    });
  });

  test('stores every field of the device', async () => {
    const driverId = await world.addDriver();
    await world.positions.record(driverId, [
      { point: PLACE, at: START - 500, accuracyMeters: 4.5, speedMps: 6.25, headingDegrees: 270 },
    ]);
    await newArchive().archiveAll();
    expect(await archiveOf(driverId)).toMatchObject([
      {
        accuracyMeters: 4.5,
        speedMps: 6.25,
        headingDegrees: 270,
        at: new Date(START - 500),
        receivedAt: new Date(START),
      },
    ]);
  });

  test('keeps one fix in 10 s or 50 m', async () => {
    const driverId = await world.addDriver();
    for (let second = 0; second <= 30; second++) {
      world.time.now = START + second * 1_000;
      await world.ping(driverId);
    }
    await world.ping(driverId, east(2), world.time.now + 1);
    await newArchive().archiveAll();
    expect((await archiveOf(driverId)).map(({ at }) => at.getTime() - START)).toEqual([
      0, 10_000, 20_000, 30_000, 30_001,
    ]);
  });

  test('adds nothing when a batch comes twice, as after a crash before its acknowledgement', async () => {
    const driverId = await world.addDriver();
    await world.ping(driverId);
    const { redis, keyPrefix } = world.redis;
    const xdel = jest.spyOn(redis, 'xdel').mockRejectedValueOnce(new Error('Redis is away'));
    await expect(newArchive().archiveAll()).rejects.toThrow('Redis is away');
    expect(await archiveOf(driverId)).toHaveLength(1);
    expect((await redis.xpending(`${keyPrefix}positions`, 'archive'))[0]).toBe(1);
    await newArchive().archiveAll();
    xdel.mockRestore();
    expect(await archiveOf(driverId)).toHaveLength(1);
    expect((await redis.xpending(`${keyPrefix}positions`, 'archive'))[0]).toBe(0);
  });

  test('leaves neither archived nor skipped fixes in Redis', async () => {
    const { redis, keyPrefix } = world.redis;
    const drivers = [await world.addDriver(), await world.addDriver()];
    for (let second = 0; second < 20; second++)
      for (const driverId of drivers) await world.ping(driverId, PLACE, START + second * 1_000);
    await redis.xadd(`${keyPrefix}positions`, '*', 'driver', 'not-a-uuid', 'at', 'yesterday');
    await newArchive().archiveAll();
    expect(await redis.xlen(`${keyPrefix}positions`)).toBe(0);
    expect((await redis.xpending(`${keyPrefix}positions`, 'archive'))[0]).toBe(0);
  });

  test('continues after a crash between deleting and acknowledging a batch', async () => {
    const { redis, keyPrefix } = world.redis;
    const driverId = await world.addDriver();
    await world.ping(driverId);
    const xack = jest.spyOn(redis, 'xack').mockRejectedValueOnce(new Error('Redis is away'));
    await expect(newArchive().archiveAll()).rejects.toThrow('Redis is away');
    xack.mockRestore();
    await newArchive().archiveAll();
    expect((await redis.xpending(`${keyPrefix}positions`, 'archive'))[0]).toBe(0);
    expect(await archiveOf(driverId)).toHaveLength(1);
  });

  test('skips malformed fixes', async () => {
    const driverId = await world.addDriver();
    await world.redis.redis.xadd(
      `${world.redis.keyPrefix}positions`,
      '*',
      'driver',
      'not-a-uuid',
      'at',
      'yesterday',
    );
    await world.ping(driverId);
    expect(await newArchive().archiveAll()).toBe(1);
    expect(await newArchive().archiveAll()).toBe(0);
    expect((await world.redis.redis.xpending(`${world.redis.keyPrefix}positions`, 'archive'))[0]).toBe(0);
  });

  test('does not wait for a locked driver row, and retries that position', async () => {
    const archive = newArchive();
    const [held, free] = [await world.addDriver(), await world.addDriver()];
    await world.ping(held);
    await world.ping(free);
    await world.db.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM drivers WHERE id = ${held}::uuid FOR UPDATE`;
      await archive.archiveAll();
    });
    expect((await world.row(held)).lastFixAt).toBeNull();
    expect((await world.row(free)).lastFixAt).toEqual(new Date(START));
    expect(await archiveOf(held)).toHaveLength(1);
    await archive.archiveAll(); // no further fix came
    expect((await world.row(held)).lastFixAt).toEqual(new Date(START));
  });

  test('runs until stopped and continues after a failure', async () => {
    const errors: unknown[] = [];
    const archive = newArchive((error) => void errors.push(error));
    const driverId = await world.addDriver();
    await world.ping(driverId);
    const { $executeRaw } = world.db;
    Object.defineProperty(world.db, '$executeRaw', {
      configurable: true,
      value: () => Promise.reject(new Error('the database is away')),
    });
    archive.start();
    await until(() => errors.length > 0);
    Object.defineProperty(world.db, '$executeRaw', { configurable: true, value: $executeRaw });
    await until(async () => (await archiveOf(driverId)).length === 1);
    await archive.stop();
    expect(errors[0]).toEqual(new Error('the database is away'));
  });
});

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
}

describe('thinning', () => {
  const fix = (driverId: string, at: number, point = PLACE): ReceivedPosition => ({
    driverId,
    at,
    receivedAt: at,
    point,
    isLive: true,
    accuracyMeters: null,
    speedMps: null,
    headingDegrees: null,
  });

  test('treats each driver separately, and late fixes by the same rule', () => {
    const { kept } = thin(
      [
        fix('a', START),
        fix('b', START + 1),
        fix('a', START + 2),
        fix('a', START - 9_999),
        fix('a', START - 10_000),
      ],
      new Map(),
    );
    expect(kept.map(({ driverId, at }) => [driverId, at - START])).toEqual([
      ['a', 0],
      ['b', 1],
      ['a', -10_000],
    ]);
  });

  test('continues from the previous batch without changing it', () => {
    const first = thin([fix('a', START)], new Map());
    const second = thin([fix('a', START + 5_000)], first.lastKept);
    expect(second.kept).toEqual([]);
    expect(thin([fix('a', START + 10_000)], second.lastKept).kept).toHaveLength(1);
    expect(first.lastKept.get('a')?.at).toBe(START);
  });

  test('remembers a bounded number of drivers', () => {
    const crowd = Array.from({ length: 50_001 }, (_, i) => fix(`driver-${i}`, START));
    expect(thin(crowd, new Map()).lastKept.size).toBe(50_000);
  });
});

describe('the time of a device', () => {
  const clockOf = async (lagMs: number): Promise<string> => {
    const driverId = await world.addDriver();
    for (let s = 0; s <= 20; s += 5) {
      world.time.now = START + s * 1_000;
      await world.ping(driverId, PLACE, world.time.now - lagMs);
    }
    return driverId;
  };

  test.each([3_600_000, -3_600_000])('is corrected where its clock lags by %d ms', async (lagMs) => {
    const driverId = await clockOf(lagMs);
    expect(await world.positions.correctedTime(driverId, START + 10_000 - lagMs)).toBe(START + 10_000);
    await newArchive().archiveAll();
    const times = (await archiveOf(driverId)).map(({ at }) => at.getTime());
    expect(times.at(-1)).toBe(START + 20_000);
    expect((await world.row(driverId)).lastFixAt).toEqual(new Date(START + 20_000));
  });

  test('is not corrected into the future, nor where the clock is right, nor for a stranger', async () => {
    const driverId = await clockOf(3_600_000);
    expect(await world.positions.correctedTime(driverId, START)).toBe(START + 20_000);
    expect(await world.positions.correctedTime(await clockOf(30_000), START)).toBe(START);
    expect(await world.positions.correctedTime(newId(), START)).toBe(START);
  });

  test('is taken as it is while Redis is down', async () => {
    const { map } = world;
    const { clockLagMs } = map;
    map.clockLagMs = () => Promise.reject(new Error('Redis is away'));
    try {
      expect(await world.positions.correctedTime(newId(), START)).toBe(START);
    } finally {
      map.clockLagMs = clockLagMs;
    }
  });
});

describe('a position that moves nobody', () => {
  test('is kept as history, and changes neither the row nor the map', async () => {
    const driverId = await world.addDriver();
    await world.ping(driverId);
    for (const [s, fix] of [
      [20, { point: east(3), accuracyMeters: 4_000 }],
      [21, { point: east(900), accuracyMeters: 5 }],
    ] as const) {
      world.time.now = START + s * 1_000;
      await world.positions.record(driverId, [
        { ...fix, at: world.time.now, speedMps: null, headingDegrees: null },
      ]);
    }
    await newArchive().archiveAll();
    expect(await archiveOf(driverId)).toHaveLength(3);
    expect(await world.row(driverId)).toMatchObject({ lastLng: PLACE.lng, lastFixAt: new Date(START) });
    expect((await world.map.readViews([driverId]))[0]).toMatchObject({
      entry: { lastFix: { point: PLACE, at: START } },
      seenAt: START + 21_000,
    });
  });
});
