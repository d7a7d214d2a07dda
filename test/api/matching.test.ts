/** Policies of the matching, what cities are matched by, and the report of a shadow. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { createMatching } from '../../activities/matching';
import { readerOf } from '../../adapters/postgres/database';
import { type ApiWorld, createApiWorld, driver, merchant, ops } from '../support/apiWorld';
import { MERCHANT, PICKUP } from '../support/dispatchWorld';
import { eventually } from '../support/eventually';

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
});
afterAll(() => world.close());

const FAIR = { fairnessMsPerCent: 100 };
const write = (name: string, weights: object, who = ops()) =>
  world.as(who).put(`/v2/ops/matching/policies/${name}`, { weights, why: 'a try' });
const choose = (cityId: string, change: object, who = ops()) =>
  world.as(who).put(`/v2/ops/cities/${cityId}/matching`, {
    live: { name: 'standard' },
    shadow: null,
    why: 'a try',
    ...change,
  });
const entries = async (cityId: string) =>
  world.db.auditEntry.findMany({ where: { chain: `city/${cityId}` }, orderBy: { at: 'asc' } });

describe('policies', () => {
  it('have versions, with who and why, and a repeat makes none', async () => {
    const first = await write('fair', FAIR).expect(200);
    expect(first.body).toEqual({
      name: 'fair',
      version: 1,
      weights: FAIR,
      by: 'olga',
      why: 'a try',
      at: expect.any(String),
    });
    expect((await write('fair', FAIR)).body).toEqual(first.body);
    expect((await write('fair', { fairnessMsPerCent: 200 })).body).toMatchObject({ version: 2 });
    const { policies } = (await world.as(ops()).get('/v2/ops/matching/policies').expect(200)).body as {
      policies: { name: string; version: number }[];
    };
    expect(policies.map(({ name, version }) => `${name} ${version}`)).toEqual([
      'fair 2',
      'fair 1',
      'standard 1',
    ]);
    const trail = await world.db.auditEntry.findMany({ where: { chain: 'feature/batch_matching' } });
    expect(trail.map(({ kind, actorId, why }) => [kind, actorId, why])).toEqual([
      ['matching_policy_created', 'olga', 'a try'],
      ['matching_policy_changed', 'olga', 'a try'],
    ]);
  });

  it.each([
    ['an unknown weight', { charm: 1 }],
    ['a weight out of its bounds', { safetyMs: -1 }],
    ['half a bundle', { maxBundle: 1.5 }],
  ])('with %s are refused', async (_what, weights) => {
    await write('odd', weights).expect(400);
  });

  it('are written by ops of all cities only, and the standard one by nobody', async () => {
    await write('fair', FAIR, ops(['ams'])).expect(403);
    await write('fair', FAIR, merchant(MERCHANT)).expect(403);
    expect((await write('standard', FAIR).expect(409)).body.code).toBe('ALREADY_EXISTS');
  });
});

describe('a city', () => {
  it('is matched by the standard policy until somebody chooses, which is recorded', async () => {
    await write('fair', FAIR);
    const cityId = await world.addCity();
    const path = `/v2/ops/cities/${cityId}/matching`;
    expect((await world.as(ops()).get(path).expect(200)).body).toMatchObject({
      live: { name: 'standard', version: 1 },
      livePercent: 100,
      liveSince: null,
      shadow: null,
      lastChange: null,
    });
    const { body } = await choose(cityId, { live: { name: 'fair', version: 1 }, livePercent: 20 }).expect(
      200,
    );
    expect(body).toMatchObject({
      live: { name: 'fair', version: 1 },
      livePercent: 20,
      lastChange: { by: 'olga' },
    });
    expect((await choose(cityId, { live: { name: 'fair', version: 1 }, livePercent: 20 })).body).toEqual(
      body,
    );
    const trail = await entries(cityId);
    expect(trail.map(({ kind, why, detail }) => ({ kind, why, detail }))).toEqual([
      {
        kind: 'city_matching_changed',
        why: 'a try',
        detail: {
          id: cityId,
          changes: {
            live: { from: 'standard 1', to: 'fair 1' },
            livePercent: { from: 100, to: 20 },
          },
        },
      },
    ]);
  });

  it('keeps the time of its live policy while its shadow changes', async () => {
    await write('fair', FAIR);
    const cityId = await world.addCity();
    const first = (await choose(cityId, { live: { name: 'fair' } })).body;
    const second = (await choose(cityId, { live: { name: 'fair' }, shadow: { name: 'standard' } })).body;
    expect(second).toMatchObject({ liveSince: first.liveSince, shadow: { name: 'standard' } });
  });

  it('gets its shadow from its own ops, and its live policy from ops of all cities only', async () => {
    await write('fair', FAIR);
    const cityId = await world.addCity();
    await choose(cityId, { shadow: { name: 'fair' } }, ops([cityId])).expect(200);
    await choose(cityId, { live: { name: 'fair' } }, ops([cityId])).expect(403);
    await choose(cityId, { shadow: { name: 'fair' } }, ops(['elsewhere'])).expect(404);
    await choose(cityId, { shadow: { name: 'fair' } }, driver(newId())).expect(403);
    await world
      .as(ops(['elsewhere']))
      .get(`/v2/ops/matching/shadow?cityId=${cityId}`)
      .expect(404);
  });

  it('refuses an unknown policy, and a change based on an old one', async () => {
    const cityId = await world.addCity();
    expect((await choose(cityId, { live: { name: 'nope' } }).expect(422)).body.code).toBe('UNKNOWN_POLICY');
    await choose(cityId, { shadow: { name: 'standard' }, after: null }).expect(200);
    const { body } = await choose(cityId, { shadow: null, after: null }).expect(409);
    expect(body).toMatchObject({ code: 'MATCHING_CHANGED', matching: { shadow: { name: 'standard' } } });
  });
});

describe('a policy in shadow', () => {
  it('does nothing, and is reported beside what was done', async () => {
    await write('fair', FAIR);
    const cityId = await world.addCity();
    const north = (minutes: number) => ({ lat: PICKUP.lat + minutes * 0.002, lng: PICKUP.lng });
    const rich = await world.addDriver({ cityId, at: PICKUP });
    const poor = await world.addDriver({ cityId, at: north(3) });
    const earnedOn = new Date(new Date().toISOString().slice(0, 10));
    await world.db.driver.update({ where: { id: rich }, data: { earnedTodayCents: 3_000, earnedOn } });
    const { deliveryId } = await world.addDelivery({ cityId });
    await world.db.delivery.update({ where: { id: deliveryId }, data: { status: 'SEARCHING' } });
    await choose(cityId, { shadow: { name: 'fair', version: 1 } }).expect(200);
    const proposed: string[] = [];
    const { runRound } = createMatching({
      read: readerOf(world.db),
      map: world.map,
      dispatcher: { propose: async (_id, { driverId }) => void proposed.push(driverId) },
      features: { isOn: () => true },
      clock: Date.now,
      newId,
      limits: { ...world.deps.limits, tripMaxDeliveries: 1, tripMaxExtraMs: 0 },
      travel: world.deps.travel,
      timeScale: 1,
      log: { warn: () => {} },
    });
    await runRound({ cityId, correlationId: 'test' });
    await eventually('it was compared', () =>
      world.db.shadowRound.count({ where: { cityId } }).then((count) => count > 0),
    );
    expect(proposed).toEqual([rich]);
    const path = `/v2/ops/matching/shadow?cityId=${cityId}`;
    const { body } = await world.as(ops()).get(path).expect(200);
    expect(body).toMatchObject({
      policy: { name: 'fair', version: 1 },
      agreement: { rounds: 1, deliveries: 1, share: 0, sameDriver: 0, otherDriver: 1, earlierByShadow: 0 },
      expected: {
        pairs: 1,
        live: { drivers: 1, payToComeCents: { mean: 700 }, toPickupMs: { mean: 0 } },
        shadow: { drivers: 1, payToComeCents: { mean: 700 } },
      },
      happened: { deliveries: 1, accepted: 0, open: 1, delivered: 0, toPickupMs: { mean: null } },
    });
    expect(body.expected.shadow.toPickupMs.mean).toBeGreaterThan(0);
    expect(body.expected.shadow.earnedOverMeanCents.mean).toBeLessThan(0);
    expect(body.expected.live.earnedOverMeanCents.mean).toBeGreaterThan(0);
    expect(poor).not.toBe(rich);
  });
});
