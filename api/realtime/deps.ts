import type { Redis } from 'ioredis';
import type { DefaultEventsMap, Server, Socket } from 'socket.io';
import type { EventBody, EventName, MessageName } from '../../domain/notices/realtimeEvents';
import type { Clock, DriverStates, Log } from '../../services/ports';
import type { Caller } from '../auth/caller';
import type { TokenReader } from '../auth/tokens';

/** Who is on a socket, and until when (epoch ms) their token holds. */
export type Admitted = { caller: Caller; tokenHash: string; expiresAt: number };
type Data = { admitted: Admitted };
/** What clients say is checked where it is heard. */
type Messages = Record<MessageName, (body: unknown, acknowledge: unknown) => void>;
type Events = { [E in EventName]: (body: EventBody<E>) => void };
export type GatewayServer = Server<Messages, Events, DefaultEventsMap, Data>;
export type GatewaySocket = Socket<Messages, Events, DefaultEventsMap, Data>;

export type GatewayDeps = {
  /** For publishing; a second connection for subscribing is made of it. */
  redis: Redis;
  readToken: TokenReader;
  driverStates: DriverStates;
  /** All cities, for ops who see all of them. */
  cityIds: () => Promise<readonly string[]>;
  clock: Clock;
  log: Pick<Log, 'warn'>;
  limits?: Partial<GatewayLimits>;
  /** Before the names of Redis channels; tests that share a Redis set it. */
  channelPrefix?: string;
};

export type GatewayLimits = {
  /** Sockets at once with one token, in one process. */
  connectionsPerToken: number;
  /** The largest message a client may send. */
  payloadBytes: number;
  /** Events of one socket; who sends more is disconnected. */
  eventsPerMinute: number;
};

export const GATEWAY_LIMITS: GatewayLimits = {
  connectionsPerToken: 5,
  payloadBytes: 16_384,
  eventsPerMinute: 120,
};
