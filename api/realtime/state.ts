import type { DriverStates } from '../../services/ports';
import { answersOffers } from '../../domain/matching/candidate';
import type { GatewaySocket } from './deps';

/** A state that news overtook is read again, so often at the most. */
const MAX_READS = 5;

/**
 * Tells a driver's app all that it must know, as PostgreSQL says it. The socket is in its room already, so
 * news may come while we read: then the state could be older than them, and is read again. Apps of v1 know no
 * STATE: they are told of each delivery as if it was just assigned.
 * @throws where PostgreSQL is away
 */
export async function sendState(
  socket: GatewaySocket,
  driverId: string,
  driverStates: Pick<DriverStates, 'read'>,
): Promise<'told' | 'noSuchDriver'> {
  let overtaken = true;
  const overtake = (): void => void (overtaken = true);
  socket.onAnyOutgoing(overtake);
  try {
    let state = null;
    for (let reads = 0; overtaken && reads < MAX_READS; reads++) {
      overtaken = false;
      state = await driverStates.read(driverId);
    }
    if (!state) return 'noSuchDriver';
    const { offerVersion, ...body } = state;
    if (!answersOffers(offerVersion))
      for (const { deliveryId } of state.deliveries)
        socket.emit('DELIVERY_ASSIGNED', { deliveryId, driverId });
    socket.emit('STATE', body);
    return 'told';
  } finally {
    socket.offAnyOutgoing(overtake);
  }
}
