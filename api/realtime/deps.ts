import type { Redis } from 'ioredis';
import type { DefaultEventsMap, Server, Socket } from 'socket.io';
import type { EventBody, EventName, MessageName } from '../../domain/notices/realtimeEvents';
import type { Clock, DriverStates, Log, RoomStates } from '../../services/ports';
import type { Caller } from '../auth/caller';
import type { SuspendedSubjects } from '../../services/suspendedSubjects';
import type { TokenReader } from '../auth/tokens';
import type { RateLimits } from '../http/rateLimits';
import type { Throttle } from '../http/throttle';

/** The caller of a socket, their token and its end (epoch ms). */
export type Admitted = { caller: Caller; token: string; expiresAt: number };
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
  driverStates: Pick<DriverStates, 'read' | 'offerSeen'>;
  roomStates: RoomStates;
  /** All cities, for ops with access to all of them. */
  cityIds: () => Promise<readonly string[]>;
  clock: Clock;
  log: Pick<Log, 'warn'>;
  /** Browser origins that may connect, beside the service's own; null: all. */
  origins?: readonly string[] | null;
  /** Whether long polling is served beside WebSocket; it needs sticky sessions. Default: true. */
  servesPolling?: boolean;
  /** Absent: handshakes are not limited. */
  rateLimits?: Pick<RateLimits, 'spend' | 'spendBadToken'>;
  /** Holds back the refusals of an address that is over its limit. */
  throttle?: Throttle;
  /** The number of reverse proxies whose X-Forwarded-For entries are trusted. Default: 0. */
  trustedProxies?: number;
  /** Whom this process refuses. */
  suspended?: Pick<SuspendedSubjects, 'has' | 'onSuspended'>;
  /** How long a token holds after it was issued. Default: a day. */
  maxTokenAgeMs?: number;
  /** How often open sockets are checked again. */
  recheckMs?: number;
  limits?: Partial<GatewayLimits>;
  /** Prefix of Redis channel names; tests that share a Redis set it. */
  channelPrefix?: string;
};

export type GatewayLimits = {
  /** Concurrent sockets per subject, whatever its tokens, in one process. */
  connectionsPerSubject: number;
  /** The largest message from a client. */
  payloadBytes: number;
  /** Reads of states from PostgreSQL at the same time, however many sockets connect. */
  readsAtOnce: number;
  /** Messages from one socket; a socket that exceeds the limit is disconnected. */
  eventsPerMinute: number;
};

export const GATEWAY_LIMITS: GatewayLimits = {
  connectionsPerSubject: 5,
  payloadBytes: 16_384,
  eventsPerMinute: 120,
  readsAtOnce: 4,
};
