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
  const pauses = reconnectPauses();
  let attempts = 0;
  const handshake = async (say: (handshake: object) => void): Promise<void> => {
    attempts += 1;
    const attempt = attempts;
    // A socket that was disconnected and connected again meanwhile has a handshake of its own.
    const isCurrent = (): boolean => attempt === attempts;
    await pauses.next();
    try {
      const current = typeof token === 'string' ? token : await token();
      if (isCurrent()) say({ token: current });
    } catch (error) {
      if (!isCurrent()) return;
      socket.disconnect();
      onRefused?.({ code: 'NO_TOKEN', detail: String(error) });
    }
  };
  const socket: Socket = io(baseUrl, {
    auth: (say: (handshake: object) => void) => void handshake(say),
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
  socket.on('connect', () => pauses.begun());
  socket.on('disconnect', (reason) => {
    // Socket.IO comes back by itself from all other ends of a connection.
    const isEndedByService = reason === 'io server disconnect';
    pauses.ended(isEndedByService);
    if (isEndedByService) socket.connect();
  });
  if (autoConnect) socket.connect();
  return socket;
}

/**
 * Pauses before the socket says who it is, where the service ends connection after connection: twice as long
 * each time. None where the last one lasted.
 */
function reconnectPauses(): {
  begun(): void;
  ended(isByService: boolean): void;
  next(): Promise<void>;
} {
  let begunAt = 0;
  let pauseMs = 0;
  return {
    begun: () => void (begunAt = Date.now()),
    ended: (isByService) => {
      const isShort = Date.now() - begunAt < RECONNECT_AFTER_AT_MOST_MS;
      const longerMs = Math.min(RECONNECT_AFTER_AT_MOST_MS, Math.max(RECONNECT_AFTER_MS, 2 * pauseMs));
      pauseMs = isByService && isShort ? longerMs : 0;
    },
    next: async () => {
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    },
  };
}

function refusalIn(data: unknown): SocketRefusal | null {
  if (typeof data !== 'object' || data === null) return null;
  const { code, detail } = { code: undefined, detail: undefined, ...data };
  return typeof code === 'string' && typeof detail === 'string' ? { code, detail } : null;
}
