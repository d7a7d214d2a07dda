/**
 * After a process dies or Redis is flushed, every acknowledged result holds, and no driver stays held
 * (invariants 2, 3, 5).
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { createRedisDriverMap } from '../../adapters/redis/driverMap';
import { type MapDifference, createPresence } from '../../activities/sweeps/presence';
import { AVAILABILITY_LIMITS } from '../../domain/driver/availability';
import { FaultyProxy } from '../../reliability/chaos/proxy';
import { startWorker } from '../../simulator/kit/processes';
import { deliveryWorkflowId } from '../../workflows/contract';
import { historiesIn, replay } from '../replay/replay';
import { eventually } from '../support/eventually';
import { brokenInvariants } from '../support/invariants';
import type { LiveDriver } from '../support/liveDriver';
import { type LiveCity, LiveSystem, northOf } from '../support/liveSystem';
import { workflowsUnderTest } from '../support/workflowsUnderTest';

const TO_THE_DOOR = ['arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver'] as const;
/** What docs/architecture.md#invariants promises after a crash or a lost Redis. */
const REPAIRED_WITHIN_MS = 60_000;

let system: LiveSystem;
let city: LiveCity;
beforeAll(async () => {
  system = await LiveSystem.start();
  city = await system.openCity();
}, 120_000);
afterAll(async () => {
  city.close();
  await system.close();
}, 60_000);

const row = (deliveryId: string) =>
  system.parts.db.delivery.findUniqueOrThrow({
    where: { id: deliveryId },
    include: { offers: true, assignments: true },
  });
const is = (deliveryId: string, status: string, withinMs = 30_000): Promise<true> =>
  eventually(`the delivery is ${status}`, async () => (await row(deliveryId)).status === status, {
    withinMs,
  });

afterEach(async () => {
  const { temporal, db } = system.parts;
  expect(await brokenInvariants(db)).toEqual([]);
  for (const { sellerOrderId, status, closedAt } of await db.delivery.findMany({
    where: { cityId: city.cityId },
  })) {
    if (closedAt === null) continue;
    expect(
      await temporal.client.workflow.getHandle(deliveryWorkflowId(city.merchantId, sellerOrderId)).result(),
    ).toBe(status);
  }
});

/** A driver for one test at the shared location. All other drivers there are off duty. */
async function onDuty(count = 1): Promise<LiveDriver[]> {
  const drivers: LiveDriver[] = [];
  for (let index = 0; index < count; index += 1)
    drivers.push(await city.addDriver({ at: northOf(300 * index) }));
  return drivers;
}

const goHome = (drivers: readonly LiveDriver[]): Promise<unknown> =>
  Promise.all(drivers.map(({ client }) => client.goOffline()));

describe('kill -9 of the worker', () => {
  test('during an offer: an accept sent meanwhile is answered after the restart', async () => {
    const [driver] = (await onDuty()) as [LiveDriver];
    const { deliveryId } = await city.order();
    const offerId = await driver.asked(deliveryId);
    await system.kill('worker');
    const accepting = driver.accept(offerId); // is told 503, safe to retry, and tries again
    await system.startAgain('worker');
    expect(await accepting).toMatchObject({ ok: true });
    expect(await row(deliveryId)).toMatchObject({ status: 'ASSIGNED', driverId: driver.driverId });
    await driver.go(deliveryId, ...TO_THE_DOOR);
    await is(deliveryId, 'DELIVERED');
    await goHome([driver]);
  }, 90_000);

  test('right after an acknowledged accept: the accept holds, and a repeat gets the same answer', async () => {
    const [driver] = (await onDuty()) as [LiveDriver];
    const { deliveryId } = await city.order();
    const offerId = await driver.asked(deliveryId);
    const accepted = await driver.accept(offerId);
    expect(accepted).toMatchObject({ ok: true });
    await system.kill('worker');
    await system.startAgain('worker');
    expect(await driver.accept(offerId)).toEqual(accepted);
    expect((await row(deliveryId)).assignments).toHaveLength(1);
    await driver.go(deliveryId, ...TO_THE_DOOR);
    await is(deliveryId, 'DELIVERED');
    await goHome([driver]);
  }, 90_000);

  test('during a transaction: the next worker commits the rolled-back work exactly once', async () => {
    const [driver] = (await onDuty()) as [LiveDriver];
    const { deliveryId } = await city.order();
    const offerId = await driver.asked(deliveryId);
    const outsider = new Client({ connectionString: system.parts.ownerUrl });
    await outsider.connect();
    await outsider.query('BEGIN');
    await outsider.query('SELECT FROM drivers WHERE id = $1 FOR UPDATE', [driver.driverId]);
    const accepting = driver.accept(offerId);
    await eventually('a transaction of the worker waits for the row that we hold', async () => {
      const { rows } = await outsider.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%worker'
          AND wait_event_type = 'Lock'`,
      );
      return rows.length > 0;
    });
    await system.kill('worker');
    await outsider.query('ROLLBACK');
    await outsider.end();
    expect((await row(deliveryId)).assignments).toHaveLength(0);
    await system.startAgain('worker');
    expect(await accepting).toMatchObject({ ok: true });
    expect((await row(deliveryId)).assignments).toMatchObject([
      { driverId: driver.driverId, offerId, state: 'ACTIVE' },
    ]);
    await driver.go(deliveryId, ...TO_THE_DOOR);
    await is(deliveryId, 'DELIVERED');
    await goHome([driver]);
  }, 90_000);

  test('while orders arrive: each is accepted and gets a driver after the restart', async () => {
    await system.kill('worker');
    const { deliveryId } = await city.order();
    expect(await row(deliveryId)).toMatchObject({ status: 'PENDING' });
    const [driver] = (await onDuty()) as [LiveDriver];
    await system.startAgain('worker');
    expect(await driver.accept(await driver.asked(deliveryId, 30_000))).toMatchObject({ ok: true });
    await driver.go(deliveryId, ...TO_THE_DOOR);
    await is(deliveryId, 'DELIVERED');
    await goHome([driver]);
  }, 90_000);
});

describe('a worker that starts while Temporal is unavailable', () => {
  test('stays up, reports not ready, and works when Temporal is back', async () => {
    const { env, temporal } = system.parts;
    const proxy = await FaultyProxy.open([{ port: Number(temporal.address.split(':')[1]) }]);
    const comeBack = await proxy.refuse();
    const worker = await startWorker({ ...env, TEMPORAL_ADDRESS: `127.0.0.1:${proxy.port}` });
    try {
      const status = async (path: string): Promise<number | undefined> =>
        (await fetch(`${worker.url}${path}`).catch(() => undefined))?.status;
      await eventually('it lives', async () => (await status('/health')) === 200, { withinMs: 30_000 });
      expect(await status('/health/ready')).toBe(503);
      await comeBack();
      await worker.ready();
    } finally {
      await worker.stop();
      await proxy.close();
    }
  }, 90_000);
});

describe('kill -9 of the API', () => {
  test('during an offer: the driver reconnects, receives the offer again and accepts it', async () => {
    const [driver] = (await onDuty()) as [LiveDriver];
    const { deliveryId } = await city.order();
    const offerId = await driver.asked(deliveryId);
    driver.forget();
    await system.kill('api');
    const accepting = driver.accept(offerId);
    await system.startAgain('api');
    const state = await driver.hears('STATE');
    // undefined if the accept arrived first
    expect([offerId, undefined]).toContain((state.offer as { offerId?: string } | null)?.offerId);
    const accepted = await accepting;
    expect(accepted).toMatchObject({ ok: true });
    expect(await driver.accept(offerId)).toEqual(accepted);
    await driver.go(deliveryId, ...TO_THE_DOOR);
    await is(deliveryId, 'DELIVERED');
    await goHome([driver]);
  }, 90_000);

  test('with requests in progress: each takes effect once after retries', async () => {
    const drivers = await onDuty(4);
    const orders = await Promise.all(drivers.map(() => city.order()));
    const taken = await Promise.all(
      orders.map(async ({ deliveryId }) => {
        const asked = await eventually('somebody is asked', async () =>
          drivers.find((driver) =>
            driver.heard.some(
              ({ event, body }) => event === 'DELIVERY_OFFERED_V2' && body.deliveryId === deliveryId,
            ),
          ),
        );
        return { deliveryId, driver: asked, offerId: await asked.asked(deliveryId) };
      }),
    );
    const accepting = Promise.all(taken.map(({ driver, offerId }) => driver.accept(offerId)));
    await system.kill('api');
    await system.startAgain('api');
    for (const answer of await accepting) expect(answer).toMatchObject({ ok: true });
    await Promise.all(taken.map(({ driver, deliveryId }) => driver.go(deliveryId, ...TO_THE_DOOR)));
    await Promise.all(taken.map(({ deliveryId }) => is(deliveryId, 'DELIVERED')));
    for (const { deliveryId } of taken) expect((await row(deliveryId)).assignments).toHaveLength(1);
    await goHome(drivers);
  }, 90_000);
});

describe('the live map', () => {
  const difference = (): Promise<MapDifference> => {
    const { db, redis } = system.parts;
    const map = createRedisDriverMap(redis, { freshPositionMs: AVAILABILITY_LIMITS.freshPositionMs });
    const never = async (): Promise<never> => {
      throw new Error('only a look');
    };
    return createPresence({
      db,
      map,
      availability: { request: never },
      features: { isOn: () => true },
      clock: Date.now,
      limits: AVAILABILITY_LIMITS,
      notifyRelay: () => {},
    }).mapDifference();
  };
  const mapIsRight = (): Promise<true> =>
    eventually(
      'the map is right',
      async () => {
        const { missing, extra } = await difference();
        return missing.length + extra.length === 0;
      },
      { withinMs: REPAIRED_WITHIN_MS, everyMs: 200 },
    );
  const onMap = async (drivers: readonly LiveDriver[]): Promise<string[]> => {
    const all = await system.parts.redis.zrange('drivers:geo', '0', '-1');
    return all.filter((id) => drivers.some(({ driverId }) => driverId === id)).sort();
  };
  const available = async (drivers: readonly LiveDriver[]): Promise<string[]> => {
    const rows = await system.parts.db.driver.findMany({
      where: { id: { in: drivers.map(({ driverId }) => driverId) }, availability: 'AVAILABLE' },
    });
    return rows.map(({ id }) => id).sort();
  };

  /** Positions go to Redis at once, and to PostgreSQL a little later. */
  const placesAreKept = (drivers: readonly LiveDriver[]): Promise<true> =>
    eventually(
      'PostgreSQL knows where they are',
      async () =>
        (await system.parts.db.driver.count({
          where: { id: { in: drivers.map(({ driverId }) => driverId) }, lastFixAt: { not: null } },
        })) === drivers.length,
    );

  test('is restored within a minute after a Redis flush, without new positions', async () => {
    const drivers = await onDuty(5);
    await drivers[0]?.client.startBreak(15);
    await drivers[1]?.client.goOffline();
    await placesAreKept(drivers);
    await mapIsRight();
    expect(await onMap(drivers)).toHaveLength(3);
    await system.parts.redis.flushdb();
    await mapIsRight();
    expect(await onMap(drivers)).toEqual(await available(drivers));
    await goHome(drivers);
  }, 120_000);

  test('has every driver again after a Redis flush once they send a position', async () => {
    const drivers = await onDuty(3);
    await system.parts.redis.flushdb(); // perhaps before PostgreSQL knew where they are
    await Promise.all(drivers.map((driver) => driver.sendPlace()));
    expect(await onMap(drivers)).toEqual(await available(drivers));
    await goHome(drivers);
  }, 60_000);

  test('is correct within a minute after kill -9 of the API during changes', async () => {
    const drivers = await onDuty(6);
    const changing = drivers.map(async ({ client }, index) => {
      for (let turn = 0; turn < 6; turn += 1) {
        if ((turn + index) % 2 === 0) await client.startBreak(15);
        else await client.endBreak();
        if (index % 3 === 0) await client.goOffline().then(() => client.startShift(null));
      }
    });
    await eventually(
      'changes are under way',
      async () =>
        (await system.parts.db.auditEntry.count({
          where: { driverId: { in: drivers.map(({ driverId }) => driverId) } },
        })) > 18,
    );
    await system.kill('api');
    await system.startAgain('api');
    await Promise.all(changing);
    await Promise.all(drivers.map((driver) => driver.sendPlace()));
    await mapIsRight();
    expect(await onMap(drivers)).toEqual(await available(drivers));
    await goHome(drivers);
  }, 150_000);
});

test('every history of these deliveries replays after workers were killed', async () => {
  expect(
    await replay(
      workflowsUnderTest(),
      await historiesIn(system.parts.temporal.client, `City = '${city.cityId}'`),
    ),
  ).toEqual({});
}, 120_000);
