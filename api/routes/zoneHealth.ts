import { z } from 'zod';
import type { Caller } from '../auth/caller';
import type { ApiDeps } from '../deps';
import { type Endpoint, get, NOTHING, type Reply } from '../http/endpoint';
import { instant, slug } from '../http/fields';
import { Problem } from '../http/problems';
import { cityOfZone, healthHistory, latestHealth, MAX_HISTORY, seesCity } from '../queries/zoneHealth';
import { showHealth, showZoneHealth, zoneHealthListView, zoneHistoryView } from '../views/zoneHealth';

const filters = z.strictObject({
  cityId: slug.optional(),
  fresh: z.enum(['true', 'false']).default('false').meta({
    description:
      'true: compute the health now instead of reading the latest of each minute; a result under 5 s old is reused',
  }),
});

const DAY_MS = 24 * 3_600_000;
const byId = z.strictObject({ id: slug });
const span = z.strictObject({
  since: instant.optional().meta({ description: 'Default: one day before `until`' }),
  until: instant.optional().meta({ description: 'Default: now' }),
});
type Span = z.output<typeof span>;

const historyReply = {
  200: {
    description: `Newest first, at most ${MAX_HISTORY}; kept for seven days`,
    schema: zoneHistoryView,
  },
};

/** The health of zones (docs/behaviour.md#zones). */
export function zoneHealthEndpoints(deps: ApiDeps): Endpoint[] {
  return [
    get({
      path: '/v2/ops/zones/health',
      tag: 'ops',
      summary: 'List the health of zones, worst first',
      roles: ['ops'],
      params: NOTHING,
      query: filters,
      replies: { 200: { description: 'The latest health of each zone', schema: zoneHealthListView } },
      refusals: ['NOT_FOUND'],
      handle: ({ caller, query }) => health(deps, caller, query),
    }),
    get({
      path: '/v2/ops/zones/:id/health/history',
      tag: 'ops',
      summary: 'Read the health history of a zone',
      roles: ['ops'],
      params: byId,
      query: span,
      replies: historyReply,
      handle: async ({ caller, params, query }) => {
        const cityId = await cityOfZone(deps.db, caller, params.id);
        if (cityId === null) throw new Problem('NOT_FOUND', 'there is no such zone');
        return history(deps, { cityId, zoneId: params.id }, query);
      },
    }),
    get({
      path: '/v2/ops/cities/:id/health/history',
      tag: 'ops',
      summary: 'Read the health history of the area of a city that lies in no zone',
      roles: ['ops'],
      params: byId,
      query: span,
      replies: historyReply,
      handle: async ({ caller, params, query }) => {
        await requireCity(deps, caller, params.id);
        return history(deps, { cityId: params.id, zoneId: null }, query);
      },
    }),
  ];
}

async function health(
  deps: ApiDeps,
  caller: Caller,
  { cityId, fresh }: z.output<typeof filters>,
): Promise<Reply> {
  if (cityId !== undefined) await requireCity(deps, caller, cityId);
  if (fresh === 'true') await deps.zoneHealth.refresh(cityId === undefined ? citiesOf(caller) : [cityId]);
  const rows = await latestHealth(deps.db, caller, cityId);
  const acts = await deps.zoneActs.inForce([...new Set(rows.map((row) => row.cityId))]);
  return { status: 200, body: { zones: rows.map((row) => showZoneHealth(row, acts, deps.clock())) } };
}

/** @returns null for all cities */
function citiesOf(caller: Caller): readonly string[] | null {
  if (caller.role !== 'ops') return [];
  return caller.cities === 'all' ? null : caller.cities;
}

async function requireCity({ db }: ApiDeps, caller: Caller, cityId: string): Promise<void> {
  if (!(await seesCity(db, caller, cityId))) throw new Problem('NOT_FOUND', 'there is no such city');
}

async function history(
  { db, clock }: ApiDeps,
  place: { cityId: string; zoneId: string | null },
  requested: Span,
): Promise<Reply> {
  const until = requested.until ?? clock();
  const rows = await healthHistory(db, place, { since: requested.since ?? until - DAY_MS, until });
  return {
    status: 200,
    body: {
      ...place,
      history: rows.slice(0, MAX_HISTORY).map(showHealth),
      hasMore: rows.length > MAX_HISTORY,
    },
  };
}
