import { z } from 'zod';
import { CLIENT_MESSAGES } from '../../domain/notices/realtimeEvents';
import type { GatewayDeps, GatewaySocket } from './deps';

const { body: offerSeen, reply: offerSeenReply } = CLIENT_MESSAGES.OFFER_SEEN;
const acknowledge = z.custom<(reply: z.output<typeof offerSeenReply>) => void>(
  (value) => typeof value === 'function',
);

/** Handles OFFER_SEEN, the only message that driver apps send over the socket. */
export function listenToDriver(
  socket: GatewaySocket,
  driverId: string,
  { driverStates, log }: Pick<GatewayDeps, 'driverStates' | 'log'>,
): void {
  socket.on('OFFER_SEEN', (body, ack) => {
    const seen = offerSeen.safeParse(body);
    const reply = acknowledge.safeParse(ack).data ?? (() => undefined);
    if (!seen.success) return reply({ noted: false });
    driverStates.offerSeen(seen.data.offerId, driverId).then(
      (isNoted) => reply({ noted: isNoted }),
      (err: unknown) => log.warn({ err, offerId: seen.data.offerId }, 'OFFER_SEEN could not be recorded'),
    );
  });
}
