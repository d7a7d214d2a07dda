/**
 * Who is lost, over real PostgreSQL, by a clock that the test sets ahead; what the outbox holds is told to
 * the deliveries by hand.
 */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { createLostDrivers, type LostDriversReport } from '../../activities/sweeps/lostDrivers';
import { citySilentShare, lossesDetected, lossesWithheld } from '../../activities/sweeps/lossMetrics';
import { createOverdueStages } from '../../services/overdueStages';
import { createSupportCases } from '../../services/supportCases';
import type { Actor, Step } from '../../domain/delivery/status';
import { STAGE_LIMITS } from '../../domain/driver/stageWatch';
import { LOSS_LIMITS } from '../../domain/driver/loss';
import type { Message } from '../../domain/notices/message';
import { type Point, TRAVEL_MODEL } from '../../domain/geo/places';
import { DeliveryScene } from '../support/deliveryScene';
import { createDispatchWorld, type DispatchWorld, PICKUP } from '../support/dispatchWorld';
import { brokenInvariants } from '../support/invariants';

const MINUTE = 60_000;
const OPS: Actor = { kind: 'ops', id: 'olga' };
/** About 1,100 m from the pickup: not at a stop, where silence has a longer grace. */
const AWAY: Point = { lat: PICKUP.lat + 0.01, lng: PICKUP.lng };
const away = (index: number) => ({ at: { lat: AWAY.lat + 0.005 * index, lng: AWAY.lng } });

let world: DispatchWorld;
let start: number;
/** The clock of the sweep, since when it hears drivers, and what it warned of. */
let sweeper: { now: number; ingestUpSince: number; warnings: string[]; relayCalls: number };
beforeEach(async () => {
  world = await createDispatchWorld();
  start = Date.now();
  sweeper = { now: start, ingestUpSince: start - 60 * MINUTE, warnings: [], relayCalls: 0 };
});
afterEach(() => world.close());

/** One sweep, so long after the start. */
async function sweepAfter(ms: number): Promise<LostDriversReport> {
  sweeper.now = start + ms;
  const clock = () => sweeper.now;
  const { sweepLostDrivers } = createLostDrivers({
    db: world.db,
    map: { readViews: world.map.readViews, ingestUpSince: async () => sweeper.ingestUpSince },
    cases: createSupportCases({ db: world.db, clock, newId, notifyRelay: () => {} }),
    clock,
    limits: LOSS_LIMITS,
    stages: STAGE_LIMITS,
    overdueStages: createOverdueStages({
      db: world.db,
      clock,
      newId: world.deps.newId,
      pushes: false,
      notifyRelay: () => {},
    }),
    travel: TRAVEL_MODEL,
    timeScale: 1,
    log: { warn: (_fields, text) => void sweeper.warnings.push(text) },
    notifyRelay: () => void sweeper.relayCalls++,
  });
  return sweepLostDrivers();
}

/** One fix, so long after the start. */
async function ping(driverId: string, ms: number, point: Point = AWAY): Promise<void> {
  const at = start + ms;
  await world.map.recordPositions(
    driverId,
    [{ point, at, accuracyMeters: 8, speedMps: null, headingDegrees: null }],
    at,
  );
}

/** Takes the messages of a kind out of the outbox. */
async function take<K extends Message['kind']>(kind: K): Promise<Extract<Message, { kind: K }>[]> {
  const rows = await world.db.outboxMessage.findMany({
    where: { kind, sentAt: null },
    orderBy: { id: 'asc' },
  });
  await world.db.outboxMessage.updateMany({
    where: { id: { in: rows.map(({ id }) => id) } },
    data: { sentAt: new Date() },
  });
  return rows.map(({ payload }) => ({ kind, ...(payload as object) }) as Extract<Message, { kind: K }>);
}

/** Tells the deliveries what the outbox holds, as the relay and their workflows do. */
async function relay(): Promise<void> {
  for (const { deliveryId, driverId, assignmentId = null, why } of await take('driverLeft')) {
    await world.activities.releaseDriver({
      deliveryId,
      correlationId: 'test',
      at: sweeper.now,
      event: { kind: 'releaseDriver', driverId, offerId: null, assignmentId, why },
    });
  }
}

const valueOf = async (
  metric: typeof lossesDetected | typeof lossesWithheld | typeof citySilentShare,
  labels: Record<string, string>,
): Promise<number | undefined> =>
  (await metric.get()).values.find((each) =>
    Object.entries(labels).every(([name, value]) => (each.labels as Record<string, unknown>)[name] === value),
  )?.value;

/** A driver on the way has the delivery, and others in the city, if there are any, ping on. */
async function accepted(others = 0): Promise<DeliveryScene> {
  const scene = await DeliveryScene.set(
    world,
    Array.from({ length: 1 + others }, (_, index) => away(index)),
  );
  await scene.accepted();
  return scene;
}

async function assignedByHand(at: Point = AWAY): Promise<DeliveryScene> {
  const scene = await DeliveryScene.set(world, [{ at }]);
  expect(
    await scene.answer({
      kind: 'assignDriver',
      driverId: scene.driver(),
      by: OPS,
      override: false,
      why: 'knows the way',
    }),
  ).toMatchObject({ outcome: 'assigned' });
  return scene;
}

describe('a driver who falls silent', () => {
  it('before pickup is lost after three minutes, and the delivery searches without them', async () => {
    const scene = await accepted(1);
    const noticed = (await valueOf(lossesDetected, { why: 'FELL_SILENT' })) ?? 0;
    // silence counts from there, not from before the scene was set
    start = (await scene.assignments())[0]!.startedAt.getTime();
    await ping(scene.driver(1), 3 * MINUTE);
    expect(await sweepAfter(3 * MINUTE - 1_000)).toMatchObject({ watched: 2, silent: 0, told: 0 });
    expect(await sweepAfter(3 * MINUTE + 1_000)).toEqual({
      watched: 2,
      silent: 1,
      told: 1,
      withheld: 0,
      heardAgain: 0,
      reminded: 0,
      overdue: 0,
      silentCities: [],
    });
    expect(sweeper.relayCalls).toBe(1);
    expect(await valueOf(lossesDetected, { why: 'FELL_SILENT' })).toBe(noticed + 1);
    await relay();
    expect(await scene.row()).toMatchObject({ status: 'SEARCHING', driverId: null, losses: 1 });
    expect(await scene.assignments()).toMatchObject([{ state: 'LOST', endReason: 'FELL_SILENT' }]);
    expect(await brokenInvariants(world.db)).toEqual([]);
    await scene.offered(1, sweeper.now);
  });

  it('at the pickup has ten minutes and keeps the delivery: ops are asked once', async () => {
    const scene = await accepted();
    await scene.steps('arriveAtPickup');
    expect(await sweepAfter(10 * MINUTE - 5_000)).toMatchObject({ told: 0 });
    expect(await sweepAfter(10 * MINUTE + 5_000)).toMatchObject({ told: 1 });
    await relay();
    expect(await scene.row()).toMatchObject({ status: 'AT_PICKUP', driverId: scene.driver() });
    expect(await scene.cases()).toMatchObject([{ reason: 'DRIVER_AT_PICKUP_SILENT', state: 'OPEN' }]);
    expect(await sweepAfter(11 * MINUTE)).toMatchObject({ silent: 1, told: 0 });
  });

  it('with the goods keeps the delivery: ops are asked once', async () => {
    const scene = await accepted();
    await scene.steps('arriveAtPickup', 'pickUp');
    expect(await sweepAfter(4 * MINUTE)).toMatchObject({ told: 1 });
    await relay();
    expect(await scene.row()).toMatchObject({ status: 'PICKED_UP', driverId: scene.driver() });
    expect(await scene.cases()).toMatchObject([
      { reason: 'CARRIER_SILENT', state: 'OPEN', driverId: scene.driver() },
    ]);
    for (const minutes of [5, 6, 30])
      expect(await sweepAfter(minutes * MINUTE)).toMatchObject({ silent: 1, told: 0 });
    expect((await scene.notices()).filter((each) => each.startsWith('support'))).toHaveLength(1);
  });

  it('after a manual assignment keeps the delivery: ops are asked once', async () => {
    const scene = await assignedByHand();
    expect(await sweepAfter(4 * MINUTE)).toMatchObject({ told: 1 });
    await relay();
    expect(await scene.row()).toMatchObject({ status: 'ASSIGNED', driverId: scene.driver() });
    expect(await scene.cases()).toMatchObject([{ reason: 'PINNED_DRIVER_SILENT', state: 'OPEN' }]);
    expect(await sweepAfter(5 * MINUTE)).toMatchObject({ told: 0 });
  });

  it('and sends a position again has their case resolved', async () => {
    const scene = await accepted();
    await scene.steps('arriveAtPickup', 'pickUp');
    await sweepAfter(4 * MINUTE);
    await relay();
    await ping(scene.driver(), 6 * MINUTE);
    expect(await sweepAfter(6 * MINUTE + 5_000)).toMatchObject({ silent: 0, heardAgain: 1 });
    expect(await scene.cases()).toMatchObject([
      { state: 'RESOLVED', resolution: 'HEARD_AGAIN', resolvedBy: 'system/lost-drivers-sweep' },
    ]);
    expect(await scene.entries()).toContain('case_resolved');
    expect(await sweepAfter(6 * MINUTE + 20_000)).toMatchObject({ heardAgain: 0 });
    expect(await sweepAfter(10 * MINUTE)).toMatchObject({ silent: 1, told: 1 });
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  it('is not silent after a step without a fix', async () => {
    const scene = await accepted();
    const stepAt = (step: Step, ms: number) =>
      scene.send(
        { kind: 'takeStep', step, by: { kind: 'driver', id: scene.driver() }, deviceAt: null },
        start + ms,
      );
    await stepAt('arriveAtPickup', 3 * MINUTE);
    expect(await sweepAfter(3 * MINUTE + 5_000)).toMatchObject({ silent: 0, told: 0 });
    await stepAt('pickUp', 4 * MINUTE);
    await sweepAfter(8 * MINUTE);
    await relay();
    expect(await scene.cases()).toMatchObject([{ reason: 'CARRIER_SILENT', state: 'OPEN' }]);
    await stepAt('arriveAtDropoff', 9 * MINUTE);
    expect(await sweepAfter(9 * MINUTE + 5_000)).toMatchObject({ silent: 0, told: 0 });
    expect(await scene.cases()).toMatchObject([{ state: 'RESOLVED', resolution: 'STEP_TAKEN' }]);
    await scene.send(scene.fail('NOT_AT_HOME'), start + 13 * MINUTE);
    expect(await sweepAfter(13 * MINUTE + 5_000)).toMatchObject({ silent: 0, told: 0 });
  });

  it('and whose case ops resolved is reported again only after three more minutes', async () => {
    const scene = await accepted();
    await scene.steps('arriveAtPickup', 'pickUp');
    await sweepAfter(4 * MINUTE);
    await relay();
    const [{ id = '' } = {}] = await scene.cases();
    await createSupportCases({
      db: world.db,
      clock: () => sweeper.now,
      newId,
      notifyRelay: () => {},
    }).resolve(id, {
      by: OPS,
      resolution: 'BY_OPS',
      note: 'their battery is flat',
      correlationId: 'test',
    });
    expect(await sweepAfter(4 * MINUTE + 15_000)).toMatchObject({ told: 0 });
    expect(await sweepAfter(7 * MINUTE)).toMatchObject({ told: 1 });
  });

  it('is reported once while Temporal is down', async () => {
    const scene = await accepted();
    expect(await sweepAfter(4 * MINUTE)).toMatchObject({ told: 1 });
    expect(await sweepAfter(4 * MINUTE + 15_000)).toMatchObject({ silent: 1, told: 0 });
    expect(await take('driverLeft')).toEqual([
      expect.objectContaining({ deliveryId: scene.deliveryId, driverId: scene.driver(), why: 'FELL_SILENT' }),
    ]);
  });

  it('is known by their row if the map lost them', async () => {
    const scene = await accepted();
    world.map.flush();
    expect(await sweepAfter(2 * MINUTE)).toMatchObject({ silent: 0 });
    await world.db.driver.update({
      where: { id: scene.driver() },
      data: { lastFixAt: new Date(start + 2 * MINUTE) },
    });
    expect(await sweepAfter(4 * MINUTE)).toMatchObject({ silent: 0 });
    expect(await sweepAfter(5 * MINUTE)).toMatchObject({ silent: 1, told: 1 });
  });
});

describe('no driver is lost', () => {
  it('during ingest downtime and the three minutes after', async () => {
    await accepted();
    sweeper.ingestUpSince = start + 20 * MINUTE;
    expect(await sweepAfter(20 * MINUTE)).toMatchObject({ silent: 0, told: 0 });
    expect(await sweepAfter(23 * MINUTE - 1)).toMatchObject({ silent: 0, told: 0 });
    expect(await sweepAfter(23 * MINUTE)).toMatchObject({ silent: 1, told: 1 });
  });

  it('while the live map is down', async () => {
    await accepted();
    const look = world.map.readViews;
    world.map.readViews = async () => {
      throw new Error('Redis is away');
    };
    await expect(sweepAfter(10 * MINUTE)).rejects.toThrow('Redis is away');
    world.map.readViews = look;
    expect(await take('driverLeft')).toEqual([]);
  });

  it('pages at the start and at the end of a silence of over 30 % of the city', async () => {
    const scene = await DeliveryScene.set(
      world,
      Array.from({ length: 10 }, (_, index) => away(index)),
    );
    await scene.accepted();
    const elsewhere = await accepted();
    const ping6 = (ms: number) =>
      Promise.all([1, 2, 3, 4, 5, 6].map((index) => ping(scene.driver(index), ms)));
    await ping6(4 * MINUTE);
    expect(await sweepAfter(4 * MINUTE)).toMatchObject({
      watched: 11,
      silent: 5,
      told: 1,
      withheld: 1,
      silentCities: [scene.cityId],
    });
    expect(await take('driverLeft')).toEqual([expect.objectContaining({ deliveryId: elsewhere.deliveryId })]);
    expect(await valueOf(citySilentShare, { city: scene.cityId })).toBe(0.4);
    expect(await valueOf(lossesWithheld, { city: scene.cityId })).toBe(1);
    expect(sweeper.warnings).toHaveLength(1);
    const [opened, ...more] = await take('notify');
    expect(more).toEqual([]);
    expect(opened?.notice).toMatchObject({
      to: { kind: 'pager' },
      about: `city/${scene.cityId}/silent`,
      what: 'open',
      severity: 'critical',
      title: `4 of 10 drivers on duty in ${scene.cityId} are silent`,
      facts: { silent: 4, working: 10, withheld: 1 },
    });
    await ping6(4 * MINUTE + 15_000);
    expect(
      await Promise.all([sweepAfter(4 * MINUTE + 15_000), sweepAfter(4 * MINUTE + 15_000)]),
    ).toMatchObject([{ withheld: 1 }, { withheld: 1 }]);
    expect(await take('notify')).toEqual([]);
    sweeper.ingestUpSince = start + 4 * MINUTE + 20_000; // ingest was down: then it is not over
    expect(await sweepAfter(4 * MINUTE + 30_000)).toMatchObject({ silent: 0 });
    expect(await take('notify')).toEqual([]);
    sweeper.ingestUpSince = start - 60 * MINUTE;
    await Promise.all([ping6(5 * MINUTE), ping(scene.driver(7), 5 * MINUTE)]);
    expect(await sweepAfter(5 * MINUTE)).toMatchObject({ withheld: 0, silentCities: [] });
    expect(await take('notify')).toMatchObject([
      { notice: { what: 'resolved', about: `city/${scene.cityId}/silent`, facts: { silent: 3 } } },
    ]);
    expect(await take('driverLeft')).toContainEqual(
      expect.objectContaining({ deliveryId: scene.deliveryId }),
    );
  });

  it('does not count drivers whose silence ops already know', async () => {
    const scene = await DeliveryScene.set(
      world,
      Array.from({ length: 7 }, (_, index) => away(index)),
    );
    for (const index of [5, 6]) {
      const { deliveryId } = await world.addDelivery({ cityId: scene.cityId });
      const at = { deliveryId, correlationId: 'test', at: start };
      await world.activities.assignDriver({
        ...at,
        event: {
          kind: 'assignDriver',
          driverId: scene.driver(index),
          by: OPS,
          override: false,
          why: 'knows the way',
        },
      });
      for (const step of ['arriveAtPickup', 'pickUp'] as const)
        await world.activities.takeStep({
          ...at,
          event: { kind: 'takeStep', step, by: OPS, deviceAt: null },
        });
    }
    await scene.accepted();
    await Promise.all([0, 1, 2, 3, 4].map((index) => ping(scene.driver(index), 3 * MINUTE)));
    expect(await sweepAfter(4 * MINUTE)).toMatchObject({ silent: 2, told: 2, silentCities: [] });
    await relay();
    await Promise.all([1, 2, 3, 4].map((index) => ping(scene.driver(index), 7 * MINUTE)));
    expect(await sweepAfter(7 * MINUTE)).toMatchObject({ silent: 3, told: 1, withheld: 0, silentCities: [] });
  });

  it('if the only working driver is silent, the city is not silent', async () => {
    await accepted();
    expect(await sweepAfter(4 * MINUTE)).toMatchObject({ watched: 1, silent: 1, told: 1, withheld: 0 });
  });
});

describe('a driver without progress', () => {
  async function onTheWay(readyAt = new Date(start)): Promise<DeliveryScene> {
    const scene = await DeliveryScene.set(world, [{ at: AWAY }, {}]);
    await world.db.delivery.update({ where: { id: scene.deliveryId }, data: { readyAt } });
    await world.db.driver.update({ where: { id: scene.driver(1) }, data: { availability: 'OFFLINE' } });
    await world.map.sync(
      {
        driverId: scene.driver(1),
        cityId: scene.cityId,
        availability: 'OFFLINE',
        hasRoom: true,
        version: 1,
        lastFix: null,
      },
      start,
    );
    await scene.accepted();
    return scene;
  }

  async function standTill(scene: DeliveryScene, ms: number, point = AWAY): Promise<LostDriversReport> {
    await ping(scene.driver(), ms, point);
    return sweepAfter(ms);
  }

  it('towards the pickup for five minutes is lost', async () => {
    const scene = await onTheWay();
    expect(await standTill(scene, MINUTE)).toMatchObject({ told: 0 });
    expect((await scene.assignments())[0]).toMatchObject({ nearestMeters: 1_112 });
    expect(await standTill(scene, 4 * MINUTE)).toMatchObject({ told: 0 });
    expect(await standTill(scene, 5 * MINUTE + 5_000)).toMatchObject({ told: 1, silent: 0 });
    await relay();
    expect(await scene.assignments()).toMatchObject([{ state: 'LOST', endReason: 'NO_PROGRESS' }]);
    expect(await scene.row()).toMatchObject({ status: 'SEARCHING' });
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  it('has five more minutes after getting nearer', async () => {
    const scene = await onTheWay();
    await standTill(scene, MINUTE);
    const nearer = { lat: PICKUP.lat + 0.008, lng: PICKUP.lng };
    await standTill(scene, 3 * MINUTE, nearer);
    expect((await scene.assignments())[0]).toMatchObject({
      nearestMeters: 890,
      progressAt: new Date(start + 3 * MINUTE),
    });
    expect(await standTill(scene, 8 * MINUTE - 1_000, nearer)).toMatchObject({ told: 0 });
    expect(await standTill(scene, 8 * MINUTE, nearer)).toMatchObject({ told: 1 });
  });

  it('is not lost on the way to a bridge, and is after a quarter of an hour of driving about', async () => {
    const scene = await onTheWay();
    const eastward = (minute: number): Point => ({ lat: AWAY.lat, lng: AWAY.lng + 0.004 * minute });
    for (let minute = 1; minute < 15; minute++)
      expect(await standTill(scene, minute * MINUTE, eastward(minute))).toMatchObject({ told: 0 });
    expect(await standTill(scene, 15 * MINUTE + 5_000, eastward(15))).toMatchObject({ told: 1 });
  });

  it('is neither proved nor disproved by vague positions', async () => {
    const scene = await onTheWay();
    await standTill(scene, MINUTE);
    for (const minute of [3, 5, 7, 9]) {
      const at = start + minute * MINUTE;
      const fix = { point: PICKUP, at, accuracyMeters: 4_000, speedMps: null, headingDegrees: null };
      await world.map.recordPositions(scene.driver(), [fix], at);
      expect(await sweepAfter(minute * MINUTE)).toMatchObject({ told: 0, silent: 0 });
    }
    expect((await scene.assignments())[0]).toMatchObject({ nearestMeters: 1_112 });
  });

  it('may wait for the goods', async () => {
    const scene = await onTheWay(new Date(start + 20 * MINUTE));
    for (const minutes of [1, 6, 11, 16, 21])
      expect(await standTill(scene, minutes * MINUTE)).toMatchObject({ told: 0 });
    // 3.6 minutes of way, and five of grace
    expect(await standTill(scene, 22 * MINUTE)).toMatchObject({ told: 1 });
  });

  it('after a manual assignment keeps the delivery: ops are asked once', async () => {
    const scene = await assignedByHand(AWAY);
    expect(await standTill(scene, 6 * MINUTE)).toMatchObject({ told: 1 });
    await relay();
    expect(await scene.cases()).toMatchObject([{ reason: 'PINNED_DRIVER_STANDS_STILL', state: 'OPEN' }]);
    expect(await standTill(scene, 7 * MINUTE)).toMatchObject({ told: 0 });
    expect(await scene.row()).toMatchObject({ status: 'ASSIGNED' });
  });
});

it('a sweep reads all pages of drivers', async () => {
  const cityId = await world.addCity();
  await world.db.$executeRaw`
    INSERT INTO drivers (id, city_id, name, vehicle_kind, availability, last_fix_at) SELECT gen_random_uuid(),
      ${cityId}, 'Sam', 'CAR', 'AVAILABLE', now() FROM generate_series(1, 1000)`;
  expect(await sweepAfter(MINUTE)).toMatchObject({ watched: 1_000, silent: 0 });
  expect(await sweepAfter(10 * MINUTE)).toMatchObject({
    watched: 1_000,
    silent: 1_000,
    silentCities: [cityId],
  });
});
