/** Deliveries that are not expected within their window (docs/behaviour.md#deliveries). */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { createWindowsSweep, type WindowsReport } from '../../activities/sweeps/windows';
import { createSupportCases } from '../../services/supportCases';
import { createWindowRisks } from '../../services/windowRisks';
import { DeliveryScene } from '../support/deliveryScene';
import { createDispatchWorld, type DispatchWorld, type NewDriver, PICKUP } from '../support/dispatchWorld';
import { brokenInvariants } from '../support/invariants';

const MINUTE = 60_000;
/** The way from pickup to drop-off takes 5.7 minutes; the warning comes 5 minutes before the end. */
const TOO_SHORT = 9;
const LONG_ENOUGH = 30;
const OPS = { kind: 'ops', id: 'olga' } as const;

type Change = { readyAt?: number; pickup: Record<string, never>; dropoff: { notes?: string } };

let world: DispatchWorld;
beforeAll(async () => {
  world = await createDispatchWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.db.delivery.updateMany({ data: { windowTo: null } });
});
afterEach(async () => {
  expect(await brokenInvariants(world.db)).toEqual([]);
});

type Changes = { aheadMs?: number; readViews?: DispatchWorld['map']['readViews'] };
const sweep = ({ aheadMs = 0, readViews = world.map.readViews }: Changes = {}): Promise<WindowsReport> => {
  const clock = () => Date.now() + aheadMs;
  return createWindowsSweep({
    db: world.db,
    map: { readViews },
    risks: createWindowRisks({ ...world.deps, clock }),
    clock,
    travel: world.deps.travel,
    timeScale: 1,
    warningMs: 5 * MINUTE,
    log: { warn: () => {} },
    heartbeat: () => {},
  })();
};
const set = (endsInMinutes: number, drivers: readonly NewDriver[] = []): Promise<DeliveryScene> =>
  DeliveryScene.set(world, drivers, { windowTo: new Date(Date.now() + endsInMinutes * MINUTE) });
const delays = async (scene: DeliveryScene): Promise<string[]> =>
  (await scene.emitted()).filter((each) => each.startsWith('delivery_delayed'));

const TITLE = 'support error: Support queue: the delivery is not expected within its window';

describe('a delivery that cannot make its window', () => {
  test('is told to ops and merchant before it is late, once', async () => {
    const scene = await set(TOO_SHORT);
    expect(await sweep()).toEqual({ watched: 1, told: 1, failed: 0 });
    expect(await sweep()).toEqual({ watched: 0, told: 0, failed: 0 });
    expect(await scene.cases()).toMatchObject([{ reason: 'WINDOW_AT_RISK', state: 'OPEN', level: 0 }]);
    expect(await scene.notices()).toEqual([TITLE]);
    expect(await delays(scene)).toEqual([
      `delivery_delayed to tracking:${scene.deliveryId}`,
      'delivery_delayed to merchant:bakery',
    ]);
    expect(await scene.entries()).toEqual(['window_at_risk', 'case_opened']);
    const { delayedSince, windowTo, windowWarnedAt } = await scene.row();
    expect(windowWarnedAt).toEqual(delayedSince);
    expect(Number(windowWarnedAt)).toBeLessThan(Number(windowTo));
  });

  test('is told again after a change of its ready time, not after one of its notes', async () => {
    const scene = await set(TOO_SHORT);
    await sweep();
    const change = async (content: Change): Promise<void> => {
      const { id: changeId } = await world.db.orderChange.create({
        data: { id: newId(), deliveryId: scene.deliveryId, requestKey: newId(), content },
      });
      await scene.send({ kind: 'changeOrder', changeId, by: OPS });
    };
    await change({ pickup: {}, dropoff: { notes: 'ring twice' } });
    expect(await sweep()).toMatchObject({ told: 0 });
    await change({ readyAt: Date.now() + MINUTE, pickup: {}, dropoff: {} });
    expect(await sweep()).toMatchObject({ told: 1 });
    expect(await sweep()).toMatchObject({ told: 0 });
  });

  test('is told once where two sweeps find it at the same moment', async () => {
    const scene = await set(TOO_SHORT);
    const reports = await Promise.all([sweep(), sweep(), sweep()]);
    expect(reports.reduce((sum, { told }) => sum + told, 0)).toBe(1);
    expect(await scene.cases()).toHaveLength(1);
  });

  test('is told though the live map does not answer', async () => {
    const scene = await set(TOO_SHORT, [{}]);
    await scene.accepted();
    const readViews = () => Promise.reject(new Error('the map is away'));
    expect(await sweep({ readViews })).toMatchObject({ told: 1 });
  });

  test('does not keep others from being told where its own report fails', async () => {
    const [broken, sound] = [await set(TOO_SHORT), await set(TOO_SHORT + 1)];
    const failing = createWindowRisks({
      ...world.deps,
      store: {
        ...world.deps.store,
        change: (deliveryId, ...rest) =>
          deliveryId === broken.deliveryId
            ? Promise.reject(new Error('broken'))
            : world.deps.store.change(deliveryId, ...rest),
      },
    });
    const report = await createWindowsSweep({
      ...world.deps,
      db: world.db,
      risks: failing,
      warningMs: 5 * MINUTE,
      log: { warn: () => {} },
      heartbeat: () => {},
    })();
    expect(report).toEqual({ watched: 2, told: 1, failed: 1 });
    expect(await sound.cases()).toHaveLength(1);
    expect(await broken.cases()).toEqual([]);
  });

  test('is judged by where its carrier is', async () => {
    const scene = await set(LONG_ENOUGH, [{}]);
    const { driverId } = await scene.accepted();
    expect(await sweep()).toMatchObject({ watched: 1, told: 0 });
    const point = { lat: PICKUP.lat + 0.1, lng: PICKUP.lng };
    const at = Date.now();
    const readViews: typeof world.map.readViews = async (driverIds) =>
      (await world.map.readViews(driverIds)).map((view) => ({
        ...view,
        entry: view.entry && { ...view.entry, lastFix: { point, at, receivedAt: at } },
      }));
    expect(await sweep({ readViews })).toMatchObject({ watched: 1, told: 1 });
    expect(await scene.cases()).toMatchObject([{ reason: 'WINDOW_AT_RISK', driverId }]);
  });

  test('where ops have a case already keeps that case, and support is told of the window', async () => {
    const scene = await set(LONG_ENOUGH);
    await scene.search();
    const since = (await scene.row()).unassignedSince?.getTime() ?? 0;
    await scene.search(since + 15 * MINUTE);
    await sweep({ aheadMs: 20 * MINUTE });
    expect(await scene.cases()).toMatchObject([{ reason: 'UNASSIGNED', level: 2, state: 'OPEN' }]);
    expect((await scene.notices()).at(-1)).toBe(TITLE);
  });
});

describe('the case of a window at risk', () => {
  test('stays open when a driver is found, and ends at the drop-off', async () => {
    const scene = await set(TOO_SHORT, [{}]);
    await sweep();
    await scene.accepted();
    expect(await scene.cases()).toMatchObject([{ state: 'OPEN' }]);
    await scene.steps('arriveAtPickup', 'pickUp');
    expect(await scene.cases()).toMatchObject([{ state: 'OPEN' }]);
    await scene.steps('arriveAtDropoff');
    expect(await scene.cases()).toMatchObject([{ state: 'RESOLVED', resolution: 'STEP_TAKEN' }]);
  });

  test('stays open when the driver is lost, and ends with the delivery', async () => {
    const scene = await set(TOO_SHORT, [{}]);
    await sweep();
    const { driverId, assignmentId } = await scene.accepted();
    await scene.send({ kind: 'leaveDelivery', driverId, assignmentId, reason: 'TOO_FAR' });
    expect(await scene.cases()).toMatchObject([{ state: 'OPEN' }]);
    await scene.send({ kind: 'cancelDelivery', by: { kind: 'ops', id: 'olga' }, reason: 'OPS_CANCELLED' });
    expect(await scene.cases()).toMatchObject([{ state: 'RESOLVED', resolution: 'CLOSED' }]);
  });

  test('that ops resolve is not opened again', async () => {
    const scene = await set(TOO_SHORT);
    await sweep();
    const { db, deps } = world;
    const [open] = await scene.cases();
    const by = {
      by: { kind: 'ops', id: 'olga' },
      note: 'called the customer',
      correlationId: 'test',
    } as const;
    await createSupportCases({ db, clock: deps.clock, newId, notifyRelay: () => {} }).resolve(
      open?.id ?? '',
      {
        ...by,
        resolution: 'BY_OPS',
      },
    );
    expect(await sweep()).toMatchObject({ told: 0 });
    expect(await scene.cases()).toMatchObject([{ state: 'RESOLVED', resolution: 'BY_OPS' }]);
  });
});

describe('nobody is told of a delivery', () => {
  test.each([
    ['that is expected in time', LONG_ENOUGH, []],
    ['that has reached the drop-off', TOO_SHORT, ['arriveAtPickup', 'pickUp', 'arriveAtDropoff']],
    ['that is delivered', TOO_SHORT, ['arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver']],
  ] as const)('%s', async (_what, endsIn, steps) => {
    const scene = await set(endsIn, [{}]);
    await scene.accepted();
    await scene.steps(...steps);
    expect(await sweep()).toMatchObject({ told: 0 });
    expect(await scene.cases()).toEqual([]);
    expect(await delays(scene)).toEqual([]);
  });

  test('that goes back to the shop', async () => {
    const scene = await set(TOO_SHORT, [{}]);
    await scene.accepted();
    await scene.steps('arriveAtPickup', 'pickUp', 'arriveAtDropoff');
    await scene.send(scene.fail('NOT_AT_HOME'));
    expect(await sweep()).toMatchObject({ told: 0 });
  });

  test('without an end of its window', async () => {
    await DeliveryScene.set(world, []);
    expect(await sweep()).toEqual({ watched: 0, told: 0, failed: 0 });
  });
});
