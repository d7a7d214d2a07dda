/** Carriers who ping and take no step, over real PostgreSQL: reminded, then a case, once for each stage. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createLostDrivers, type LostDriversReport } from '../../activities/sweeps/lostDrivers';
import { createOverdueStages, type OverdueStages } from '../../services/overdueStages';
import { createSupportCases } from '../../services/supportCases';
import type { Actor, Step } from '../../domain/delivery/status';
import { LOSS_LIMITS } from '../../domain/driver/loss';
import { STAGE_LIMITS } from '../../domain/driver/stageWatch';
import { type Point, TRAVEL_MODEL } from '../../domain/geo/places';
import type { Notice } from '../../domain/notices/notice';
import { DeliveryScene } from '../support/deliveryScene';
import { createDispatchWorld, type DispatchWorld, PICKUP } from '../support/dispatchWorld';
import { brokenInvariants } from '../support/invariants';

const MINUTE = 60_000;
const OPS: Actor = { kind: 'ops', id: 'olga' };

let world: DispatchWorld;
let start: number;
let sweeper: { now: number; ingestUpSince: number };
beforeEach(async () => {
  world = await createDispatchWorld();
  start = Date.now();
  sweeper = { now: start, ingestUpSince: start - 60 * MINUTE };
});
afterEach(async () => {
  expect(await brokenInvariants(world.db)).toEqual([]);
  await world.close();
});

const clock = () => sweeper.now;
const overdueStages = (): OverdueStages =>
  createOverdueStages({ db: world.db, clock, newId: world.deps.newId, pushes: true, notifyRelay: () => {} });

/** One sweep of a worker that has just started, so long after the start. */
async function sweepAfter(ms: number): Promise<LostDriversReport> {
  sweeper.now = start + ms;
  return createLostDrivers({
    db: world.db,
    map: { readViews: world.map.readViews, ingestUpSince: async () => sweeper.ingestUpSince },
    cases: createSupportCases({ db: world.db, clock, newId: world.deps.newId, notifyRelay: () => {} }),
    clock,
    limits: LOSS_LIMITS,
    stages: STAGE_LIMITS,
    overdueStages: overdueStages(),
    travel: TRAVEL_MODEL,
    timeScale: 1,
    log: { warn: () => {} },
    notifyRelay: () => {},
  }).sweepLostDrivers();
}

/** The driver waits here, pings on, and does nothing: one sweep. */
async function idle(scene: DeliveryScene, ms: number, point: Point = PICKUP): Promise<LostDriversReport> {
  const at = start + ms;
  const fix = { point, at, accuracyMeters: 8, speedMps: null, headingDegrees: null };
  await world.map.recordPositions(scene.driver(), [fix], at);
  return sweepAfter(ms);
}

async function carried(...steps: Step[]): Promise<DeliveryScene> {
  const scene = await DeliveryScene.set(world);
  await scene.accepted();
  await scene.steps(...steps);
  return scene;
}

const reminders = async ({ deliveryId }: DeliveryScene): Promise<Notice[]> => {
  const rows = await world.db.outboxMessage.findMany({ where: { kind: 'notify' }, orderBy: { id: 'asc' } });
  return rows
    .map(({ payload }) => (payload as { notice: Notice }).notice)
    .filter(({ to, facts }) => to.kind === 'driver' && facts.deliveryId === deliveryId);
};

const ALL: readonly [string, readonly Step[]][] = [
  ['ASSIGNED', []],
  ['AT_PICKUP', ['arriveAtPickup']],
  ['PICKED_UP', ['arriveAtPickup', 'pickUp']],
  ['AT_DROPOFF', ['arriveAtPickup', 'pickUp', 'arriveAtDropoff']],
];

describe('a carrier who pings and takes no step', () => {
  it.each(ALL)('%s: is reminded, then ops get a case, once each', async (status, steps) => {
    const scene = await carried(...steps);
    const seen: string[] = [];
    for (let minutes = 0; minutes <= 120; minutes += 2) {
      const { reminded, overdue } = await idle(scene, minutes * MINUTE);
      if (reminded > 0) seen.push(`reminded ${reminded}`);
      if (overdue > 0) seen.push(`case ${overdue}`);
    }
    expect(seen).toEqual(['reminded 1', 'case 1']);
    expect(await reminders(scene)).toMatchObject([{ about: `delivery/${scene.deliveryId}/${status}` }]);
    expect(await scene.emitted()).toContain(`STEP_OVERDUE to driver:${scene.driver()}`);
    expect(await scene.cases()).toMatchObject([
      { reason: 'CARRIER_OVERDUE', state: 'OPEN', driverId: scene.driver(), level: 0 },
    ]);
    expect(await scene.notices()).toHaveLength(1);
    expect((await scene.entries()).slice(-2)).toEqual(['carrier_reminded', 'case_opened']);
    expect(await scene.row()).toMatchObject({ status, driverId: scene.driver() });
  });

  it('RETURNING: the same', async () => {
    const scene = await carried('arriveAtPickup', 'pickUp');
    await scene.send(scene.fail('NOT_AT_HOME'));
    await idle(scene, MINUTE);
    expect(await idle(scene, 60 * MINUTE)).toMatchObject({ reminded: 1, overdue: 0 });
    expect(await idle(scene, 65 * MINUTE)).toMatchObject({ reminded: 0, overdue: 1 });
  });

  it('settles the case by the next step, whose stage begins anew', async () => {
    const scene = await carried('arriveAtPickup');
    await idle(scene, 0);
    await idle(scene, 20 * MINUTE);
    await idle(scene, 25 * MINUTE);
    const by = { kind: 'driver', id: scene.driver() } as const;
    await scene.send({ kind: 'takeStep', step: 'pickUp', by, deviceAt: null }, start + 26 * MINUTE);
    expect(await scene.cases()).toMatchObject([{ state: 'RESOLVED', resolution: 'STEP_TAKEN' }]);
    expect(await idle(scene, 27 * MINUTE)).toMatchObject({ reminded: 0, overdue: 0 });
    expect((await scene.assignments())[0]).toMatchObject({ stage: 'PICKED_UP', stageRemindedAt: null });
    await idle(scene, 80 * MINUTE);
    await idle(scene, 90 * MINUTE);
    expect(await scene.cases()).toMatchObject([
      { state: 'RESOLVED' },
      { state: 'OPEN', reason: 'CARRIER_OVERDUE' },
    ]);
    expect(await reminders(scene)).toHaveLength(2);
  });

  it('whose case ops settled is told of no more in this stage', async () => {
    const scene = await carried('arriveAtPickup');
    for (const minutes of [0, 20, 25]) await idle(scene, minutes * MINUTE);
    const [{ id = '' } = {}] = await scene.cases();
    await createSupportCases({ db: world.db, clock, newId: world.deps.newId, notifyRelay: () => {} }).resolve(
      id,
      {
        by: OPS,
        resolution: 'BY_OPS',
        note: 'the kitchen is slow',
        correlationId: 'test',
      },
    );
    for (const minutes of [26, 60, 120])
      expect(await idle(scene, minutes * MINUTE)).toMatchObject({ reminded: 0, overdue: 0 });
    expect(await scene.cases()).toHaveLength(1);
  });
});

it('sweeps that overlap, and a worker that starts again, tell nobody twice', async () => {
  const scene = await carried('arriveAtPickup');
  await idle(scene, 0);
  const sweeps = (ms: number) => Promise.all([1, 2, 3].map(() => idle(scene, ms)));
  const sum = (reports: LostDriversReport[], of: 'reminded' | 'overdue') =>
    reports.reduce((total, report) => total + report[of], 0);
  expect(sum(await sweeps(20 * MINUTE), 'reminded')).toBe(1);
  expect(sum(await sweeps(25 * MINUTE), 'overdue')).toBe(1);
  expect(await scene.cases()).toHaveLength(1);
  expect(await reminders(scene)).toHaveLength(1);
});

it('telling is once, however many tell, and a step that comes before it wins', async () => {
  const scene = await carried('arriveAtPickup');
  await idle(scene, 0);
  const [assignment] = await scene.assignments();
  const stage = {
    tell: 'driver',
    deliveryId: scene.deliveryId,
    assignmentId: assignment?.id ?? '',
    driverId: scene.driver(),
    stage: 'AT_PICKUP',
    dueAt: start,
  } as const;
  const told = await Promise.all([1, 2, 3].map(() => overdueStages().tell(stage, 'test')));
  expect(told.filter((isTold) => isTold)).toHaveLength(1);
  await scene.steps('pickUp');
  expect(await overdueStages().tell(stage, 'test')).toBe(false);
  expect(await overdueStages().tell({ ...stage, tell: 'ops' }, 'test')).toBe(false);
  expect(await scene.cases()).toEqual([]);
});

it('nobody is told in a city whose positions do not get through, nor of a driver who is just lost', async () => {
  const scene = await carried('arriveAtPickup');
  await idle(scene, 0);
  sweeper.ingestUpSince = start + 60 * MINUTE - 1;
  expect(await idle(scene, 60 * MINUTE)).toMatchObject({ reminded: 0 });
  sweeper.ingestUpSince = start - 60 * MINUTE;
  const away = { lat: PICKUP.lat + 0.02, lng: PICKUP.lng };
  const lost = await DeliveryScene.set(world, [{ at: away }]);
  await lost.accepted();
  await idle(lost, 0, away);
  await world.db.assignment.updateMany({
    where: { deliveryId: lost.deliveryId },
    data: { stageDueAt: new Date(start) },
  });
  expect(await idle(lost, 6 * MINUTE, away)).toMatchObject({ told: 1, reminded: 0 });
});

it('a case that ops have open for another reason is left as it is, and comes after it', async () => {
  const scene = await carried('arriveAtPickup');
  await idle(scene, 0);
  const assignmentId = await scene.jobOf(scene.driver());
  await scene.send({
    kind: 'releaseDriver',
    driverId: scene.driver(),
    offerId: null,
    assignmentId,
    why: 'FELL_SILENT',
  });
  await world.db.assignment.update({
    where: { id: assignmentId },
    data: { stageRemindedAt: new Date(start), stageDueAt: new Date(start) },
  });
  expect(await sweepAfter(9 * MINUTE)).toMatchObject({ overdue: 0 });
  expect(await scene.cases()).toMatchObject([{ reason: 'DRIVER_AT_PICKUP_SILENT', state: 'OPEN' }]);
  await idle(scene, 10 * MINUTE); // heard again
  expect(await idle(scene, 10 * MINUTE + 15_000)).toMatchObject({ overdue: 1 });
  expect(await scene.cases()).toMatchObject([{ state: 'RESOLVED' }, { reason: 'CARRIER_OVERDUE' }]);
});
