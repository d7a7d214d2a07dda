import { z } from 'zod';
import { v1Availability } from '../../domain/driver/availability';
import { actorOf, type Caller } from '../auth/caller';
import type { AskedAvailability, AvailabilityState } from '../../services/availability';
import type { ApiDeps } from '../deps';
import { type Call, type Endpoint, get, NOTHING, post, type Reply } from '../http/endpoint';
import { instant, line, orNull, uuid } from '../http/fields';
import { Problem } from '../http/problems';
import { driverExists } from '../queries/drivers';
import { availabilityView, showAvailability, v1AvailabilityView } from '../views/driver';

const byId = z.strictObject({ id: uuid });
const set = z.strictObject({
  availability: z.enum(['AVAILABLE', 'OFFLINE']).meta({ description: 'Only the system sets BUSY' }),
});
const rest = { reason: orNull(line(200)) };

const replies = {
  200: {
    description: 'The current availability; a repeated request changes nothing',
    schema: availabilityView,
  },
};
const v1Replies = {
  200: {
    description: 'The availability of v1: states added in v2 show as OFFLINE',
    schema: v1AvailabilityView,
  },
};
const common = { tag: 'availability', roles: ['driver', 'ops'], params: byId } as const;
/** Each change writes an audit entry and may end offers, so a faulty app must not make thousands. */
const changing = { ...common, limit: 'availability' } as const;

/** A driver's availability, requested by the driver or by ops (docs/behaviour.md#availability). */
export function availabilityEndpoints(deps: ApiDeps): Endpoint[] {
  return [
    get({
      ...common,
      path: '/drivers/:id/availability',
      summary: 'Read availability (v1)',
      query: NOTHING,
      replies: v1Replies,
      handle: async (call) => ({ status: 200, body: showV1(await read(deps, call)) }),
    }),
    post({
      ...changing,
      path: '/drivers/:id/availability',
      summary: 'Go online or offline (v1)',
      body: set,
      replies: v1Replies,
      refusals: ['DRIVER_OFF_DUTY', 'DRIVER_NOT_AVAILABLE', 'DRIVER_SUSPENDED'],
      handle: async (call) => ({
        status: 200,
        body: showV1(await request(deps, call, { kind: 'set', ...call.body })),
      }),
    }),
    ...['/drivers/:id/availability', '/v2/drivers/:id/availability'].flatMap((path) =>
      restEndpoints(deps, path),
    ),
    get({
      ...common,
      path: '/v2/drivers/:id/availability',
      summary: 'Read availability',
      query: NOTHING,
      replies,
      handle: async (call) => ({ status: 200, body: showAvailability(await read(deps, call)) }),
    }),
    post({
      ...changing,
      path: '/v2/drivers/:id/availability',
      summary: 'Go online or offline',
      body: set,
      replies,
      refusals: ['DRIVER_OFF_DUTY', 'DRIVER_NOT_AVAILABLE', 'DRIVER_SUSPENDED'],
      handle: (call) => change(deps, call, { kind: 'set', ...call.body }),
    }),
  ];
}

/** Routes added in v2. Both prefixes have them, and both answer with the states of v2. */
function restEndpoints(deps: ApiDeps, path: string): Endpoint[] {
  return [
    post({
      ...changing,
      path: `${path}/break`,
      summary: 'Start a break',
      body: z.strictObject({ minutes: z.int().min(1).max(1_440), ...rest }),
      replies,
      refusals: [
        'FEATURE_OFF',
        'INVALID_DURATION',
        'DRIVER_OFF_DUTY',
        'DRIVER_NOT_AVAILABLE',
        'DRIVER_SUSPENDED',
      ],
      handle: (call) => change(deps, call, { kind: 'breakStart', ...call.body }),
    }),
    post({
      ...changing,
      path: `${path}/break/end`,
      summary: 'End a break',
      body: NOTHING,
      replies,
      refusals: ['FEATURE_OFF', 'NOT_ON_BREAK', 'DRIVER_OFF_DUTY', 'DRIVER_SUSPENDED'],
      handle: (call) => change(deps, call, { kind: 'breakEnd' }),
    }),
    post({
      ...changing,
      path: `${path}/pause`,
      summary: 'Start a pause',
      body: z.strictObject({ minutes: z.int().min(1).max(1_440).nullable().default(null), ...rest }),
      replies,
      refusals: [
        'FEATURE_OFF',
        'INVALID_DURATION',
        'DRIVER_OFF_DUTY',
        'DRIVER_NOT_AVAILABLE',
        'DRIVER_SUSPENDED',
      ],
      handle: (call) => change(deps, call, { kind: 'pause', ...call.body }),
    }),
    post({
      ...changing,
      path: `${path}/resume`,
      summary: 'End a pause',
      body: NOTHING,
      replies,
      refusals: ['FEATURE_OFF', 'NOT_PAUSED', 'DRIVER_OFF_DUTY', 'DRIVER_SUSPENDED'],
      handle: (call) => change(deps, call, { kind: 'resume' }),
    }),
    post({
      ...changing,
      path: `${path}/shift/start`,
      summary: 'Start a shift',
      body: z.strictObject({
        shiftEndsAt: instant
          .nullable()
          .default(null)
          .meta({ description: 'The planned end. Jobs with a later pickup are not offered' }),
      }),
      replies,
      refusals: ['INVALID_SHIFT_END', 'DRIVER_NOT_AVAILABLE', 'DRIVER_SUSPENDED'],
      handle: (call) => change(deps, call, { kind: 'shiftStart', ...call.body }),
    }),
    post({
      ...changing,
      path: `${path}/shift/end`,
      summary: 'End a shift',
      body: NOTHING,
      replies,
      refusals: ['DRIVER_NOT_AVAILABLE'],
      handle: (call) => change(deps, call, { kind: 'shiftEnd' }),
    }),
  ];
}

type OfDriver = Pick<Call<{ id: string }, unknown, unknown>, 'params' | 'caller' | 'correlationId'>;

const noDriver = (): Problem => new Problem('NOT_FOUND', 'there is no such driver');

async function change(deps: ApiDeps, call: OfDriver, requested: AskedAvailability): Promise<Reply> {
  return { status: 200, body: showAvailability(await request(deps, call, requested)) };
}

async function request(
  deps: ApiDeps,
  { params, caller, correlationId }: OfDriver,
  requested: AskedAvailability,
): Promise<AvailabilityState> {
  await requireOwnDriver(deps, caller, params.id);
  const answer = await deps.availability.request(params.id, requested, actorOf(caller), correlationId);
  switch (answer.outcome) {
    case 'notFound':
      throw noDriver();
    case 'refused':
      throw new Problem(answer.code, answer.detail);
    case 'done':
      return answer.state;
  }
}

async function read(deps: ApiDeps, { params, caller }: OfDriver): Promise<AvailabilityState> {
  await requireOwnDriver(deps, caller, params.id);
  const state = await deps.availability.read(params.id);
  if (!state) throw noDriver();
  return state;
}

/** The token identifies a driver, so only requests of ops need a query. */
async function requireOwnDriver({ db }: ApiDeps, caller: Caller, driverId: string): Promise<void> {
  const isTheirs =
    caller.role === 'driver' ? caller.driverId === driverId : await driverExists(db, caller, driverId);
  if (!isTheirs) throw noDriver();
}

function showV1({ driverId, availability }: AvailabilityState): Record<string, unknown> {
  return { driverId, availability: v1Availability(availability) };
}
