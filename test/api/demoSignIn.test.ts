/** Sign-in from the docs page, only on this machine and only for people of the demo. */
import { request as send } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { createLocalSigner } from '../../api/auth/localTokens';
import { isFromThisMachine } from '../../api/http/demoSignIn';
import { type ApiWorld, AUTH, createApiWorld, ops } from '../support/apiWorld';
import { CITY, MERCHANT } from '../support/dispatchWorld';

const NORA = newId();
const WITH_ISSUER = { ...AUTH, keys: { kind: 'jwks', url: 'https://id.example/keys' } } as const;

let world: ApiWorld;
let host: string;
beforeAll(async () => {
  world = await createApiWorld(() => ({ signDemoToken: createLocalSigner(AUTH) }));
  host = new URL(world.url).host;
  const nora = { driverId: NORA, cityId: CITY, name: 'Nora <b>S.</b>', vehicleKind: 'BICYCLE' };
  await world.as(ops()).post('/v2/drivers', nora).expect(201);
});
afterAll(() => world.close());

type Answer = { status: number; text: string };
type Asked = { method?: string; headers?: Record<string, string>; body?: object };

/** A raw request, since other clients do not allow a Host header of choice. */
function ask(path: string, { method = 'GET', headers = {}, body }: Asked = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = send(`${world.url}${path}`, { method, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }),
      );
    });
    sent.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const JSON_BODY = { 'content-type': 'application/json' };
const signIn = (body: object, headers: Record<string, string> = {}): Promise<Answer> =>
  ask('/docs/demo/sign-in', {
    method: 'POST',
    headers: { ...JSON_BODY, origin: `http://${host}`, ...headers },
    body,
  });
const ASSETS = ['/docs/demo/people', '/docs/demo/sign-in.js', '/docs/demo/sign-in.css'];

describe('sign-in from the docs page', () => {
  it('lists the people of the demo', async () => {
    const people: unknown = JSON.parse((await ask('/docs/demo/people')).text);
    expect(people).toEqual(
      expect.arrayContaining([
        { role: 'ops', id: 'demo-ops', name: 'Ops of all cities' },
        { role: 'merchant', id: MERCHANT, name: expect.any(String) },
        { role: 'driver', id: NORA, name: 'Nora <b>S.</b>' },
      ]),
    );
    const { text } = await ask('/docs');
    expect(text).toContain('/docs/demo/sign-in.js');
    expect(text).not.toMatch(/https?:|<script>|style=|Nora/);
    for (const [, address = ''] of text.matchAll(/(?:src|href)="([^"]+)"/g))
      expect((await ask(address)).status).toBe(200);
  });

  it.each([
    [{ role: 'driver', id: NORA }, '/v2/me'],
    [{ role: 'merchant', id: MERCHANT }, '/v2/deliveries'],
    [{ role: 'ops', id: 'demo-ops' }, '/v2/drivers'],
  ])('gives %j a token that the API accepts', async (person, path) => {
    const { status, text } = await signIn(person);
    expect(status).toBe(200);
    const { token } = JSON.parse(text) as { token: string };
    expect((await ask(path, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
  });

  it.each([
    [{ role: 'driver', id: newId() }, 404],
    [{ role: 'merchant', id: NORA }, 404],
    [{ role: 'ops', id: 'olga' }, 404],
    [{ role: 'customer', id: NORA }, 400],
    [{ role: 'ops' }, 400],
    [{ role: 'driver', id: NORA, cities: '*' }, 400],
  ])('refuses anybody else: %j', async (person, status) => {
    expect((await signIn(person)).status).toBe(status);
  });

  it.each([
    ['http://evil.example'],
    ['http://127.0.0.1:8233'],
    ['http://localhost:1'],
    ['https://127.0.0.1'],
    ['null'],
    [''],
  ])('refuses a page of another origin: %s', async (origin) => {
    expect(await signIn({ role: 'ops', id: 'demo-ops' }, { origin })).toMatchObject({ status: 403 });
  });

  it('gives no other origin access to read or to post JSON', async () => {
    const { headers } = await fetch(`${world.url}/docs/demo/people`, {
      headers: { origin: 'http://evil.example' },
    });
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    expect(headers.get('cache-control')).toBe('no-store');
    const preflight = await fetch(`${world.url}/docs/demo/sign-in`, {
      method: 'OPTIONS',
      headers: { origin: 'http://evil.example', 'access-control-request-method': 'POST' },
    });
    expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
  });

  it.each([
    ['a rebound DNS name', { host: 'evil.example:3001' }],
    ['a name with the local address as its prefix', { host: '127.0.0.1.evil.example' }],
    ['a network address', { host: '192.168.1.7:3001' }],
    ['a proxy or a tunnel', { 'x-forwarded-for': '203.0.113.9' }],
    ['another proxy', { forwarded: 'for=203.0.113.9' }],
  ])('is not available for %s', async (_who, headers: Record<string, string>) => {
    for (const path of ASSETS) expect((await ask(path, { headers })).status).toBe(404);
    const origin = `http://${headers.host ?? host}`;
    expect(await signIn({ role: 'ops', id: 'demo-ops' }, { ...headers, origin })).toMatchObject({
      status: 404,
    });
    expect((await ask('/docs', { headers })).text).not.toContain('demo');
  });

  it.each([['localhost'], ['127.0.0.1'], ['[::1]']])('is available under the host name %s', async (name) => {
    const headers = { host: `${name}:3001` };
    expect((await ask('/docs/demo/people', { headers })).status).toBe(200);
    const origin = `http://${name}:3001`;
    expect((await signIn({ role: 'ops', id: 'demo-ops' }, { ...headers, origin })).status).toBe(200);
  });
});

describe('a request', () => {
  it.each([
    ['127.0.0.1', true],
    ['127.8.8.8', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['192.168.1.7', false],
    ['::ffff:192.168.1.7', false],
    ['fe80::1', false],
    ['', false],
  ])('from %s counts as local: %s', (remoteAddress, isIt) => {
    const request = { socket: { remoteAddress }, headers: { host: 'localhost:3001' } };
    expect(isFromThisMachine(request)).toBe(isIt);
  });
});

describe.each([
  ['with tokens of an external issuer', createLocalSigner(WITH_ISSUER)],
  ['outside the demo', undefined],
])('%s', (_where, signDemoToken) => {
  it('sign-in is off and the page has no buttons', async () => {
    expect(signDemoToken ?? null).toBeNull();
    const other = await createApiWorld(() => ({ signDemoToken }));
    try {
      for (const path of ASSETS) await other.as().get(path).expect(404);
      const { body } = await other
        .as()
        .post('/docs/demo/sign-in', { role: 'ops', id: 'demo-ops' })
        .set('origin', other.url)
        .expect(404);
      expect(body.code).toBe('NO_SUCH_ROUTE');
      const { text } = await other.as().get('/docs').expect(200);
      expect(text).not.toContain('demo');
    } finally {
      await other.close();
    }
  });
});
