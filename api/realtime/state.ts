import type { DriverStates } from '../../services/ports';
import { answersOffers } from '../../domain/matching/candidate';
import type { GatewayDeps, GatewaySocket } from './deps';

/** Most reads of a driver's state; it is read again if an event was sent during the read. */
const MAX_READS = 5;
/** Ops and merchants receive events all the time; what was read says when, so that they know what is newer. */
const MAX_READS_OF_MANY = 2;

/**
 * Sends a client the state of its role, as read from PostgreSQL. The socket is already in its rooms, so it may receive
 * events during the read. The state could then be older than those events, so it is read again.
 * @throws Error if PostgreSQL is unavailable
 */
export async function sendState(
  socket: GatewaySocket,
  { driverStates, roomStates }: Pick<GatewayDeps, 'driverStates' | 'roomStates'>,
): Promise<'sent' | 'noSuchSubject'> {
  const { caller } = socket.data.admitted;
  switch (caller.role) {
    case 'driver':
      return sendDriverState(socket, caller.driverId, driverStates);
    case 'ops':
      return sendLatest(
        socket,
        MAX_READS_OF_MANY,
        () => roomStates.ops(caller.cities),
        (state) => void socket.emit('OPS_STATE', state),
      );
    case 'merchant':
      return sendLatest(
        socket,
        MAX_READS_OF_MANY,
        () => roomStates.merchant(caller.merchantId),
        (state) => void socket.emit('MERCHANT_STATE', state),
      );
    case 'tracking':
      return sendLatest(
        socket,
        MAX_READS,
        () => roomStates.tracking(caller.deliveryId),
        (state) => void socket.emit('TRACKING_STATE', state),
      );
    case 'customer':
      return 'noSuchSubject';
  }
}

/** v1 apps do not support STATE: they receive DELIVERY_ASSIGNED for each delivery. */
function sendDriverState(
  socket: GatewaySocket,
  driverId: string,
  driverStates: Pick<DriverStates, 'read'>,
): Promise<'sent' | 'noSuchSubject'> {
  return sendLatest(
    socket,
    MAX_READS,
    () => driverStates.read(driverId),
    ({ offerVersion, ...body }) => {
      if (!answersOffers(offerVersion))
        for (const { deliveryId } of body.deliveries)
          socket.emit('DELIVERY_ASSIGNED', { deliveryId, driverId });
      socket.emit('STATE', body);
    },
  );
}

async function sendLatest<T>(
  socket: GatewaySocket,
  maxReads: number,
  read: () => Promise<T | null>,
  send: (state: T) => void,
): Promise<'sent' | 'noSuchSubject'> {
  let isStale = true;
  const markStale = (): void => void (isStale = true);
  socket.onAnyOutgoing(markStale);
  try {
    let state: T | null = null;
    for (let reads = 0; isStale && reads < maxReads; reads++) {
      isStale = false;
      state = await read();
    }
    if (state === null) return 'noSuchSubject';
    send(state);
    return 'sent';
  } finally {
    socket.offAnyOutgoing(markStale);
  }
}
