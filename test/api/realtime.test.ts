import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { RedisAdapter } from '@socket.io/redis-adapter';
import { io as connect, type Socket } from 'socket.io-client';
import { v7 as newId } from 'uuid';
import { createSocketEmitter } from '../../adapters/redis/socketEmitter';
import { readerOf } from '../../adapters/postgres/database';
import { createDriverStates } from '../../services/driverStates';
import { createRoomStates } from '../../services/roomStates';
import type { DriverStates } from '../../services/ports';
import { attachGateway, type Gateway } from '../../api/realtime/gateway';
import { connections, connectionsClosed } from '../../api/realtime/metrics';
import { createTokenReader } from '../../api/auth/tokens';
import { TEST_LIMITS } from '../support/dispatchWorld';
import { createDriverWorld, CITY, type DriverWorld, START } from '../support/driverWorld';
import { eventually } from '../support/eventually';
import { OFFER_PAYLOAD } from '../support/offerPayload';

const KEY = 'a-key-for-tests-of-thirty-two-bytes!';
const AUTH = {
  keys: { kind: 'local', key: KEY },
  issuer: 'driver-service',
  audience: 'driver-service',
} as const;
const LIMITS = { connectionsPerSubject: 2, payloadBytes: 2_000, eventsPerMinute: 20 };

let world: DriverWorld;
let emitter: ReturnType<typeof createSocketEmitter>;
beforeAll(async () => {
  world = await createDriverWorld();
  emitter = createSocketEmitter(world.redis.redis, world.redis.keyPrefix);
});
afterAll(() => world.close());

type Running = { server: HttpServer; gateway: Gateway; url: string };
let running: Running;
/** The driver states that the gateway reads; tests may intercept the read. */
let driverStates: DriverStates;
let cityIds: () => Promise<string[]>;
const sockets: Socket[] = [];
const warnings: string[] = [];

beforeEach(async () => {
  world.time.now = Date.now();
  warnings.length = 0;
  driverStates = createDriverStates({ db: world.db, clock: () => START, routes: TEST_LIMITS });
  cityIds = async () => [CITY, 'rtm'];
  running = await listen();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.disconnect();
  await stop(running);
});

async function listen(): Promise<Running> {
  const server = createServer((_request, response) => response.writeHead(404).end());
  const gateway = attachGateway(server, {
    redis: world.redis.redis,
    readToken: createTokenReader(AUTH),
    clock: () => world.time.now,
    limits: LIMITS,
    channelPrefix: world.redis.keyPrefix,
    driverStates: {
      read: (driverId) => driverStates.read(driverId),
      offerSeen: (offerId, driverId) => driverStates.offerSeen(offerId, driverId),
    },
    roomStates: createRoomStates({ read: readerOf(world.db), clock: () => world.time.now }),
    cityIds: () => cityIds(),
    log: { warn: (_fields, text) => void warnings.push(text) },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // Events before the subscription are lost.
  await eventually('the gateway hears Redis', async () =>
    new RegExp(`name=realtime-${world.redis.keyPrefix} [^\n]* psub=[1-9]`).test(
      String(await world.redis.redis.call('CLIENT', 'LIST')),
    ),
  );
  return { server, gateway, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function stop({ gateway, server }: Running): Promise<void> {
  await gateway.close();
  await new Promise((resolve) => server.close(resolve));
}

async function tokenOf(claims: Record<string, unknown>, expiresIn = '1h', key = KEY): Promise<string> {
  const { SignJWT } = await import('jose');
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer(AUTH.issuer)
    .setAudience(AUTH.audience)
    .setIssuedAt()
    .setExpirationTime(expiresIn)
    .sign(new TextEncoder().encode(key));
}
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
}
const driverToken = (driverId: string) => tokenOf({ sub: driverId, role: 'driver' });

/** A socket that is not connected yet, so that listeners can be added first. */
function socketWith(token: unknown, { url }: Running = running): Socket {
  const socket = connect(url, {
    auth: { token },
    transports: ['websocket'],
    autoConnect: false,
    reconnectionDelay: 20,
    reconnectionDelayMax: 40,
    forceNew: true,
  });
  sockets.push(socket);
  return socket;
}
const next = <T>(socket: Socket, event: string): Promise<T> =>
  new Promise((resolve) => socket.once(event, (body: T) => resolve(body)));
type RefusedError = Error & { data?: { code: string } };

/** Connects and waits for the STATE event, which the server sends once the socket is set up. */
async function driverSocket(driverId: string): Promise<{ socket: Socket; state: Record<string, unknown> }> {
  const socket = socketWith(await driverToken(driverId));
  const state = next<Record<string, unknown>>(socket, 'STATE');
  socket.connect();
  return { socket, state: await state };
}
async function listener(claims: Record<string, unknown>): Promise<Socket> {
  const socket = socketWith(await tokenOf(claims));
  const connected = next(socket, 'connect');
  socket.connect();
  await connected;
  return socket;
}
/** All events up to `last`. */
function eventsUntil(socket: Socket, last: string): Promise<[string, unknown][]> {
  const events: [string, unknown][] = [];
  return new Promise((resolve) =>
    socket.onAny((event: string, body: unknown) => {
      events.push([event, body]);
      if (event === last) resolve(events);
    }),
  );
}
const send = (rooms: string[], event: string, body: Record<string, unknown> = {}) =>
  emitter.emit({ rooms, event, body });

/** A driver with an offer of one delivery, who carries another. */
async function busyDriver(
  offerVersion: number | null = 2,
): Promise<{ driverId: string; offerId: string; offered: string; carried: string; assignmentId: string }> {
  const driverId = await world.addDriver({ availability: 'BUSY', capacity: 2, offerVersion });
  const [offered, carried] = [
    await world.addDelivery({ status: 'OFFERED' }),
    await world.addDelivery({ status: 'ASSIGNED', driverId }),
  ];
  const [offerId, assignmentId] = [newId(), newId()];
  await world.db.offer.create({
    data: {
      id: offerId,
      deliveryId: offered,
      driverId,
      round: 0,
      payCents: 700,
      payload: OFFER_PAYLOAD,
      choice: {},
      createdAt: new Date(START),
      expiresAt: new Date(START + 30_000),
    },
  });
  await world.db.assignment.create({
    data: {
      id: assignmentId,
      deliveryId: carried,
      driverId,
      way: 'OFFER',
      payCents: 700,
      startedAt: new Date(START),
    },
  });
  return { driverId, offerId, offered, carried, assignmentId };
}

describe('a connecting driver', () => {
  test('gets their state: availability, live offer and deliveries', async () => {
    const { driverId, offerId, offered, carried, assignmentId } = await busyDriver();
    const { state } = await driverSocket(driverId);
    expect(state).toMatchObject({
      driverId,
      availability: { availability: 'BUSY', until: null, reason: null, pending: null },
      offer: {
        offerId,
        deliveryId: offered,
        driverId,
        expiresAt: new Date(START + 30_000).toISOString(),
        offerPayload: OFFER_PAYLOAD,
      },
      deliveries: [
        {
          deliveryId: carried,
          assignmentId,
          status: 'ASSIGNED',
          stops: [{ kind: 'PICKUP', contactName: 'Kim' }, { kind: 'DROPOFF' }],
        },
      ],
    });
  });

  test('with a v1 app gets each delivery in the format of v1', async () => {
    const { driverId, carried } = await busyDriver(null);
    const socket = socketWith(await driverToken(driverId));
    const events = eventsUntil(socket, 'STATE');
    socket.connect();
    expect((await events)[0]).toEqual(['DELIVERY_ASSIGNED', { deliveryId: carried, driverId }]);
  });

  test('gets the state again after each reconnect', async () => {
    const { driverId } = await busyDriver();
    const { socket } = await driverSocket(driverId);
    const again = next<Record<string, unknown>>(socket, 'STATE');
    socket.io.engine.close();
    expect(await again).toMatchObject({ driverId });
  });

  test('gets the latest state despite an event during the read', async () => {
    const { driverId, offerId } = await busyDriver();
    const { read } = driverStates;
    let reads = 0;
    driverStates = {
      ...driverStates,
      read: async (id) => {
        const state = await read(id);
        if (++reads === 1) {
          const received = new Promise<void>((resolve) => world.redis.redis.once('test-received', resolve));
          await world.db.offer.update({
            where: { id: offerId },
            data: { state: 'WITHDRAWN', endedAt: new Date(START) },
          });
          socket.once('OFFER_WITHDRAWN', () => world.redis.redis.emit('test-received'));
          await send([`driver:${driverId}`], 'OFFER_WITHDRAWN', { offerId });
          await received;
        }
        return state;
      },
    };
    const socket = socketWith(await driverToken(driverId));
    const events = eventsUntil(socket, 'STATE');
    socket.connect();
    const heardEvents = await events;
    expect(heardEvents.map(([event]) => event)).toEqual(['OFFER_WITHDRAWN', 'STATE']);
    expect(heardEvents[1]?.[1]).toMatchObject({ offer: null });
    expect(reads).toBe(2);
  });

  test('who does not exist is disconnected for good', async () => {
    const socket = socketWith(await driverToken(newId()));
    const reason = next<string>(socket, 'disconnect');
    socket.connect();
    expect(await reason).toBe('io server disconnect');
  });

  test('reconnects if the state could not be read', async () => {
    const { driverId } = await busyDriver();
    const { read } = driverStates;
    let failures = 1;
    driverStates = {
      ...driverStates,
      read: (id) => (failures-- > 0 ? Promise.reject(new Error('away')) : read(id)),
    };
    const { state } = await driverSocket(driverId);
    expect(state).toMatchObject({ driverId });
    expect(warnings).toContain('a realtime connection could not be set up');
  });
});

describe('rooms', () => {
  test('send each client only its own events', async () => {
    const [mine, other] = [await world.addDriver(), await world.addDriver()];
    const { socket: driver } = await driverSocket(mine);
    const ops = await listener({ sub: 'olga', role: 'ops', cities: [CITY] });
    const allOps = await listener({ sub: 'otto', role: 'ops', cities: '*' });
    const merchant = await listener({ sub: 'm', role: 'merchant', merchantId: 'bakery' });
    const all = [driver, ops, allOps, merchant].map((socket) => eventsUntil(socket, 'END'));
    await send([`driver:${other}`, 'merchant:butcher', 'ops:nowhere'], 'NOT_FOR_YOU');
    await send(['ops:rtm'], 'IN_RTM');
    await send([`driver:${mine}`, `ops:${CITY}`, 'merchant:bakery'], 'FOR_ALL', { n: 1 });
    await send([], 'FOR_NOBODY');
    await send([`driver:${mine}`, 'ops:ams', 'ops:rtm', 'merchant:bakery'], 'END');
    const [toDriver, toOps, toAllOps, toMerchant] = (await Promise.all(all)).map((events) =>
      events.map(([event]) => event).filter((event) => !event.endsWith('_STATE')),
    );
    for (const events of [toDriver, toOps, toMerchant]) expect(events).toEqual(['FOR_ALL', 'END']);
    expect(toAllOps).toEqual(['IN_RTM', 'FOR_ALL', 'END']);
  });

  test('are reachable through any process', async () => {
    const driverId = await world.addDriver();
    const second = await listen();
    try {
      const socket = socketWith(await driverToken(driverId), second);
      const state = next(socket, 'STATE');
      socket.connect();
      await state;
      const event = next(socket, 'HELLO');
      await send([`driver:${driverId}`], 'HELLO', { at: 'you' });
      expect(await event).toEqual({ at: 'you' });
    } finally {
      await stop(second);
    }
  });

  test('keep no client that disconnected while its rooms were read', async () => {
    let [asked, answer] = [(): void => undefined, (): void => undefined];
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    cityIds = () => {
      asked();
      return new Promise((resolve) => {
        answer = () => resolve([CITY]);
      });
    };
    const joining = jest.spyOn(RedisAdapter.prototype, 'addAll');
    const closed = async () =>
      (await connectionsClosed.get()).values.reduce((sum, { value }) => sum + value, 0);
    const before = await closed();
    const socket = await listener({ sub: 'otto', role: 'ops', cities: '*' });
    await isAsked;
    socket.disconnect();
    await until(async () => (await closed()) > before);
    answer();
    await new Promise((resolve) => setImmediate(resolve));
    const [adapter] = joining.mock.contexts;
    joining.mockRestore();
    if (!(adapter instanceof RedisAdapter)) throw new Error('nobody joined a room');
    expect([[...adapter.sids.keys()], [...adapter.rooms.keys()]]).toEqual([[], []]);
  });

  test('cannot be joined by a client', async () => {
    const [mine, other] = [await world.addDriver(), await world.addDriver()];
    const { socket } = await driverSocket(mine);
    socket.emit('join', `driver:${other}`);
    socket.emit('subscribe', { room: `ops:${CITY}` });
    await socket.emitWithAck('OFFER_SEEN', { offerId: newId() });
    const events = eventsUntil(socket, 'END');
    await send([`driver:${other}`, `ops:${CITY}`], 'NOT_FOR_YOU');
    await send([`driver:${mine}`], 'END');
    expect((await events).map(([event]) => event)).toEqual(['END']);
  });
});

describe('OFFER_SEEN', () => {
  test('records once that the offer was shown, and only for its driver', async () => {
    const { driverId, offerId } = await busyDriver();
    const { socket: own } = await driverSocket(driverId);
    const { socket: other } = await driverSocket(await world.addDriver());
    const reachedAt = async () =>
      (await world.db.offer.findUniqueOrThrow({ where: { id: offerId } })).reachedAt;
    expect(await other.emitWithAck('OFFER_SEEN', { offerId })).toEqual({ noted: false });
    expect(await reachedAt()).toBeNull();
    expect(await own.emitWithAck('OFFER_SEEN', { offerId })).toEqual({ noted: true });
    expect(await reachedAt()).toEqual(new Date(START));
    expect(await own.emitWithAck('OFFER_SEEN', { offerId })).toEqual({ noted: false });
  });

  test.each([[{ offerId: 'x' }], [null], [{ offerId: newId(), more: 1 }]])(
    'that says %j notes nothing',
    async (body) => {
      const { socket } = await driverSocket(await world.addDriver());
      socket.emit('OFFER_SEEN', body);
      expect(await socket.emitWithAck('OFFER_SEEN', body)).toEqual({ noted: false });
    },
  );

  test('gets no acknowledgement if PostgreSQL could not record it', async () => {
    driverStates = { ...driverStates, offerSeen: () => Promise.reject(new Error('away')) };
    const { socket } = await driverSocket(await world.addDriver());
    await expect(socket.timeout(200).emitWithAck('OFFER_SEEN', { offerId: newId() })).rejects.toThrow(
      'timed out',
    );
    expect(warnings).toEqual(['OFFER_SEEN could not be recorded']);
  });
});

describe('a handshake', () => {
  const refused = async (token: unknown): Promise<string | undefined> => {
    const socket = socketWith(token);
    const error = next<RefusedError>(socket, 'connect_error');
    socket.connect();
    return (await error).data?.code;
  };

  test.each<[string, () => Promise<unknown>]>([
    ['no token', async () => undefined],
    ['a token that is not a string', async () => 7],
    ['nonsense', async () => 'nonsense'],
    ['another key', async () => tokenOf({ sub: newId(), role: 'driver' }, '1h', `another-${KEY}`)],
    ['an expired token', async () => tokenOf({ sub: newId(), role: 'driver' }, '-1m')],
    ['an unknown role', async () => tokenOf({ sub: 'x', role: 'king' })],
  ])('with %s is refused', async (_what, make) => {
    expect(await refused(await make())).toBe('UNAUTHORIZED');
  });

  test('of a customer is refused: customers have no events yet', async () => {
    expect(await refused(await tokenOf({ sub: 'kim', role: 'customer' }))).toBe('FORBIDDEN');
  });

  test('is refused if the token has too many open connections', async () => {
    const token = await driverToken(await world.addDriver());
    for (let open = 0; open < LIMITS.connectionsPerSubject; open++) {
      const socket = socketWith(token);
      const state = next(socket, 'STATE');
      socket.connect();
      await state;
    }
    expect(await refused(token)).toBe('TOO_MANY_CONNECTIONS');
  });

  test('is accepted up to the limit when many come at once with one token', async () => {
    const token = await driverToken(await world.addDriver());
    const crowd = Array.from({ length: 8 }, () => socketWith(token));
    const fates = crowd.map((socket) =>
      Promise.race([
        next(socket, 'STATE').then(() => 'in'),
        next(socket, 'connect_error').then(() => 'out'),
        next(socket, 'disconnect').then(() => 'out'),
      ]),
    );
    for (const socket of crowd) socket.connect();
    expect((await Promise.all(fates)).filter((fate) => fate === 'in').length).toBeLessThanOrEqual(
      LIMITS.connectionsPerSubject,
    );
  });
});

describe('a connection', () => {
  test('ends when its token expires', async () => {
    const driverId = await world.addDriver();
    const socket = socketWith(await tokenOf({ sub: driverId, role: 'driver' }, '1s'));
    const reason = next<string>(socket, 'disconnect');
    const state = next(socket, 'STATE');
    socket.connect();
    await state;
    world.time.now += 2_000;
    expect(await reason).toBe('io server disconnect');
  });

  test('ends for a client that sends too many messages', async () => {
    const { socket } = await driverSocket(await world.addDriver());
    const reason = next<string>(socket, 'disconnect');
    for (let i = 0; i <= LIMITS.eventsPerMinute; i++) socket.emit('anything', i);
    expect(await reason).toBe('io server disconnect');
  });

  test('ends after a message that is too long', async () => {
    const { socket } = await driverSocket(await world.addDriver());
    const reason = next<string>(socket, 'disconnect');
    socket.emit('anything', 'x'.repeat(LIMITS.payloadBytes + 1));
    expect(await reason).toBe('transport close');
  });

  test('is counted while it is open', async () => {
    const open = async () =>
      (await connections.get()).values.find(({ labels }) => labels.role === 'driver')?.value ?? 0;
    const before = await open();
    const { socket } = await driverSocket(await world.addDriver());
    expect(await open()).toBe(before + 1);
    socket.disconnect();
    while ((await open()) !== before) await new Promise((resolve) => setImmediate(resolve));
  });

  test('gets its state again after an outage of Redis', async () => {
    const driverId = await world.addDriver();
    const { socket } = await driverSocket(driverId);
    const again = next<Record<string, unknown>>(socket, 'STATE');
    const { redis, keyPrefix } = world.redis;
    const [, subscriberId] =
      new RegExp(`id=(\\d+) [^\n]* name=realtime-${keyPrefix} `).exec(
        String(await redis.call('CLIENT', 'LIST')),
      ) ?? [];
    await redis.call('CLIENT', 'KILL', 'ID', String(subscriberId));
    expect(await again).toMatchObject({ driverId });
  });

  test('that the gateway closes reconnects to another process', async () => {
    const driverId = await world.addDriver();
    const { socket } = await driverSocket(driverId);
    const reason = next<string>(socket, 'disconnect');
    await running.gateway.close();
    expect(['transport close', 'transport error']).toContain(await reason);
    expect(socket.active).toBe(true);
    expect(socket.connected).toBe(false);
  });
});
