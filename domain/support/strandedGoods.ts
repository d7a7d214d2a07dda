/** Goods of a closed delivery that a driver still has. docs/behaviour.md#reassignment; ADR 38. */

import { type DeliveryFacts, type Entry } from '../delivery/deliveryState';
import { type Message } from '../notices/message';
import { deliveryNotice } from './caseChanges';

/** The audit entry and support's notice. A closed delivery has no case. */
export function goodsClaimed(
  delivery: DeliveryFacts,
  { driverId, assignmentId }: { driverId: string; assignmentId: string },
  now: number,
): { entry: Entry; message: Message } {
  const title = `A driver still has the goods of a delivery that is ${delivery.status}`;
  return {
    entry: {
      kind: 'goods_claimed',
      chain: 'delivery',
      driverId,
      actor: { kind: 'driver', id: driverId },
      from: null,
      to: null,
      why: null,
      deviceAt: null,
      detail: { assignmentId },
    },
    message: deliveryNotice(delivery, { to: 'support', what: 'open', severity: 'error', title }, now),
  };
}
