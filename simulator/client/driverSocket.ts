import { io, type Socket } from 'socket.io-client';
import { z } from 'zod';
import type { Point } from '../../domain/geo/places';
import type { OfferView } from './service';

/** What a driver's app hears. */
export type DriverNews =
  | { kind: 'offered'; offer: OfferView }
  | { kind: 'offerOver'; offerId: string }
  | { kind: 'assigned'; deliveryId: string }
  /** Cancelled, or given to another. */
  | { kind: 'released'; deliveryId: string }
  /** All that is live, said on every connection. */
  | { kind: 'state'; offers: OfferView[]; deliveryIds: string[] };

export interface DriverSocket {
  /**
   * Connects and hears until it is closed; connects again by itself. Once closed, it may be told to listen
   * anew.
   */
  listen(hear: (news: DriverNews) => void): void;
  /** The app shows the offer. */
  offerSeen(offerId: string): void;
  close(): void;
}

const POINT = z.object({ lat: z.number(), lng: z.number() });
const INSTANT = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
const OFFER = z
  .object({
    offerId: z.string(),
    deliveryId: z.string(),
    expiresAt: INSTANT,
    offerPayload: z.object({
      pickup: z.object({ point: POINT }),
      dropoff: z.object({ point: POINT }),
      readyAt: INSTANT,
    }),
  })
  .transform(({ offerPayload, ...offer }): OfferView => ({
    ...offer,
    pickup: offerPayload.pickup.point,
    dropoff: offerPayload.dropoff.point,
    readyAt: offerPayload.readyAt,
  }));
const STATE = z.object({
  offer: OFFER.nullable(),
  deliveries: z.array(z.object({ deliveryId: z.string() })),
});
const OF_OFFER = z.object({ offerId: z.string() });
const OF_DELIVERY = z.object({ deliveryId: z.string() });

const MEETINGS = z
  .object({
    deliveries: z.array(
      z.object({ deliveryId: z.string(), stops: z.array(z.object({ kind: z.string(), point: POINT })) }),
    ),
  })
  .transform(
    ({ deliveries }) =>
      new Map(
        deliveries.flatMap(({ deliveryId, stops }) =>
          stops.filter(({ kind }) => kind === 'HANDOVER').map(({ point }) => [deliveryId, point] as const),
        ),
      ),
  );

/**
 * Where goods are to be taken over from other drivers, by delivery id, of what STATE says.
 * @throws z.ZodError where it has not the form that was promised
 */
export function meetingsOf(state: unknown): ReadonlyMap<string, Point> {
  return MEETINGS.parse(state);
}

/** The events that this app understands; others may come and are passed over. */
const NEWS: Readonly<Record<string, z.ZodType<DriverNews>>> = {
  DELIVERY_OFFERED_V2: OFFER.transform((offer) => ({ kind: 'offered', offer })),
  OFFER_EXPIRED: OF_OFFER.transform(({ offerId }) => ({ kind: 'offerOver', offerId })),
  OFFER_WITHDRAWN: OF_OFFER.transform(({ offerId }) => ({ kind: 'offerOver', offerId })),
  DELIVERY_ASSIGNED: OF_DELIVERY.transform(({ deliveryId }) => ({ kind: 'assigned', deliveryId })),
  DELIVERY_CANCELLED: OF_DELIVERY.transform(({ deliveryId }) => ({ kind: 'released', deliveryId })),
  DELIVERY_UNASSIGNED: OF_DELIVERY.transform(({ deliveryId }) => ({ kind: 'released', deliveryId })),
  STATE: STATE.transform(({ offer, deliveries }) => ({
    kind: 'state',
    offers: offer ? [offer] : [],
    deliveryIds: deliveries.map(({ deliveryId }) => deliveryId),
  })),
};

/**
 * An event of the service as this app understands it.
 * @returns null for one it does not know
 * @throws z.ZodError where a known event has not the form that was promised
 */
export function newsOf(event: string, body: unknown): DriverNews | null {
  return NEWS[event]?.parse(body) ?? null;
}

/**
 * @param token the driver's;
 * @param onProblem told of what cannot be understood, and of refused connections
 */
export function connectDriver(
  apiUrl: string,
  token: string,
  onProblem: (problem: string) => void,
): DriverSocket {
  const socket: Socket = io(apiUrl, {
    auth: { token },
    autoConnect: false,
    transports: ['websocket'],
    reconnectionDelay: 200,
    reconnectionDelayMax: 2_000,
  });
  return {
    listen: (hear) => {
      socket.offAny().off();
      socket.onAny((event: string, body: unknown) => tell(event, body, hear, onProblem));
      socket.on('connect_error', ({ message }) => {
        // Socket.IO comes back by itself only where the server could not be reached.
        if (!socket.active) onProblem(`the connection was refused: ${message}`);
      });
      socket.on('disconnect', (reason) => void (reason === 'io server disconnect' && socket.connect()));
      socket.connect();
    },
    offerSeen: (offerId) => void socket.emit('OFFER_SEEN', { offerId }),
    close: () => void socket.disconnect(),
  };
}

function tell(
  event: string,
  body: unknown,
  hear: (news: DriverNews) => void,
  onProblem: (problem: string) => void,
): void {
  try {
    const news = newsOf(event, body);
    if (news) hear(news);
  } catch (error) {
    onProblem(`${event} could not be understood: ${String(error)}`);
  }
}
