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
   * Disconnects everyone, who then come back to another process, and lets nobody in. Leaves the HTTP server
   * to its owner.
   */
  close(): Promise<void>;
};

/** A client that does not say who it is within this time is disconnected. */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Socket.IO for drivers, ops and merchants (docs/behaviour.md#realtime): the token travels in the handshake's
 * auth, rooms are joined here and nowhere else, and a driver is told their state on every connect. Events
 * come through Redis, so any number of API processes serve.
 */
export function attachGateway(httpServer: HttpServer, deps: GatewayDeps): Gateway {
  const limits = { ...GATEWAY_LIMITS, ...deps.limits };
  let isClosing = false;
  const redisFailed = (err: unknown): void =>
    void (isClosing || deps.log.warn({ err }, 'realtime events: Redis failed; trying again'));
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
    if (isClosing) return comeBackLater(socket);
    admit(io, socket, deps, limits).then(
      () => next(),
      (error: unknown) => refuse(socket, error, next, deps),
    );
  });
  io.on('connection', (socket) => void welcome(io, socket, deps, limits));
  tellAgainAfterGap(io, subscriber, deps);
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
 * By closing the transport: after a refusal or a disconnect by the server, Socket.IO clients would not come
 * back by themselves.
 */
function comeBackLater(socket: GatewaySocket): void {
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
  comeBackLater(socket);
}

async function welcome(
  io: GatewayServer,
  socket: GatewaySocket,
  deps: GatewayDeps,
  limits: GatewayLimits,
): Promise<void> {
  const { admitted } = socket.data;
  await socket.join(tokenRoom(admitted.tokenHash));
  // several handshakes at once
  if (hasTooMany(io, admitted.tokenHash, limits.connectionsPerToken + 1)) return void socket.disconnect(true);
  if (isGone(socket)) return;
  count(socket, admitted);
  endAtExpiry(socket, admitted, deps.clock);
  limitEvents(socket, limits);
  try {
    const rooms = await roomsOf(admitted.caller, deps);
    if (isGone(socket)) return; // whoever went meanwhile has left all rooms, and would stay in these for ever
    await socket.join(rooms);
    if (admitted.caller.role !== 'driver') return;
    listenToDriver(socket, admitted.caller.driverId, deps);
    const told = await sendState(socket, admitted.caller.driverId, deps.driverStates);
    if (told === 'noSuchDriver') socket.disconnect(true);
  } catch (error) {
    // Without rooms and state the client would wait for nothing.
    deps.log.warn(
      { err: error, subject: admitted.caller.subject },
      'a realtime connection could not be set up',
    );
    comeBackLater(socket);
  }
}

/** Asked anew after each wait. */
function isGone({ connected }: GatewaySocket): boolean {
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

/** The longest time that a timer of Node can count. */
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

/** Also counts events that nobody listens to. */
function limitEvents(socket: GatewaySocket, { eventsPerMinute }: GatewayLimits): void {
  let left = eventsPerMinute;
  const refill = setInterval(() => (left = eventsPerMinute), 60_000);
  socket.on('disconnect', () => clearInterval(refill));
  socket.use((_packet, next) => {
    if (left-- > 0) next();
    else socket.disconnect(true);
  });
}

/** What was sent while Redis was away never came: every driver here is told their state again. */
function tellAgainAfterGap(io: GatewayServer, subscriber: Redis, deps: GatewayDeps): void {
  let hasGap = false;
  subscriber.on('close', () => (hasGap = true));
  subscriber.on('ready', () => {
    if (hasGap) void tellAll([...io.of('/').sockets.values()], deps);
    hasGap = false;
  });
}

/** States read at once, so that thousands of drivers do not ask PostgreSQL in one moment. */
const READS_AT_ONCE = 8;

async function tellAll(sockets: GatewaySocket[], deps: GatewayDeps): Promise<void> {
  for (let first = 0; first < sockets.length; first += READS_AT_ONCE) {
    await Promise.all(sockets.slice(first, first + READS_AT_ONCE).map((socket) => tellAgain(socket, deps)));
  }
}

async function tellAgain(socket: GatewaySocket, { driverStates, log }: GatewayDeps): Promise<void> {
  const { caller } = socket.data.admitted;
  if (caller.role !== 'driver' || !socket.connected) return;
  try {
    await sendState(socket, caller.driverId, driverStates);
  } catch (err) {
    log.warn({ err }, 'a state could not be sent again');
    comeBackLater(socket);
  }
}
