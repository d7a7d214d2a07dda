import { z } from 'zod';
import { CASE_REASONS, CASE_STATES } from '../../domain/support/supportCase';
import { actorOf } from '../auth/caller';
import type { CaseAnswer } from '../../services/supportCases';
import type { ApiDeps } from '../deps';
import { type Call, type Endpoint, get, NOTHING, post, type Reply } from '../http/endpoint';
import { instant, iso, limit, line, slug, uuid } from '../http/fields';
import { Problem } from '../http/problems';
import {
  type EscalationRow,
  findEscalation,
  groupEscalations,
  listEscalations,
  MAX_GROUPS,
  type QueuePosition,
} from '../queries/escalations';
import {
  escalationGroupListView,
  escalationListView,
  escalationView,
  showEscalation,
  showEscalationGroup,
} from '../views/escalation';

const queueCursor = z
  .string()
  .max(96)
  .transform((text, context): QueuePosition => {
    const [level, openedAt, id, ...rest] = Buffer.from(text, 'base64url').toString('utf8').split('/');
    const place = z
      .object({ level: z.coerce.number().int().min(0).max(3), openedAt: instant, id: uuid })
      .safeParse({ level, openedAt, id });
    if (place.success && rest.length === 0 && queueCursorOf(place.data) === text) return place.data;
    context.addIssue({ code: 'custom', message: 'must be the nextCursor of the previous page' });
    return z.NEVER;
  });

function queueCursorOf({ level, openedAt, id }: QueuePosition): string {
  return Buffer.from(`${level}/${iso(openedAt)}/${id}`).toString('base64url');
}

const filters = z.strictObject({
  state: z
    .enum([...CASE_STATES, 'UNRESOLVED'])
    .default('UNRESOLVED')
    .meta({ description: 'UNRESOLVED: OPEN or ACKNOWLEDGED' }),
  level: z
    .enum(['0', '1', '2', '3'])
    .transform(Number)
    .optional()
    .meta({ description: 'The lowest level to list' }),
  reason: z.enum(CASE_REASONS).optional(),
  cityId: slug.optional(),
  zoneId: slug.optional(),
  deliveryId: uuid.optional(),
  driverId: uuid.optional().meta({ description: 'The driver that the case is about' }),
  since: instant.optional().meta({ description: 'Opened at or after this instant' }),
  cursor: queueCursor.optional(),
  limit,
});

const groupFilters = filters.pick({ level: true, cityId: true, zoneId: true });

const byId = z.strictObject({ id: uuid });
const ofOps = { tag: 'escalations', roles: ['ops'] } as const;
const oneCase = { ...ofOps, params: byId } as const;

/** The support queue: deliveries that need a person (docs/behaviour.md#escalation). */
export function escalationEndpoints(deps: ApiDeps): Endpoint[] {
  return [
    get({
      ...ofOps,
      path: '/v2/ops/escalations',
      summary: 'List the support queue: unresolved cases by urgency, resolved cases newest first',
      params: NOTHING,
      query: filters,
      replies: {
        200: {
          description: 'One page. A case whose level rises between pages may be missing or appear twice',
          schema: escalationListView,
        },
      },
      handle: async ({ caller, query: { cursor: after, limit: size, ...wanted } }) => {
        const rows = await listEscalations(deps.db, caller, wanted, { after, limit: size });
        const shown = rows.slice(0, size);
        const now = deps.clock();
        return {
          status: 200,
          body: {
            escalations: shown.map((row) => showEscalation(row, now)),
            nextCursor: rows.length > size ? nextOf(shown.at(-1)) : null,
          },
        };
      },
    }),
    get({
      ...ofOps,
      path: '/v2/ops/escalation-groups',
      summary: 'Group the unresolved cases of the support queue by city, zone and reason, by urgency',
      params: NOTHING,
      query: groupFilters,
      replies: {
        200: {
          description: `At most ${MAX_GROUPS}. The cases of one: GET /v2/ops/escalations with its zone and reason`,
          schema: escalationGroupListView,
        },
      },
      handle: async ({ caller, query }) => {
        const rows = await groupEscalations(deps.db, caller, query, deps.clock());
        const groups = rows.slice(0, MAX_GROUPS).map(showEscalationGroup);
        return { status: 200, body: { groups, hasMore: rows.length > MAX_GROUPS } };
      },
    }),
    get({
      ...oneCase,
      path: '/v2/ops/escalations/:id',
      summary: 'Read a case of the support queue',
      query: NOTHING,
      replies: {
        200: { description: 'The case, with the current state of its delivery', schema: escalationView },
      },
      handle: (call) => read(deps, call),
    }),
    post({
      ...oneCase,
      path: '/v2/ops/escalations/:id/acknowledge',
      summary: 'Acknowledge a case',
      body: NOTHING,
      replies: {
        200: {
          description: 'The case; `acknowledged` names its owner. The first acknowledgement wins',
          schema: escalationView,
        },
      },
      refusals: ['CASE_RESOLVED'],
      handle: (call) =>
        act(deps, call, (caseId) =>
          deps.supportCases.acknowledge(caseId, {
            by: actorOf(call.caller),
            correlationId: call.correlationId,
          }),
        ),
    }),
    post({
      ...oneCase,
      path: '/v2/ops/escalations/:id/resolve',
      summary: 'Resolve a case',
      body: z.strictObject({ note: line(500).meta({ description: 'How the case was resolved' }) }),
      replies: {
        200: {
          description: 'The case; a case resolved before is unchanged',
          schema: escalationView,
        },
      },
      refusals: ['CASE_NEEDS_DECISION'],
      handle: (call) =>
        act(deps, call, (caseId) =>
          deps.supportCases.resolve(caseId, {
            by: actorOf(call.caller),
            resolution: 'BY_OPS',
            note: call.body.note,
            correlationId: call.correlationId,
          }),
        ),
    }),
  ];
}

type CaseCall = Pick<Call<{ id: string }, unknown, unknown>, 'caller' | 'params'>;

const noCase = (): Problem => new Problem('NOT_FOUND', 'there is no such case');

function nextOf(last: EscalationRow | undefined): string | null {
  return last ? queueCursorOf({ level: last.level, openedAt: last.openedAt.getTime(), id: last.id }) : null;
}

async function read({ db, clock }: ApiDeps, { caller, params }: CaseCall): Promise<Reply> {
  const row = await findEscalation(db, caller, params.id);
  if (!row) throw noCase();
  return { status: 200, body: showEscalation(row, clock()) };
}

async function act(
  deps: ApiDeps,
  call: CaseCall,
  change: (caseId: string) => Promise<CaseAnswer>,
): Promise<Reply> {
  const row = await findEscalation(deps.db, call.caller, call.params.id);
  if (!row) throw noCase();
  const answer = await change(row.id);
  switch (answer.outcome) {
    case 'notFound':
      throw noCase();
    case 'refused':
      throw new Problem(answer.code, answer.detail);
    case 'done':
      return read(deps, call);
  }
}
