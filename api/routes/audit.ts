import { z } from 'zod';
import type { FollowedChain } from '../../domain/audit/auditChain';
import type { Caller } from '../auth/caller';
import type { ApiDeps } from '../deps';
import { type Endpoint, get, NOTHING, post } from '../http/endpoint';
import { instant, limitTo, line, slug, timedCursor, timedCursorOf, unlessEmpty, uuid } from '../http/fields';
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
/** Bounds the entries that a filter with few matches reads. */
const MAX_DAYS = 31;

const filters = z
  .strictObject({
    deliveryId: uuid.optional(),
    driverId: uuid.optional(),
    merchantId: slug.optional().meta({ description: 'Requires sellerOrderId' }),
    sellerOrderId: unlessEmpty(line(128)),
    actorKind: z
      .enum(['driver', 'ops', 'merchant', 'customer', 'system'])
      .optional()
      .meta({ description: 'Requires actorId' }),
    actorId: unlessEmpty(line(200)),
    kind: z
      .string()
      .regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be an entry kind, such as delivery_moved')
      .optional(),
    cityId: slug.optional(),
    since: instant.optional().meta({
      description:
        `Inclusive. Without deliveryId, driverId or an order it defaults to ${MAX_DAYS} days before until, ` +
        'and cannot be earlier',
    }),
    until: instant.optional().meta({ description: 'Exclusive. Default: now' }),
    cursor: timedCursor.optional(),
    limit: limitTo(200, 50),
  })
  .refine(({ merchantId, sellerOrderId }) => (merchantId === undefined) === (sellerOrderId === undefined), {
    path: ['sellerOrderId'],
    error: 'requires merchantId, and merchantId requires it',
  })
  .refine(({ actorKind, actorId }) => (actorKind === undefined) === (actorId === undefined), {
    path: ['actorId'],
    error: 'requires actorKind, and actorKind requires it',
  })
  .refine(({ since, until }) => since === undefined || until === undefined || until > since, {
    path: ['until'],
    error: 'must be after since',
  });

const byId = z.strictObject({ id: uuid });
const ofCase = { tag: 'audit', roles: ['ops'], params: byId, query: NOTHING } as const;

/** The audit trail for ops: search, verification and export (docs/behaviour.md#audit-trail). */
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
      summary: 'List the latest checks of the audit trail',
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
      summary: 'Check the audit chain of one delivery now',
      roles: ['ops'],
      params: NOTHING,
      body: z.strictObject({ deliveryId: uuid }),
      replies: { 200: { description: 'The result of the check; it is not stored', schema: checkResultView } },
      refusals: ['NOT_FOUND'],
      handle: async ({ caller, body: { deliveryId } }) => {
        if (!(await findDelivery(read, caller, deliveryId))) throw noDelivery();
        return {
          status: 200,
          body: showCheckResult(deliveryId, logProblems(log, await audit.check(deliveryId))),
        };
      },
    }),
    get({
      ...ofCase,
      path: '/v2/ops/deliveries/:id/case',
      summary: 'Read the case of a delivery: offers, assignments, audit entries and their verification',
      replies: { 200: { description: 'The case', schema: caseView } },
      handle: async ({ caller, params }) => ({ status: 200, body: await readCase(deps, caller, params.id) }),
    }),
    get({
      ...ofCase,
      path: '/v2/ops/deliveries/:id/case.csv',
      summary: 'Export the case of a delivery as CSV',
      replies: {
        200: {
          description: 'One row per record: the delivery, its offers, assignments and audit entries',
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

/** A search by delivery, driver or order has few matches. Any other search is limited in time. */
function filtersOf(query: z.output<typeof filters>, now: number): AuditFilters {
  const { deliveryId, driverId, merchantId, sellerOrderId, actorKind, actorId, kind, cityId, since, until } =
    query;
  const order =
    merchantId === undefined || sellerOrderId === undefined ? undefined : { merchantId, sellerOrderId };
  const actor =
    actorKind === undefined || actorId === undefined ? undefined : { kind: actorKind, id: actorId };
  const given = { deliveryId, driverId, order, actor, kind, cityId, since, until };
  if (deliveryId !== undefined || driverId !== undefined || order !== undefined) return given;
  const earliest = (until ?? now) - MAX_DAYS * DAY_MS;
  if (since !== undefined && since < earliest) throw rangeTooLong();
  return { ...given, since: since ?? earliest };
}

function rangeTooLong(): Problem {
  const message =
    `must be at most ${MAX_DAYS} days before until; a longer range requires deliveryId, driverId, ` +
    'or merchantId and sellerOrderId';
  return new Problem('INVALID_REQUEST', 'the request has invalid fields', {
    errors: [{ path: 'since', message }],
  });
}

async function readCase({ db, read, audit, log }: ApiDeps, caller: Caller, id: string): Promise<CaseView> {
  const row = await findDelivery(read, caller, id);
  if (!row) throw noDelivery();
  const [rows, chain] = await Promise.all([readCaseRows(db, id), audit.check(id)]);
  return showCase(row, rows, logProblems(log, chain), caller);
}

/** Bounds the log lines of one chain, which may have 100,000 problems. */
const MAX_LOGGED = 100;

/** Logs each problem as an error. @returns the chain */
function logProblems(log: ApiDeps['log'], chain: FollowedChain): FollowedChain {
  const { problems } = chain;
  for (const problem of problems.slice(0, MAX_LOGGED))
    log.error({ ...problem }, 'the audit trail was altered');
  if (problems.length > MAX_LOGGED)
    log.error(
      { chain: problems[0]?.chain, problemCount: problems.length },
      'the audit trail was altered: further problems are not logged',
    );
  return chain;
}
