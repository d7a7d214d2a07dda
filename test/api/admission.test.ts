import { afterEach, describe, expect, test } from '@jest/globals';
import type { Socket } from 'socket.io-client';
import { pino } from 'pino';
import { TokenError } from '../../api/auth/tokens';
import { createRateLimits } from '../../api/http/rateLimits';
import type { GatewayDeps } from '../../api/realtime/deps';
import type { Suspension } from '../../domain/driver/suspension';
import { createSuspendedSubjects } from '../../services/suspendedSubjects';
import { freshRedis, type FreshRedis } from '../support/freshRedis';
import { createGatewayWorld, type GatewayWorld, nextEvent } from '../support/gatewayWorld';

const worlds: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

async function gatewayWorld(change: Partial<GatewayDeps> = {}): Promise<GatewayWorld> {
  const world = await createGatewayWorld(change);
  worlds.unshift(world);
  return world;
}

async function redisOfLimits(): Promise<FreshRedis> {
  const redis = await freshRedis();
  await redis.redis.ping();
  worlds.push(redis);
  return redis;
}

function limitsOf({ redis, keyPrefix }: FreshRedis, limits: { handshakes?: number; bad?: number }) {
  const many = 100_000;
  const perMinute = {
    perMinute: many,
    merchantPerMinute: many,
    opsPerMinute: many,
    locationPerMinute: many,
    availabilityPerMinute: many,
    handshakesPerMinute: limits.handshakes ?? many,
    badTokenPerMinute: limits.bad ?? many,
  };
  return createRateLimits(redis, perMinute, pino({ level: 'silent' }), keyPrefix);
}

type Refused = { code: string; retryAfterSeconds?: number };
type Fate = 'in' | Refused;

/** Connects. @returns `in`, or the refusal */
async function fateOf(socket: Socket, state = 'STATE'): Promise<Fate> {
  const fate = Promise.race([
    nextEvent(socket, state).then((): Fate => 'in'),
    nextEvent<Error & { data: Refused }>(socket, 'connect_error').then(({ data }): Fate => data),
    nextEvent<string>(socket, 'disconnect').then((code): Fate => ({ code })),
  ]);
  socket.connect();
  return fate;
}

const claimsOf = (driverId: string) => ({ sub: driverId, role: 'driver' });

describe('the cap on connections', () => {
  test('counts a subject, whatever its tokens, and no other subject', async () => {
    const { world, tokenOf, socketWith } = await gatewayWorld({ limits: { connectionsPerSubject: 3 } });
    const driverId = await world.addDriver();
    for (let open = 0; open < 3; open++)
      expect(await fateOf(socketWith(await tokenOf(claimsOf(driverId))))).toBe('in');
    expect(await fateOf(socketWith(await tokenOf(claimsOf(driverId))))).toMatchObject({
      code: 'TOO_MANY_CONNECTIONS',
    });
    expect(await fateOf(socketWith(await tokenOf(claimsOf(await world.addDriver()))))).toBe('in');
  });

  test('lets a connection at the cap go on with a new token', async () => {
    const { world, tokenOf, open } = await gatewayWorld({ limits: { connectionsPerSubject: 1 } });
    const claims = claimsOf(await world.addDriver());
    const { socket } = await open(await tokenOf(claims), 'STATE');
    const token = await tokenOf(claims);
    expect(await socket.emitWithAck('SESSION_REFRESH', { token })).toMatchObject({ refreshed: true });
  });
});

describe('handshakes', () => {
  test('are limited by subject, with the time to wait', async () => {
    const rateLimits = limitsOf(await redisOfLimits(), { handshakes: 3 });
    const { world, tokenOf, socketWith } = await gatewayWorld({ rateLimits });
    const driverId = await world.addDriver();
    for (let made = 0; made < 3; made++) {
      const socket = socketWith(await tokenOf(claimsOf(driverId)));
      expect(await fateOf(socket)).toBe('in');
      socket.disconnect();
    }
    const refused = await fateOf(socketWith(await tokenOf(claimsOf(driverId))));
    expect(refused).toMatchObject({ code: 'TOO_MANY_REQUESTS', retryAfterSeconds: expect.any(Number) });
    expect(await fateOf(socketWith(await tokenOf(claimsOf(await world.addDriver()))))).toBe('in');
  });

  test('without a valid token are limited by address, stay UNAUTHORIZED, and hurt no valid one', async () => {
    const redis = await redisOfLimits();
    const rateLimits = limitsOf(redis, { bad: 2 });
    let held = 0;
    const { world, tokenOf, socketWith } = await gatewayWorld({
      rateLimits,
      trustedProxies: 1,
      throttle: async () => void held++,
    });
    const from = (address: string) => ({ extraHeaders: { 'x-forwarded-for': `6.6.6.6, ${address}` } });
    for (let made = 0; made < 4; made++)
      expect(await fateOf(socketWith('nonsense', from('9.9.9.9')))).toMatchObject({ code: 'UNAUTHORIZED' });
    expect(held).toBe(2);
    expect(await fateOf(socketWith('nonsense', from('9.9.9.10')))).toMatchObject({ code: 'UNAUTHORIZED' });
    expect(held).toBe(2);
    // Requests and handshakes of an address share its limit.
    expect(await rateLimits.spendBadToken('9.9.9.9')).toBeGreaterThan(0);
    const token = await tokenOf(claimsOf(await world.addDriver()));
    expect(await fateOf(socketWith(token, from('9.9.9.9')))).toBe('in');
  });
});

describe('a suspension', () => {
  test('closes the sockets of the driver on every process, refuses others, and touches nobody else', async () => {
    const open: Suspension[] = [];
    const made = () =>
      createSuspendedSubjects({
        read: async () => [...open],
        log: { info: () => {}, warn: () => {} },
        pollMs: 50,
      });
    const [one, two] = [made(), made()];
    worlds.push({ close: () => Promise.all([one.stop(), two.stop()]) });
    await Promise.all([one.start(), two.start()]);
    const first = await gatewayWorld({ suspended: one });
    const second = await gatewayWorld({ suspended: two });
    const driverId = await first.world.addDriver();
    const ops = { sub: 'olga', role: 'ops', cities: '*' };
    const merchant = { sub: 'shop', role: 'merchant', merchantId: 'bakery' };
    const mine = await first.open(await first.tokenOf(claimsOf(driverId)), 'STATE');
    const other = await first.open(await first.tokenOf(claimsOf(await first.world.addDriver())), 'STATE');
    const opsSocket = await second.open(await second.tokenOf(ops), 'OPS_STATE');
    const shop = second.socketWith(await second.tokenOf(merchant));
    const connected = nextEvent(shop, 'connect');
    shop.connect();
    await connected;
    const ended = [nextEvent<string>(mine.socket, 'disconnect'), nextEvent<string>(shop, 'disconnect')];
    const by = { since: 0, byId: 'olga', why: 'fraud' };
    open.push({ subject: { kind: 'driver', id: driverId }, ...by });
    open.push({ subject: { kind: 'merchant', id: 'bakery' }, ...by });
    // Each process learns it by itself.
    expect(await Promise.all(ended)).toEqual(['io server disconnect', 'io server disconnect']);
    const again = await fateOf(first.socketWith(await first.tokenOf(claimsOf(driverId))));
    expect(again).toMatchObject({ code: 'SUSPENDED' });
    expect([other.socket.connected, opsSocket.socket.connected]).toEqual([true, true]);
    open.length = 0;
    await one.refresh();
    expect(await fateOf(first.socketWith(await first.tokenOf(claimsOf(driverId))))).toBe('in');
  });

  test('during the handshake closes the socket', async () => {
    let isSuspended = false;
    const { world, tokenOf, socketWith } = await gatewayWorld({
      suspended: {
        // Not when the token is checked; from then on.
        has: () => {
          const before = isSuspended;
          isSuspended = true;
          return before;
        },
        onSuspended: () => () => undefined,
      },
    });
    const fate = await fateOf(socketWith(await tokenOf(claimsOf(await world.addDriver()))));
    expect(fate).toMatchObject({ code: 'io server disconnect' });
  });
});

describe('an open socket', () => {
  test('ends when its token no longer holds, and stays while that cannot be known', async () => {
    const withdrawn = new Set<string>();
    let isAway = false;
    const { world, tokenOf, open } = await gatewayWorld({
      recheckMs: 20,
      readToken: async (token) => {
        if (isAway) throw new Error('the keys of the issuer are not known');
        if (withdrawn.has(token)) throw new TokenError('the token is not valid');
        const { sub } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
        return { role: 'driver', subject: sub, driverId: sub };
      },
    });
    const [lost, kept] = [
      await tokenOf(claimsOf(await world.addDriver())),
      await tokenOf(claimsOf(await world.addDriver())),
    ];
    const [one, two] = [await open(lost, 'STATE'), await open(kept, 'STATE')];
    const ended = nextEvent<string>(one.socket, 'disconnect');
    isAway = true;
    withdrawn.add(lost);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([one.socket.connected, two.socket.connected]).toEqual([true, true]);
    isAway = false;
    expect(await ended).toBe('io server disconnect');
    expect(two.socket.connected).toBe(true);
  });

  test('ends at the greatest age of its token, before the token’s own end', async () => {
    const { world, tokenOf, open } = await gatewayWorld({ maxTokenAgeMs: 2_500 });
    const { socket } = await open(await tokenOf(claimsOf(await world.addDriver())), 'STATE');
    expect(await nextEvent<string>(socket, 'disconnect')).toBe('io server disconnect');
  });
});
