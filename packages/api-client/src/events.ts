import { io, type Socket } from 'socket.io-client';
import type { EventsByAudience, MessagesByAudience } from './generated/events.ts';

/** Who listens. The token decides what comes; the audience gives it its types. */
export type Audience = keyof EventsByAudience;
export type EventName<A extends Audience> = keyof EventsByAudience[A] & string;
export type EventBody<A extends Audience, E extends EventName<A>> = EventsByAudience[A][E];

type Listeners<A extends Audience> = { [E in EventName<A>]: (body: EventBody<A, E>) => void };

/** A Socket.IO socket whose events have the types of the AsyncAPI document. */
export type EventSocket<A extends Audience> = Socket<Listeners<A>, MessagesByAudience[A]>;

/** Why the service does not let a socket in. `NO_TOKEN`: the client itself could not get one. */
export type SocketRefusal = { code: string; detail: string };

export type EventSocketOptions = {
  /** Where the service is, as `https://dispatch.example.com`. */
  baseUrl: string;
  /** Who listens. A function is called for every connection, so that it can renew the token. */
  token: string | (() => string | Promise<string>);
  /** False: `connect()` of the socket begins, so that listeners can come first. True if not given. */
  autoConnect?: boolean;
  /** Told where the service refuses the token. The socket does not come back by itself then. */
  onRefused?: (refusal: SocketRefusal) => void;
};

const RECONNECT_AFTER_MS = 200;
const RECONNECT_AFTER_AT_MOST_MS = 2_000;

/**
 * Listens to events of the service. The socket connects again by itself, also where the service ended the
 * connection, as it does when a token expires. Events that came meanwhile are missed: a driver is sent STATE on
 * every connection, others read over HTTP what they show.
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
    auth: (say: (handshake: object) => void) => void handshake().then(say, giveUp),
    autoConnect: false,
    forceNew: true,
    transports: ['websocket'],
    reconnectionDelay: RECONNECT_AFTER_MS,
    reconnectionDelayMax: RECONNECT_AFTER_AT_MOST_MS,
  });
  socket.on('connect_error', (error: Error & { data?: unknown }) => {
    const refusal = socket.active ? null : refusalIn(error.data);
    if (refusal) onRefused?.(refusal);
  });
  // Socket.IO comes back by itself from all other ends of a connection.
  socket.on('disconnect', (reason) => void (reason === 'io server disconnect' && socket.connect()));
  if (autoConnect) socket.connect();
  return socket;
}

function refusalIn(data: unknown): SocketRefusal | null {
  if (typeof data !== 'object' || data === null) return null;
  const { code, detail } = { code: undefined, detail: undefined, ...data };
  return typeof code === 'string' && typeof detail === 'string' ? { code, detail } : null;
}
