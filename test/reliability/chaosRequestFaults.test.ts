import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { type Answered, contradictionOf, RequestFaults } from '../../reliability/chaos/requestFaults';
import { type Random, randomFrom } from '../../simulator/kit/random';

const BASE = 'http://127.0.0.1:1';
const ACCEPT = `${BASE}/v2/offers/o1/accept`;
const post = (url: string): Request =>
  new Request(url, { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json' } });

/** The drawn numbers, repeated. */
function always(draw: number): Random {
  const random = randomFrom('any');
  // fractions, as the real one draws
  return { ...random, next: () => draw, chance: () => true, between: (min) => min + 0.123 };
}
const [TWICE, ANSWER_LOST, LATE, NONE] = [0.01, 0.05, 0.1, 0.9];

/**
 * A service with these responses in turn.
 * @returns it, and the requests it received
 */
function serviceOf(...answers: { status: number; body: object }[]): {
  send: (request: Request) => Promise<Response>;
  sent: string[];
} {
  const sent: string[] = [];
  const left = [...answers];
  return {
    sent,
    send: async (request) => {
      const { status, body } = (left.length > 1 ? left.shift() : left[0])!;
      sent.push(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`);
      return new Response(JSON.stringify(body), { status });
    },
  };
}

const OK = { status: 200, body: { outcome: 'accepted', assignmentId: 'a1' } };
const forEver = new AbortController().signal;

afterEach(() => void jest.useRealTimers());

describe('a request that changes state', () => {
  test('is sent unchanged without a fault', async () => {
    const { send, sent } = serviceOf(OK);
    expect((await new RequestFaults(always(NONE), forEver, send).send(post(ACCEPT))).status).toBe(200);
    expect(sent).toEqual(['POST /v2/offers/o1/accept {"a":1}']);
  });

  test('is duplicated; differing responses are a contradiction', async () => {
    const same = new RequestFaults(always(TWICE), forEver, serviceOf(OK).send);
    expect(await (await same.send(post(ACCEPT))).json()).toEqual(OK.body);
    expect(same).toMatchObject({ counts: { twice: 1 }, contradictions: [] });
    const other = new RequestFaults(
      always(TWICE),
      forEver,
      serviceOf(OK, { status: 200, body: { outcome: 'accepted', assignmentId: 'a2' } }).send,
    );
    await other.send(post(ACCEPT));
    expect(other.contradictions).toMatchObject([{ invariant: 2, what: expect.stringContaining('"a1"') }]);
  });

  test('is a contradiction where one of two copies is refused, whichever comes first', async () => {
    const refused = { status: 409, body: { code: 'OFFER_EXPIRED' } };
    for (const answers of [
      [OK, refused],
      [refused, OK],
    ]) {
      const requestFaults = new RequestFaults(always(TWICE), forEver, serviceOf(...answers).send);
      await requestFaults.send(post(ACCEPT));
      expect(requestFaults.contradictions).toHaveLength(1);
    }
  });

  test('loses its response: the client gets an error, and the service has processed it', async () => {
    const { send, sent } = serviceOf(OK);
    await expect(new RequestFaults(always(ANSWER_LOST), forEver, send).send(post(ACCEPT))).rejects.toThrow(
      'dropped',
    );
    expect(sent).toHaveLength(1);
  });

  test('is retried after a lost response; a different response is a contradiction', async () => {
    const draws = [ANSWER_LOST, NONE];
    const random: Random = { ...always(NONE), next: () => draws.shift() ?? NONE };
    const requestFaults = new RequestFaults(
      random,
      forEver,
      serviceOf(OK, { status: 404, body: { code: 'NOT_FOUND' } }).send,
    );
    await expect(requestFaults.send(post(ACCEPT))).rejects.toThrow('dropped');
    expect((await requestFaults.send(post(ACCEPT))).status).toBe(404);
    expect(requestFaults.contradictions).toMatchObject([
      { what: expect.stringContaining('after a lost answer') },
    ]);
    await requestFaults.send(post(ACCEPT));
    expect(requestFaults.contradictions).toHaveLength(1);
  });

  test('is repeated late and unchanged; a different response is a contradiction', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'queueMicrotask', 'nextTick'] });
    const { send, sent } = serviceOf(OK, { status: 404, body: { code: 'NOT_FOUND' } });
    const requestFaults = new RequestFaults(always(LATE), forEver, send);
    await requestFaults.send(post(ACCEPT));
    await jest.advanceTimersByTimeAsync(4_900);
    expect(sent).toHaveLength(1);
    expect(requestFaults.counts.late).toBe(0); // counted when it happens, so that the count says what was tried
    await jest.advanceTimersByTimeAsync(200);
    await requestFaults.ended();
    expect(sent).toEqual(['POST /v2/offers/o1/accept {"a":1}', 'POST /v2/offers/o1/accept {"a":1}']);
    expect(requestFaults.counts.late).toBe(1);
    expect(requestFaults.contradictions).toMatchObject([{ what: expect.stringContaining('NOT_FOUND') }]);
  });

  test.each(['/v2/deliveries', '/v2/ops/escalations/c1/acknowledge'])(
    'to %s returns the current state: another driver is no contradiction, another id is one',
    async (path) => {
      const begun = { status: 201, body: { deliveryId: 'd1', driverId: null } };
      const later = new RequestFaults(
        always(TWICE),
        forEver,
        serviceOf(begun, { status: 200, body: { deliveryId: 'd1', driverId: 'x' } }).send,
      );
      await later.send(post(`${BASE}${path}`));
      expect(later.contradictions).toEqual([]);
      const other = new RequestFaults(
        always(TWICE),
        forEver,
        serviceOf(begun, { status: 200, body: { deliveryId: 'd2', driverId: null } }).send,
      );
      await other.send(post(`${BASE}${path}`));
      expect(other.contradictions).toMatchObject([{ what: expect.stringContaining('"d2"') }]);
    },
  );

  test('that reports a step must also keep its driver', () => {
    const assigned = (driverId: string): Answered => ({
      status: 200,
      body: { outcome: 'assigned', deliveryId: 'd1', driverId },
    });
    expect(contradictionOf('/v2/deliveries/d1/assign', assigned('x'), assigned('y'))).toContain('"y"');
  });

  test('is not repeated late where that would be a new request, or after the faults have ended', async () => {
    const { send, sent } = serviceOf(OK);
    const requestFaults = new RequestFaults(always(LATE), forEver, send);
    await requestFaults.send(post(`${BASE}/drivers/d1/availability/break`));
    const over = new RequestFaults(always(TWICE), forEver, send);
    over.end();
    await over.send(post(ACCEPT));
    await new RequestFaults(always(TWICE), forEver, send).send(new Request(`${BASE}/v2/me`));
    await requestFaults.ended();
    expect(sent).toHaveLength(3);
    expect(requestFaults.counts.late).toBe(0);
  });
});

test('an unavailable service is no contradiction, nor is a first request that was refused', () => {
  const ok: Answered = { status: 200, body: { deliveryId: 'd1', status: 'OFFERED' } };
  expect(
    contradictionOf('/v2/offers/o1/accept', ok, { status: 503, body: { code: 'UNAVAILABLE' } }),
  ).toBeNull();
  expect(
    contradictionOf('/v2/offers/o1/accept', { status: 409, body: { code: 'OFFER_EXPIRED' } }, ok),
  ).toBeNull();
  expect(
    contradictionOf('/v2/deliveries', ok, { status: 200, body: { deliveryId: 'd1', status: 'DELIVERED' } }),
  ).toBeNull();
  expect(
    contradictionOf('/v2/deliveries/d1/fail', ok, {
      status: 200,
      body: { deliveryId: 'd1', status: 'FAILED' },
    }),
  ).toContain('"FAILED"');
  expect(
    contradictionOf('/v2/offers/o1/accept', ok, {
      status: 200,
      body: { deliveryId: 'd2', status: 'OFFERED' },
    }),
  ).toContain('"d2"');
});
