import { connectEvents, type EventBody } from '@driver-service/api-client';
import type { Point } from '../../domain/geo/places';
import type { OfferView } from './service';

/** An event for a driver app. */
export type DriverEvent =
  | { kind: 'offered'; offer: OfferView }
  | { kind: 'offerOver'; offerId: string }
  | { kind: 'assigned'; deliveryId: string }
  /** Cancelled, or given to another. */
  | { kind: 'released'; deliveryId: string }
  /** All that is live, said on every connection. */
  | { kind: 'state'; offers: OfferView[]; deliveryIds: string[] };

export interface DriverSocket {
  /**
   * Connects and reports events until `close`. Reconnects by itself. May be called again after `close`.
   */
  listen(onEvent: (event: DriverEvent) => void): void;
  /** The app shows the offer. */
  offerSeen(offerId: string): void;
  close(): void;
}

type State = EventBody<'driver', 'STATE'>;

function offerOf({
  offerId,
  deliveryId,
  expiresAt,
  offerPayload: { pickup, dropoff, readyAt },
}: EventBody<'driver', 'DELIVERY_OFFERED_V2'>): OfferView {
  return {
    offerId,
    deliveryId,
    expiresAt: Date.parse(expiresAt),
    readyAt: Date.parse(readyAt),
    pickup: pickup.point,
    dropoff: dropoff.point,
  };
}

/** What the state of a driver says of offers and deliveries. */
export function stateEvent({ offer, deliveries }: Pick<State, 'offer' | 'deliveries'>): DriverEvent & {
  kind: 'state';
} {
  return {
    kind: 'state',
    offers: offer ? [offerOf(offer)] : [],
    deliveryIds: deliveries.map(({ deliveryId }) => deliveryId),
  };
}

/** Where goods are to be taken over from other drivers, by delivery id. */
export function handoverPointsOf({ deliveries }: Pick<State, 'deliveries'>): ReadonlyMap<string, Point> {
  return new Map(
    deliveries.flatMap(({ deliveryId, stops }) =>
      stops.filter(({ kind }) => kind === 'HANDOVER').map(({ point }) => [deliveryId, point] as const),
    ),
  );
}

const over = ({ offerId }: { offerId: string }): DriverEvent => ({ kind: 'offerOver', offerId });
const released = ({ deliveryId }: { deliveryId: string }): DriverEvent => ({ kind: 'released', deliveryId });

/**
 * @param token the token of the driver
 * @param onProblem called for refused connections
 */
export function connectDriver(
  apiUrl: string,
  token: string,
  onProblem: (problem: string) => void,
): DriverSocket {
  const socket = connectEvents<'driver'>({
    baseUrl: apiUrl,
    token,
    autoConnect: false,
    onRefused: ({ code, detail }) => onProblem(`the connection was refused: ${code}: ${detail}`),
  });
  let emit: (event: DriverEvent) => void = () => undefined;
  socket.on('DELIVERY_OFFERED_V2', (body) => emit({ kind: 'offered', offer: offerOf(body) }));
  socket.on('OFFER_EXPIRED', (body) => emit(over(body)));
  socket.on('OFFER_WITHDRAWN', (body) => emit(over(body)));
  socket.on('DELIVERY_ASSIGNED', ({ deliveryId }) => emit({ kind: 'assigned', deliveryId }));
  socket.on('DELIVERY_CANCELLED', (body) => emit(released(body)));
  socket.on('DELIVERY_UNASSIGNED', (body) => emit(released(body)));
  socket.on('STATE', (body) => emit(stateEvent(body)));
  return {
    listen: (onEvent) => {
      emit = onEvent;
      socket.connect();
    },
    offerSeen: (offerId) => void socket.emit('OFFER_SEEN', { offerId }, () => undefined),
    close: () => void socket.disconnect(),
  };
}
