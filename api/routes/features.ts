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
  .refine((steps) => new Set(steps.map(({ date }) => date)).size === steps.length, 'must not repeat a date')
  .meta({
    description:
      'The planned percent of the rollout from each date on. The plan changes nothing by itself: ' +
      'metrics compare it with the effective percent',
  });

const overrideFields = {
  enabled: z.boolean().nullable(),
  percent: percent.nullable(),
  cities: z
    .array(slug)
    .max(1_000)
    .nullable()
    .meta({ description: 'Empty: all cities, regardless of the environment' }),
  plan: plan.nullable(),
};
const changeId = z.string().regex(/^[1-9]\d{0,18}$/);
const changeRequest = z
  .strictObject({
    ...overrideFields,
    why: line(500),
    after: changeId
      .nullable()
      .optional()
      .meta({
        description:
          'The `lastChangeId` that this change is based on. The request is refused if another change is newer. ' +
          'Omitted: no check',
      }),
  })
  .meta({
    id: 'FeatureChangeRequest',
    description:
      'Replaces the whole override. Null: the value of the environment applies; a null plan: no plan',
  });

const state = z
  .enum(['OFF', 'ON', 'KILLED'])
  .meta({ description: 'KILLED: disabled by the environment, without override' });
const setting = z
  .strictObject({
    state,
    rolloutPercent: percent,
    cities: z.array(z.string()).nullable().meta({ description: 'Null: all cities' }),
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
    plannedPercent: percent
      .nullable()
      .meta({ description: 'The percent that the plan has for today; null: no plan' }),
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
      .meta({ description: 'Why the feature is off; null: it is on' }),
    reason: z.string().meta({ description: 'The reason in the terms of OpenFeature' }),
    draw: z.int().meta({
      description: 'The bucket of the key, 0 to 99. The key is in the rollout if it is below the percent',
    }),
    rolloutPercent: percent,
  })
  .meta({ id: 'FeatureEvaluation' });

const byName = z.strictObject({ name: z.string().regex(/^[a-z][a-z_]{0,63}$/) });
/** The bucket depends on the letters of the id, so ids are converted to lower case. */
const key = line(128).transform((text) => uuid.safeParse(text).data ?? text);
const subject = z.strictObject({
  cityId: slug,
  key: key.meta({ description: 'A delivery id; for availability_states a driver id' }),
});
const common = { tag: 'features', roles: ['ops'] } as const;

/** Feature flags: readable by ops, writable by ops of all cities (docs/behaviour.md#features). */
export function featureEndpoints(deps: ApiDeps): Endpoint[] {
  return [
    get({
      ...common,
      path: '/v2/ops/features',
      summary: 'List features',
      params: NOTHING,
      query: NOTHING,
      replies: { 200: { description: 'All features', schema: featureList } },
      handle: async () => ({
        status: 200,
        body: { features: (await deps.features.list()).map(showFeature) },
      }),
    }),
    put({
      ...common,
      path: '/v2/ops/features/:name',
      summary: 'Change a feature',
      params: byName,
      body: changeRequest,
      replies: {
        200: { description: 'The current setting; a repeated request changes nothing', schema: featureView },
      },
      refusals: ['FEATURE_KILLED', 'FEATURE_CHANGED', 'UNKNOWN_CITY'],
      handle: (call) => putFeature(deps, call),
    }),
    get({
      ...common,
      path: '/v2/ops/features/:name/evaluation',
      summary: 'Explain why a feature is on or off for a delivery',
      params: byName,
      query: subject,
      replies: { 200: { description: 'The current evaluation', schema: evaluation } },
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
  {
    params: { name },
    body,
    caller,
    correlationId,
  }: Call<{ name: string }, unknown, z.output<typeof changeRequest>>,
): Promise<Reply> {
  if (caller.role !== 'ops' || caller.cities !== 'all')
    throw new Problem('FORBIDDEN', 'only ops of all cities may change features');
  const { why, ...wanted } = body;
  const answer = await features.put(name, wanted, { who: caller.subject, why }, correlationId);
  switch (answer.outcome) {
    case 'notFound':
      throw noFeature();
    case 'refused':
      throw new Problem(answer.code, answer.detail);
    case 'overtaken':
      throw new Problem('FEATURE_CHANGED', 'another change is newer; `feature` shows the current setting', {
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
