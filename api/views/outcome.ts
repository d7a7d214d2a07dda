import { z } from 'zod';
import type { Read } from '../../services/ports';
import { type Answer, isRefusal } from '../../domain/delivery/deliveryState';
import { deliveryStatus } from '../../domain/notices/wireFields';
import type { Caller } from '../auth/caller';
import type { Reply } from '../http/endpoint';
import { instantText, iso } from '../http/fields';
import { Problem } from '../http/problems';
import { findDelivery } from '../queries/deliveries';
import { showState } from './delivery';

export const outcomeView = z
  .discriminatedUnion('outcome', [
    z.strictObject({
      outcome: z.literal('accepted'),
      deliveryId: z.uuid(),
      offerId: z.uuid(),
      assignmentId: z.uuid(),
      at: instantText,
      tripId: z.uuid().optional().meta({ description: 'The offer was for several deliveries, a trip' }),
      deliveries: z
        .array(z.strictObject({ deliveryId: z.uuid(), offerId: z.uuid(), assignmentId: z.uuid() }))
        .optional()
        .meta({ description: 'All deliveries of the trip, which this answer took' }),
    }),
    z.strictObject({
      outcome: z.literal('rejected'),
      deliveryId: z.uuid(),
      offerId: z.uuid(),
      at: instantText,
    }),
    z.strictObject({
      outcome: z.literal('moved'),
      deliveryId: z.uuid(),
      status: deliveryStatus,
      at: instantText,
    }),
    z.strictObject({ outcome: z.literal('released'), deliveryId: z.uuid(), at: instantText }),
    z.strictObject({ outcome: z.literal('escalated'), deliveryId: z.uuid() }),
    z.strictObject({ outcome: z.literal('payRaised'), deliveryId: z.uuid(), payCents: z.int() }),
    z.strictObject({ outcome: z.literal('searching'), deliveryId: z.uuid() }),
    z.strictObject({ outcome: z.literal('orderChanged'), deliveryId: z.uuid(), at: instantText }),
    z.strictObject({
      outcome: z.literal('assigned'),
      deliveryId: z.uuid(),
      driverId: z.uuid(),
      assignmentId: z.uuid(),
      at: instantText,
    }),
  ])
  .meta({ id: 'Outcome' });

/**
 * The reply for an answer of the workflow, or of the row in its place.
 * @throws Problem where the answer is a refusal; ILLEGAL_TRANSITION also shows the state of the delivery
 */
export async function replyTo(
  read: Read,
  caller: Caller,
  deliveryId: string,
  answer: Answer,
): Promise<Reply> {
  if (isRefusal(answer)) throw await refusal(read, caller, deliveryId, answer);
  if (answer.outcome === 'noted') throw new Error('a command was answered with `noted`');
  return { status: 200, body: 'at' in answer ? { ...answer, at: iso(answer.at) } : answer };
}

async function refusal(
  read: Read,
  caller: Caller,
  deliveryId: string,
  { refused, detail }: Extract<Answer, { refused: string }>,
): Promise<Problem> {
  if (refused !== 'ILLEGAL_TRANSITION') return new Problem(refused, detail);
  const row = await findDelivery(read, caller, deliveryId);
  return new Problem(refused, detail, { members: row ? { delivery: showState(row) } : {} });
}
