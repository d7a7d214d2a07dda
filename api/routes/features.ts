import { z } from 'zod';
import type { FeatureSetting } from '../../domain/features/rollout';
import type { FeatureReport } from '../../services/features/featureService';
import type { ApiDeps } from '../deps';
import { type Call, type Endpoint, get, NOTHING, put, type Reply } from '../http/endpoint';
import { instantText, iso, line, slug, uuid } from '../http/fields';
import { Problem } from '../http/problems';

const percent = z.int().min(0).max(100);
const step = z.strictObject({ date: z.iso.date().meta({ description: 'A day in UTC' }), percent });
const plan = z
  .array(step)
  .min(1)
  .max(100)
  .refine((steps) => new Set(steps.map(({ date }) => date)).size === steps.length, 'must name each date once')
  .meta({
    description:
      'The percent that the rollout is to have reached from each date on. It changes nothing by itself: metrics compare it with the percent that holds',
  });

const overrideFields = {
  enabled: z.boolean().nullable(),
  percent: percent.nullable(),
  cities: z
    .array(slug)
    .max(1_000)
    .nullable()
    .meta({ description: 'None named: all cities, whatever the environment lists' }),
  plan: plan.nullable(),
};
const changeId = z.string().regex(/^[1-9]\d{0,18}$/);
const wish = z
  .strictObject({
    ...overrideFields,
    why: line(500),
    after: changeId.nullable().optional().meta({
      description:
        'The `lastChangeId` that this was made from; where another is the last by now it is refused. Left out: whatever came before',
    }),
  })
  .meta({
    id: 'FeatureWish',
    description:
      'Replaces all that was said before. Null: as the environment has it; of the plan: there is none',
  });

const state = z
  .enum(['OFF', 'ON', 'KILLED'])
  .meta({ description: 'KILLED: off by the environment, and nothing overrides it' });
const setting = z
  .strictObject({
    state,
    rolloutPercent: percent,
    cities: z.array(z.string()).nullable().meta({ description: 'Null: all' }),
  })
  .meta({ id: 'FeatureSetting' });
const byWhom = { by: z.string(), why: z.string(), at: instantText };
const change = z
  .strictObject({ ...overrideFields, cities: z.array(z.string()).nullable(), ...byWhom })
  .meta({ id: 'FeatureChange' });
const featureView = z
  .strictObject({
    feature: z.string(),
    environment: setting,
    override: z.strictObject({ ...overrideFields, cities: z.array(z.string()).nullable() }),
    effective: setting,
    plannedPercent: percent.nullable().meta({ description: 'By the plan, today; null without one' }),
    lastChange: z.strictObject(byWhom).nullable(),
    lastChangeId: z.string().nullable(),
    history: z.array(change).meta({ description: 'The last 20 changes, newest first' }),
  })
  .meta({ id: 'Feature' });
const featureList = z.strictObject({ features: z.array(featureView) }).meta({ id: 'FeatureList' });
const evaluation = z
  .strictObject({
    feature: z.string(),
    cityId: z.string(),
    key: z.string(),
    on: z.boolean(),
    why: z
      .enum(['KILLED', 'OFF', 'CITY_NOT_LISTED', 'OUTSIDE_ROLLOUT'])
      .nullable()
      .meta({ description: 'Why not; null: it is on' }),
    reason: z.string().meta({ description: 'As OpenFeature names it' }),
    draw: z.int().meta({
      description: 'What the key drew, 0 to 99: it is in the rollout where that is less than the percent',
    }),
    rolloutPercent: percent,
  })
  .meta({ id: 'FeatureEvaluation' });

const byName = z.strictObject({ name: z.string().regex(/^[a-z][a-z_]{0,63}$/) });
/** The draw goes by the letters of the id, and ids of ours are in lower case. */
const key = line(128).transform((text) => uuid.safeParse(text).data ?? text);
const subject = z.strictObject({
  cityId: slug,
  key: key.meta({ description: 'The id of a delivery; for availability_states of a driver' }),
});
const common = { tag: 'features', roles: ['ops'] } as const;

/** Features at run time: read by all ops, changed by ops of all cities (docs/behaviour.md#features). */
export function featureEndpoints(deps: ApiDeps): Endpoint[] {
  return [
    get({
      ...common,
      path: '/v2/ops/features',
      summary: 'List features',
      params: NOTHING,
      query: NOTHING,
      replies: { 200: { description: 'All that can be switched', schema: featureList } },
      handle: async () => ({
        status: 200,
        body: { features: (await deps.features.list()).map(showFeature) },
      }),
    }),
    put({
      ...common,
      path: '/v2/ops/features/:name',
      summary: 'Switch a feature',
      params: byName,
      body: wish,
      replies: { 200: { description: 'As it is now; a repeat changes nothing', schema: featureView } },
      refusals: ['FEATURE_KILLED', 'FEATURE_CHANGED', 'UNKNOWN_CITY'],
      handle: (call) => putFeature(deps, call),
    }),
    get({
      ...common,
      path: '/v2/ops/features/:name/evaluation',
      summary: 'Why is a feature on or off for this delivery?',
      params: byName,
      query: subject,
      replies: { 200: { description: 'As the next choice would see it', schema: evaluation } },
      handle: async ({ params: { name }, query }) => {
        const evaluated = await deps.features.evaluate(name, query);
        if (evaluated === null) throw noFeature();
        return { status: 200, body: { feature: name, ...query, ...evaluated } };
      },
    }),
  ];
}

const noFeature = (): Problem => new Problem('NOT_FOUND', 'there is no such feature');

async function putFeature(
  { features }: ApiDeps,
  { params: { name }, body, caller, correlationId }: Call<{ name: string }, unknown, z.output<typeof wish>>,
): Promise<Reply> {
  if (caller.role !== 'ops' || caller.cities !== 'all')
    throw new Problem('FORBIDDEN', 'features hold for all cities: only ops of all cities may change them');
  const { why, ...wanted } = body;
  const answer = await features.put(name, wanted, { who: caller.subject, why }, correlationId);
  switch (answer.outcome) {
    case 'notFound':
      throw noFeature();
    case 'refused':
      throw new Problem(answer.code, answer.detail);
    case 'overtaken':
      throw new Problem('FEATURE_CHANGED', 'another change came since: look at what holds now', {
        members: { feature: showFeature(answer.report) },
      });
    case 'done':
      return { status: 200, body: showFeature(answer.report) };
  }
}

function showFeature({
  environment,
  override,
  effective,
  plannedPercent,
  history,
}: FeatureReport): Record<string, unknown> {
  const changes = history.map(({ enabled, percent: to, cities, plan: steps, who, why, at }) => ({
    enabled,
    percent: to,
    cities,
    plan: steps,
    by: who,
    why,
    at: iso(at),
  }));
  const [last] = changes;
  return {
    feature: environment.feature,
    environment: showSetting(environment),
    override,
    effective: showSetting(effective),
    plannedPercent,
    lastChange: last ? { by: last.by, why: last.why, at: last.at } : null,
    lastChangeId: history[0] ? String(history[0].id) : null,
    history: changes,
  };
}

function showSetting({ state: now, rolloutPercent, cities }: FeatureSetting): Record<string, unknown> {
  return { state: now, rolloutPercent, cities };
}
