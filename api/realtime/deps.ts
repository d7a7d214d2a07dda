import type { Redis } from 'ioredis';
import type { DefaultEventsMap, Server, Socket } from 'socket.io';
import type { EventBody, EventName, MessageName } from '../../domain/notices/realtimeEvents';
import type { Clock, DriverStates, Log, RoomStates } from '../../services/ports';
import type { Caller } from '../auth/caller';
import type { TokenReader } from '../auth/tokens';

/** The caller of a socket and the expiry of their token (epoch ms). */
export type Admitted = { caller: Caller; tokenHash: string; expiresAt: number };
type Data = { admitted: Admitted };
/** Handlers validate the messages of clients. */
type Messages = Record<MessageName, (body: unknown, acknowledge: unknown) => void>;
type Events = { [E in EventName]: (body: EventBody<E>) => void };
export type GatewayServer = Server<Messages, Events, DefaultEventsMap, Data>;
export type GatewaySocket = Socket<Messages, Events, DefaultEventsMap, Data>;

export type GatewayDeps = {
  /** Publishes events; the gateway duplicates it for subscribing. */
  redis: Redis;
  readToken: TokenReader;
  driverStates: DriverStates;
  roomStates: RoomStates;
  /** All cities, for ops with access to all of them. */
  cityIds: () => Promise<readonly string[]>;
  clock: Clock;
  log: Pick<Log, 'warn'>;
  /** Browser origins that may connect, beside the service's own; null: all. */
  origins?: readonly string[] | null;
  /** Whether long polling is served beside WebSocket; it needs sticky sessions. Default: true. */
  servesPolling?: boolean;
  limits?: Partial<GatewayLimits>;
  /** Prefix of Redis channel names; tests that share a Redis set it. */
  channelPrefix?: string;
};

export type GatewayLimits = {
  /** Concurrent sockets per token, in one process. */
  connectionsPerToken: number;
  /** The largest message from a client. */
  payloadBytes: number;
  /** Messages from one socket; a socket that exceeds the limit is disconnected. */
  eventsPerMinute: number;
};

export const GATEWAY_LIMITS: GatewayLimits = {
  connectionsPerToken: 5,
  payloadBytes: 16_384,
  eventsPerMinute: 120,
};
