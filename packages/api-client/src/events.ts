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
  /**
   * Token of the caller. A function is called for every connection, and before a token ends, so it can renew the
   * token. The connection then goes on with the new one.
   */
  token: string | (() => string | Promise<string>);
  /** False: the caller adds listeners and then calls `connect()`. Default: true. */
  autoConnect?: boolean;
  /** Called if the connection is refused. The socket does not reconnect afterwards. */
  onRefused?: (refusal: SocketRefusal) => void;
};

const RECONNECT_DELAY_MS = 200;
const MAX_RECONNECT_DELAY_MS = 2_000;

/**
 * Subscribes to events of the service. Before the token ends, the socket goes on with a new one from `token`. It
 * reconnects automatically, also after the service closed the connection because the token expired. Events sent in
 * between are lost: the state of the role comes on every connection.
 */
export function connectEvents<A extends Audience>({
  baseUrl,
  token,
  autoConnect = true,
  onRefused,
}: EventSocketOptions): EventSocket<A> {
  const pauses = reconnectPauses();
  let attempts = 0;
  const handshake = async (send: (handshake: object) => void): Promise<void> => {
    attempts += 1;
    const attempt = attempts;
    // A socket that was disconnected and connected again meanwhile has a handshake of its own.
    const isCurrent = (): boolean => attempt === attempts;
    await pauses.next();
    try {
      const current = typeof token === 'string' ? token : await token();
      if (isCurrent()) send({ token: current });
    } catch (error) {
      if (!isCurrent()) return;
      socket.disconnect();
      onRefused?.({ code: 'NO_TOKEN', detail: String(error) });
    }
  };
  const socket: Socket = io(baseUrl, {
    auth: (send: (handshake: object) => void) => void handshake(send),
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
  socket.on('connect', () => pauses.begun());
  if (typeof token !== 'string') socket.on('SESSION_EXPIRING', () => void refresh(socket, token));
  socket.on('disconnect', (reason) => {
    // Socket.IO reconnects by itself after all other disconnects.
    const isEndedByService = reason === 'io server disconnect';
    pauses.ended(isEndedByService);
    if (isEndedByService) socket.connect();
  });
  if (autoConnect) socket.connect();
  return socket;
}

/**
 * Presents a new token on the same connection. Where there is none, or it is refused, the connection ends with the old
 * token, and the next one fetches a token again.
 */
async function refresh(socket: Socket, token: () => string | Promise<string>): Promise<void> {
  try {
    const next = await token();
    if (socket.connected) socket.emit('SESSION_REFRESH', { token: next }, () => undefined);
  } catch {
    // The next handshake reports it.
  }
}

/**
 * The pause before a handshake. It doubles while the service ends each connection soon after it began, and is
 * zero after a connection that lasted.
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
      const isShort = Date.now() - begunAt < MAX_RECONNECT_DELAY_MS;
      const longerMs = Math.min(MAX_RECONNECT_DELAY_MS, Math.max(RECONNECT_DELAY_MS, 2 * pauseMs));
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
