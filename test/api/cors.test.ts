/** Browsers of listed origins may use the API; the others are not let in. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { type ApiWorld, createApiWorld, ops, tokenOf } from '../support/apiWorld';

const LISTED = 'https://ops.example';

let world: ApiWorld;
let closed: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld(({ settings }) => ({ settings: { ...settings, corsOrigins: [LISTED] } }));
  closed = await createApiWorld();
});
afterAll(async () => {
  await world.close();
  await closed.close();
});

const preflight = (at: ApiWorld, origin: string, path: string) =>
  request(at.url).options(path).set({
    origin,
    'access-control-request-method': 'PUT',
    'access-control-request-headers': 'authorization',
  });

describe('a preflight', () => {
  test.each(['/v2/deliveries', '/v2/cities/ams', '/drivers/1/location', '/no/such/route'])(
    'of a listed origin for %s is answered with 204 and what is allowed',
    async (path) => {
      const { headers } = await preflight(world, LISTED, path).expect(204);
      expect(headers).toMatchObject({
        'access-control-allow-origin': LISTED,
        'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH',
        'access-control-allow-headers': expect.stringContaining('Idempotency-Key'),
        vary: 'Origin',
      });
      expect(headers['access-control-allow-credentials']).toBeUndefined();
    },
  );

  test.each(['https://evil.example', 'null', `${LISTED}.evil.example`, 'http://ops.example'])(
    'of %s is answered with 204, and allows nothing',
    async (origin) => {
      for (const at of [world, closed]) {
        const { headers } = await preflight(at, origin, '/v2/deliveries').expect(204);
        expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
      }
    },
  );

  test('is not any OPTIONS request: without an origin the method is not allowed, as before', async () => {
    await request(world.url).options('/v2/deliveries').expect(405);
  });
});

describe('a request', () => {
  const cities = (at: ApiWorld, origin: string) =>
    request(at.url)
      .get('/v2/cities')
      .set({ origin, authorization: `Bearer ${tokenOf(ops())}` });

  test('of a listed origin may be read, also where it is refused', async () => {
    const { headers } = await cities(world, LISTED).expect(200);
    expect(headers).toMatchObject({
      'access-control-allow-origin': LISTED,
      'access-control-expose-headers': expect.stringContaining('Retry-After'),
    });
    const refused = await request(world.url).get('/v2/cities').set({ origin: LISTED }).expect(401);
    expect(refused.headers['access-control-allow-origin']).toBe(LISTED);
  });

  test('of any other origin may not', async () => {
    for (const at of [world, closed]) {
      const { headers } = await cities(at, 'https://evil.example').expect(200);
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
  });
});
