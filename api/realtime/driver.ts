import { z } from 'zod';
import { CLIENT_MESSAGES } from '../../domain/notices/realtimeEvents';
import type { GatewayDeps, GatewaySocket } from './deps';

const { body: offerSeen, reply: noted } = CLIENT_MESSAGES.OFFER_SEEN;
const acknowledge = z.custom<(reply: z.output<typeof noted>) => void>((value) => typeof value === 'function');

/** The one thing a driver's app may say here: that it showed an offer. Everything else goes by HTTP. */
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
      (err: unknown) => log.warn({ err, offerId: seen.data.offerId }, 'OFFER_SEEN was not noted'),
    );
  });
}
