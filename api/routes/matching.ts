import { z } from 'zod';
import { actorOf, coversCity } from '../auth/caller';
import type { ApiDeps } from '../deps';
import { type Call, type Endpoint, get, NOTHING, put, type Reply } from '../http/endpoint';
import { instant, line, slug } from '../http/fields';
import { Problem } from '../http/problems';
import { seesCity } from '../queries/zoneHealth';
import {
  cityMatchingView,
  policyListView,
  policyView,
  shadowReportView,
  showCityMatching,
  showPolicy,
  showShadowReport,
  weightsBody,
} from '../views/matching';

/** Versions are kept as an integer of four bytes. */
const LATEST_VERSION = 2_147_483_647;

const why = line(500).meta({ description: 'Recorded in the audit trail' });
const policyBody = z.strictObject({ weights: weightsBody, why }).meta({ id: 'MatchPolicyRequest' });
const named = z.strictObject({
  name: slug,
  version: z
    .int()
    .min(1)
    .max(LATEST_VERSION)
    .nullable()
    .default(null)
    .meta({ description: 'Null: the newest' }),
});
const cityBody = z
  .strictObject({
    live: named.meta({ description: '`standard`: the weights of the release' }),
    livePercent: z.int().min(0).max(100).default(100).meta({
      description: 'The share of its time in which the live policy decides, in turns of 15 minutes',
    }),
    shadow: named.nullable().meta({ description: 'Decides beside the live policy, and does nothing' }),
    why,
    after: z
      .string()
      .regex(/^[1-9]\d{0,18}$/)
      .nullable()
      .optional()
      .meta({ description: 'The `lastChangeId` that this change is based on. Omitted: no check' }),
  })
  .meta({ id: 'CityMatchingRequest' });

const DAY_MS = 24 * 3_600_000;
const reportQuery = z.strictObject({
  cityId: slug,
  policy: slug.optional().meta({ description: 'Default: the one that is in shadow now' }),
  version: z.coerce
    .number()
    .int()
    .min(1)
    .max(LATEST_VERSION)
    .optional()
    .meta({ description: 'Default: the newest' }),
  from: instant.optional().meta({ description: 'Default: a day before `to`. Kept for seven days' }),
  to: instant.optional().meta({ description: 'Default: now' }),
});

const byName = z.strictObject({ name: slug });
const byId = z.strictObject({ id: slug });
const common = { tag: 'matching', roles: ['ops'] } as const;

/** Policies of the matching of cities, live and in shadow (docs/behaviour.md#policies-of-the-matching). */
export function matchingEndpoints(deps: ApiDeps): Endpoint[] {
  const { matchPolicies } = deps;
  return [
    get({
      ...common,
      path: '/v2/ops/matching/policies',
      summary: 'List policies of the matching',
      params: NOTHING,
      query: NOTHING,
      replies: { 200: { description: 'All policies', schema: policyListView } },
      handle: async () => ({
        status: 200,
        body: { policies: (await matchPolicies.list()).map(showPolicy) },
      }),
    }),
    put({
      ...common,
      path: '/v2/ops/matching/policies/:name',
      summary: 'Write a version of a policy',
      params: byName,
      body: policyBody,
      replies: {
        200: { description: 'The newest version. A repeat of it makes no other one', schema: policyView },
      },
      refusals: ['ALREADY_EXISTS'],
      handle: (call) => putPolicy(deps, call),
    }),
    get({
      ...common,
      path: '/v2/ops/cities/:id/matching',
      summary: 'Read what a city is matched by',
      params: byId,
      query: NOTHING,
      replies: { 200: { description: 'The policies live and in shadow', schema: cityMatchingView } },
      handle: async ({ caller, params: { id } }) => {
        if (!(await seesCity(deps.db, caller, id))) throw noCity();
        return { status: 200, body: showCityMatching(id, await matchPolicies.of(id)) };
      },
    }),
    put({
      ...common,
      path: '/v2/ops/cities/:id/matching',
      summary: 'Choose what a city is matched by',
      params: byId,
      body: cityBody,
      replies: {
        200: { description: 'What holds now; a repeated request changes nothing', schema: cityMatchingView },
      },
      refusals: ['MATCHING_CHANGED', 'UNKNOWN_POLICY'],
      handle: (call) => putCity(deps, call),
    }),
    get({
      ...common,
      path: '/v2/ops/matching/shadow',
      summary: 'Report a policy in shadow beside what was done',
      params: NOTHING,
      query: reportQuery,
      replies: { 200: { description: 'The report', schema: shadowReportView } },
      refusals: ['NOT_FOUND'],
      handle: async ({ caller, query }) => {
        if (!(await seesCity(deps.db, caller, query.cityId))) throw noCity();
        return report(deps, query);
      },
    }),
  ];
}

const noCity = (): Problem => new Problem('NOT_FOUND', 'there is no such city');

async function putPolicy(
  { matchPolicies }: ApiDeps,
  {
    params: { name },
    body,
    caller,
    correlationId,
  }: Call<{ name: string }, unknown, z.output<typeof policyBody>>,
): Promise<Reply> {
  if (caller.role !== 'ops' || caller.cities !== 'all')
    throw new Problem('FORBIDDEN', 'only ops of all cities may write policies');
  const by = { by: actorOf(caller), why: body.why, correlationId };
  const written = await matchPolicies.write(name, body.weights, by);
  if (!written) throw new Problem('ALREADY_EXISTS', 'the policy standard is that of the release');
  return { status: 200, body: showPolicy(written) };
}

/** A shadow does nothing, so ops of the city may choose it; what decides is for ops of all cities, as features are. */
async function putCity(
  { db, matchPolicies }: ApiDeps,
  { params: { id }, body, caller, correlationId }: Call<{ id: string }, unknown, z.output<typeof cityBody>>,
): Promise<Reply> {
  if (!coversCity(caller, id) || !(await seesCity(db, caller, id))) throw noCity();
  const { why: reason, ...request } = body;
  const before = await matchPolicies.of(id);
  const isSameLive =
    before.live.name === body.live.name &&
    (body.live.version === null || before.live.version === body.live.version) &&
    before.livePercent === body.livePercent;
  if (!isSameLive && (caller.role !== 'ops' || caller.cities !== 'all'))
    throw new Problem('FORBIDDEN', 'only ops of all cities may choose what decides');
  const live = isSameLive ? { name: before.live.name, version: before.live.version } : request.live;
  const by = { by: actorOf(caller), why: reason, correlationId };
  const answer = await matchPolicies.choose(id, { ...request, live }, by);
  switch (answer.outcome) {
    case 'unknownPolicy':
      throw new Problem('UNKNOWN_POLICY', `there is no such version of a policy ${answer.name}`);
    case 'overtaken':
      throw new Problem('MATCHING_CHANGED', 'another change is newer; `matching` shows what holds', {
        members: { matching: showCityMatching(id, answer.matching) },
      });
    case 'done':
      return { status: 200, body: showCityMatching(id, answer.matching) };
  }
}

async function report(
  { clock, matchPolicies, shadowReports }: ApiDeps,
  { cityId, policy, version, from, to = clock() }: z.output<typeof reportQuery>,
): Promise<Reply> {
  const { shadow } = await matchPolicies.of(cityId);
  const name = policy === undefined ? shadow : { name: policy, version: version ?? null };
  const span = { from: from ?? to - DAY_MS, to };
  const read = name && (await shadowReports.read(cityId, name, span));
  if (!read) throw new Problem('NOT_FOUND', 'there is no such policy; without one, none is in shadow');
  return { status: 200, body: showShadowReport({ cityId, ...span }, read) };
}
