import { createHash } from 'node:crypto';
import type { Actor } from '../../domain/delivery/status';
import type { Command, CommandRequest, Traced } from '../../workflows/contract';
import { actorOf, type Caller } from '../auth/caller';
import type { ApiDeps } from '../deps';
import type { Call, Reply } from '../http/endpoint';
import { Problem } from '../http/problems';
import { type AddressedDelivery, addressDelivery } from '../queries/deliveries';
import { replyTo } from '../views/outcome';

type AnyCall = Call<unknown, unknown, unknown>;

export const noDelivery = (): Problem => new Problem('NOT_FOUND', 'there is no such delivery');

/**
 * The request that an update id is made from. With an idempotency key, a retry is the same request; without
 * one, each call is a new request.
 */
export function requestOf(
  { newId, payloads: { isEncrypting } }: Pick<ApiDeps, 'newId' | 'payloads'>,
  { caller, idempotencyKey }: Pick<AnyCall, 'caller' | 'idempotencyKey'>,
  deliveryId: string,
): CommandRequest {
  const requestId = idempotencyKey === null ? newId() : `key-${encodeURIComponent(idempotencyKey)}`;
  return {
    deliveryId,
    scope: `${caller.role}/${isEncrypting ? unnamed(caller) : encodeURIComponent(caller.subject)}/${requestId}`,
    hasKey: idempotencyKey !== null,
  };
}

/**
 * Update ids stand in histories in clear, so they name nobody there where acts are encrypted. Drivers and
 * merchants have ids, which name nobody.
 */
function unnamed({ role, subject }: Caller): string {
  return role === 'ops' || role === 'customer'
    ? createHash('sha256').update(`${role}/${subject}`).digest('base64url').slice(0, 22)
    : encodeURIComponent(subject);
}

/** The actor and the correlation id of a command. */
export function tracedBy({
  caller,
  correlationId,
}: Pick<AnyCall, 'caller' | 'correlationId'>): Traced & { by: Actor } {
  return { by: actorOf(caller), correlationId };
}

/**
 * Sends a command to a delivery that the caller may see, and replies with its outcome.
 * @throws Problem NOT_FOUND where the caller can see no such delivery; else the refusal of the command
 */
export async function sendCommand<Payload extends Traced>(
  deps: ApiDeps,
  call: Call<{ id: string }, unknown, unknown>,
  command: Command<Payload, CommandRequest & Pick<AddressedDelivery, 'status' | 'assignmentId'>>,
  payload: NoInfer<Payload>,
): Promise<Reply> {
  const { caller, params, idempotencyKey } = call;
  const delivery = await addressDelivery(deps.read, caller, params.id);
  if (!delivery) throw noDelivery();
  const { id: deliveryId, merchantId, sellerOrderId, status, assignmentId, isSettled } = delivery;
  const updateId = command.updateId(payload, {
    ...requestOf(deps, call, deliveryId),
    status,
    assignmentId,
  });
  const answer = await deps.commands.send({
    delivery: { deliveryId, merchantId, sellerOrderId },
    command,
    payload,
    updateId,
    isSettled,
    firstUpdateId: idempotencyKey === null ? null : updateId,
  });
  return replyTo(deps.read, caller, deliveryId, answer);
}
