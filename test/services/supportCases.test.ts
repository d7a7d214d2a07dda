/**
 * What ops do with the cases of the support queue, while their deliveries go on: one truth, one chain, one
 * word to the pager.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import type { IncomingEvent } from '../../domain/delivery/events';
import { ESCALATION_LIMITS } from '../../domain/delivery/escalation';
import { createNoticeGroups } from '../../services/noticeGroups';
import { createSupportCases, type SupportCases } from '../../services/supportCases';
import { DeliveryScene as Scene, NOBODY } from '../support/deliveryScene';
import { createDispatchWorld, type DispatchWorld } from '../support/dispatchWorld';
import { brokenInvariants } from '../support/invariants';

const OLGA = { kind: 'ops', id: 'olga' } as const;
const PAUL = { kind: 'ops', id: 'paul' } as const;
const SWEEP = { kind: 'system', id: 'lost-drivers' } as const;
const MINUTE_MS = 60_000;

let world: DispatchWorld;
let cases: SupportCases;
let relayCalls = 0;
beforeAll(async () => {
  world = await createDispatchWorld();
  cases = createSupportCases({
    db: world.db,
    clock: Date.now,
    newId,
    notifyRelay: () => {
      relayCalls += 1;
    },
  });
});
afterAll(() => world.close());
afterEach(async () => {
  Object.assign(world.switches, { autoReassignment: true });
  expect(await brokenInvariants(world.db)).toEqual([]);
});

const by = (who: { kind: 'ops'; id: string } = OLGA) => ({ by: who, correlationId: 'hand' });
const done = (who: { kind: 'ops'; id: string } = OLGA) =>
  ({ by: who, resolution: 'BY_OPS', note: 'looked into it', correlationId: 'hand' }) as const;
const heard = { by: SWEEP, resolution: 'HEARD_AGAIN', note: null, correlationId: 'sweep' } as const;

/** Nobody took it for so many minutes. */
async function unassigned(minutes: number): Promise<{ scene: Scene; caseId: string }> {
  const scene = await Scene.set(world, []);
  await scene.search();
  await scene.search(Date.now() + minutes * MINUTE_MS);
  return { scene, caseId: await caseOf(scene) };
}

/** Carried, and then this news of its driver. */
async function carried(
  ...news: ('FELL_SILENT' | 'VEHICLE_BREAKDOWN')[]
): Promise<{ scene: Scene; caseId: string }> {
  const scene = await Scene.set(world);
  const { driverId, assignmentId } = await scene.accepted();
  await scene.steps('arriveAtPickup', 'pickUp');
  for (const each of news) {
    await scene.send(
      each === 'FELL_SILENT'
        ? { kind: 'releaseDriver', driverId, offerId: null, assignmentId, why: each }
        : { kind: 'leaveDelivery', driverId, assignmentId, reason: each },
    );
  }
  return { scene, caseId: await caseOf(scene) };
}

async function caseOf(scene: Scene): Promise<string> {
  const [found] = await scene.cases();
  return found?.id ?? NOBODY;
}

describe('an acknowledged case', () => {
  test('has an owner, an entry in the delivery’s chain and an event for ops', async () => {
    const { scene, caseId } = await unassigned(15);
    const before = relayCalls;
    expect(await cases.acknowledge(caseId, by())).toEqual({ outcome: 'done', changed: true });
    expect(relayCalls).toBe(before + 1);
    expect(await scene.cases()).toMatchObject([
      {
        state: 'ACKNOWLEDGED',
        acknowledgedBy: 'ops/olga',
        acknowledgedAt: expect.any(Date),
        resolvedAt: null,
      },
    ]);
    const entry = await world.db.auditEntry.findFirstOrThrow({
      where: { deliveryId: scene.deliveryId, kind: 'case_acknowledged' },
    });
    expect(entry).toMatchObject({
      actorKind: 'ops',
      actorId: 'olga',
      fromState: 'OPEN',
      toState: 'ACKNOWLEDGED',
      why: 'UNASSIGNED',
      correlationId: 'hand',
      detail: { caseId, level: 2 },
    });
    expect((await scene.emitted()).at(-1)).toBe(`escalation_changed to ops:${scene.cityId}`);
  });

  test('keeps its owner, whoever acknowledges it again', async () => {
    const { scene, caseId } = await unassigned(15);
    await cases.acknowledge(caseId, by());
    const before = await scene.traces();
    expect(await cases.acknowledge(caseId, by())).toEqual({ outcome: 'done', changed: false });
    expect(await cases.acknowledge(caseId, by(PAUL))).toEqual({ outcome: 'done', changed: false });
    expect(await scene.traces()).toEqual(before);
  });

  test('reopens when it gets worse and can be acknowledged again', async () => {
    const { scene, caseId } = await unassigned(15);
    await cases.acknowledge(caseId, by());
    await scene.search(Date.now() + 30 * MINUTE_MS);
    expect(await scene.cases()).toMatchObject([{ id: caseId, level: 3, state: 'OPEN' }]);
    expect(await cases.acknowledge(caseId, by(PAUL))).toEqual({ outcome: 'done', changed: true });
    expect(await scene.cases()).toMatchObject([{ state: 'ACKNOWLEDGED', acknowledgedBy: 'ops/paul' }]);
  });

  test('is refused if resolved, and not found if unknown', async () => {
    const { caseId } = await unassigned(15);
    await cases.resolve(caseId, done());
    expect(await cases.acknowledge(caseId, by())).toMatchObject({
      outcome: 'refused',
      code: 'CASE_RESOLVED',
    });
    expect(await cases.acknowledge(NOBODY, by())).toEqual({ outcome: 'notFound' });
    expect(await cases.resolve(NOBODY, done())).toEqual({ outcome: 'notFound' });
  });
});

describe('a resolved case', () => {
  test('is closed with who, when and why; a repeat changes nothing', async () => {
    const { scene, caseId } = await carried('VEHICLE_BREAKDOWN');
    expect(await cases.resolve(caseId, done())).toEqual({ outcome: 'done', changed: true });
    expect(await scene.cases()).toMatchObject([
      {
        state: 'RESOLVED',
        resolvedBy: 'ops/olga',
        resolution: 'BY_OPS',
        note: 'looked into it',
        resolvedAt: expect.any(Date),
      },
    ]);
    const entry = await world.db.auditEntry.findFirstOrThrow({
      where: { deliveryId: scene.deliveryId, kind: 'case_resolved' },
    });
    expect(entry).toMatchObject({
      fromState: 'OPEN',
      toState: 'RESOLVED',
      why: 'BY_OPS',
      detail: { caseId, level: 0, note: 'looked into it' },
    });
    const before = await scene.traces();
    expect(await cases.resolve(caseId, done(PAUL))).toEqual({ outcome: 'done', changed: false });
    expect(await scene.traces()).toEqual(before);
  });

  test('at level 3 resolves the page, with the next sweep of its group; lower levels have none', async () => {
    const paged = await unassigned(30);
    await cases.resolve(paged.caseId, done());
    await createNoticeGroups({
      db: world.db,
      clock: () => Date.now() + 31 * MINUTE_MS,
      limits: { ...ESCALATION_LIMITS, updateMs: MINUTE_MS },
    }).bringUpToDate();
    const { cityId } = paged.scene;
    expect((await paged.scene.notices()).filter((notice) => notice.startsWith('pager'))).toEqual([
      'pager critical: Level 3: no driver for 30 minutes',
      `pager resolved: No delivery of level 3 is without a driver in ${cityId}`,
    ]);
    const [page, end] = await paged.scene.alerts();
    expect(end?.ends).toEqual([page?.opens]);
    const quiet = await unassigned(15);
    await cases.resolve(quiet.caseId, done());
    expect((await quiet.scene.notices()).filter((notice) => notice.startsWith('pager'))).toEqual([]);
  });

  test('that an older release paged alone ends its own alerts', async () => {
    const { scene, caseId } = await unassigned(30);
    await world.db.escalation.update({ where: { id: caseId }, data: { inGroup: null } });
    await cases.resolve(caseId, done());
    expect((await scene.notices()).at(-1)).toBe('pager resolved: Resolved: BY_OPS');
    const { escalatedAt } = await scene.row();
    const alert = `delivery/${scene.deliveryId}`;
    expect((await scene.alerts()).at(-1)?.ends).toEqual([alert, `${alert}/${escalatedAt?.toISOString()}`]);
  });

  test('is refused while the delivery waits for a decision', async () => {
    world.switches.autoReassignment = false;
    const scene = await Scene.set(world);
    const { driverId } = await scene.accepted();
    await scene.send({
      kind: 'leaveDelivery',
      driverId,
      assignmentId: await scene.jobOf(driverId),
      reason: 'OTHER',
    });
    const caseId = await caseOf(scene);
    const before = await scene.traces();
    expect(await cases.resolve(caseId, done())).toMatchObject({
      outcome: 'refused',
      code: 'CASE_NEEDS_DECISION',
    });
    expect(await scene.traces()).toEqual(before);
    expect(await cases.acknowledge(caseId, by())).toEqual({ outcome: 'done', changed: true });
    await scene.send({ kind: 'resumeSearch', by: OLGA, why: 'go on' });
    expect(await scene.cases()).toMatchObject([
      { state: 'RESOLVED', resolution: 'SEARCH_RESUMED', acknowledgedBy: 'ops/olga' },
    ]);
  });

  test('because the driver is active again resolves silence only', async () => {
    const silent = await carried('FELL_SILENT');
    expect(await cases.resolve(silent.caseId, heard)).toEqual({ outcome: 'done', changed: true });
    expect(await silent.scene.cases()).toMatchObject([
      {
        reason: 'CARRIER_SILENT',
        state: 'RESOLVED',
        resolvedBy: 'system/lost-drivers',
        resolution: 'HEARD_AGAIN',
      },
    ]);
    const broken = await carried('FELL_SILENT', 'VEHICLE_BREAKDOWN');
    expect(await cases.resolve(broken.caseId, heard)).toEqual({ outcome: 'done', changed: false });
    expect(await broken.scene.cases()).toMatchObject([{ reason: 'CARRIER_BROKE_DOWN', state: 'OPEN' }]);
  });

  test('may be followed by another case', async () => {
    const { scene, caseId } = await carried('FELL_SILENT');
    await cases.resolve(caseId, done());
    await scene.send({
      kind: 'leaveDelivery',
      driverId: scene.driver(),
      assignmentId: await scene.jobOf(scene.driver()),
      reason: 'VEHICLE_BREAKDOWN',
    });
    expect(await scene.cases()).toMatchObject([
      { id: caseId, state: 'RESOLVED' },
      { state: 'OPEN', reason: 'CARRIER_BROKE_DOWN' },
    ]);
    expect(await cases.acknowledge(caseId, by())).toMatchObject({ code: 'CASE_RESOLVED' });
  });
});

describe('concurrent calls', () => {
  test('by ten people acknowledge the case once, for one of them', async () => {
    const { scene, caseId } = await unassigned(15);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        cases.acknowledge(caseId, by({ kind: 'ops', id: `ops-${index}` })),
      ),
    );
    expect(answers.filter((answer) => answer.outcome === 'done' && answer.changed)).toHaveLength(1);
    expect((await scene.entries()).filter((kind) => kind === 'case_acknowledged')).toHaveLength(1);
  });

  test('with the delivery’s own events leave one chain and resolve the case once', async () => {
    for (let turn = 0; turn < 12; turn += 1) {
      const { scene, caseId } = await carried('FELL_SILENT');
      const driverId = scene.driver();
      const assignmentId = await scene.jobOf(driverId);
      const step: IncomingEvent = {
        kind: 'takeStep',
        step: 'arriveAtDropoff',
        by: { kind: 'driver', id: driverId },
        deviceAt: null,
      };
      const acts = [
        () => cases.acknowledge(caseId, by()),
        () => cases.resolve(caseId, done()),
        () => cases.resolve(caseId, heard),
        () => scene.send(step),
        () => scene.send({ kind: 'leaveDelivery', driverId, assignmentId, reason: 'VEHICLE_BREAKDOWN' }),
      ];
      await Promise.all(
        [...acts.slice(turn % acts.length), ...acts.slice(0, turn % acts.length)].map((act) => act()),
      );
      const ends = (await scene.entries()).filter((kind) => kind === 'case_resolved');
      expect(ends).toHaveLength((await scene.cases()).filter(({ state }) => state === 'RESOLVED').length);
      expect(await scene.row()).toMatchObject({ status: 'AT_DROPOFF' });
    }
  });
});
