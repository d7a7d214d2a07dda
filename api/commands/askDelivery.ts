import type { Question } from './answers';
import type { ApiDeps } from '../deps';
import type { Call, Reply } from '../http/endpoint';
import { Problem } from '../http/problems';
import { type AddressedDelivery, addressDelivery } from '../queries/deliveries';
import { replyTo } from '../views/outcome';

export const noDelivery = (): Problem => new Problem('NOT_FOUND', 'there is no such delivery');

/**
 * One wish of one caller: by the key they give, so that their retry meets the first try; else each call is a
 * wish of its own.
 */
export function idempotencyScope(
  { newId }: Pick<ApiDeps, 'newId'>,
  { caller, idempotencyKey }: Pick<Call<unknown, unknown, unknown>, 'caller' | 'idempotencyKey'>,
): string {
  return `${caller.role}/${encodeURIComponent(caller.subject)}/${idempotencyKey === null ? newId() : `key-${encodeURIComponent(idempotencyKey)}`}`;
}

/**
 * Asks the workflow of a delivery that the caller may see, and replies with the outcome.
 * @throws Problem NOT_FOUND where there is none for this caller; the refusal where it is refused
 */
export async function askDelivery(
  deps: ApiDeps,
  { caller, params, idempotencyKey }: Call<{ id: string }, unknown, unknown>,
  question: Question,
  updateIdOf: (delivery: AddressedDelivery) => string,
): Promise<Reply> {
  const delivery = await addressDelivery(deps.read, caller, params.id);
  if (!delivery) throw noDelivery();
  const { id: deliveryId, merchantId, sellerOrderId, isSettled } = delivery;
  const updateId = updateIdOf(delivery);
  const answer = await deps.answers.ask({
    delivery: { deliveryId, merchantId, sellerOrderId },
    question,
    updateId,
    isSettled,
    firstAnswerUnder: idempotencyKey === null ? null : updateId,
  });
  return replyTo(deps.read, caller, deliveryId, answer);
}
