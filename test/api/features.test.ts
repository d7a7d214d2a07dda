import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import type { FeatureSetting } from '../../domain/features/rollout';
import { asOwner } from '../support/database';
import {
  type ApiWorld,
  createApiWorld,
  createQuietFeatures,
  driver,
  merchant,
  ops,
} from '../support/apiWorld';
import { CITY, MERCHANT } from '../support/dispatchWorld';

const ENVIRONMENT: readonly FeatureSetting[] = [
  { feature: 'driver_offers', state: 'OFF', rolloutPercent: 0, cities: null },
  { feature: 'availability_states', state: 'ON', rolloutPercent: 100, cities: [CITY] },
  { feature: 'escalation', state: 'KILLED', rolloutPercent: 100, cities: null },
];

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld((_deps, dispatch) => ({
    features: createQuietFeatures(dispatch, ENVIRONMENT),
  }));
});
afterAll(() => world.close());
/** Removes the overrides, as ops would. */
beforeEach(async () => {
  for (const { feature } of ENVIRONMENT.slice(0, 2)) await put(feature, {}).expect(200);
  await asOwner(world, 'DELETE FROM feature_settings');
});

const NOTHING = { enabled: null, percent: null, cities: null, plan: null };
const put = (feature: string, change: object, who = ops()) =>
  world.as(who).put(`/v2/ops/features/${feature}`, { ...NOTHING, why: 'a test', ...change });
const list = async () =>
  (await world.as(ops()).get('/v2/ops/features').expect(200)).body.features as {
    feature: string;
    history: object[];
  }[];
const read = async (feature: string) => (await list()).find((each) => each.feature === feature);

describe('the list of features', () => {
  it('shows the environment, the override and the effective setting of each feature', async () => {
    expect(await list()).toEqual([
      {
        feature: 'driver_offers',
        environment: { state: 'OFF', rolloutPercent: 0, cities: null },
        override: NOTHING,
        effective: { state: 'OFF', rolloutPercent: 0, cities: null },
        plannedPercent: null,
        lastChange: null,
        lastChangeId: null,
        history: [],
      },
      expect.objectContaining({
        feature: 'availability_states',
        effective: { state: 'ON', rolloutPercent: 100, cities: [CITY] },
      }),
      expect.objectContaining({
        feature: 'escalation',
        effective: { state: 'KILLED', rolloutPercent: 100, cities: null },
      }),
    ]);
  });

  it('is limited to ops', async () => {
    await world
      .as(ops([CITY]))
      .get('/v2/ops/features')
      .expect(200);
    await world.as(merchant(MERCHANT)).get('/v2/ops/features').expect(403);
    await world.as(driver(newId())).get('/v2/ops/features').expect(403);
    await world.as().get('/v2/ops/features').expect(401);
  });
});

describe('a change of a feature', () => {
  it('replaces the whole override, takes effect at once, and is recorded with who, why and when', async () => {
    const plan = [
      { date: '2099-06-01', percent: 100 },
      { date: '2020-01-01', percent: 25 },
    ];
    const { body } = await put('driver_offers', {
      enabled: true,
      percent: 25,
      cities: [CITY],
      plan,
      why: 'the first quarter',
    }).expect(200);
    const setting = { enabled: true, percent: 25, cities: [CITY], plan: [plan[1], plan[0]] };
    const byOlga = { by: 'olga', why: 'the first quarter', at: expect.any(String) };
    expect(body).toEqual({
      feature: 'driver_offers',
      environment: { state: 'OFF', rolloutPercent: 0, cities: null },
      override: setting,
      effective: { state: 'ON', rolloutPercent: 25, cities: [CITY] },
      plannedPercent: 25,
      lastChange: byOlga,
      lastChangeId: expect.stringMatching(/^\d+$/),
      history: [{ ...setting, ...byOlga }],
    });
    await put('driver_offers', { enabled: true, why: 'all of it again' }).expect(200);
    expect(await read('driver_offers')).toMatchObject({
      override: { ...NOTHING, enabled: true },
      effective: { state: 'ON', rolloutPercent: 0, cities: null },
      lastChange: { why: 'all of it again' },
      history: [{ why: 'all of it again' }, { why: 'the first quarter' }],
    });
    expect((await world.as().get('/health/ready').expect(200)).body.features.driver_offers).toEqual({
      state: 'ON',
      rolloutPercent: 0,
      cities: null,
    });
  });

  it('that is repeated adds no entry, regardless of its reason and the order of cities', async () => {
    await world.as(ops()).put('/v2/cities/rome', {
      name: 'Rome',
      timezone: 'Europe/Rome',
      currency: 'EUR',
      center: { lat: 41.9, lng: 12.5 },
    });
    const first = await put('driver_offers', { percent: 5, cities: ['rome', CITY] }).expect(200);
    const again = await put('driver_offers', { percent: 5, cities: [CITY, 'rome'], why: 'once more' }).expect(
      200,
    );
    expect(again.body).toEqual(first.body);
    expect((await read('driver_offers'))?.history).toHaveLength(1);
  });

  it('based on an outdated change is refused, with the current setting', async () => {
    const form = (await put('driver_offers', { enabled: true, percent: 50, after: null }).expect(200)).body
      .lastChangeId;
    const kill = (await put('driver_offers', { enabled: false, why: 'kill', after: form }).expect(200)).body
      .lastChangeId;
    for (const after of [form, null]) {
      const { body } = await put('driver_offers', { enabled: true, percent: 60, after }).expect(409);
      expect(body).toMatchObject({
        code: 'FEATURE_CHANGED',
        feature: { lastChangeId: kill, lastChange: { why: 'kill' }, effective: { state: 'OFF' } },
      });
    }
    expect((await read('driver_offers'))?.history).toHaveLength(2);
    await put('driver_offers', { enabled: false, after: form }).expect(200); // the kill sent again
    await put('driver_offers', { enabled: true, percent: 60, after: kill }).expect(200);
    await put('driver_offers', { enabled: true, percent: 70 }).expect(200);
    await put('driver_offers', { enabled: true, after: 'yesterday' }).expect(400);
  });

  it('is listed with the last 20 changes', async () => {
    for (let percent = 1; percent <= 22; percent++) await put('driver_offers', { percent }).expect(200);
    const history = (await read('driver_offers'))?.history;
    expect(history).toHaveLength(20);
    expect([history?.[0], history?.[19]]).toMatchObject([{ percent: 22 }, { percent: 3 }]);
  });

  it('treats an empty list of cities as all cities', async () => {
    expect((await put('availability_states', { cities: [] }).expect(200)).body).toMatchObject({
      override: { cities: [] },
      effective: { cities: null },
    });
    expect((await put('availability_states', {}).expect(200)).body).toMatchObject({
      override: { cities: null },
      effective: { cities: [CITY] },
    });
  });

  it('is allowed only to ops of all cities', async () => {
    for (const who of [ops([CITY]), merchant(MERCHANT), driver(newId())])
      expect((await put('driver_offers', { enabled: true }, who).expect(403)).body.code).toBe('FORBIDDEN');
    expect(await read('driver_offers')).toMatchObject({ history: [], effective: { state: 'OFF' } });
  });

  it('is refused for a feature that the environment killed', async () => {
    expect((await put('escalation', { enabled: true }).expect(409)).body.code).toBe('FEATURE_KILLED');
    expect(await read('escalation')).toMatchObject({ history: [], effective: { state: 'KILLED' } });
  });

  it.each(['eta', 'no_such_feature', 'driver_offers2', 'Driver Offers'])(
    'of %s, which is none, is not found',
    async (feature) => {
      await put(encodeURIComponent(feature), { enabled: true }).expect(404);
    },
  );

  it('requires existing cities', async () => {
    const { body } = await put('driver_offers', { cities: [CITY, 'atlantis'] }).expect(422);
    expect(body).toMatchObject({ code: 'UNKNOWN_CITY', detail: 'there is no city atlantis' });
  });

  it.each([
    ['a percent over 100', { percent: 101 }],
    ['half a percent', { percent: 0.5 }],
    ['no reason', { why: ' ' }],
    ['an unknown field', { rollout: 5 }],
    ['a missing field', { percent: undefined }],
    ['an empty plan', { plan: [] }],
    ['an invalid date', { plan: [{ date: '2026-02-30', percent: 5 }] }],
    [
      'two percents for one day',
      {
        plan: [
          { date: '2026-02-20', percent: 5 },
          { date: '2026-02-20', percent: 6 },
        ],
      },
    ],
  ])('with %s is refused', async (_what, change) => {
    expect((await put('driver_offers', change).expect(400)).body.code).toBe('INVALID_REQUEST');
  });
});

describe('the evaluation of a feature for one delivery', () => {
  const evaluate = (feature: string, cityId = CITY) =>
    world.as(ops([CITY])).get(`/v2/ops/features/${feature}/evaluation?cityId=${cityId}&key=delivery-1`);

  it('shows whether it is on, and the reason', async () => {
    const asked = { cityId: CITY, key: 'delivery-1' };
    await put('driver_offers', { enabled: true, percent: 54 }).expect(200);
    expect((await evaluate('driver_offers').expect(200)).body).toEqual({
      feature: 'driver_offers',
      ...asked,
      on: true,
      why: null,
      reason: 'SPLIT',
      draw: 53,
      rolloutPercent: 54,
    });
    await put('driver_offers', { enabled: true, percent: 53 }).expect(200);
    expect((await evaluate('driver_offers').expect(200)).body).toMatchObject({
      on: false,
      why: 'OUTSIDE_ROLLOUT',
      reason: 'SPLIT',
      draw: 53,
      rolloutPercent: 53,
    });
    expect((await evaluate('availability_states', 'rome').expect(200)).body).toMatchObject({
      on: false,
      why: 'CITY_NOT_LISTED',
    });
    expect((await evaluate('escalation').expect(200)).body).toMatchObject({
      on: false,
      why: 'KILLED',
      reason: 'DISABLED',
    });
  });

  it('ignores the letter case of the id', async () => {
    const key = '019a0000-0000-7000-8000-00000000000a';
    const [upper, lower] = await Promise.all(
      [key.toUpperCase(), key].map((asked) =>
        world
          .as(ops())
          .get(`/v2/ops/features/driver_offers/evaluation?cityId=${CITY}&key=${asked}`)
          .expect(200),
      ),
    );
    expect(upper?.body).toEqual(lower?.body);
  });

  it('requires an existing feature, a city and a key', async () => {
    await evaluate('eta').expect(404);
    await world.as(ops()).get('/v2/ops/features/escalation/evaluation').expect(400);
  });
});
