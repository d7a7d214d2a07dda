import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import type { VehicleKind } from '../../domain/driver/vehicles';
import type { DriverMap, Position, MapEntry, MapPart } from '../../services/ports';

/** A map under test that forgets everything on `flush`. Fresh means: heard of within 60 s. */
export type MapUnderTest = { map: DriverMap; flush: () => Promise<void>; close: () => Promise<void> };

export const FRESH_MS = 60_000;
const NOW = Date.UTC(2026, 0, 31, 12);
const CENTER = { lat: 52.37, lng: 4.89 };
/** About 68 m east for each step. */
const east = (steps: number) => ({ lat: CENTER.lat, lng: CENTER.lng + steps / 1_000 });

/** What every DriverMap must do, whatever it is made of. */
export function describeDriverMap(name: string, open: () => Promise<MapUnderTest>): void {
  const opened = open();
  let map: DriverMap;
  beforeEach(async () => {
    const under = await opened;
    await under.flush();
    map = under.map;
  });
  afterAll(async () => (await opened).close());

  const entryOf = (set: Partial<MapEntry> = {}): MapEntry => ({
    driverId: newId(),
    cityId: 'ams',
    availability: 'AVAILABLE',
    hasRoom: true,
    version: 1,
    lastFix: null,
    ...set,
  });
  const fixAt = (at: number, point = CENTER): Position => ({
    point,
    at,
    accuracyMeters: 5,
    speedMps: null,
    headingDegrees: null,
  });
  const near = (now = NOW, radiusMeters = 5_000, limit = 10) =>
    map.near({ cityId: 'ams', point: CENTER, radiusMeters, limit, now });
  const idsNear = async (now = NOW) => (await near(now)).map(({ driverId }) => driverId);
  const members = async (part: MapPart) => (await map.members(part, '0')).driverIds;
  const ALL: MapPart = { kind: 'all' };
  /** A driver on the map since NOW. */
  const onMap = async (set: Partial<MapEntry> = {}, point = CENTER): Promise<MapEntry> => {
    const entry = entryOf(set);
    await map.sync(entry, NOW);
    await map.recordPositions(entry.driverId, [fixAt(NOW, point)], NOW);
    return entry;
  };

  describe(`the map of drivers, ${name}`, () => {
    test('asks for PostgreSQL before it takes a fix of a driver it does not know', async () => {
      expect(await map.recordPositions(newId(), [fixAt(NOW)], NOW)).toBe('unknown');
    });

    test('shows an AVAILABLE driver from the first fix on, and says so once', async () => {
      const entry = entryOf();
      expect(await map.sync(entry, NOW)).toEqual({ cameOn: false });
      expect(await map.recordPositions(entry.driverId, [fixAt(NOW)], NOW)).toEqual({ cameOn: true });
      expect(await map.recordPositions(entry.driverId, [fixAt(NOW + 1)], NOW + 1)).toEqual({ cameOn: false });
      expect(await idsNear()).toEqual([entry.driverId]);
    });

    test('shows a driver who becomes AVAILABLE while heard of', async () => {
      const entry = await onMap({ availability: 'OFFLINE' });
      expect(await idsNear()).toEqual([]);
      expect(await map.sync({ ...entry, availability: 'AVAILABLE', version: 2 }, NOW)).toEqual({
        cameOn: true,
      });
      expect(await idsNear()).toEqual([entry.driverId]);
    });

    test.each(['BUSY', 'OFFLINE', 'ON_BREAK', 'PAUSED', 'SHIFT_ENDED'] as const)(
      'takes a driver off who becomes %s',
      async (availability) => {
        const entry = await onMap();
        await map.sync({ ...entry, availability, hasRoom: false, version: 2 }, NOW);
        const [view] = await map.readViews([entry.driverId]);
        expect(view).toMatchObject({
          entry: { availability, version: 2 },
          on: { all: false, city: false, busy: false },
        });
      },
    );

    test('keeps BUSY drivers with room on a map of their own', async () => {
      const entry = await onMap();
      await map.sync({ ...entry, availability: 'BUSY', hasRoom: true, version: 2 }, NOW);
      expect(await members({ kind: 'busy', cityId: 'ams' })).toEqual([entry.driverId]);
      expect(await members(ALL)).toEqual([]);
      await map.sync({ ...entry, availability: 'BUSY', hasRoom: false, version: 3 }, NOW);
      expect(await members({ kind: 'busy', cityId: 'ams' })).toEqual([]);
    });

    test('drops news of an older version, whatever the order it comes in', async () => {
      const entry = await onMap({ version: 5 });
      await map.sync({ ...entry, availability: 'OFFLINE', version: 7 }, NOW);
      await map.sync({ ...entry, availability: 'AVAILABLE', version: 6 }, NOW);
      await map.recordPositions(entry.driverId, [fixAt(NOW + 1)], NOW + 1);
      expect(await idsNear(NOW + 1)).toEqual([]);
    });

    test('ends with the newest news however many come at once', async () => {
      const entry = await onMap({ version: 0 });
      const entries = Array.from(
        { length: 30 },
        (_, i) =>
          ({ ...entry, availability: i % 2 === 0 ? 'OFFLINE' : 'AVAILABLE', version: i + 1 }) as const,
      );
      const shuffled = [
        ...entries.filter((_, i) => i % 3 === 2),
        ...entries.filter((_, i) => i % 3 === 0),
        ...entries.filter((_, i) => i % 3 === 1),
      ];
      await Promise.all(
        shuffled.flatMap((each, i) => [
          map.sync(each, NOW),
          map.recordPositions(entry.driverId, [fixAt(NOW + i)], NOW + i),
        ]),
      );
      expect((await map.readViews([entry.driverId]))[0]).toMatchObject({
        entry: { version: 30, availability: 'AVAILABLE' },
        on: { all: true, city: true },
      });
    });

    test('takes the same version again, as a repeat or a repair', async () => {
      const entry = await onMap();
      await map.drop(ALL, [entry.driverId]);
      expect(await map.sync(entry, NOW)).toEqual({ cameOn: true });
      expect(await members(ALL)).toEqual([entry.driverId]);
    });

    test('moves a driver from one city to another', async () => {
      const entry = await onMap();
      await map.sync({ ...entry, cityId: 'rtm', version: 2 }, NOW);
      expect(await members({ kind: 'city', cityId: 'ams' })).toEqual([]);
      expect(await members({ kind: 'city', cityId: 'rtm' })).toEqual([entry.driverId]);
      expect(await members(ALL)).toEqual([entry.driverId]);
    });

    test('finds the nearest first, within the radius and the limit', async () => {
      const [far, middle, close] = [
        await onMap({}, east(30)),
        await onMap({}, east(20)),
        await onMap({}, east(10)),
      ];
      expect(await idsNear()).toEqual([close, middle, far].map(({ driverId }) => driverId));
      expect((await near(NOW, 1_500)).map(({ driverId }) => driverId)).toEqual([
        close.driverId,
        middle.driverId,
      ]);
      expect((await near(NOW, 5_000, 1)).map(({ driverId }) => driverId)).toEqual([close.driverId]);
      const [first] = await near();
      expect(first?.distanceMeters).toBeGreaterThan(660);
      expect(first?.distanceMeters).toBeLessThan(700);
      expect(first?.fixAt).toBe(NOW);
      expect(first?.point.lng).toBeCloseTo(east(10).lng, 4);
    });

    test('looks at the vehicle before it cuts at the limit', async () => {
      const riders = await Promise.all(
        Array.from({ length: 40 }, (_, i) => onMap({ vehicle: i % 2 === 0 ? 'BICYCLE' : 'CAR' }, east(i))),
      );
      const [van, unknown] = [await onMap({ vehicle: 'VAN' }, east(50)), await onMap({}, east(55))];
      const find = async (vehicles: readonly VehicleKind[] | null, limit: number) =>
        (
          await map.near({ cityId: 'ams', point: CENTER, radiusMeters: 5_000, vehicles, limit, now: NOW })
        ).map(({ driverId }) => driverId);
      expect(await find(['VAN'], 2)).toEqual([van.driverId, unknown.driverId]);
      expect(await find(['CAR', 'VAN'], 3)).toEqual([1, 3, 5].map((i) => riders[i]?.driverId));
      expect(await find(['VAN'], 1)).toEqual([van.driverId]);
      expect(await find(null, 2)).toEqual([riders[0]?.driverId, riders[1]?.driverId]);
    });

    test('knows the vehicle that PostgreSQL has last', async () => {
      const entry = await onMap({ vehicle: 'BICYCLE' });
      await map.sync({ ...entry, vehicle: 'VAN', version: 2 }, NOW);
      expect((await map.readViews([entry.driverId]))[0]?.entry?.vehicle).toBe('VAN');
    });

    test('finds the fresh behind however many that are stale', async () => {
      for (let i = 0; i < 10; i++) await onMap({}, east(i));
      const fresh = await onMap({}, east(20));
      await map.recordPositions(fresh.driverId, [fixAt(NOW + 50_000, east(20))], NOW + 50_000);
      expect((await near(NOW + FRESH_MS + 1, 5_000, 1)).map(({ driverId }) => driverId)).toEqual([
        fresh.driverId,
      ]);
    });

    test('finds nobody of another city', async () => {
      await onMap({ cityId: 'rtm' });
      expect(await idsNear()).toEqual([]);
    });

    test('leaves out who was not heard of for longer than the setting', async () => {
      const entry = await onMap();
      expect(await idsNear(NOW + FRESH_MS)).toEqual([entry.driverId]);
      expect(await idsNear(NOW + FRESH_MS + 1)).toEqual([]);
    });

    test('takes the silent off, and has them back with their next fix', async () => {
      const silent = await onMap();
      const heard = await onMap();
      await map.recordPositions(heard.driverId, [fixAt(NOW + 50_000)], NOW + 50_000);
      expect(await map.takeSilentOff(NOW + FRESH_MS + 1)).toBe(1);
      expect(await members(ALL)).toEqual([heard.driverId]);
      expect(await members({ kind: 'city', cityId: 'ams' })).toEqual([heard.driverId]);
      expect(await map.takeSilentOff(NOW + FRESH_MS + 1)).toBe(0);
      expect(await map.recordPositions(silent.driverId, [fixAt(NOW + 70_000)], NOW + 70_000)).toEqual({
        cameOn: true,
      });
    });

    test('forgets a driver whole, whose next position is of nobody it knows', async () => {
      const entry = await onMap({}, east(10));
      await map.forget(entry.driverId);
      const [view] = await map.readViews([entry.driverId]);
      expect(view).toMatchObject({ entry: null, on: { all: false, city: false, busy: false } });
      expect(await map.recordPositions(entry.driverId, [fixAt(NOW + 1, east(1))], NOW + 1)).toBe('unknown');
      await map.forget(entry.driverId);
    });

    test('never moves back for a fix that comes late, but has heard of the driver', async () => {
      const entry = await onMap({}, east(10));
      await map.recordPositions(entry.driverId, [fixAt(NOW - 30_000, east(1))], NOW + 40_000);
      const [view] = await map.readViews([entry.driverId]);
      expect(view?.entry?.lastFix).toEqual({ point: east(10), at: NOW, receivedAt: NOW + 40_000 });
    });

    test('takes the newest of a batch in any order', async () => {
      const entry = entryOf();
      await map.sync(entry, NOW);
      await map.recordPositions(
        entry.driverId,
        [fixAt(NOW - 2_000, east(2)), fixAt(NOW, east(3)), fixAt(NOW - 1_000, east(1))],
        NOW,
      );
      expect((await map.readViews([entry.driverId]))[0]?.entry?.lastFix).toEqual({
        point: east(3),
        at: NOW,
        receivedAt: NOW,
      });
    });

    test('takes a clock that is far ahead for our own, so that it cannot hold the place for hours', async () => {
      const entry = entryOf();
      await map.sync(entry, NOW);
      await map.recordPositions(entry.driverId, [fixAt(NOW + 3_600_000, east(1))], NOW);
      expect((await map.readViews([entry.driverId]))[0]?.entry?.lastFix?.at).toBe(NOW);
      await map.recordPositions(entry.driverId, [fixAt(NOW + 5_000, east(2))], NOW + 5_000);
      expect((await map.readViews([entry.driverId]))[0]?.entry?.lastFix?.point).toEqual(east(2));
    });

    test('lets a clock be a minute ahead', async () => {
      const entry = entryOf();
      await map.sync(entry, NOW);
      await map.recordPositions(entry.driverId, [fixAt(NOW + 60_000)], NOW);
      expect((await map.readViews([entry.driverId]))[0]?.entry?.lastFix?.at).toBe(NOW + 60_000);
    });

    test.each([
      { lat: 86, lng: 0 },
      { lat: 0, lng: 181 },
      { lat: Number.NaN, lng: 0 },
    ])('refuses a place that is none: %j', async (point) => {
      const entry = await onMap();
      await expect(
        map.recordPositions(entry.driverId, [fixAt(NOW + 1), fixAt(NOW + 2, point)], NOW + 2),
      ).rejects.toThrow(RangeError);
      expect((await map.readViews([entry.driverId]))[0]?.entry?.lastFix?.at).toBe(NOW);
    });

    test("takes PostgreSQL's last place where it lost its own, and only a newer one", async () => {
      const lastFix = { point: east(4), at: NOW - 9_000, receivedAt: NOW - 8_000 };
      const entry = entryOf({ lastFix });
      expect(await map.sync(entry, NOW)).toEqual({ cameOn: true });
      expect((await map.readViews([entry.driverId]))[0]?.entry?.lastFix).toEqual(lastFix);
      await map.recordPositions(entry.driverId, [fixAt(NOW, east(5))], NOW);
      await map.sync(entry, NOW);
      expect((await map.readViews([entry.driverId]))[0]?.entry?.lastFix).toEqual({
        point: east(5),
        at: NOW,
        receivedAt: NOW,
      });
    });

    test('puts nobody on the map by a last place that is not fresh', async () => {
      const entry = entryOf({ lastFix: { point: CENTER, at: NOW - 61_000, receivedAt: NOW - 61_000 } });
      expect(await map.sync(entry, NOW)).toEqual({ cameOn: false });
      expect(await members(ALL)).toEqual([]);
    });

    test('looks at drivers in the order asked for, known or not', async () => {
      const entry = await onMap();
      const stranger = newId();
      expect(await map.readViews([stranger, entry.driverId])).toEqual([
        { driverId: stranger, entry: null, seenAt: null, on: { all: false, city: false, busy: false } },
        {
          driverId: entry.driverId,
          entry: { ...entry, lastFix: { point: CENTER, at: NOW, receivedAt: NOW } },
          seenAt: NOW,
          on: { all: true, city: true, busy: false },
        },
      ]);
      expect(await map.readViews([])).toEqual([]);
    });

    test('drops from one part only', async () => {
      const entry = await onMap();
      await map.drop({ kind: 'city', cityId: 'ams' }, [entry.driverId]);
      await map.drop(ALL, []);
      expect((await map.readViews([entry.driverId]))[0]?.on).toEqual({ all: true, city: false, busy: false });
    });

    test('forgets all when flushed: then every driver is unknown', async () => {
      const entry = await onMap();
      await (await opened).flush();
      expect(await map.recordPositions(entry.driverId, [fixAt(NOW + 1)], NOW + 1)).toBe('unknown');
      expect(await idsNear()).toEqual([]);
    });

    test('cannot say who is silent while nobody listens, and counts from when listening began', async () => {
      expect(await map.ingestUpSince(NOW)).toBe(NOW);
      await map.reportIngestUp(NOW);
      await map.reportIngestUp(NOW + 5_000);
      expect(await map.ingestUpSince(NOW + 6_000)).toBe(NOW);
      await (await opened).flush();
      expect(await map.ingestUpSince(NOW + 7_000)).toBe(NOW + 7_000);
      await map.reportIngestUp(NOW + 8_000);
      expect(await map.ingestUpSince(NOW + 9_000)).toBe(NOW + 8_000);
    });
  });
}
