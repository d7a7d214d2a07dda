import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import type { DriverMap } from '../../services/ports';
import type { MapUnderTest } from './driverMapConformance';

const NOW = Date.UTC(2026, 0, 31, 12);
const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const CENTER = { lat: 52.37, lng: 4.89 };
/** So many metres east. */
const east = (meters: number) => ({ lat: CENTER.lat, lng: CENTER.lng + meters / 67_880 });

/** Which positions move a driver, and by which clock: the same whatever the map is made of. */
export function describeFixRules(name: string, open: () => Promise<MapUnderTest>): void {
  const opened = open();
  let map: DriverMap;
  let driverId: string;
  beforeEach(async () => {
    const under = await opened;
    await under.flush();
    map = under.map;
    driverId = newId();
    await map.sync(
      { driverId, cityId: 'ams', availability: 'AVAILABLE', hasRoom: true, version: 1, lastFix: null },
      NOW,
    );
  });
  afterAll(async () => (await opened).close());

  type Sent = { meters: number; at: number; accuracyMeters?: number | null };
  /** Sent so many ms after NOW; `at` as the device has it, in ms after NOW. */
  const send = (afterMs: number, ...sent: Sent[]) =>
    map.recordPositions(
      driverId,
      sent.map(({ meters, at, accuracyMeters = 5 }) => ({
        point: east(meters),
        at: NOW + at,
        accuracyMeters,
        speedMps: null,
        headingDegrees: null,
      })),
      NOW + afterMs,
    );
  const view = async () => (await map.readViews([driverId]))[0];
  /** How far east the driver is, in metres. */
  const meters = async (): Promise<number | null> => {
    const lng = (await view())?.entry?.lastFix?.point.lng;
    return lng === undefined ? null : Math.round((lng - CENTER.lng) * 67_880);
  };
  /** Pings every five seconds, ten metres farther each time, by a clock that lags so much. */
  const ride = async (from: number, until: number, lagMs: number): Promise<void> => {
    for (let s = from; s <= until; s += 5) await send(s * SECOND, { meters: s * 2, at: s * SECOND - lagMs });
  };

  describe(`the clock of a device, ${name}`, () => {
    test.each([
      ['an hour behind', HOUR],
      ['an hour ahead', -HOUR],
      ['seventy seconds behind', 70 * SECOND],
      ['years behind, as after a flat battery', NOW - 10 * SECOND],
    ])('that is %s from the start is measured, and the driver moves', async (_what, lag) => {
      await ride(0, 30, lag);
      expect(await meters()).toBe(60);
      expect(await map.clockLagMs(driverId)).toBe(lag);
      expect((await view())?.entry?.lastFix).toMatchObject({
        at: NOW + 30 * SECOND,
        receivedAt: NOW + 30 * SECOND,
      });
    });

    test('that is set back an hour in mid-shift stops the driver for seconds, not for an hour', async () => {
      await ride(0, 60, 0);
      await ride(65, 90, HOUR);
      expect(await meters()).toBe(180);
      expect((await view())?.entry?.lastFix?.at).toBe(NOW + 90 * SECOND);
      await ride(95, 100, 0); // and right again
      expect(await meters()).toBe(200);
      expect(await map.clockLagMs(driverId)).toBe(0);
    });

    test('that is set an hour ahead in mid-shift, and back, stops nobody', async () => {
      await ride(0, 20, 0);
      for (const [from, lag] of [
        [25, -HOUR],
        [35, 0],
      ] as const) {
        await ride(from, from + 5, lag);
        expect(await meters()).toBe((from + 5) * 2);
      }
    });

    test('that is less than a minute off counts as right', async () => {
      await ride(0, 30, 59 * SECOND);
      expect(await map.clockLagMs(driverId)).toBe(0);
      expect((await view())?.entry?.lastFix?.at).toBe(NOW - 29 * SECOND);
    });

    test('is not measured by late positions, which come faster than they were made', async () => {
      await ride(0, 60, 0);
      // an hour without a signal; then what was kept, a minute of it every second
      for (let minute = 0; minute < 50; minute++)
        await send(HOUR + minute * SECOND, { meters: 50, at: 60 * SECOND + minute * 60 * SECOND });
      expect(await map.clockLagMs(driverId)).toBe(0);
      expect(await meters()).toBe(50);
    });

    test('that is wrong does not make late positions of that device live', async () => {
      await ride(0, 60, HOUR);
      await send(62 * SECOND, { meters: 7, at: 20 * SECOND - HOUR });
      expect(await meters()).toBe(120);
      expect((await view())?.seenAt).toBe(NOW + 62 * SECOND);
    });

    test('of late positions beside live ones is right', async () => {
      for (let s = 0; s < 60; s += 5) {
        await send(s * SECOND, { meters: s, at: s * SECOND });
        await send(s * SECOND + 500, { meters: 900, at: s * SECOND - HOUR });
      }
      expect(await meters()).toBe(55);
      expect(await map.clockLagMs(driverId)).toBe(0);
    });

    test('orders what one batch brings', async () => {
      await ride(0, 30, HOUR);
      const at = (s: number) => s * SECOND - HOUR;
      await send(40 * SECOND, { meters: 77, at: at(39) }, { meters: 66, at: at(35) });
      expect(await meters()).toBe(77);
    });
  });

  describe(`a vague position, ${name}`, () => {
    test.each([
      [200, true],
      [201, false],
      [4_000, false],
      [null, true],
    ])('of %s m accuracy moves the driver: %s', async (accuracyMeters, moves) => {
      await send(0, { meters: 0, at: 0 });
      await send(60 * SECOND, { meters: 300, at: 60 * SECOND, accuracyMeters });
      expect(await meters()).toBe(moves ? 300 : 0);
      expect((await view())?.seenAt).toBe(NOW + 60 * SECOND);
    });

    test('keeps a driver on the map, where they were', async () => {
      await send(0, { meters: 0, at: 0 });
      await send(50 * SECOND, { meters: 300, at: 50 * SECOND, accuracyMeters: 900 });
      const near = await map.near({
        cityId: 'ams',
        point: CENTER,
        radiusMeters: 50,
        limit: 5,
        now: NOW + 100 * SECOND,
      });
      expect(near).toMatchObject([{ driverId, fixAt: NOW + 50 * SECOND }]);
    });

    test('puts nobody on the map, but is a contact', async () => {
      expect(await send(0, { meters: 0, at: 0, accuracyMeters: 900 })).toEqual({ cameOn: false });
      expect(await view()).toMatchObject({ entry: { lastFix: null }, seenAt: NOW, on: { all: false } });
      expect(await send(SECOND, { meters: 0, at: SECOND })).toEqual({ cameOn: true });
    });

    test('does not make a later one late', async () => {
      await send(0, { meters: 0, at: 0 });
      await send(20 * SECOND, { meters: 50, at: 20 * SECOND, accuracyMeters: 900 });
      await send(21 * SECOND, { meters: 20, at: 10 * SECOND });
      expect(await meters()).toBe(20);
    });
  });

  describe(`a leap, ${name}`, () => {
    test.each([
      ['four kilometres in a second', 4_000, 1, false],
      ['half a kilometre in no time', 500, 0, false],
      ['what a bad signal does', 390, 0, true],
      ['two minutes on a motorway', 5_000, 120, true],
    ])('%s: %d m in %d s moves the driver: %s', async (_what, far, s, moves) => {
      await send(0, { meters: 0, at: 0 });
      await send(s * SECOND, { meters: far, at: s * SECOND });
      expect(await meters()).toBe(moves ? far : 0);
      expect((await view())?.seenAt).toBe(NOW + s * SECOND);
    });

    test('to and fro never moves the driver', async () => {
      for (let s = 0; s < 120; s += 2) {
        await send(s * SECOND, { meters: s, at: s * SECOND });
        await send((s + 1) * SECOND, { meters: 90_000, at: (s + 1) * SECOND });
        expect(await meters()).toBe(s);
      }
    });

    test('is believed after half a minute at the new place, as after a ferry or a wrong first position', async () => {
      await send(0, { meters: 0, at: 0 });
      for (let s = 5; s < 35; s += 5) {
        await send(s * SECOND, { meters: 50_000 + s * 5, at: s * SECOND });
        expect(await meters()).toBe(0);
      }
      await send(35 * SECOND, { meters: 50_175, at: 35 * SECOND });
      expect(await meters()).toBe(50_175);
    });

    test('that goes on leaping is never believed', async () => {
      await send(0, { meters: 0, at: 0 });
      for (let s = 5; s < 200; s += 5)
        await send(s * SECOND, { meters: 50_000 * (1 + (s % 10)), at: s * SECOND });
      expect(await meters()).toBe(0);
    });

    test('within a batch moves the driver only as far as it can be', async () => {
      await send(0, { meters: 0, at: 0 });
      await send(
        10 * SECOND,
        { meters: 50, at: 5 * SECOND },
        { meters: 9_000, at: 7 * SECOND },
        { meters: 90, at: 9 * SECOND },
      );
      expect(await meters()).toBe(90);
    });
  });
}
