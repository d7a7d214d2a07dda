import { io, type Socket } from 'socket.io-client';
import type { EventsByAudience, MessagesByAudience } from './generated/events.ts';

/** The role of a socket. The token selects the events; the audience selects their types. */
export type Audience = keyof EventsByAudience;
export type EventName<A extends Audience> = keyof EventsByAudience[A] & string;
export type EventBody<A extends Audience, E extends EventName<A>> = EventsByAudience[A][E];

type Listeners<A extends Audience> = { [E in EventName<A>]: (body: EventBody<A, E>) => void };

/** A Socket.IO socket with the event types of the AsyncAPI document. */
export type EventSocket<A extends Audience> = Socket<Listeners<A>, MessagesByAudience[A]>;

/** Why a connection was refused. `NO_TOKEN`: the `token` function failed. */
export type SocketRefusal = { code: string; detail: string };

export type EventSocketOptions = {
  /** Address of the service, such as `https://dispatch.example.com`. */
  baseUrl: string;
  /** Token of the caller. A function is called for every connection, so it can renew the token. */
  token: string | (() => string | Promise<string>);
  /** False: the caller adds listeners and then calls `connect()`. Default: true. */
  autoConnect?: boolean;
  /** Called if the connection is refused. The socket does not reconnect afterwards. */
  onRefused?: (refusal: SocketRefusal) => void;
};

const RECONNECT_DELAY_MS = 200;
const MAX_RECONNECT_DELAY_MS = 2_000;

/**
 * Subscribes to events of the service. The socket reconnects automatically, also after the service closed the
 * connection because the token expired. Events sent in between are lost: a driver receives STATE on every
 * connection, other clients read the current state over HTTP.
 */
export function connectEvents<A extends Audience>({
  baseUrl,
  token,
  autoConnect = true,
  onRefused,
}: EventSocketOptions): EventSocket<A> {
  const handshake = async (): Promise<object> => ({
    token: typeof token === 'string' ? token : await token(),
  });
  const giveUp = (error: unknown): void => {
    socket.disconnect();
    onRefused?.({ code: 'NO_TOKEN', detail: String(error) });
  };
  const socket: Socket = io(baseUrl, {
    auth: (send: (handshake: object) => void) => void handshake().then(send, giveUp),
    autoConnect: false,
    forceNew: true,
    transports: ['websocket'],
    reconnectionDelay: RECONNECT_DELAY_MS,
    reconnectionDelayMax: MAX_RECONNECT_DELAY_MS,
  });
  socket.on('connect_error', (error: Error & { data?: unknown }) => {
    const refusal = socket.active ? null : refusalIn(error.data);
    if (refusal) onRefused?.(refusal);
  });
  // Socket.IO reconnects by itself after all other disconnects.
  socket.on('disconnect', (reason) => void (reason === 'io server disconnect' && socket.connect()));
  if (autoConnect) socket.connect();
  return socket;
}

function refusalIn(data: unknown): SocketRefusal | null {
  if (typeof data !== 'object' || data === null) return null;
  const { code, detail } = { code: undefined, detail: undefined, ...data };
  return typeof code === 'string' && typeof detail === 'string' ? { code, detail } : null;
}
