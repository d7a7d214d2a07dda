import type { Server as HttpServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAdapter } from '@socket.io/redis-adapter';
import type { Redis } from 'ioredis';
import { Server } from 'socket.io';
import {
  ALL_MERCHANTS_ROOM,
  ALL_OPS_ROOM,
  driverRoom,
  merchantRoom,
  opsRoom,
  trackingRoom,
} from '../../domain/notices/message';
import type { Caller } from '../auth/caller';
import { admit, admittedBy, hasTooMany, Refusal, subjectRoom } from './admission';
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
import { isOriginAllowed } from './origins';
import { forAdapter } from './redisAdapter';
import { endAtExpiry, listenForRefresh } from './session';
import { endLostStanding, isSuspended } from './standing';
import { sendState } from './state';
import { takingTurns, type Turns } from './turns';

export type Gateway = {
  /**
   * Closes all connections, at random moments within `withinMs` (default: at once), and accepts no new ones.
   * Clients reconnect to another process, which they must not reach all at once. Does not close the HTTP
   * server.
   */
  close(how?: { withinMs: number }): Promise<void>;
};

/** A client that does not complete its handshake within this time is disconnected. */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Serves Socket.IO to drivers, ops, merchants and followers of a delivery (docs/behaviour.md#realtime). The token
 * is sent in `auth` of the handshake. Only the gateway joins sockets to rooms. Each client receives the state of its
 * role on every connection. Events arrive through Redis, so several API processes can serve sockets.
 */
export function attachGateway(httpServer: HttpServer, given: GatewayDeps): Gateway {
  const limits = { ...GATEWAY_LIMITS, ...given.limits };
  const inTurn = takingTurns(limits.readsAtOnce);
  const deps: SetUpDeps = { ...given, inTurn, cityIds: () => inTurn(given.cityIds) };
  const origins = deps.origins ?? null;
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
    // WebSocket first: it is one connection, which any process can serve.
    transports: deps.servesPolling === false ? ['websocket'] : ['websocket', 'polling'],
    ...(origins === null ? {} : { cors: { origin: [...origins], methods: ['GET', 'POST'] } }),
    allowRequest: (request, answer) => answer(null, isOriginAllowed(request, origins)),
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
  const stopChecks = endLostStanding(io, deps);
  return {
    close: async ({ withinMs } = { withinMs: 0 }) => {
      if (isClosing) return;
      isClosing = true;
      stopChecks();
      await closeEach([...io.of('/').sockets.values()], withinMs);
      await io.of('/').adapter.close();
      io.engine.close();
      subscriber.disconnect();
    },
  };
}

type SetUpDeps = GatewayDeps & { inTurn: Turns };

/** Closes sockets at random moments within `withinMs`; those that leave by themselves are not waited for. */
async function closeEach(sockets: readonly GatewaySocket[], withinMs: number): Promise<void> {
  if (withinMs === 0) return;
  await Promise.all(
    sockets.map(async (socket) => {
      await sleep(Math.random() * withinMs);
      closeForReconnect(socket);
    }),
  );
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
  deps: SetUpDeps,
  limits: GatewayLimits,
): Promise<void> {
  const { admitted } = socket.data;
  await socket.join(subjectRoom(admitted));
  // Concurrent handshakes may each have passed the check.
  if (hasTooMany(io, admitted, limits.connectionsPerSubject + 1)) return void socket.disconnect(true);
  // They may have been suspended during the handshake.
  if (isSuspended(socket, deps)) return void socket.disconnect(true);
  if (isDisconnected(socket)) return;
  count(socket, admitted);
  const restart = endAtExpiry(socket, deps.clock);
  limitEvents(socket, limits);
  try {
    const rooms = await roomsOf(admitted.caller, deps);
    // A socket that disconnected has left all rooms; a later join would never be undone.
    if (isDisconnected(socket)) return;
    await socket.join(rooms);
    if (admitted.caller.role === 'driver') listenToDriver(socket, admitted.caller.driverId, deps);
    listenForRefresh(socket, restart, {
      log: deps.log,
      admit: (token) => admittedBy(token, deps),
      moveTo: (next) => moveTo(socket, next, deps),
    });
    const result = await sendStateInTurn(socket, deps);
    if (result === 'noSuchSubject') socket.disconnect(true);
  } catch (error) {
    // Without rooms and state, the client would receive nothing.
    deps.log.warn(
      { err: error, subject: admitted.caller.subject },
      'a realtime connection could not be set up',
    );
    closeForReconnect(socket);
  }
}

/** A client that left while it waited for its turn costs no read. */
function sendStateInTurn(
  socket: GatewaySocket,
  deps: SetUpDeps,
): Promise<'sent' | 'noSuchSubject' | 'disconnected'> {
  return deps.inTurn(async () => (isDisconnected(socket) ? 'disconnected' : sendState(socket, deps)));
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
      return [ALL_MERCHANTS_ROOM, merchantRoom(caller.merchantId)];
    case 'ops':
      // Processes of an older release send to the rooms of cities only.
      return caller.cities === 'all'
        ? [ALL_OPS_ROOM, ...(await cityIds()).map(opsRoom)]
        : caller.cities.map(opsRoom);
    case 'tracking':
      return [trackingRoom(caller.deliveryId)];
    case 'customer':
      return [];
  }
}

/** Gives a connection the rooms of its new token, and no others. */
async function moveTo(socket: GatewaySocket, admitted: Admitted, deps: GatewayDeps): Promise<void> {
  const rooms = [subjectRoom(admitted), ...(await roomsOf(admitted.caller, deps))];
  // A socket that disconnected has left all rooms; a later join would never be undone.
  if (isDisconnected(socket)) return;
  socket.data.admitted = admitted;
  const left = [...socket.rooms].filter((room) => room !== socket.id && !rooms.includes(room));
  await Promise.all(left.map(async (room) => socket.leave(room)));
  await socket.join(rooms);
}

function count(socket: GatewaySocket, { caller: { role } }: Admitted): void {
  connections.inc({ role });
  connectionsOpened.inc({ role });
  socket.on('disconnect', (reason) => {
    connections.dec({ role });
    connectionsClosed.inc({ role, reason });
  });
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

/** Events published while Redis was unavailable are lost, so all connected clients receive their state again. */
function resendStatesAfterRedisGap(io: GatewayServer, subscriber: Redis, deps: SetUpDeps): void {
  let hasGap = false;
  subscriber.on('close', () => (hasGap = true));
  subscriber.on('ready', () => {
    if (hasGap) for (const socket of io.of('/').sockets.values()) void resendState(socket, deps);
    hasGap = false;
  });
}

async function resendState(socket: GatewaySocket, deps: SetUpDeps): Promise<void> {
  try {
    await sendStateInTurn(socket, deps);
  } catch (err) {
    deps.log.warn({ err }, 'the state of a client could not be resent');
    closeForReconnect(socket);
  }
}
