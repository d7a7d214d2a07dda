import { z } from 'zod';
import type { FollowedChain } from '../../domain/audit/auditChain';
import type { Caller } from '../auth/caller';
import type { ApiDeps } from '../deps';
import { type Endpoint, get, NOTHING, post } from '../http/endpoint';
import { instant, limitTo, line, slug, timedCursor, timedCursorOf, uuid } from '../http/fields';
import { Problem } from '../http/problems';
import { type AuditFilters, listAuditChecks, listAuditEntries, readCaseRows } from '../queries/audit';
import { findDelivery } from '../queries/deliveries';
import {
  type CaseView,
  caseView,
  checkListView,
  checkResultView,
  entryListView,
  showAuditRow,
  showCase,
  showCheck,
  showCheckResult,
} from '../views/audit';
import { caseCsv } from '../views/auditCsv';

const DAY_MS = 86_400_000;
/** Longer, and a filter that finds little would read months of entries for it. */
const MOST_DAYS = 31;

const filters = z
  .strictObject({
    deliveryId: uuid.optional(),
    driverId: uuid.optional(),
    merchantId: slug.optional().meta({ description: 'With sellerOrderId' }),
    sellerOrderId: line(128).optional(),
    actorKind: z
      .enum(['driver', 'ops', 'merchant', 'customer', 'system'])
      .optional()
      .meta({ description: 'With actorId' }),
    actorId: line(200).optional(),
    kind: z
      .string()
      .regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be a kind of entry, such as delivery_moved')
      .optional(),
    cityId: slug.optional(),
    since: instant.optional().meta({
      description: `At or after. Without deliveryId, driverId or an order: ${MOST_DAYS} days before the end where it is missing, and no earlier`,
    }),
    until: instant.optional().meta({ description: 'Before; now where it is missing' }),
    cursor: timedCursor.optional(),
    limit: limitTo(200, 50),
  })
  .refine(({ merchantId, sellerOrderId }) => (merchantId === undefined) === (sellerOrderId === undefined), {
    path: ['sellerOrderId'],
    error: 'goes with merchantId: an order is named by both',
  })
  .refine(({ actorKind, actorId }) => (actorKind === undefined) === (actorId === undefined), {
    path: ['actorId'],
    error: 'goes with actorKind: an actor is named by both',
  })
  .refine(({ since, until }) => since === undefined || until === undefined || until > since, {
    path: ['until'],
    error: 'must be after since',
  });

const byId = z.strictObject({ id: uuid });
const ofCase = { tag: 'audit', roles: ['ops'], params: byId, query: NOTHING } as const;

/** The audit trail for ops: asked, proven, handed on (docs/behaviour.md#audit-trail). */
export function auditEndpoints(deps: ApiDeps): Endpoint[] {
  const { db, read, audit, clock, log } = deps;
  return [
    get({
      path: '/v2/ops/audit',
      tag: 'audit',
      summary: 'Search the audit trail, newest first',
      roles: ['ops'],
      params: NOTHING,
      query: filters,
      replies: { 200: { description: 'One page', schema: entryListView } },
      handle: async ({ caller, query }) => {
        const rows = await listAuditEntries(db, caller, filtersOf(query, clock()), {
          after: query.cursor,
          limit: query.limit,
        });
        const shown = rows.slice(0, query.limit);
        const last = shown.at(-1);
        const nextCursor =
          rows.length > shown.length && last ? timedCursorOf({ at: last.at.getTime(), id: last.id }) : null;
        return { status: 200, body: { entries: shown.map(showAuditRow), nextCursor } };
      },
    }),
    get({
      path: '/v2/ops/audit/checks',
      tag: 'audit',
      summary: 'List the last checks of the audit trail',
      roles: ['ops'],
      params: NOTHING,
      query: z.strictObject({ limit: limitTo(100, 20) }),
      replies: { 200: { description: 'Newest first', schema: checkListView } },
      handle: async ({ caller, query }) => ({
        status: 200,
        body: { checks: (await listAuditChecks(db, query.limit)).map((row) => showCheck(row, caller)) },
      }),
    }),
    post({
      path: '/v2/ops/audit/checks',
      tag: 'audit',
      summary: 'Check the chain of one delivery now',
      roles: ['ops'],
      params: NOTHING,
      body: z.strictObject({ deliveryId: uuid }),
      replies: { 200: { description: 'What the check came to; it is not kept', schema: checkResultView } },
      refusals: ['NOT_FOUND'],
      handle: async ({ caller, body: { deliveryId } }) => {
        if (!(await findDelivery(read, caller, deliveryId))) throw noDelivery();
        return { status: 200, body: showCheckResult(deliveryId, told(log, await audit.check(deliveryId))) };
      },
    }),
    get({
      ...ofCase,
      path: '/v2/ops/deliveries/:id/case',
      summary:
        'All that is known of one delivery, with why each driver was asked and whether its trail holds',
      replies: { 200: { description: 'The case', schema: caseView } },
      handle: async ({ caller, params }) => ({ status: 200, body: await readCase(deps, caller, params.id) }),
    }),
    get({
      ...ofCase,
      path: '/v2/ops/deliveries/:id/case.csv',
      summary: 'The same as a table',
      replies: {
        200: {
          description: 'One line a record: the delivery, its offers and assignments, its entries',
          schema: z.string(),
          contentType: 'text/csv',
        },
      },
      handle: async ({ caller, params }) => {
        const body = caseCsv(await readCase(deps, caller, params.id));
        return {
          status: 200,
          body,
          headers: { 'Content-Disposition': `attachment; filename="case-${params.id}.csv"` },
        };
      },
    }),
  ];
}

const noDelivery = (): Problem => new Problem('NOT_FOUND', 'there is no such delivery');

/** What names a delivery, a driver or an order is little, whenever it was; all else is bounded in time. */
function filtersOf(query: z.output<typeof filters>, now: number): AuditFilters {
  const { deliveryId, driverId, merchantId, sellerOrderId, actorKind, actorId, kind, cityId, since, until } =
    query;
  const order =
    merchantId === undefined || sellerOrderId === undefined ? undefined : { merchantId, sellerOrderId };
  const actor =
    actorKind === undefined || actorId === undefined ? undefined : { kind: actorKind, id: actorId };
  const asked = { deliveryId, driverId, order, actor, kind, cityId, since, until };
  if (deliveryId !== undefined || driverId !== undefined || order !== undefined) return asked;
  const earliest = (until ?? now) - MOST_DAYS * DAY_MS;
  if (since !== undefined && since < earliest) throw tooLong();
  return { ...asked, since: since ?? earliest };
}

function tooLong(): Problem {
  const message = `at most ${MOST_DAYS} days before until (or now); a longer time goes with deliveryId, driverId, or merchantId and sellerOrderId`;
  return new Problem('INVALID_REQUEST', 'some fields are not as they must be', {
    errors: [{ path: 'since', message }],
  });
}

async function readCase({ db, read, audit, log }: ApiDeps, caller: Caller, id: string): Promise<CaseView> {
  const row = await findDelivery(read, caller, id);
  if (!row) throw noDelivery();
  const [rows, chain] = await Promise.all([readCaseRows(db, id), audit.check(id)]);
  return showCase(row, rows, told(log, chain), caller);
}

/** So many problems of one chain get a line of the log each: a long one may have a hundred thousand. */
const MOST_LOGGED = 100;

/** Whoever finds it, it is an error. */
function told(log: ApiDeps['log'], chain: FollowedChain): FollowedChain {
  const { problems } = chain;
  for (const problem of problems.slice(0, MOST_LOGGED))
    log.error({ ...problem }, 'the audit trail was altered');
  if (problems.length > MOST_LOGGED)
    log.error(
      { chain: problems[0]?.chain, problemCount: problems.length },
      'the audit trail was altered: not every problem has a line',
    );
  return chain;
}
