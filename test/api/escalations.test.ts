/** The support queue and the commands of ops. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import type { CaseReason, CaseState } from '../../domain/support/supportCase';
import { asOwner } from '../support/database';
import { type ApiWorld, createApiWorld, driver, merchant, ops } from '../support/apiWorld';
import { DeliveryScene as Scene } from '../support/deliveryScene';
import { MERCHANT } from '../support/dispatchWorld';
import { brokenInvariants } from '../support/invariants';

const MINUTE_MS = 60_000;
const PAUL = { role: 'ops', sub: 'paul', cities: '*' };

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
});
afterAll(() => world.close());

type Listed = { escalationId: string; deliveryId: string; level: number; state: string };
type New = {
  level?: number;
  reason?: CaseReason;
  state?: CaseState;
  openedAt?: number;
  driverId?: string;
  zoneId?: string;
  cityId?: string;
};

/** Adds a case with a delivery of its own. */
async function addCase({
  level = 2,
  reason = 'UNASSIGNED',
  state = 'OPEN',
  openedAt = Date.now(),
  cityId,
  ...more
}: New = {}): Promise<string> {
  const at = cityId ?? (await world.addCity());
  const { deliveryId } = await world.addDelivery({ cityId: at });
  const id = newId();
  const over =
    state === 'RESOLVED'
      ? { resolvedAt: new Date(openedAt), resolvedBy: 'ops/olga', resolution: 'BY_OPS' }
      : {};
  await world.db.escalation.create({
    data: {
      id,
      deliveryId,
      cityId: at,
      level,
      reason,
      state,
      openedAt: new Date(openedAt),
      ...more,
      ...over,
    },
  });
  return id;
}

type Page = { escalations: Listed[]; nextCursor: string | null };

const list = async (query: string, claims = ops()): Promise<Page> =>
  (await world.as(claims).get(`/v2/ops/escalations?${query}`).expect(200)).body as Page;
const idsOf = async (query: string, claims = ops()): Promise<string[]> =>
  (await list(query, claims)).escalations.map(({ escalationId }) => escalationId);

async function allPages(query: string): Promise<string[]> {
  const seen: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page = await list(`${query}&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
    seen.push(...page.escalations.map(({ escalationId }) => escalationId));
    cursor = page.nextCursor;
  }
  return seen;
}

/** A delivery without a driver for this many minutes. */
async function unassigned(minutes: number): Promise<{ scene: Scene; path: string }> {
  const scene = await Scene.set(world, []);
  await scene.search();
  await scene.search(Date.now() + minutes * MINUTE_MS);
  const [found] = await scene.cases();
  return { scene, path: `/v2/ops/escalations/${found?.id}` };
}

describe('the support queue', () => {
  it('lists unresolved cases by level, then oldest first, with pagination', async () => {
    const cityId = await world.addCity();
    const now = Date.now();
    const add = (level: number, openedAt: number, state: CaseState = 'OPEN') =>
      addCase({ cityId, level, openedAt, state });
    const low = await add(0, now - 9 * MINUTE_MS);
    const [young, old] = [await add(3, now), await add(3, now - MINUTE_MS, 'ACKNOWLEDGED')];
    const [second, first] = [await add(2, now - 5 * MINUTE_MS), await add(2, now - 5 * MINUTE_MS)]
      .sort()
      .reverse();
    const over = await add(3, now - MINUTE_MS, 'RESOLVED');
    const urgent = [old, young, first, second, low];
    expect(await idsOf(`cityId=${cityId}`)).toEqual(urgent);
    expect(await allPages(`cityId=${cityId}`)).toEqual(urgent);
    expect(await idsOf(`cityId=${cityId}&state=ACKNOWLEDGED`)).toEqual([old]);
    expect(await idsOf(`cityId=${cityId}&state=OPEN&level=2`)).toEqual([young, first, second]);
    const later = [
      await add(0, now - 7 * MINUTE_MS, 'RESOLVED'),
      await add(1, now - 8 * MINUTE_MS, 'RESOLVED'),
    ];
    expect(await allPages(`cityId=${cityId}&state=RESOLVED`)).toEqual([...later.reverse(), over]);
  });

  it('groups its cases by zone and reason, the most urgent first, within the cities of ops', async () => {
    const cityId = await world.addCity();
    const now = Date.now();
    for (const state of ['OPEN', 'ACKNOWLEDGED', 'RESOLVED'] as const)
      await addCase({ cityId, level: 2, state, openedAt: now - 5 * MINUTE_MS });
    await addCase({ cityId, level: 3, openedAt: now - 9 * MINUTE_MS, zoneId: 'west' });
    await addCase({ cityId, level: 0, reason: 'CARRIER_SILENT', openedAt: now });
    const groupsOf = async (query = '', claims = ops()): Promise<unknown[]> => {
      const path = `/v2/ops/escalation-groups?cityId=${cityId}${query}`;
      const { body } = await world.as(claims).get(path).expect(200);
      expect(body).toMatchObject({ hasMore: false });
      return (body as { groups: unknown[] }).groups;
    };
    const of = { cityId, zoneId: null, zoneName: null, longestUnassignedSeconds: 0 };
    const levels = { 0: 0, 1: 0, 2: 0, 3: 0 };
    const west = {
      ...{ ...of, zoneId: 'west', reason: 'UNASSIGNED', cases: 1, acknowledged: 0 },
      casesByLevel: { ...levels, 3: 1 },
      oldestOpenedAt: new Date(now - 9 * MINUTE_MS).toISOString(),
    };
    const outside = {
      ...{ ...of, reason: 'UNASSIGNED', cases: 2, acknowledged: 1 },
      casesByLevel: { ...levels, 2: 2 },
      oldestOpenedAt: new Date(now - 5 * MINUTE_MS).toISOString(),
    };
    const silent = {
      ...{ ...of, reason: 'CARRIER_SILENT', cases: 1, acknowledged: 0 },
      casesByLevel: { ...levels, 0: 1 },
      oldestOpenedAt: new Date(now).toISOString(),
    };
    expect(await groupsOf()).toEqual([west, outside, silent]);
    expect(await groupsOf('&level=3')).toEqual([west]);
    expect(await groupsOf('&zoneId=west')).toEqual([west]);
    expect(await groupsOf('', { role: 'ops', sub: 'pia', cities: ['elsewhere'] })).toEqual([]);
    await world.as(merchant(MERCHANT)).get('/v2/ops/escalation-groups').expect(403);
  });

  it('says for how long the longest of a group has waited', async () => {
    const { scene } = await unassigned(16);
    await world.db.delivery.update({
      where: { id: scene.deliveryId },
      data: { unassignedMs: 0, unassignedSince: new Date(Date.now() - 16 * MINUTE_MS) },
    });
    const { body } = await world
      .as(ops())
      .get(`/v2/ops/escalation-groups?cityId=${scene.cityId}`)
      .expect(200);
    const [{ longestUnassignedSeconds } = { longestUnassignedSeconds: 0 }] = (
      body as { groups: { longestUnassignedSeconds: number }[] }
    ).groups;
    expect(longestUnassignedSeconds).toBeGreaterThanOrEqual(16 * 60);
    expect(longestUnassignedSeconds).toBeLessThan(17 * 60);
  });

  it('filters by reason, zone, delivery, driver and age', async () => {
    const cityId = await world.addCity();
    await world
      .as(ops())
      .put(`/v2/cities/${cityId}/zones/${cityId}-z`, {
        name: 'Zone',
        area: {
          type: 'Polygon',
          coordinates: [
            [
              [4.88, 52.36],
              [4.9, 52.36],
              [4.9, 52.375],
              [4.88, 52.36],
            ],
          ],
        },
      })
      .expect(201);
    const [driverId, at] = [newId(), Date.now() - MINUTE_MS];
    const id = await addCase({
      cityId,
      reason: 'CARRIER_SILENT',
      driverId,
      zoneId: `${cityId}-z`,
      openedAt: at,
    });
    await addCase({ cityId, openedAt: at - 1 });
    const { deliveryId } = await world.db.escalation.findUniqueOrThrow({ where: { id } });
    const ways = [
      `cityId=${cityId}&reason=CARRIER_SILENT`,
      `zoneId=${cityId}-z`,
      `deliveryId=${deliveryId}`,
      `driverId=${driverId}`,
      `cityId=${cityId}&since=${new Date(at).toISOString()}`,
    ];
    for (const way of ways) expect([way, await idsOf(way)]).toEqual([way, [id]]);
    expect(await idsOf(`deliveryId=${newId()}`)).toEqual([]);
  });

  it('is visible only to ops, within their cities', async () => {
    const [mine, other] = [await world.addCity(), await world.addCity()];
    const [id, strange] = [await addCase({ cityId: mine }), await addCase({ cityId: other })];
    expect(await idsOf('', ops([mine]))).toEqual([id]);
    expect(await idsOf(`cityId=${other}`, ops([mine]))).toEqual([]);
    await world
      .as(ops([mine]))
      .get(`/v2/ops/escalations/${strange}`)
      .expect(404);
    for (const what of ['acknowledge', 'resolve'])
      await world
        .as(ops([mine]))
        .post(`/v2/ops/escalations/${strange}/${what}`, what === 'resolve' ? { note: 'x' } : {})
        .expect(404);
    for (const claims of [driver(newId()), merchant(MERCHANT)]) {
      await world.as(claims).get('/v2/ops/escalations').expect(403);
      await world.as(claims).get(`/v2/ops/escalations/${id}`).expect(403);
      await world.as(claims).post(`/v2/ops/escalations/${id}/acknowledge`).expect(403);
      await world.as(claims).post(`/v2/ops/escalations/${id}/resolve`, { note: 'x' }).expect(403);
    }
    expect(await world.db.escalation.findUniqueOrThrow({ where: { id: strange } })).toMatchObject({
      state: 'OPEN',
    });
  });

  const cursorOf = (text: string): string => Buffer.from(text).toString('base64url');
  it.each([
    'state=LOST',
    'level=4',
    'level=-1',
    'reason=BORED',
    'limit=0',
    'limit=101',
    'colour=red',
    'cursor=abc',
    `cursor=${cursorOf('9/2026-01-01T00:00:00.000Z/x')}`,
    `cursor=${cursorOf(`01/2026-01-01T00:00:00.000Z/${newId()}`)}`,
    `cursor=${cursorOf(`1/2026-01-01T00:00:00.000Z/${newId()}/x`)}`,
    'since=yesterday',
  ])('refuses ?%s', async (query) => {
    await world.as(ops()).get(`/v2/ops/escalations?${query}`).expect(400);
  });
});

describe('a case', () => {
  it('shows the unassigned time, the pay, and why the search waits', async () => {
    const { scene, path } = await unassigned(15);
    await world.db.delivery.update({
      where: { id: scene.deliveryId },
      data: { unassignedMs: 60_000, unassignedSince: new Date(Date.now() - 30_000) },
    });
    const { body } = await world
      .as(ops([scene.cityId]))
      .get(path)
      .expect(200);
    expect(body).toMatchObject({
      deliveryId: scene.deliveryId,
      level: 2,
      state: 'OPEN',
      reason: 'UNASSIGNED',
      driverId: null,
      acknowledged: null,
      resolved: null,
      delivery: {
        status: 'SEARCHING',
        cityId: scene.cityId,
        merchantId: MERCHANT,
        payCents: 900,
        heldReason: null,
        driverId: null,
        unassignedSince: expect.any(String),
      },
    });
    expect(body.delivery.unassignedSeconds).toBeGreaterThanOrEqual(90);
    expect(body.delivery.unassignedSeconds).toBeLessThan(100);
    await world.as(ops()).get(`/v2/ops/escalations/${newId()}`).expect(404);
  });

  it('is acknowledged by one person, and shows that person to the next', async () => {
    const { scene, path } = await unassigned(15);
    const { body: mine } = await world.as(ops()).post(`${path}/acknowledge`).expect(200);
    expect(mine).toMatchObject({
      state: 'ACKNOWLEDGED',
      acknowledged: { by: 'ops/olga', at: expect.any(String) },
    });
    const { body: theirs } = await world.as(PAUL).post(`${path}/acknowledge`).expect(200);
    expect(theirs.acknowledged).toEqual(mine.acknowledged);
    expect((await scene.entries()).filter((kind) => kind === 'case_acknowledged')).toHaveLength(1);
  });

  it('still shows its acknowledgement to a late repeat after it was resolved', async () => {
    const { scene, path } = await unassigned(15);
    const { body: mine } = await world.as(ops()).post(`${path}/acknowledge`).expect(200);
    await world.as(PAUL).post(`${path}/resolve`, { note: 'the shop was called' }).expect(200);
    expect((await world.as(ops()).post(`${path}/acknowledge`).expect(200)).body).toMatchObject({
      state: 'RESOLVED',
      acknowledged: mine.acknowledged,
    });
    expect((await world.as(PAUL).post(`${path}/acknowledge`).expect(200)).body).toMatchObject({
      state: 'RESOLVED',
      acknowledged: mine.acknowledged,
    });
    expect((await scene.entries()).filter((kind) => kind === 'case_acknowledged')).toHaveLength(1);
  });

  it('is resolved with a note; a repeat changes nothing, and it cannot be acknowledged', async () => {
    const { path } = await unassigned(30);
    const { body: first } = await world
      .as(ops())
      .post(`${path}/resolve`, { note: 'the shop was called' })
      .expect(200);
    expect(first).toMatchObject({
      state: 'RESOLVED',
      level: 3,
      resolved: { by: 'ops/olga', resolution: 'BY_OPS', note: 'the shop was called' },
    });
    const { body: again } = await world.as(PAUL).post(`${path}/resolve`, { note: 'me too' }).expect(200);
    expect(again.resolved).toEqual(first.resolved);
    expect((await world.as(PAUL).post(`${path}/acknowledge`).expect(409)).body.code).toBe('CASE_RESOLVED');
    for (const body of [
      {},
      { note: ' ' },
      { note: 'x'.repeat(501) },
      { note: 'x', resolution: 'HEARD_AGAIN' },
    ])
      await world.as(ops()).post(`${path}/resolve`, body).expect(400);
  });

  it('cannot be resolved while its search waits for ops', async () => {
    world.switches.autoReassignment = false;
    const scene = await Scene.set(world, [{}, {}]);
    const { driverId } = await scene.accepted();
    await world
      .as(driver(driverId))
      .post(`/v2/deliveries/${scene.deliveryId}/leave`, { reason: 'OTHER' })
      .expect(200);
    world.switches.autoReassignment = true;
    const [found] = (await list(`deliveryId=${scene.deliveryId}`)).escalations;
    expect(found).toMatchObject({
      level: 0,
      reason: 'REASSIGNMENT_OFF',
      driverId,
      delivery: { heldReason: 'REASSIGNMENT_OFF' },
    });
    const path = `/v2/ops/escalations/${found?.escalationId}`;
    expect((await world.as(ops()).post(`${path}/resolve`, { note: 'x' }).expect(409)).body.code).toBe(
      'CASE_NEEDS_DECISION',
    );
    await world
      .as(ops())
      .post(`/v2/deliveries/${scene.deliveryId}/assign`, { driverId: scene.driver(1), why: 'near' })
      .expect(200);
    expect((await world.as(ops()).get(path).expect(200)).body).toMatchObject({
      state: 'RESOLVED',
      resolved: { by: 'ops/olga', resolution: 'ASSIGNED', note: null },
    });
  });

  it('keeps the audit chain intact through all changes', async () => {
    // except the cases that these tests insert directly
    await asOwner(
      world,
      `DELETE FROM escalations e USING deliveries d WHERE d.id = e.delivery_id AND d.status = 'PENDING'`,
    );
    expect(await brokenInvariants(world.db)).toEqual([]);
  });
});
