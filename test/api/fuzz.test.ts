import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { v7 as newId } from 'uuid';
import { apiEndpoints } from '../../api/app';
import type { ApiDeps } from '../../api/deps';
import type { Endpoint } from '../../api/endpoint';
import { cursorOf } from '../../api/fields';
import { type ApiWorld, type Claims, createApiWorld, driver, merchant, ops } from '../support/apiWorld';
import { CITY, MERCHANT } from '../support/dispatchWorld';
import { nearlyValid } from '../support/nearlyValid';

let world: ApiWorld;
let known: string[];
let callers: Claims[];
beforeAll(async () => {
  world = await createApiWorld();
  const driverId = await world.addDriver();
  const { deliveryId } = await world.addDelivery();
  await world.activities.lookForDriver({ deliveryId, correlationId: 'fuzz', at: Date.now(), event: { kind: 'lookForDriver', freed: null } });
  const { body } = await world.as(driver(driverId)).get('/v2/offers/mine').expect(200);
  const caseId = newId();
  await world.db.escalation.create({ data: { id: caseId, deliveryId, cityId: CITY, level: 2, reason: 'UNASSIGNED', openedAt: new Date() } });
  const inQueue = Buffer.from(`2/2026-01-31T12:00:00.000Z/${caseId}`).toString('base64url');
  known = [CITY, MERCHANT, driverId, deliveryId, body.live.offerId, cursorOf(deliveryId), caseId, inQueue];
  callers = [ops(), merchant(MERCHANT), driver(driverId)];
});
afterAll(() => world.close());

const RUNS = 25;

// The endpoints are described without a look at what they need to answer.
const endpoints = apiEndpoints({} as ApiDeps);

describe('whatever is sent', () => {
  it.each(endpoints.map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint] as const))('%s never fails by a fault of ours', async (_name, endpoint) => {
    await fc.assert(fc.asyncProperty(requests(endpoint), async ({ caller, params, query, body }) => {
      const path = endpoint.path.replaceAll(/:(\w+)/g, (_all, name: string) => encodeURIComponent(params[name] ?? 'x'));
      const ask = () => send(endpoint, caller, `${path}${query}`, body);
      const first = await ask();
      // 503 says that something was too busy and that the same may be sent again: then that must do, or it is the request's fault.
      const { status, body: answer } = first.status === 503 ? await ask() : first;
      expect([status < 500, answer.detail]).toEqual([true, answer.detail]);
      if (status >= 400) expect(answer).toMatchObject({ status, code: expect.any(String), type: expect.stringMatching(/^\/problems\//) });
    }), { numRuns: RUNS });
  }, 60_000);

  it('in the texts and numbers of an order either makes a delivery that can be read back, or is refused', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 });
    const point = fc.record({ lat: fc.double({ min: -91, max: 91, noNaN: true }), lng: fc.double({ min: -181, max: 181, noNaN: true }) });
    const stop = fc.record({ address: text, point, contactName: fc.option(text), notes: fc.option(text) });
    const orders = fc.record({
      sellerOrderId: text, cityId: fc.constant(CITY), pickup: stop, dropoff: stop, parcelSize: fc.constant('SMALL'), feeCents: fc.integer(),
      payCents: fc.option(fc.integer({ min: -1 })), readyAt: fc.option(fc.date({ noInvalidDate: true }).map((date) => date.toISOString())),
    });
    await fc.assert(fc.asyncProperty(orders, async (order) => {
      const client = world.as(merchant(MERCHANT));
      const { status, body } = await client.post('/v2/deliveries').set('content-type', 'application/json').send(JSON.stringify(order));
      expect([200, 201, 400, 409]).toContain(status);
      if (status === 201) expect((await client.get(`/v2/deliveries/${body.deliveryId}`)).body).toMatchObject({ sellerOrderId: order.sellerOrderId, pickup: body.pickup });
    }), { numRuns: 150 });
  }, 60_000);
});

type Sent = { caller: Claims; params: Record<string, string>; query: string; body: unknown };

function requests(endpoint: Endpoint): fc.Arbitrary<Sent> {
  const names = Object.keys(endpoint.params.shape);
  const text = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...known) }, { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }) });
  return fc.record({
    caller: fc.constantFrom(...callers.filter(({ role }) => endpoint.roles.some((each) => each === role))),
    params: fc.record(Object.fromEntries(names.map((name) => [name, text]))),
    query: endpoint.method === 'get' ? nearlyValid(endpoint.query, known).map(queryOf) : fc.constant(''),
    body: endpoint.body === null ? fc.constant(undefined) : nearlyValid(endpoint.body, known),
  });
}

/** Things of JSON may carry a key `toString`, and then have no text of their own. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function queryOf(value: unknown): string {
  const pairs = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const parts = pairs.flatMap(([key, each]) => (each === null || each === undefined ? [] : [`${encode(key)}=${encode(textOf(each))}`]));
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}

/** Halves of characters cannot be sent in an address. */
function encode(text: string): string {
  return encodeURIComponent(text.replaceAll(/\p{Cs}/gu, ''));
}

async function send({ method }: Endpoint, caller: Claims, path: string, body: unknown): Promise<{ status: number; body: { detail?: string } }> {
  const client = world.as(caller);
  if (method === 'get') return client.get(path);
  return (method === 'put' ? client.put(path) : client.post(path)).set('content-type', 'application/json').send(JSON.stringify(body));
}
