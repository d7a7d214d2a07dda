import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { v7 as newId } from 'uuid';
import { connectDatabase } from '../../adapters/postgres/database';
import { createReadiness } from '../../services/readiness';
import { PROBLEMS, type ProblemCode, problemType } from '../../api/http/problems';
import { type ApiWorld, createApiWorld, driver, merchant, ops, tokenOf } from '../support/apiWorld';
import { CITY, MERCHANT, PICKUP } from '../support/dispatchWorld';

let world: ApiWorld;
let isStopping = false;
const away = { postgres: false, redis: false, temporal: false };
const unlessAway = (name: keyof typeof away) => async (): Promise<void> => {
  if (away[name]) throw new Error(`${name} is away`);
};
beforeAll(async () => {
  world = await createApiWorld(() => ({
    readiness: {
      isStopping: () => isStopping,
      report: createReadiness({
        needed: { postgres: unlessAway('postgres') },
        useful: { redis: unlessAway('redis'), temporal: unlessAway('temporal') },
        onDown: () => undefined,
        keptMs: 0,
      }),
    },
  }));
});
afterEach(() => {
  isStopping = false;
  Object.assign(away, { postgres: false, redis: false, temporal: false });
});
afterAll(() => world.close());

describe('problem responses', () => {
  it('have the problem format of RFC 9457', async () => {
    const { body } = await world
      .as(merchant(MERCHANT))
      .post('/v2/deliveries?draft=1', { colour: 'red', pickup: { point: {} } })
      .set('x-correlation-id', 'abc-1')
      .expect(400)
      .expect('content-type', 'application/problem+json; charset=utf-8')
      .expect('x-correlation-id', 'abc-1');
    expect(body).toMatchObject({
      type: '/problems/invalid-request',
      title: 'The request is not valid',
      status: 400,
      code: 'INVALID_REQUEST',
      instance: '/v2/deliveries',
      correlationId: 'abc-1',
      errors: [{ path: '', message: expect.stringContaining('draft') }],
    });
    const { body: fields } = await world
      .as(merchant(MERCHANT))
      .post('/v2/deliveries', { colour: 'red', pickup: { point: {} } })
      .expect(400);
    const paths = (fields.errors as { path: string }[]).map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining(['sellerOrderId', 'pickup.address', 'pickup.point.lat', '']),
    );
  });

  it('return 404 for an unknown path', async () => {
    expect((await world.as(ops()).get('/v3/deliveries').expect(404)).body.code).toBe('NO_SUCH_ROUTE');
    expect((await world.as().get('/').expect(404)).body.code).toBe('NO_SUCH_ROUTE');
  });

  it('return 405 for an unsupported method', async () => {
    const { body, headers } = await world.as(ops()).put('/v2/deliveries', {}).expect(405);
    expect([body.code, headers.allow]).toEqual(['METHOD_NOT_ALLOWED', 'POST, GET, HEAD']);
  });

  it('return 400 for malformed JSON, 413 for a large body, 415 for another media type', async () => {
    const send = (body: string | Buffer, type = 'application/json') =>
      world.as(ops()).post('/v2/merchants').set('content-type', type).send(body);
    for (const body of ['{', '"text"', 'null', '{"a":1}}', '\u0000'])
      expect((await send(body).expect(400)).body.code).toBe('MALFORMED_REQUEST');
    expect((await send('[]').expect(400)).body.code).toBe('INVALID_REQUEST');
    expect((await send(JSON.stringify({ name: 'x'.repeat(102_400) })).expect(413)).body.code).toBe(
      'BODY_TOO_LARGE',
    );
    const bomb = gzipSync(JSON.stringify({ name: 'x'.repeat(10_000_000) }));
    const headers = {
      authorization: `Bearer ${tokenOf(ops())}`,
      'content-type': 'application/json',
      'content-encoding': 'gzip',
    };
    expect((await fetch(`${world.url}/v2/merchants`, { method: 'POST', body: bomb, headers })).status).toBe(
      413,
    );
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json; charset=latin1',
    ]) {
      expect((await send('{}', type).expect(415)).body.code).toBe('UNSUPPORTED_MEDIA_TYPE');
    }
    expect((await send('{}').set('content-encoding', 'lzma').expect(415)).body.code).toBe(
      'UNSUPPORTED_MEDIA_TYPE',
    );
  });

  it('return 400 for a badly encoded URL', async () => {
    expect((await world.as(ops()).get('/v2/deliveries/%E0%A4%A').expect(400)).body.code).toBe(
      'MALFORMED_REQUEST',
    );
  });

  it('return 404 for a malformed id', async () => {
    await world.as(ops()).get('/v2/deliveries/mine').expect(404);
    await world.as(driver(newId())).post('/v2/offers/1/accept').expect(404);
  });

  it('return 500 without details for an internal error', async () => {
    const broken = await createApiWorld(() => ({
      driverStates: {
        read: async () => {
          throw new Error('the secret is a fish');
        },
        offerSeen: async () => false,
        shownOffer: async () => null,
      },
    }));
    const { body, text } = await broken.as(driver(newId())).get('/v2/me').expect(500);
    expect(body).toMatchObject({ code: 'INTERNAL', correlationId: expect.stringMatching(/^[\w-]{36}$/) });
    expect(text).not.toContain('fish');
    await broken.close();
  });

  it('return 503 with Retry-After while the database is unavailable', async () => {
    const db = connectDatabase('postgresql://app:app@127.0.0.1:1/none', {
      poolSize: 1,
      statementTimeoutMs: 500,
      applicationName: 'test',
    });
    const lost = await createApiWorld(() => ({ db }));
    const { body } = await lost.as(ops()).get('/v2/deliveries').expect(503).expect('retry-after', '1');
    expect(body.code).toBe('UNAVAILABLE');
    await db.$disconnect();
    await lost.close();
  });
});

describe('the correlation id', () => {
  it.each([
    ['valid', 'order:77.a_b-c', true],
    ['too long', 'x'.repeat(129), false],
    ['malformed', 'a b', false],
  ])('that is %s is used or replaced', async (_what, given, isTaken) => {
    const { headers } = await world.as().get('/health').set('x-correlation-id', given).expect(200);
    if (isTaken) expect(headers['x-correlation-id']).toBe(given);
    else expect(headers['x-correlation-id']).toMatch(/^[\w-]{36}$/);
  });
});

describe('the request log', () => {
  it('has one line per request with its correlation id, without tokens and personal data', async () => {
    const lines: string[] = [];
    const noted = await createApiWorld(() => ({
      log: pino({ level: 'debug' }, { write: (text: string) => void lines.push(text) }),
    }));
    const place = { address: 'Hidden Street 5', point: PICKUP, contactName: 'Cleo' };
    const order = {
      sellerOrderId: 'log-1',
      cityId: CITY,
      pickup: place,
      dropoff: place,
      parcelSize: 'SMALL',
      feeCents: 1,
    };
    await noted
      .as(merchant(MERCHANT))
      .post('/v2/deliveries', order)
      .set('x-correlation-id', 'log-1')
      .expect(201);
    await noted.as(merchant(MERCHANT)).get('/v2/deliveries?sellerOrderId=log-1').expect(200);
    await noted
      .as(merchant(MERCHANT))
      .post('/v2/deliveries', { ...order, cityId: 'atlantis' })
      .expect(409);
    await noted.close();
    expect(lines.map((text): unknown => JSON.parse(text))).toEqual([
      expect.objectContaining({
        msg: 'answered',
        correlationId: 'log-1',
        method: 'POST',
        path: '/v2/deliveries',
        status: 201,
        ms: expect.any(Number),
      }),
      expect.objectContaining({ method: 'GET', path: '/v2/deliveries', status: 200 }),
      expect.objectContaining({ status: 409 }),
    ]);
    expect(lines.join()).not.toMatch(/Bearer|eyJ|Hidden|Cleo|sellerOrderId/);
  });
});

describe('probes', () => {
  it('report that the process is live', async () => {
    expect((await world.as().get('/health').expect(200)).body).toEqual({ status: 'live' });
  });

  it('report readiness and the dependencies that are down', async () => {
    const { body } = await world.as().get('/health/ready').expect(200);
    expect(body).toMatchObject({
      status: 'ready',
      dependencies: { postgres: { state: 'up' }, redis: { state: 'up' }, temporal: { state: 'up' } },
      features: { driver_offers: { state: 'ON', rolloutPercent: 100 } },
    });
    away.postgres = true;
    expect((await world.as().get('/health/ready').expect(503)).body).toMatchObject({
      status: 'not ready',
      dependencies: { postgres: { state: 'down' }, temporal: { state: 'up' } },
    });
  });

  it.each(['redis', 'temporal'] as const)(
    'stay ready without %s, which orders do not need, and report it',
    async (name) => {
      away[name] = true;
      expect((await world.as().get('/health/ready').expect(200)).body).toMatchObject({
        status: 'degraded',
        dependencies: { postgres: { state: 'up' }, [name]: { state: 'down' } },
      });
    },
  );

  it('report that the process stops, whatever the dependencies do', async () => {
    isStopping = true;
    expect((await world.as().get('/health/ready').expect(503)).body.status).toBe('stopping');
  });

  it('expose metrics by route, not by path', async () => {
    const { deliveryId } = await world.addDelivery();
    await world.as(ops()).get(`/v2/deliveries/${deliveryId}`).expect(200);
    const { text } = await world
      .as()
      .get('/metrics')
      .expect(200)
      .expect('content-type', /^text\/plain/);
    expect(text).toContain(
      'http_request_duration_seconds_count{method="GET",route="/v2/deliveries/:id",status="200"}',
    );
    expect(text).not.toContain(deliveryId);
  });
});

describe('the docs', () => {
  it('describe every endpoint in OpenAPI 3.1', async () => {
    const { body } = await world.as().get('/openapi.json').expect(200);
    expect(body.openapi).toBe('3.1.0');
    const operations = Object.entries(body.paths as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(operations).toEqual(
      expect.arrayContaining([
        'post /v2/deliveries',
        'get /v2/deliveries/{id}',
        'post /v2/offers/{id}/accept',
        'get /v2/me',
        'post /drivers/{id}/location',
        'post /v2/drivers/{id}/availability/shift/end',
      ]),
    );
    const { parameters, responses, requestBody } = body.paths['/v2/deliveries/{id}/cancel'].post;
    expect((parameters as { name: string }[]).map(({ name }) => name)).toEqual(['id', 'Idempotency-Key']);
    expect(Object.keys(responses as object)).toEqual([
      '200',
      '400',
      '401',
      '403',
      '404',
      '409',
      '413',
      '415',
      '422',
      '429',
      '500',
      '503',
    ]);
    expect(requestBody.required).toBe(false);
    expect(body.components.schemas.Order.required).toEqual([
      'sellerOrderId',
      'cityId',
      'pickup',
      'dropoff',
      'parcelSize',
      'feeCents',
    ]);
  });

  it.each(['/docs', '/docs/events'])('load nothing from other hosts: %s', async (page) => {
    const { text, headers } = await world.as().get(page).expect(200);
    expect(headers['content-security-policy']).toBe(
      "default-src 'none';script-src 'self';style-src 'self' 'unsafe-inline';img-src 'self' data:;" +
        "connect-src 'self';frame-ancestors 'none'",
    );
    expect(text).not.toMatch(/https?:|<script>|style=/);
    for (const [, address] of text.matchAll(/(?:src|href)="(\/[^"]+)"/g))
      await world
        .as()
        .get(address ?? '')
        .expect(200);
  });

  it('show every realtime event, without broken links', async () => {
    const { body } = await world.as().get('/asyncapi.json').expect(200);
    const { text } = await world.as().get('/docs/events').expect(200);
    for (const name of Object.keys(body.components.messages as object))
      expect(text).toContain(`<code>${name}</code>`);
    for (const [, id] of text.matchAll(/href="#([^"]+)"/g)) expect(text).toContain(`id="${id}"`);
  });

  it('set security headers on all other responses', async () => {
    const { headers } = await world.as().get('/health');
    expect(headers).toMatchObject({
      'content-security-policy': "default-src 'none';frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
    });
    expect(headers['x-powered-by']).toBeUndefined();
  });

  it('list every problem code exactly as the code does', () => {
    const docs = readFileSync(join(__dirname, '../../docs/problems.md'), 'utf8');
    const rows = Object.entries(PROBLEMS).map(
      ([code, { status, title, when }]) =>
        `| ${status} | \`${code}\` | \`${problemType(code as ProblemCode)}\` | ${title} | ${when} |`,
    );
    expect(docs.slice(docs.indexOf('| status |')).trimEnd().split('\n').slice(2)).toEqual(rows);
  });
});
