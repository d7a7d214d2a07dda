import { z } from 'zod';
import type { GatewayDeps, GatewaySocket } from './deps';

const offerSeen = z.strictObject({ offerId: z.uuid() });
const acknowledge = z.custom<(reply: { noted: boolean }) => void>((value) => typeof value === 'function');

/** The one thing a driver's app may say here: that it showed an offer. Everything else goes by HTTP. */
export function listenToDriver(
  socket: GatewaySocket,
  driverId: string,
  { driverStates, log }: Pick<GatewayDeps, 'driverStates' | 'log'>,
): void {
  socket.on('OFFER_SEEN', (body: unknown, ack: unknown) => {
    const seen = offerSeen.safeParse(body);
    const reply = acknowledge.safeParse(ack).data ?? (() => undefined);
    if (!seen.success) return reply({ noted: false });
    driverStates.offerSeen(seen.data.offerId, driverId).then(
      (noted) => reply({ noted }),
      (err: unknown) => log.warn({ err, offerId: seen.data.offerId }, 'OFFER_SEEN was not noted'),
    );
  });
}
