import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { generateKeyPairSync, sign } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { createTokenReader, TokenError } from '../../api/auth/tokens';
import { type ApiWorld, AUTH, createApiWorld, driver, merchant, ops, tokenOf } from '../support/apiWorld';

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
});
afterAll(() => world.close());

const read = createTokenReader(AUTH);
const hourAgo = Math.floor(Date.now() / 1_000) - 3_600;

describe('a token', () => {
  it('identifies the caller', async () => {
    const driverId = newId();
    expect(await read(tokenOf(driver(driverId)))).toEqual({ role: 'driver', subject: driverId, driverId });
    expect(await read(tokenOf(merchant('bakery')))).toMatchObject({ role: 'merchant', merchantId: 'bakery' });
    expect(await read(tokenOf(ops()))).toMatchObject({ role: 'ops', cities: 'all' });
    expect(await read(tokenOf(ops('*')))).toMatchObject({ cities: 'all' });
    expect(await read(tokenOf(ops(['berlin'])))).toMatchObject({ cities: ['berlin'] });
    expect(await read(tokenOf(ops([])))).toMatchObject({ cities: [] });
    expect(await read(tokenOf({ role: 'ops', sub: 'olga' }))).toMatchObject({ cities: [] });
  });

  it.each([
    ['that is expired', tokenOf({ ...ops(), exp: hourAgo })],
    ['without an expiry', tokenOf({ ...ops(), exp: undefined })],
    ['of another issuer', tokenOf({ ...ops(), iss: 'somebody' })],
    ['for another audience', tokenOf({ ...ops(), aud: 'something' })],
    ['signed with another key', tokenOf(ops(), { key: 'another key, of more than 32 bytes as well' })],
    [
      'that is not signed',
      `${tokenOf(ops(), { header: { alg: 'none' } })
        .split('.')
        .slice(0, 2)
        .join('.')}.`,
    ],
    ['without a role', tokenOf({ sub: 'kim', role: '' })],
    ['of an unknown role', tokenOf({ role: 'king', sub: 'kim' })],
    ['of a merchant without a merchant id', tokenOf({ role: 'merchant', sub: 'kim' })],
    ['of a driver whose subject is not a driver id', tokenOf({ role: 'driver', sub: 'kim' })],
    ['that is malformed', 'abc'],
  ])('%s is refused', async (_what, token) => {
    await expect(read(token)).rejects.toThrow(TokenError);
    const { body } = await world
      .as()
      .get('/v2/deliveries')
      .set('authorization', `Bearer ${token}`)
      .expect(401)
      .expect('www-authenticate', 'Bearer');
    expect(body.code).toBe('UNAUTHENTICATED');
  });

  it('is required except for probes and docs', async () => {
    const { body: document } = await world.as().get('/openapi.json').expect(200);
    for (const [path, methods] of Object.entries(document.paths as Record<string, object>)) {
      const address = path.replaceAll(/\{\w+\}/g, newId());
      for (const method of Object.keys(methods)) {
        const client = world.as();
        const { get, patch, post, put } = client;
        const send: Record<string, (path: string, body?: object) => PromiseLike<{ status: number }>> = {
          get,
          patch,
          post,
          put,
        };
        const test = send[method]?.(address, {});
        expect([method, path, (await test)?.status]).toEqual([method, path, 401]);
      }
    }
  });

  it('of ops that names no city shows nothing and changes nothing', async () => {
    const nowhere = { role: 'ops', sub: 'olga' };
    const { deliveryId } = await world.addDelivery();
    const driverId = await world.addDriver();
    for (const path of ['/v2/deliveries', '/v2/drivers', '/v2/escalations', '/v2/audit']) {
      const { body, status } = await world.as(nowhere).get(path);
      if (status !== 404)
        expect([
          path,
          Object.values(body as object)
            .flat()
            .filter(Boolean),
        ]).toEqual([path, []]);
    }
    await world.as(nowhere).get(`/v2/deliveries/${deliveryId}`).expect(404);
    await world.as(nowhere).get(`/v2/drivers/${driverId}`).expect(404);
    await world.as(nowhere).post(`/v2/ops/drivers/${driverId}/rescue`, { why: 'x' }).expect(404);
    const center = { lat: 1, lng: 1 };
    const city = { name: 'Nowhere', timezone: 'UTC', currency: 'EUR', center };
    await world.as(nowhere).put('/v2/cities/nowhere', city).expect(404);
    await world.as(nowhere).post('/v2/merchants', { merchantId: 'nobody', name: 'Nobody' }).expect(403);
    await world.as(ops()).get(`/v2/deliveries/${deliveryId}`).expect(200);
  });

  it('does not give access to routes of other roles', async () => {
    const { body } = await world.as(merchant('bakery')).post('/v2/drivers', {}).expect(403);
    expect(body).toMatchObject({ code: 'FORBIDDEN', detail: 'allowed roles: ops' });
  });
});

describe('the keys of an issuer', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  let issuer: Server;
  let url: string;
  beforeAll(async () => {
    const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256', use: 'sig' }];
    issuer = createServer(
      (_request, response) =>
        void response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys })),
    );
    await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/keys`;
  });
  afterAll(() => new Promise((resolve) => issuer.close(resolve)));

  const signed = (kid: string): string => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const exp = Math.floor(Date.now() / 1_000) + 60;
    const text = `${part({ alg: 'ES256', kid })}.${part({ ...ops(), iss: 'tests', aud: 'driver-service', exp })}`;
    const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signature.toString('base64url')}`;
  };

  it('are fetched from its JWKS URL', async () => {
    const readByKeys = createTokenReader({ ...AUTH, keys: { kind: 'jwks', url } });
    expect(await readByKeys(signed('k1'))).toMatchObject({ role: 'ops' });
    await expect(readByKeys(signed('k2'))).rejects.toThrow(TokenError);
    await expect(readByKeys(tokenOf(ops()))).rejects.toThrow(TokenError);
  });

  it('return 503 with Retry-After if they cannot be fetched', async () => {
    const away = await createApiWorld(() => ({
      readToken: createTokenReader({ ...AUTH, keys: { kind: 'jwks', url: 'http://127.0.0.1:1/keys' } }),
    }));
    const { body } = await away
      .as()
      .get('/v2/deliveries')
      .set('authorization', `Bearer ${signed('k1')}`)
      .expect(503)
      .expect('retry-after', '1');
    expect(body.code).toBe('UNAVAILABLE');
    await away.close();
  });
});

describe('rate limits', () => {
  let limited: ApiWorld;
  beforeAll(async () => {
    limited = await createApiWorld(({ settings }) => ({
      settings: {
        ...settings,
        rateLimits: {
          perMinute: 2,
          merchantPerMinute: 3,
          opsPerMinute: 100,
          locationPerMinute: 4,
          availabilityPerMinute: 3,
          handshakesPerMinute: 2,
          badTokenPerMinute: 2,
        },
      },
    }));
  });
  afterAll(() => limited.close());

  it('are counted per token subject, with a separate limit for pings', async () => {
    const [one, other] = [driver(newId()), driver(newId())];
    for (let i = 0; i < 2; i++) await limited.as(one).get('/v2/offers/mine').expect(200);
    const { body, headers } = await limited.as(one).get('/v2/offers/mine').expect(429);
    expect(body.code).toBe('TOO_MANY_REQUESTS');
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    await limited.as(other).get('/v2/offers/mine').expect(200);
    const ping = () => limited.as(one).post(`/drivers/${one.sub}/location`, { lat: 1, lng: 1 });
    for (let i = 0; i < 4; i++) await ping().expect(404);
    await ping().expect(429);
  });

  it('limit availability changes by drivers separately, but not reads', async () => {
    const one = driver(newId());
    const wishes = [
      '/drivers/ID/availability',
      '/v2/drivers/ID/availability',
      '/v2/drivers/ID/availability/shift/end',
      '/v2/drivers/ID/availability/resume',
    ];
    const statuses = [];
    for (const path of wishes)
      statuses.push((await limited.as(one).post(path.replace('ID', one.sub), {})).status);
    expect(statuses.map((status) => status === 429)).toEqual([false, false, false, true]);
    for (let i = 0; i < 2; i++) await limited.as(one).get(`/v2/drivers/${one.sub}/availability`).expect(404);
    for (let i = 0; i < 5; i++)
      await limited.as(ops()).post(`/v2/drivers/${one.sub}/availability/resume`, {}).expect(404);
  });

  it('hold back the 401 of an address that is over its limit, and nobody else', async () => {
    const anonymous = async () => {
      const sentAt = Date.now();
      const { status, headers } = await limited.as().get('/v2/deliveries');
      const isHeldBack = Date.now() - sentAt >= 900;
      return { status, isHeldBack, retries: Number(headers['retry-after'] ?? 0) > 0 };
    };
    for (let i = 0; i < 2; i++)
      expect(await anonymous()).toEqual({ status: 401, isHeldBack: false, retries: false });
    expect(await anonymous()).toEqual({ status: 401, isHeldBack: true, retries: true });
    const [held] = await Promise.all([
      Promise.all(Array.from({ length: 20 }, anonymous)),
      // Of the same address.
      limited.as(ops()).get('/v2/deliveries').expect(200),
      limited.as(driver(newId())).get('/v2/offers/mine').expect(200),
    ]);
    expect(new Set(held.map(({ status }) => status))).toEqual(new Set([401]));
  });

  it('count a merchant as one, whatever the subjects of its tokens', async () => {
    const clerk = (sub: string) => ({ ...merchant('bakery'), sub });
    for (const sub of ['ann', 'ben', 'cat']) await limited.as(clerk(sub)).get('/v2/deliveries').expect(200);
    await limited.as(clerk('dan')).get('/v2/deliveries').expect(429);
    await limited.as(merchant('florist')).get('/v2/deliveries').expect(200);
  });

  it('hold in each process by itself while Redis is unavailable', async () => {
    const { Redis } = await import('ioredis');
    const nowhere = new Redis({ port: 1, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => null });
    const alone = await createApiWorld(({ settings }) => ({
      redis: nowhere,
      settings: {
        ...settings,
        rateLimits: { ...settings.rateLimits, opsPerMinute: 3, badTokenPerMinute: 1, merchantPerMinute: 250 },
      },
    }));
    for (let i = 0; i < 3; i++) await alone.as(ops()).get('/v2/deliveries').expect(200);
    const { headers } = await alone.as(ops()).get('/v2/deliveries').expect(429);
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    await alone
      .as({ ...ops(), sub: 'otto' })
      .get('/v2/deliveries')
      .expect(200);
    for (let i = 0; i < 3; i++) await alone.as().get('/v2/deliveries').expect(401);
    // A limit that is taken in shares.
    const tally: Record<number, number> = {};
    for (let i = 0; i < 252; i++) {
      const { status } = await alone.as(merchant('bakery')).get('/v2/deliveries');
      tally[status] = (tally[status] ?? 0) + 1;
    }
    expect(tally).toEqual({ 200: 250, 429: 2 });
    await alone.close();
    nowhere.disconnect();
  });
});
