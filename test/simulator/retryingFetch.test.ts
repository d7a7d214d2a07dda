import { describe, expect, test } from '@jest/globals';
import { createRetryingFetch, ServiceAway } from '../../simulator/client/retryingFetch';

type Script = (Response | Error)[];

/** A server that does what the script says, and keeps what it was sent. */
function scripted(script: Script, options: { patienceMs?: number; signal?: AbortSignal } = {}) {
  const bodies: string[] = [];
  const retries: string[] = [];
  const send = async (request: Request): Promise<Response> => {
    bodies.push(await request.text());
    const next = script.shift() ?? new Error('no more answers');
    if (next instanceof Error) throw next;
    return next;
  };
  const fetchAgain = createRetryingFetch({
    patienceMs: options.patienceMs ?? 10_000,
    signal: options.signal,
    send,
    onRetry: (why) => retries.push(why),
  });
  const post = (): Promise<Response> =>
    fetchAgain(new Request('http://127.0.0.1:1/v2/offers/1/accept', { method: 'POST', body: '{"a":1}' }));
  return { post, bodies, retries };
}

describe('a request', () => {
  test('that is answered is sent once', async () => {
    const { post, bodies } = scripted([new Response('fine')]);
    expect(await (await post()).text()).toBe('fine');
    expect(bodies).toEqual(['{"a":1}']);
  });

  test('is sent again, with its body, when the connection is lost or the service is not ready', async () => {
    const lost = new TypeError('fetch failed', { cause: new Error('other side closed') });
    const { post, bodies, retries } = scripted([
      lost,
      new Response('', { status: 503 }),
      new Response('done'),
    ]);
    expect(await (await post()).text()).toBe('done');
    expect(bodies).toEqual(['{"a":1}', '{"a":1}', '{"a":1}']);
    expect(retries).toEqual(['fetch failed: other side closed', 'status 503']);
  });

  test('is sent again when the connection is lost in the middle of the answer', async () => {
    const torn = new ReadableStream({
      pull: (body) => {
        body.enqueue(new TextEncoder().encode('{"outcome":'));
        body.error(new TypeError('terminated'));
      },
    });
    const { post, bodies, retries } = scripted([new Response(torn), new Response('whole')]);
    expect(await (await post()).text()).toBe('whole');
    expect([bodies.length, retries]).toEqual([2, ['terminated']]);
  });

  test('that is refused is not sent again', async () => {
    const { post, bodies } = scripted([new Response('{"code":"OFFER_EXPIRED"}', { status: 409 })]);
    expect((await post()).status).toBe(409);
    expect(bodies).toHaveLength(1);
  });

  test('is given up when the patience ends', async () => {
    const { post } = scripted([new Response('', { status: 503 })], { patienceMs: 50 });
    await expect(post()).rejects.toThrow(ServiceAway);
  });

  test('waits as long as it is told to, but no longer than its patience', async () => {
    const { post } = scripted([new Response('', { status: 429, headers: { 'retry-after': '60' } })]);
    await expect(post()).rejects.toThrow('POST /v2/offers/1/accept: status 429');
  });

  test('can be called off', async () => {
    const stop = new AbortController();
    const { post, bodies } = scripted([new Response('', { status: 503 }), new Response('too late')], {
      signal: stop.signal,
    });
    const asking = post();
    stop.abort();
    await expect(asking).rejects.toThrow(ServiceAway);
    expect(bodies.length).toBeLessThan(2);
  });
});
