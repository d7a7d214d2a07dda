import { z } from 'zod';
import { COMMANDS } from '../../workflows/contract';
import { noDelivery, requestOf, sendCommand, tracedBy } from '../commands/sendCommand';
import type { ApiDeps } from '../deps';
import { type Call, type Endpoint, patch, type Reply } from '../http/endpoint';
import { cents, instant, line, lines, orUnchanged, phoneText, point, uuid } from '../http/fields';
import { Problem } from '../http/problems';
import { addressDelivery, findDelivery } from '../queries/deliveries';
import { deliveryView, showDelivery } from '../views/delivery';
import { orderProblem } from '../views/orderProblem';

const stop = z
  .strictObject({
    address: line(300).optional(),
    point: point.optional(),
    contactName: orUnchanged(line(100)),
    contactPhone: orUnchanged(phoneText),
    notes: orUnchanged(lines(1_000)),
  })
  .meta({ id: 'StopChange', description: 'Absent: unchanged. Null or empty: none' });

const change = z
  .strictObject({
    pickup: stop.optional(),
    dropoff: stop.optional(),
    readyAt: orUnchanged(instant).meta({ description: 'When the goods are ready; null: now' }),
    feeCents: cents.optional().meta({ description: 'What the merchant pays from now on' }),
  })
  .refine((named) => Object.values(named).some(namesSomething), 'must name a field to change')
  .meta({ id: 'OrderChange', description: 'Absent: unchanged' });

function namesSomething(part: unknown): boolean {
  if (typeof part !== 'object' || part === null) return part !== undefined;
  return Object.values(part).some((each) => each !== undefined);
}

/** Changes of an order before the pickup (docs/behaviour.md#deliveries). */
export function orderChangeEndpoints(deps: ApiDeps): Endpoint[] {
  return [
    patch({
      path: '/v2/deliveries/:id',
      tag: 'deliveries',
      summary: 'Change contact, phone, notes, door, ready time or fee before the pickup',
      roles: ['merchant', 'ops'],
      takesKey: true,
      params: z.strictObject({ id: uuid }),
      body: change,
      replies: {
        200: { description: 'The delivery as it is now; the driver is told', schema: deliveryView },
      },
      refusals: ['STOP_OUT_OF_AREA', 'TIME_NOT_POSSIBLE', 'ILLEGAL_TRANSITION', 'NOT_ANSWERED_IN_TIME'],
      handle: (call) => changeOrder(deps, call),
    }),
  ];
}

/** The workflow gets only the id, so that its history has no contacts and addresses. */
async function changeOrder(
  deps: ApiDeps,
  call: Call<{ id: string }, unknown, z.output<typeof change>>,
): Promise<Reply> {
  const { caller, params, body } = call;
  const delivery = await addressDelivery(deps.read, caller, params.id);
  if (!delivery) throw noDelivery();
  const { scope } = requestOf(deps, call, delivery.id);
  const kept = await deps.orderChanges.keep(delivery.id, body, scope, deps.clock());
  if (!kept) throw noDelivery();
  if ('refused' in kept) throw orderProblem(kept);
  const { changeId } = kept;
  try {
    await sendCommand(deps, call, COMMANDS.changeOrder, { changeId, ...tracedBy(call) });
  } catch (error) {
    if (error instanceof Problem && error.status < 500) await deps.orderChanges.blank(changeId);
    throw error;
  }
  const row = await findDelivery(deps.read, caller, delivery.id);
  if (!row) throw noDelivery();
  return { status: 200, body: showDelivery(row, caller) };
}
