import { z } from 'zod';
import { actorOf, type Caller } from '../auth/caller';
import type { Suspension } from '../../domain/driver/suspension';
import type { ApiDeps } from '../deps';
import { type Call, type Endpoint, get, NOTHING, post, type Reply } from '../http/endpoint';
import { instantText, iso, line, slug, uuid } from '../http/fields';
import { Problem } from '../http/problems';
import { driverExists, driversAmong } from '../queries/drivers';

const driverId = z.strictObject({ id: uuid });
const merchantId = z.strictObject({ id: slug });
const body = z.strictObject({ why: line(300).meta({ description: 'Recorded in the audit trail' }) });

const suspensionView = z
  .strictObject({
    kind: z.enum(['driver', 'merchant']),
    id: z.string(),
    suspended: z
      .strictObject({ since: instantText, by: z.string(), why: z.string() })
      .nullable()
      .meta({ description: 'Null: not suspended' }),
  })
  .meta({ id: 'Suspension' });
const listView = z.strictObject({ suspensions: z.array(suspensionView) }).meta({ id: 'Suspensions' });

const suspended = {
  200: { description: 'Suspended; a repeat changes nothing', schema: suspensionView },
};
const lifted = {
  200: { description: 'Not suspended; a repeat changes nothing', schema: suspensionView },
};
const common = { tag: 'ops', roles: ['ops'], body } as const;

/** Ops suspend drivers and merchants (docs/behaviour.md#access). */
export function suspensionEndpoints(deps: ApiDeps): Endpoint[] {
  return [
    get({
      path: '/v2/ops/suspensions',
      tag: 'ops',
      summary: 'List who is suspended, the earliest first',
      roles: ['ops'],
      params: NOTHING,
      query: NOTHING,
      replies: {
        200: { description: 'Drivers of my cities; merchants for ops of all cities', schema: listView },
      },
      handle: async ({ caller }) => ({ status: 200, body: { suspensions: await list(deps, caller) } }),
    }),
    post({
      ...common,
      path: '/v2/ops/drivers/:id/suspend',
      summary: 'Suspend a driver: off duty at once, their offers withdrawn, their jobs cases for ops',
      params: driverId,
      replies: suspended,
      handle: async (call) => {
        await requireDriver(deps, call);
        const made = await deps.suspensions.suspendDriver(call.params.id, askedBy(call));
        if (!made) throw noDriver();
        return show(deps, made);
      },
    }),
    post({
      ...common,
      path: '/v2/ops/drivers/:id/lift-suspension',
      summary: 'Lift the suspension of a driver, who stays off duty until they come back themselves',
      params: driverId,
      replies: lifted,
      handle: async (call) => {
        await requireDriver(deps, call);
        if (!(await deps.suspensions.liftDriver(call.params.id, askedBy(call)))) throw noDriver();
        return showLifted(deps, { kind: 'driver', id: call.params.id });
      },
    }),
    post({
      ...common,
      path: '/v2/ops/merchants/:id/suspend',
      summary: 'Suspend a merchant: no more orders; their open deliveries go on, as cases for ops',
      params: merchantId,
      replies: suspended,
      handle: async (call) => {
        requireAllCities(call.caller);
        const made = await deps.suspensions.suspendMerchant(call.params.id, askedBy(call));
        if (!made) throw noMerchant();
        return show(deps, made);
      },
    }),
    post({
      ...common,
      path: '/v2/ops/merchants/:id/lift-suspension',
      summary: 'Lift the suspension of a merchant',
      params: merchantId,
      replies: lifted,
      handle: async (call) => {
        requireAllCities(call.caller);
        if (!(await deps.suspensions.liftMerchant(call.params.id, askedBy(call)))) throw noMerchant();
        return showLifted(deps, { kind: 'merchant', id: call.params.id });
      },
    }),
  ];
}

type SuspensionCall = Call<{ id: string }, unknown, z.output<typeof body>>;

const noDriver = (): Problem => new Problem('NOT_FOUND', 'there is no such driver');
const noMerchant = (): Problem => new Problem('NOT_FOUND', 'there is no such merchant');

function askedBy({ caller, body: { why }, correlationId }: SuspensionCall) {
  return { by: actorOf(caller), why, correlationId };
}

async function requireDriver({ db }: ApiDeps, { caller, params }: SuspensionCall): Promise<void> {
  if (!(await driverExists(db, caller, params.id))) throw noDriver();
}

/** A merchant belongs to no city. */
function requireAllCities(caller: Caller): void {
  if (caller.role !== 'ops' || caller.cities !== 'all')
    throw new Problem('FORBIDDEN', 'only ops of all cities suspend merchants');
}

/** This process refuses the subject from now on; the others know within a second. */
async function show({ suspended: known }: ApiDeps, made: Suspension): Promise<Reply> {
  await known.refresh();
  return { status: 200, body: showSuspension(made) };
}

async function showLifted(
  { suspended: known }: ApiDeps,
  { kind, id }: Suspension['subject'],
): Promise<Reply> {
  await known.refresh();
  return { status: 200, body: { kind, id, suspended: null } };
}

function showSuspension({ subject: { kind, id }, since, byId, why }: Suspension) {
  return { kind, id, suspended: { since: iso(since), by: byId, why } };
}

async function list({ db, suspensions }: ApiDeps, caller: Caller): Promise<unknown[]> {
  const all = await suspensions.list();
  const drivers = all.flatMap(({ subject: { kind, id } }) => (kind === 'driver' ? [id] : []));
  const theirs = new Set(await driversAmong(db, caller, drivers));
  const isOfAll = caller.role === 'ops' && caller.cities === 'all';
  return all
    .filter(({ subject: { kind, id } }) => (kind === 'driver' ? theirs.has(id) : isOfAll))
    .map(showSuspension);
}
