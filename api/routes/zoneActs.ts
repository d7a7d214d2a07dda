import { z } from 'zod';
import { STOP_REASONS } from '../../domain/zones/ordersStop';
import {
  type ActPlace,
  CANCEL_REASONS,
  MAX_ACT_MINUTES,
  stopIn,
  wideningIn,
  type ZoneAct,
} from '../../domain/zones/zoneAct';
import type { ActAsked } from '../../services/zones/zoneActs';
import { actorOf, coversCity } from '../auth/caller';
import type { ApiDeps } from '../deps';
import { type Call, type Endpoint, get, NOTHING, post, type Reply } from '../http/endpoint';
import { instant, line, slug, uuid } from '../http/fields';
import { Problem } from '../http/problems';
import { cityOfZone, seesCity } from '../queries/zoneHealth';
import {
  placeOrdersView,
  placeSearchView,
  showAct,
  showStop,
  showWidening,
  waitingCountView,
  zoneActView,
} from '../views/zoneAct';
import { MAX_BONUS_CENTS } from './deliveryActs';

/** A week: nobody waits longer. */
const MAX_WAITING_MINUTES = 10_080;
/** Every search reaches nearly as far. */
const MIN_RADIUS_METERS = 1_000;

const byId = z.strictObject({ id: slug });
const why = line(300).meta({ description: 'Recorded in the audit trail' });
const minutes = z
  .int()
  .min(1)
  .max(MAX_ACT_MINUTES)
  .nullable()
  .default(null)
  .meta({ description: 'How long from now' });
const untilAt = instant
  .nullable()
  .default(null)
  .meta({ description: 'Instead of `minutes`: the end, at most a day away' });
const hasOneEnd = (body: { minutes: number | null; untilAt: number | null }): boolean =>
  (body.minutes === null) !== (body.untilAt === null);
const ONE_END = 'must have minutes or untilAt';
const stopBody = z
  .strictObject({
    minutes,
    untilAt,
    reason: z.enum(STOP_REASONS).meta({ description: 'What merchants are told' }),
    why,
  })
  .refine(hasOneEnd, ONE_END);
const endBody = z.strictObject({ why });
const widenBody = z
  .strictObject({
    minutes,
    untilAt,
    radiusMeters: z.int().min(MIN_RADIUS_METERS).nullable().default(null).meta({
      description:
        'How far searches reach at least, up to ZONE_WIDEN_MAX_METERS. Null: as far as from escalation level 1 on',
    }),
    why,
  })
  .refine(hasOneEnd, ONE_END);
const raiseBody = z.strictObject({
  bonusCents: z.int().min(1).max(MAX_BONUS_CENTS).meta({
    description: 'The new total bonus of each delivery. Where it is higher already, it stays',
  }),
  why,
});
const cancelBody = z.strictObject({
  waitingOverMinutes: z
    .int()
    .min(1)
    .max(MAX_WAITING_MINUTES)
    .meta({ description: 'Without a driver, over all searches' }),
  reason: z.enum(CANCEL_REASONS).meta({ description: 'What merchant and customer are told' }),
  dryRun: z.boolean().default(false).meta({ description: 'Only counts' }),
  why,
});

type PlaceCall<B> = Call<{ id: string }, unknown, B>;
/** Finds the place that the path names. @throws Problem NOT_FOUND where the caller can see none */
type FindPlace = (call: PlaceCall<unknown>) => Promise<ActPlace>;

/** Acts of ops on a whole zone, or on a whole city (docs/behaviour.md#acts-on-a-zone). */
export function zoneActEndpoints(deps: ApiDeps): Endpoint[] {
  return [
    ...actsOn(deps, { path: '/v2/ops/zones/:id', where: 'a zone', find: (call) => zoneOf(deps, call) }),
    ...actsOn(deps, { path: '/v2/ops/cities/:id', where: 'a city', find: (call) => cityOf(deps, call) }),
    get({
      path: '/v2/ops/acts/:id',
      tag: 'ops',
      summary: 'Read an act on a zone or a city',
      roles: ['ops'],
      params: z.strictObject({ id: uuid }),
      query: NOTHING,
      replies: { 200: { description: 'The act', schema: zoneActView } },
      handle: async ({ caller, params }) => {
        const act = await deps.zoneActs.read(params.id);
        if (!act || !coversCity(caller, act.cityId)) throw new Problem('NOT_FOUND', 'there is no such act');
        return { status: 200, body: await shown(deps, act) };
      },
    }),
  ];
}

function actsOn(
  deps: ApiDeps,
  { path, where, find }: { path: string; where: string; find: FindPlace },
): Endpoint[] {
  const common = { tag: 'ops', roles: ['ops'], params: byId } as const;
  return [
    post({
      ...common,
      path: `${path}/stop-orders`,
      summary: `Take no orders from ${where} for a time`,
      takesKey: true,
      body: stopBody,
      replies: {
        200: { description: 'The stop. An earlier one of the same place is over', schema: zoneActView },
      },
      refusals: ['INVALID_DURATION'],
      handle: async (call) => stopOrders(deps, await find(call), call),
    }),
    post({
      ...common,
      path: `${path}/take-orders`,
      summary: `Take orders from ${where} again`,
      body: endBody,
      replies: {
        200: { description: 'What holds here now; a repeat changes nothing', schema: placeOrdersView },
      },
      handle: async (call) => takeOrders(deps, await find(call), call),
    }),
    post({
      ...common,
      path: `${path}/widen`,
      summary: `Search farther for drivers in ${where} for a time`,
      takesKey: true,
      body: widenBody,
      replies: {
        202: {
          description:
            'It holds. Those that wait search again one after another: GET /v2/ops/acts/:id. An earlier one of ' +
            'the same place is over',
          schema: zoneActView,
        },
      },
      refusals: ['INVALID_DURATION', 'RADIUS_NOT_ALLOWED'],
      handle: async (call) => widen(deps, await find(call), call),
    }),
    post({
      ...common,
      path: `${path}/narrow`,
      summary: `Search as far as usual in ${where} again`,
      body: endBody,
      replies: {
        200: { description: 'What holds here now; a repeat changes nothing', schema: placeSearchView },
      },
      handle: async (call) => narrow(deps, await find(call), call),
    }),
    post({
      ...common,
      path: `${path}/raise-pay`,
      summary: `Raise the pay of all that wait in ${where}`,
      takesKey: true,
      body: raiseBody,
      replies: {
        202: { description: 'It reaches them one after another: GET /v2/ops/acts/:id', schema: zoneActView },
      },
      handle: async (call) => {
        const { bonusCents } = call.body;
        const act = await deps.zoneActs.raisePay(await find(call), { bonusCents }, askedBy(deps, call));
        return { status: 202, body: await shown(deps, act) };
      },
    }),
    post({
      ...common,
      path: `${path}/cancel-waiting`,
      summary: `Cancel what waits in ${where} for too long`,
      takesKey: true,
      body: cancelBody,
      replies: {
        200: { description: 'Of a dry run: how many it would reach', schema: waitingCountView },
        202: { description: 'It reaches them one after another: GET /v2/ops/acts/:id', schema: zoneActView },
      },
      handle: async (call) => cancelWaiting(deps, await find(call), call),
    }),
  ];
}

async function zoneOf({ db }: ApiDeps, { caller, params: { id } }: PlaceCall<unknown>): Promise<ActPlace> {
  const cityId = await cityOfZone(db, caller, id);
  if (cityId === null) throw new Problem('NOT_FOUND', 'there is no such zone');
  return { cityId, zoneId: id };
}

async function cityOf({ db }: ApiDeps, { caller, params: { id } }: PlaceCall<unknown>): Promise<ActPlace> {
  if (!(await seesCity(db, caller, id))) throw new Problem('NOT_FOUND', 'there is no such city');
  return { cityId: id, zoneId: null };
}

async function stopOrders(
  deps: ApiDeps,
  place: ActPlace,
  call: PlaceCall<z.output<typeof stopBody>>,
): Promise<Reply> {
  const { reason, minutes: forMinutes, untilAt: end } = call.body;
  const terms = { reason, length: { minutes: forMinutes, untilAt: end } };
  const act = await deps.zoneActs.stopOrders(place, terms, askedBy(deps, call));
  if (!act) throw notSoLong();
  return { status: 200, body: await shown(deps, act) };
}

async function cancelWaiting(
  deps: ApiDeps,
  place: ActPlace,
  call: PlaceCall<z.output<typeof cancelBody>>,
): Promise<Reply> {
  const { waitingOverMinutes, reason: cancelReason, dryRun } = call.body;
  if (dryRun) {
    const deliveries = await deps.zoneActs.countWaiting(place, waitingOverMinutes);
    return { status: 200, body: { ...place, deliveries } };
  }
  const terms = { waitingOverMinutes, cancelReason };
  const act = await deps.zoneActs.cancelWaiting(place, terms, askedBy(deps, call));
  return { status: 202, body: await shown(deps, act) };
}

async function shown({ zoneActs }: ApiDeps, act: ZoneAct): Promise<Record<string, unknown>> {
  return showAct(act, await zoneActs.tally(act.actId));
}

const notSoLong = (): Problem =>
  new Problem('INVALID_DURATION', `the end must lie within ${MAX_ACT_MINUTES} minutes from now`);

async function takeOrders(
  deps: ApiDeps,
  place: ActPlace,
  call: PlaceCall<z.output<typeof endBody>>,
): Promise<Reply> {
  await deps.zoneActs.takeOrders(place, askedBy(deps, call));
  const stop = stopIn(await deps.zoneActs.inForce([place.cityId]), place, deps.clock());
  return { status: 200, body: { ...place, ordersStopped: stop && showStop(stop) } };
}

async function widen(
  deps: ApiDeps,
  place: ActPlace,
  call: PlaceCall<z.output<typeof widenBody>>,
): Promise<Reply> {
  const { radiusMeters, minutes: forMinutes, untilAt: end } = call.body;
  const terms = { radiusMeters, length: { minutes: forMinutes, untilAt: end } };
  const widened = await deps.zoneActs.widen(place, terms, askedBy(deps, call));
  if ('act' in widened) return { status: 202, body: await shown(deps, widened.act) };
  if (widened.refused === 'LENGTH') throw notSoLong();
  throw new Problem('RADIUS_NOT_ALLOWED', `searches may reach ${widened.atMostMeters} m at most`);
}

async function narrow(
  deps: ApiDeps,
  place: ActPlace,
  call: PlaceCall<z.output<typeof endBody>>,
): Promise<Reply> {
  await deps.zoneActs.narrow(place, askedBy(deps, call));
  const widening = wideningIn(await deps.zoneActs.inForce([place.cityId]), place, deps.clock());
  return { status: 200, body: { ...place, searchWidened: widening && showWidening(widening) } };
}

function askedBy({ newId }: ApiDeps, call: PlaceCall<{ why: string }>): ActAsked {
  const { caller, body, correlationId, idempotencyKey } = call;
  const key = idempotencyKey === null ? newId() : `${caller.subject}/${idempotencyKey}`;
  return { by: actorOf(caller), why: body.why, correlationId, key };
}
