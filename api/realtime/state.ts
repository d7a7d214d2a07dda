import type { DriverStates } from '../../services/ports';
import { answersOffers } from '../../domain/matching/candidate';
import type { GatewaySocket } from './deps';

/** Most reads of a state; a state is read again if an event was sent during the read. */
const MAX_READS = 5;

/**
 * Sends STATE to a driver app, as read from PostgreSQL. The socket is already in its room, so it may receive
 * events during the read. The state could then be older than those events, so it is read again. v1 apps do not
 * support STATE: they receive DELIVERY_ASSIGNED for each delivery.
 * @throws Error if PostgreSQL is unavailable
 */
export async function sendState(
  socket: GatewaySocket,
  driverId: string,
  driverStates: Pick<DriverStates, 'read'>,
): Promise<'sent' | 'noSuchDriver'> {
  let isStale = true;
  const markStale = (): void => void (isStale = true);
  socket.onAnyOutgoing(markStale);
  try {
    let state = null;
    for (let reads = 0; isStale && reads < MAX_READS; reads++) {
      isStale = false;
      state = await driverStates.read(driverId);
    }
    if (!state) return 'noSuchDriver';
    const { offerVersion, ...body } = state;
    if (!answersOffers(offerVersion))
      for (const { deliveryId } of state.deliveries)
        socket.emit('DELIVERY_ASSIGNED', { deliveryId, driverId });
    socket.emit('STATE', body);
    return 'sent';
  } finally {
    socket.offAnyOutgoing(markStale);
  }
}
