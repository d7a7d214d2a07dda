import type { Message } from '../../domain/notices/message';

/** An event of a delivery, whose order counts. */
export const emitOf = (deliveryId: string): Message => ({
  kind: 'emit',
  emits: [{ rooms: ['room'], event: 'DELIVERY_ASSIGNED', body: { deliveryId, driverId: 'driver' } }],
});
export const syncOf = (driverId: string): Message => ({ kind: 'syncDriver', driverId });

/** What such a message was made with; any other message as it is. */
export function nameOf(message: Message): string {
  if (message.kind === 'syncDriver') return message.driverId;
  const [emit] = message.kind === 'emit' ? message.emits : [];
  return emit?.event === 'DELIVERY_ASSIGNED' ? emit.body.deliveryId : JSON.stringify(message);
}
