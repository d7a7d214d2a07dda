import type { Server as HttpServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-adapter';
import type { Redis } from 'ioredis';
import { Server } from 'socket.io';
import type { Clock } from '../../services/ports';
import { driverRoom, merchantRoom, opsRoom } from '../../domain/notices/message';
import type { Caller } from '../auth/caller';
import { admit, hasTooMany, Refusal, tokenRoom } from './admission';
import {
  type Admitted,
  GATEWAY_LIMITS,
  type GatewayDeps,
  type GatewayLimits,
  type GatewayServer,
  type GatewaySocket,
} from './deps';
import { listenToDriver } from './driver';
import { connections, connectionsClosed, connectionsOpened, connectionsRefused } from './metrics';
import { forAdapter } from './redisAdapter';
import { sendState } from './state';

export type Gateway = {
  /**
   * Closes all connections and accepts no new ones. Clients reconnect to another process. Does not close the
   * HTTP server.
   */
  close(): Promise<void>;
};

/** A client that does not complete its handshake within this time is disconnected. */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Serves Socket.IO to drivers, ops and merchants (docs/behaviour.md#realtime). The token is sent in `auth` of
 * the handshake. Only the gateway joins sockets to rooms. A driver receives STATE on every connection. Events
 * arrive through Redis, so several API processes can serve sockets.
 */
export function attachGateway(httpServer: HttpServer, deps: GatewayDeps): Gateway {
  const limits = { ...GATEWAY_LIMITS, ...deps.limits };
  let isClosing = false;
  const redisFailed = (err: unknown): void =>
    void (isClosing || deps.log.warn({ err }, 'realtime events: Redis failed; retrying'));
  const channelPrefix = deps.channelPrefix ?? 'socket.io';
  const subscriber = deps.redis.duplicate({
    maxRetriesPerRequest: null,
    connectionName: `realtime-${channelPrefix}`,
  });
  subscriber.on('error', redisFailed);
  const io: GatewayServer = new Server(httpServer, {
    serveClient: false,
    maxHttpBufferSize: limits.payloadBytes,
    connectTimeout: CONNECT_TIMEOUT_MS,
    adapter: createAdapter(forAdapter(deps.redis, redisFailed), forAdapter(subscriber, redisFailed), {
      key: channelPrefix,
    }),
  });
  io.use((socket, next) => {
    if (isClosing) return closeForReconnect(socket);
    admit(io, socket, deps, limits).then(
      () => next(),
      (error: unknown) => refuse(socket, error, next, deps),
    );
  });
  io.on('connection', (socket) => void setUpConnection(io, socket, deps, limits));
  resendStatesAfterRedisGap(io, subscriber, deps);
  return {
    close: async () => {
      if (isClosing) return;
      isClosing = true;
      await io.of('/').adapter.close();
      io.engine.close();
      subscriber.disconnect();
    },
  };
}

/**
 * Closes the transport, so that the client reconnects. After a refusal or `disconnect()` by the server,
 * Socket.IO clients do not reconnect by themselves.
 */
function closeForReconnect(socket: GatewaySocket): void {
  socket.conn.close();
}

function refuse(
  socket: GatewaySocket,
  error: unknown,
  next: (error: Error) => void,
  { log }: GatewayDeps,
): void {
  if (error instanceof Refusal) {
    connectionsRefused.inc({ code: error.data.code });
    return next(error);
  }
  connectionsRefused.inc({ code: 'UNAVAILABLE' });
  log.warn({ err: error }, 'a realtime handshake failed');
  closeForReconnect(socket);
}

async function setUpConnection(
  io: GatewayServer,
  socket: GatewaySocket,
  deps: GatewayDeps,
  limits: GatewayLimits,
): Promise<void> {
  const { admitted } = socket.data;
  await socket.join(tokenRoom(admitted.tokenHash));
  // Concurrent handshakes may each have passed the check.
  if (hasTooMany(io, admitted.tokenHash, limits.connectionsPerToken + 1)) return void socket.disconnect(true);
  if (isDisconnected(socket)) return;
  count(socket, admitted);
  endAtExpiry(socket, admitted, deps.clock);
  limitEvents(socket, limits);
  try {
    const rooms = await roomsOf(admitted.caller, deps);
    // A socket that disconnected has left all rooms; a later join would never be undone.
    if (isDisconnected(socket)) return;
    await socket.join(rooms);
    if (admitted.caller.role !== 'driver') return;
    listenToDriver(socket, admitted.caller.driverId, deps);
    const result = await sendState(socket, admitted.caller.driverId, deps.driverStates);
    if (result === 'noSuchDriver') socket.disconnect(true);
  } catch (error) {
    // Without rooms and state, the client would receive nothing.
    deps.log.warn(
      { err: error, subject: admitted.caller.subject },
      'a realtime connection could not be set up',
    );
    closeForReconnect(socket);
  }
}

/** A function, because `connected` changes during each await. */
function isDisconnected({ connected }: GatewaySocket): boolean {
  return !connected;
}

async function roomsOf(caller: Caller, { cityIds }: GatewayDeps): Promise<string[]> {
  switch (caller.role) {
    case 'driver':
      return [driverRoom(caller.driverId)];
    case 'merchant':
      return [merchantRoom(caller.merchantId)];
    case 'ops':
      return (caller.cities === 'all' ? await cityIds() : caller.cities).map(opsRoom);
    case 'customer':
      return [];
  }
}

function count(socket: GatewaySocket, { caller: { role } }: Admitted): void {
  connections.inc({ role });
  connectionsOpened.inc({ role });
  socket.on('disconnect', (reason) => {
    connections.dec({ role });
    connectionsClosed.inc({ role, reason });
  });
}

/** The longest delay of a Node timer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function endAtExpiry(socket: GatewaySocket, { expiresAt }: Admitted, clock: Clock): void {
  let timer: NodeJS.Timeout;
  const wait = (): void => {
    timer = setTimeout(
      () => (clock() >= expiresAt ? socket.disconnect(true) : wait()),
      Math.min(MAX_TIMER_MS, Math.max(0, expiresAt - clock())),
    );
  };
  wait();
  socket.on('disconnect', () => clearTimeout(timer));
}

/** Also counts messages without a handler. */
function limitEvents(socket: GatewaySocket, { eventsPerMinute }: GatewayLimits): void {
  let left = eventsPerMinute;
  const refill = setInterval(() => (left = eventsPerMinute), 60_000);
  socket.on('disconnect', () => clearInterval(refill));
  socket.use((_packet, next) => {
    if (left-- > 0) next();
    else socket.disconnect(true);
  });
}

/** Events published while Redis was unavailable are lost, so all connected drivers receive STATE again. */
function resendStatesAfterRedisGap(io: GatewayServer, subscriber: Redis, deps: GatewayDeps): void {
  let hasGap = false;
  subscriber.on('close', () => (hasGap = true));
  subscriber.on('ready', () => {
    if (hasGap) void resendStates([...io.of('/').sockets.values()], deps);
    hasGap = false;
  });
}

/** Concurrent reads of driver states, to bound the load on PostgreSQL. */
const MAX_CONCURRENT_READS = 8;

async function resendStates(sockets: GatewaySocket[], deps: GatewayDeps): Promise<void> {
  for (let first = 0; first < sockets.length; first += MAX_CONCURRENT_READS) {
    await Promise.all(
      sockets.slice(first, first + MAX_CONCURRENT_READS).map((socket) => resendState(socket, deps)),
    );
  }
}

async function resendState(socket: GatewaySocket, { driverStates, log }: GatewayDeps): Promise<void> {
  const { caller } = socket.data.admitted;
  if (caller.role !== 'driver' || !socket.connected) return;
  try {
    await sendState(socket, caller.driverId, driverStates);
  } catch (err) {
    log.warn({ err }, 'the state of a driver could not be resent');
    closeForReconnect(socket);
  }
}
