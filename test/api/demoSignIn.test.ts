/** The page of docs signs people of the demo in, and nobody else anywhere. */
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

/** By hand, as no other client lets one choose the Host. */
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

describe('signing in from the page of docs', () => {
  it('offers the people there are', async () => {
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
  ])('gives %j a token that the API takes', async (person, path) => {
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
  ])('knows nobody else: %j', async (person, status) => {
    expect((await signIn(person)).status).toBe(status);
  });

  it.each([
    ['http://evil.example'],
    ['http://127.0.0.1:8233'],
    ['http://localhost:1'],
    ['https://127.0.0.1'],
    ['null'],
    [''],
  ])('is refused to a page of another origin: %s', async (origin) => {
    expect(await signIn({ role: 'ops', id: 'demo-ops' }, { origin })).toMatchObject({ status: 403 });
  });

  it('lets no page of another origin read it or send it JSON', async () => {
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
    ['a name that was made to lead here', { host: 'evil.example:3001' }],
    ['a name that only begins as ours', { host: '127.0.0.1.evil.example' }],
    ['an address in the network', { host: '192.168.1.7:3001' }],
    ['a proxy or a tunnel', { 'x-forwarded-for': '203.0.113.9' }],
    ['another proxy', { forwarded: 'for=203.0.113.9' }],
  ])('is not there for %s', async (_who, headers: Record<string, string>) => {
    for (const path of ASSETS) expect((await ask(path, { headers })).status).toBe(404);
    const origin = `http://${headers.host ?? host}`;
    expect(await signIn({ role: 'ops', id: 'demo-ops' }, { ...headers, origin })).toMatchObject({
      status: 404,
    });
    expect((await ask('/docs', { headers })).text).not.toContain('demo');
  });

  it.each([['localhost'], ['127.0.0.1'], ['[::1]']])('is there under the name %s', async (name) => {
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
  ])('from %s is of this machine: %s', (remoteAddress, isIt) => {
    const request = { socket: { remoteAddress }, headers: { host: 'localhost:3001' } };
    expect(isFromThisMachine(request)).toBe(isIt);
  });
});

describe.each([
  ['where tokens come from an issuer', createLocalSigner(WITH_ISSUER)],
  ['outside the demo', undefined],
])('%s', (_where, signDemoToken) => {
  it('nobody is signed in and the page has no buttons', async () => {
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
