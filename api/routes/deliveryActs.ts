import { z } from 'zod';
import { LEAVE_REASONS } from '../../domain/driver/loss';
import type { Point } from '../../domain/geo/places';
import { areaOfCity, placesRefusal } from '../../domain/orders/orderRules';
import { COMMANDS } from '../../workflows/contract';
import { noDelivery, requestOf, sendCommand, tracedBy } from '../commands/sendCommand';
import type { Caller } from '../auth/caller';
import type { ApiDeps } from '../deps';
import { type Call, type Endpoint, post, type Reply } from '../http/endpoint';
import { line, orNull, point, uuid } from '../http/fields';
import { Problem } from '../http/problems';
import { addressDelivery, findCarried } from '../queries/deliveries';
import { driverExists } from '../queries/drivers';
import { orderProblem } from '../views/orderProblem';
import { outcomeView, replyTo } from '../views/outcome';

/** A bonus above 1,000 is taken for a typing error. */
export const MAX_BONUS_CENTS = 100_000;

const byId = z.strictObject({ id: uuid });
const why = line(300).meta({ description: 'Recorded in the audit trail' });
const override = z.boolean().default(false).meta({ description: 'Ends a break or pause of the driver' });
const meeting = z
  .strictObject({ point, address: orNull(line(300)) })
  .meta({ id: 'Meeting', description: 'Where one driver hands the goods over to another' });
const leaving = z.strictObject({ reason: z.enum(LEAVE_REASONS) });

const outcome = {
  200: { description: 'The outcome; a repeated request gets the first outcome', schema: outcomeView },
};
const ofDriver = [
  'DRIVER_OFF_DUTY',
  'DRIVER_ON_BREAK',
  'DRIVER_HAS_NO_ROOM',
  'DRIVER_IN_OTHER_CITY',
] as const;
const byOps = { tag: 'deliveries', roles: ['ops'], takesKey: true, params: byId, replies: outcome } as const;

/**
 * Commands by which ops intervene in a delivery, and the command by which a driver gives one up
 * (docs/behaviour.md#escalation, docs/behaviour.md#reassignment).
 */
export function deliveryActEndpoints(deps: ApiDeps): Endpoint[] {
  return [
    post({
      ...byOps,
      path: '/v2/deliveries/:id/assign',
      summary: 'Assign a driver by hand',
      body: z.strictObject({ driverId: uuid, override, why }),
      refusals: ['ILLEGAL_TRANSITION', ...ofDriver, 'NOT_ANSWERED_IN_TIME'],
      handle: async (call) => {
        await requireDriver(deps, call.caller, call.body.driverId);
        return sendCommand(deps, call, COMMANDS.assignDriver, { ...call.body, ...tracedBy(call) });
      },
    }),
    post({
      ...byOps,
      path: '/v2/deliveries/:id/hand-over',
      summary: 'Hand the goods over to another driver after the pickup',
      body: z.strictObject({
        driverId: uuid,
        override,
        meeting: meeting
          .nullable()
          .default(null)
          .meta({ description: 'Null: the last known position of the goods' }),
        why,
      }),
      refusals: [
        'STOP_OUT_OF_AREA',
        'NOT_PICKED_UP',
        'ILLEGAL_TRANSITION',
        ...ofDriver,
        'NOT_ANSWERED_IN_TIME',
      ],
      handle: async (call) => {
        await requireDriver(deps, call.caller, call.body.driverId);
        const { meeting: where, ...body } = call.body;
        const meetingId = where && (await keepMeeting(deps, call, where));
        return sendCommand(deps, call, COMMANDS.handOver, { ...body, meetingId, ...tracedBy(call) });
      },
    }),
    post({
      ...byOps,
      path: '/v2/deliveries/:id/raise-pay',
      summary: 'Raise the pay of the driver before the pickup',
      body: z.strictObject({
        bonusCents: z.int().min(1).max(MAX_BONUS_CENTS).meta({
          description: 'The new total bonus, including what escalation added. It cannot decrease',
        }),
        why,
      }),
      refusals: ['PAY_NOT_RAISED', 'PAY_NOT_ALLOWED', 'ILLEGAL_TRANSITION', 'NOT_ANSWERED_IN_TIME'],
      handle: (call) => sendCommand(deps, call, COMMANDS.raisePay, { ...call.body, ...tracedBy(call) }),
    }),
    post({
      ...byOps,
      path: '/v2/deliveries/:id/search',
      summary: 'Resume a driver search that waits for ops',
      body: z.strictObject({ why }),
      refusals: ['ILLEGAL_TRANSITION', 'NOT_ANSWERED_IN_TIME'],
      handle: (call) => sendCommand(deps, call, COMMANDS.resumeSearch, { ...call.body, ...tracedBy(call) }),
    }),
    post({
      path: '/v2/deliveries/:id/leave',
      tag: 'deliveries',
      summary: 'Give up a delivery. Before the pickup it is reassigned; after the pickup ops decide',
      roles: ['driver'],
      takesKey: true,
      params: byId,
      body: leaving,
      replies: outcome,
      refusals: ['ILLEGAL_TRANSITION', 'NOT_ANSWERED_IN_TIME'],
      handle: (call) => leave(deps, call),
    }),
  ];
}

async function requireDriver({ db }: ApiDeps, caller: Caller, driverId: string): Promise<void> {
  if (!(await driverExists(db, caller, driverId))) throw new Problem('NOT_FOUND', 'there is no such driver');
}

/** The workflow gets only the id, so that its history has no positions and addresses. */
async function keepMeeting(
  deps: ApiDeps,
  { caller, params }: Call<{ id: string }, unknown, unknown>,
  { point: place, address }: z.output<typeof meeting>,
): Promise<string> {
  const delivery = await addressDelivery(deps.read, caller, params.id);
  if (!delivery) throw noDelivery();
  await requireInArea(deps, delivery.id, place);
  const { id } = await deps.db.meetingPoint.create({
    data: { id: deps.newId(), deliveryId: delivery.id, ...place, address, byId: caller.subject },
  });
  return id;
}

/** A meeting point lies where the city delivers, like any stop. */
async function requireInArea({ db, settings }: ApiDeps, deliveryId: string, place: Point): Promise<void> {
  const {
    city: { centerLat, centerLng, serviceRadiusMeters },
  } = await db.delivery.findUniqueOrThrow({ where: { id: deliveryId }, select: { city: true } });
  const center = { lat: centerLat, lng: centerLng };
  const refusal = placesRefusal(
    [{ name: 'meeting', point: place }],
    areaOfCity({ center, serviceRadiusMeters }, settings.orders),
  );
  if (refusal) throw orderProblem(refusal);
}

/**
 * Looks the delivery up by the driver's assignment: after the first request the delivery is no longer theirs,
 * but a repeat must still find the first answer.
 */
async function leave(
  deps: ApiDeps,
  call: Call<{ id: string }, unknown, z.output<typeof leaving>>,
): Promise<Reply> {
  const {
    caller,
    params,
    body: { reason },
    correlationId,
  } = call;
  const carried = caller.role === 'driver' ? await findCarried(deps.db, caller.driverId, params.id) : null;
  if (!carried) throw noDelivery();
  const { assignmentId, driverId, isOver, isPickedUp, delivery } = carried;
  const payload = { driverId, assignmentId, reason, correlationId };
  const request = requestOf(deps, call, delivery.deliveryId);
  const updateId = COMMANDS.leaveDelivery.updateId(payload, { ...request, hasGoods: isPickedUp && !isOver });
  const answer = await deps.commands.send({
    delivery,
    command: COMMANDS.leaveDelivery,
    payload,
    updateId,
    isSettled: isOver,
    firstUpdateId: request.hasKey ? updateId : null,
  });
  return replyTo(deps.read, caller, delivery.deliveryId, answer);
}
