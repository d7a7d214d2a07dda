/** One API process as far as sockets go, over real PostgreSQL and Redis, with clients of any role. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { io as connect, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { readerOf } from '../../adapters/postgres/database';
import { createSocketEmitter } from '../../adapters/redis/socketEmitter';
import { createTokenReader } from '../../api/auth/tokens';
import { createTrackingTokens, withTracking } from '../../api/auth/trackingTokens';
import { attachGateway } from '../../api/realtime/gateway';
import type { GatewayDeps } from '../../api/realtime/deps';
import type { Emit } from '../../domain/notices/message';
import { createDriverStates } from '../../services/driverStates';
import { createMessageHandler } from '../../services/outbox/outboxMessages';
import { createRoomStates } from '../../services/roomStates';
import { TEST_LIMITS } from './dispatchWorld';
import { createDriverWorld, type DriverWorld } from './driverWorld';
import { eventually } from './eventually';

export const KEY = 'a-key-for-tests-of-thirty-two-bytes!';
const AUTH = {
  keys: { kind: 'local', key: KEY },
  issuer: 'driver-service',
  audience: 'driver-service',
} as const;
export const TRACKING = createTrackingTokens({
  key: 'a-key-for-tracking-of-thirty-two-bytes',
  previousKey: 'the-key-for-tracking-before-that-one-',
  validMs: 86_400_000,
});

export type GatewayWorld = {
  world: DriverWorld;
  url: string;
  /** A token that ends `forMs` from now. */
  tokenOf(claims: Record<string, unknown>, forMs?: number, key?: string): Promise<string>;
  /** A socket that is not connected yet, so that listeners can be added first. */
  socketWith(token: unknown, options?: Partial<ManagerOptions & SocketOptions>): Socket;
  /** Connects, and waits for the state that the server sends first. */
  open(token: string, state: string): Promise<{ socket: Socket; state: Record<string, unknown> }>;
  /** Sends an event as the outbox relay does. */
  relay(emit: Emit): Promise<void>;
  closeSockets(): void;
  close(): Promise<void>;
};

export const nextEvent = <T = Record<string, unknown>>(socket: Socket, event: string): Promise<T> =>
  new Promise((resolve) => socket.once(event, (body: T) => resolve(body)));

export async function createGatewayWorld(change: Partial<GatewayDeps> = {}): Promise<GatewayWorld> {
  const world = await createDriverWorld();
  const clock = Date.now;
  const server = createServer((_request, response) => response.writeHead(404).end());
  const gateway = attachGateway(server, {
    redis: world.redis.redis,
    readToken: withTracking(createTokenReader(AUTH), TRACKING),
    clock,
    channelPrefix: world.redis.keyPrefix,
    driverStates: createDriverStates({ db: world.db, clock, routes: TEST_LIMITS }),
    roomStates: createRoomStates({ read: readerOf(world.db), clock }),
    cityIds: async () => (await world.db.city.findMany()).map(({ id }) => id),
    log: { warn: () => {} },
    ...change,
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // Events before the subscription are lost.
  await eventually('the gateway hears Redis', async () =>
    new RegExp(`name=realtime-${world.redis.keyPrefix} [^\n]* psub=[1-9]`).test(
      String(await world.redis.redis.call('CLIENT', 'LIST')),
    ),
  );
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sockets: Socket[] = [];
  const socketWith: GatewayWorld['socketWith'] = (token, options = {}) => {
    const socket = connect(url, {
      auth: { token },
      transports: ['websocket'],
      autoConnect: false,
      reconnectionDelay: 20,
      reconnectionDelayMax: 40,
      forceNew: true,
      ...options,
    });
    sockets.push(socket);
    return socket;
  };
  const nobody = async (): Promise<void> => {};
  const handle = createMessageHandler({
    dispatcher: {
      startDelivery: nobody,
      signalDriverLeft: nobody,
      signalDriverRescued: nobody,
      sendCommand: async () => null,
      signalOfferWithdrawn: nobody,
      wake: nobody,
      propose: nobody,
      callRound: nobody,
      endAvailabilityLater: nobody,
    },
    emitter: createSocketEmitter(world.redis.redis, world.redis.keyPrefix),
    syncDriver: nobody,
    releaseDriver: nobody,
    merchantSuspended: async () => {},
    zoneAct: nobody,
    driverFree: nobody,
    notify: nobody,
  });
  const closeSockets = (): void => sockets.splice(0).forEach((socket) => void socket.disconnect());
  return {
    world,
    url,
    socketWith,
    closeSockets,
    tokenOf: (claims, forMs = 3_600_000, key = KEY) => signed(claims, clock() + forMs, key),
    open: async (token, state) => {
      const socket = socketWith(token);
      const sent = nextEvent(socket, state);
      socket.connect();
      return { socket, state: await sent };
    },
    relay: (emit) => handle({ kind: 'emit', emits: [emit] }, 'test'),
    close: async () => {
      closeSockets();
      await gateway.close();
      await new Promise((resolve) => server.close(resolve));
      await world.close();
    },
  };
}

async function signed(claims: Record<string, unknown>, expiresAt: number, key: string): Promise<string> {
  const { SignJWT } = await import('jose');
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer(AUTH.issuer)
    .setAudience(AUTH.audience)
    .setIssuedAt()
    .setJti(String(Math.random()))
    .setExpirationTime(Math.ceil(expiresAt / 1_000))
    .sign(new TextEncoder().encode(key));
}
