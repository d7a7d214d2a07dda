import { once } from 'node:events';
import { createServer } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import {
  type ApiClientOptions,
  createApiClient,
  dataOf,
  ProblemError,
  ServiceUnavailableError,
  UnexpectedAnswerError,
} from '@driver-service/api-client';

/** Node's own, which is otherwise only there with a flag. */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

type Answer = Response | Error | ((signal: AbortSignal) => Promise<Response>);
type Sent = { method: string; key: string | null; authorization: string | null; body: string };

/** A service that gives the scripted answers and records the requests. */
function scripted(script: Answer[], options: Partial<ApiClientOptions> = {}) {
  const sent: Sent[] = [];
  const retries: string[] = [];
  const client = createApiClient({
    baseUrl: 'http://127.0.0.1:1',
    token: 'mine',
    retryForMs: 10_000,
    onRetry: (why) => void retries.push(why),
    send: async (request) => {
      const { method, headers, signal } = request;
      sent.push({
        method,
        key: headers.get('idempotency-key'),
        authorization: headers.get('authorization'),
        body: await request.text(),
      });
      const next = script.shift() ?? new Error('no more answers');
      if (next instanceof Error) throw next;
      return typeof next === 'function' ? next(signal) : next;
    },
    ...options,
  });
  const read = async () => dataOf(await client.GET('/v2/deliveries/{id}', { params: { path: { id: 'd' } } }));
  const cancel = async () =>
    dataOf(
      await client.POST('/v2/deliveries/{id}/cancel', {
        params: { path: { id: 'd' } },
        body: { reason: 'OTHER' },
      }),
    );
  const register = async (driver: { driverId?: string }) =>
    dataOf(
      await client.POST('/v2/drivers', {
        body: { ...driver, cityId: 'ams', name: 'Kim', vehicleKind: 'CAR' },
      }),
    );
  return { client, read, cancel, register, sent, retries };
}

const fine = (body: object = { deliveryId: 'd' }): Response => Response.json(body);
const away = (): Response => problem(503, 'UNAVAILABLE');
const lost = (): Error => new TypeError('fetch failed', { cause: new Error('other side closed') });

function problem(status: number, code: string, headers: Record<string, string> = {}): Response {
  const type = `/problems/${code.toLowerCase().replaceAll('_', '-')}`;
  const body = { type, title: 'No', status, detail: 'why', code, instance: '/', correlationId: 'c' };
  return Response.json(body, { status, headers: { 'content-type': 'application/problem+json', ...headers } });
}

describe('a request', () => {
  test('that is answered is sent once, with the caller’s token', async () => {
    const { read, sent } = scripted([fine()]);
    expect(await read()).toEqual({ deliveryId: 'd' });
    expect(sent).toEqual([{ method: 'GET', key: null, authorization: 'Bearer mine', body: '' }]);
  });

  test('calls the token function for each attempt', async () => {
    let count = 0;
    const { read, sent } = scripted([fine(), fine()], { token: async () => `token-${(count += 1)}` });
    await read();
    await read();
    expect(sent.map(({ authorization }) => authorization)).toEqual(['Bearer token-1', 'Bearer token-2']);
  });

  test('is retried unchanged with the same key after a lost connection or an outage', async () => {
    const { cancel, sent, retries } = scripted([lost(), away(), fine()]);
    await cancel();
    expect(sent).toHaveLength(3);
    expect(new Set(sent.map((each) => JSON.stringify(each))).size).toBe(1);
    expect(sent[0]).toMatchObject({ method: 'POST', key: expect.any(String), body: '{"reason":"OTHER"}' });
    expect(retries).toEqual(['fetch failed: other side closed', 'status 503']);
  });

  test('has a new key for each call, or the given one', async () => {
    const { client, cancel, sent } = scripted([fine(), fine(), fine()]);
    await cancel();
    await cancel();
    const params = { path: { id: 'd' }, header: { 'Idempotency-Key': 'given' } };
    await client.POST('/v2/deliveries/{id}/cancel', { params, body: { reason: 'OTHER' } });
    const [first, second, third] = sent.map(({ key }) => key);
    expect(first).not.toBe(second);
    expect(third).toBe('given');
  });

  test('that is not idempotent is sent once', async () => {
    const { register, sent } = scripted([away(), away(), fine()]);
    await expect(register({})).rejects.toThrow(ServiceUnavailableError);
    expect(sent).toHaveLength(1);
    await register({ driverId: 'chosen' });
    expect(sent).toHaveLength(3);
  });

  test('is retried when the connection is lost in the middle of the answer', async () => {
    const torn = new ReadableStream({
      pull: (body) => {
        body.enqueue(new TextEncoder().encode('{"deliveryId":'));
        body.error(new TypeError('terminated'));
      },
    });
    const { read, retries } = scripted([new Response(torn), fine()]);
    await read();
    expect(retries).toEqual(['terminated']);
  });

  test('is retried when an attempt times out', async () => {
    const hangs = (signal: AbortSignal): Promise<Response> =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
    const { read, retries } = scripted([hangs, fine()], { attemptTimeoutMs: 20 });
    await read();
    expect(retries).toEqual([expect.stringContaining('aborted due to timeout')]);
  });

  test('is retried when an attempt times out, also after a garbage collection', async () => {
    const collectGarbage = garbageCollector();
    let requests = 0;
    const server = createServer((_request, response) => {
      requests += 1;
      if (requests > 1) return void response.end('{"deliveryId":"d"}');
      setImmediate(collectGarbage); // and never answers
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const address = server.address();
      const port = typeof address === 'object' ? address?.port : null;
      const { read } = scripted([], {
        baseUrl: `http://127.0.0.1:${port}`,
        attemptTimeoutMs: 300,
        send: undefined,
      });
      expect(await read()).toEqual({ deliveryId: 'd' });
      expect(requests).toBe(2);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  test('that is refused is not retried, and the error has the reason', async () => {
    const { cancel, sent } = scripted([problem(409, 'ILLEGAL_TRANSITION')]);
    const refused = await cancel().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ProblemError);
    expect(refused).toMatchObject({
      status: 409,
      code: 'ILLEGAL_TRANSITION',
      type: '/problems/illegal-transition',
      problem: { detail: 'why', correlationId: 'c' },
    });
    expect(sent).toHaveLength(1);
  });

  test('that a proxy answers is distinguished from a refusal by the service', async () => {
    const { read } = scripted([new Response('<html>', { status: 403 })]);
    await expect(read()).rejects.toThrow(UnexpectedAnswerError);
  });

  test('waits as long as Retry-After says, up to its own limit', async () => {
    const { read, sent } = scripted([problem(429, 'TOO_MANY_REQUESTS', { 'retry-after': '60' })]);
    const given = await read().catch((error: unknown) => error);
    expect(given).toBeInstanceOf(ServiceUnavailableError);
    expect(given).toMatchObject({
      message: 'GET /v2/deliveries/d: status 429',
      problem: { code: 'TOO_MANY_REQUESTS' },
    });
    expect(sent).toHaveLength(1);
    const patient = scripted([problem(503, 'UNAVAILABLE', { 'retry-after': '1' }), fine()]);
    const startedAt = performance.now();
    await patient.read();
    expect(performance.now() - startedAt).toBeGreaterThan(990);
  });

  test('uses the default limits if an option is undefined', async () => {
    const answers = [fine(), problem(503, 'UNAVAILABLE', { 'retry-after': '60' })];
    const { read, sent } = scripted(answers, { attemptTimeoutMs: undefined, retryForMs: undefined });
    await read();
    await expect(read()).rejects.toThrow(ServiceUnavailableError);
    expect(sent).toHaveLength(2);
  });

  test.each(['of the client', 'of the call'])('is aborted by the signal %s', async (whose) => {
    const stop = new AbortController();
    const { client, sent } = scripted(
      [away(), fine()],
      whose === 'of the client' ? { signal: stop.signal } : {},
    );
    const params = { path: { id: 'd' } };
    const asking = client.GET('/v2/deliveries/{id}', {
      params,
      ...(whose === 'of the call' ? { signal: stop.signal } : {}),
    });
    const given = asking.catch((error: unknown) => error);
    stop.abort(new Error('enough'));
    expect(await given).toMatchObject({ name: 'ServiceUnavailableError', cause: new Error('enough') });
    expect(sent.length).toBeLessThan(2);
  });
});
