import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { v7 as newId } from 'uuid';
import { apiEndpoints } from '../../api/app';
import type { ApiDeps } from '../../api/deps';
import { openApiDocument } from '../../api/http/openapi';
import { readOperations } from '../../reliability/fuzz/document';
import { ID_PLACES, type IdKind } from '../../reliability/fuzz/knownIds';
import { fuzzOperation, type FuzzDeps } from '../../reliability/fuzz/run';
import { type ApiWorld, createApiWorld, driver, merchant, ops, tokenOf } from '../support/apiWorld';
import { CITY, MERCHANT } from '../support/dispatchWorld';

const SECRET = 'Secret-of-another-city';

let world: ApiWorld;
let deps: FuzzDeps;
beforeAll(async () => {
  world = await createApiWorld();
  const driverId = await world.addDriver();
  const { deliveryId } = await world.addDelivery();
  await world.activities.lookForDriver({
    deliveryId,
    correlationId: 'fuzz',
    at: Date.now(),
    event: { kind: 'lookForDriver', freed: null },
  });
  const { body } = await world.as(driver(driverId)).get('/v2/offers/mine').expect(200);
  const caseId = newId();
  await world.db.escalation.create({
    data: { id: caseId, deliveryId, cityId: CITY, level: 2, reason: 'UNASSIGNED', openedAt: new Date() },
  });
  const cityId = await world.addCity();
  await world.db.driver.create({
    data: {
      id: newId(),
      cityId,
      name: SECRET,
      vehicleKind: 'CAR',
      capacity: 1,
      availability: 'AVAILABLE',
      idleSince: new Date(),
    },
  });
  deps = {
    apiUrl: world.url,
    names: { cities: [CITY], zones: [], merchants: [MERCHANT], features: ['driver_offers'] },
    secrets: [{ text: SECRET, seenBy: new Set(['ops']) }],
    callers: [
      { name: 'ops', role: 'ops', token: tokenOf(ops()) },
      { name: 'ops of the city', role: 'ops', token: tokenOf(ops([CITY])) },
      { name: 'merchant', role: 'merchant', token: tokenOf(merchant(MERCHANT)) },
      { name: 'driver', role: 'driver', token: tokenOf(driver(driverId)) },
      { name: 'nobody', role: 'nobody', token: null },
      { name: 'a customer', role: 'customer', token: tokenOf({ role: 'customer', sub: 'cleo' }) },
    ],
    known: {
      ids: idsAt({
        drivers: driverId,
        offers: String(body.live.offerId),
        deliveries: deliveryId,
        escalations: caseId,
      }),
      cursor: 'none',
    },
    figures: { requests: 0, byStatus: {}, byCode: {}, succeeded: new Set(), refused: new Set() },
  };
});
afterAll(() => world.close());

/** The ids as the fuzzer expects them: the same id for all uses of a kind. */
function idsAt(ids: Record<IdKind, string>): string[] {
  return (['drivers', 'offers', 'deliveries', 'escalations'] as const).flatMap((kind) =>
    Array<string>(ID_PLACES[kind]).fill(ids[kind]),
  );
}

const REQUESTS = 25;

// The endpoints are described without their dependencies.
const operations = readOperations(JSON.stringify(openApiDocument(apiEndpoints({} as ApiDeps))));

describe('random requests', () => {
  it.each(operations.map((operation) => [operation.name, operation] as const))(
    '%s get documented replies and no internal errors',
    async (_name, operation) => {
      const seed = Math.floor(Math.random() * 2 ** 31);
      expect(await fuzzOperation(deps, operation, { seed, times: REQUESTS, until: Infinity })).toBeNull();
    },
    60_000,
  );

  it.each([
    ['get /v2/ops/zones/health', 404, () => world.as(ops()).get('/v2/ops/zones/health?cityId=nowhere')],
    ...['break/end', 'resume'].map(
      (end) =>
        [
          `post /v2/drivers/{id}/availability/${end}`,
          409,
          async () => {
            const off = await world.addDriver({ availability: 'OFFLINE' });
            return world.as(ops()).post(`/v2/drivers/${off}/availability/${end}`, {});
          },
        ] as const,
    ),
  ] as const)('%s documents the refusal %i', async (name, status, ask) => {
    const { status: answered, body } = await ask();
    expect(answered).toBe(status);
    expect(operations.find((each) => each.name === name)?.replies.get(status)?.codes).toContain(body.code);
  });

  it('with random texts and numbers of an order create a readable delivery or are refused', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 });
    const point = fc.record({
      lat: fc.double({ min: -91, max: 91, noNaN: true }),
      lng: fc.double({ min: -181, max: 181, noNaN: true }),
    });
    const stop = fc.record({ address: text, point, contactName: fc.option(text), notes: fc.option(text) });
    const orders = fc.record({
      sellerOrderId: text,
      cityId: fc.constant(CITY),
      pickup: stop,
      dropoff: stop,
      parcelSize: fc.constant('SMALL'),
      feeCents: fc.integer(),
      payCents: fc.option(fc.integer({ min: -1 })),
      readyAt: fc.option(fc.date({ noInvalidDate: true }).map((date) => date.toISOString())),
    });
    await fc.assert(
      fc.asyncProperty(orders, async (order) => {
        const client = world.as(merchant(MERCHANT));
        const { status, body } = await client
          .post('/v2/deliveries')
          .set('content-type', 'application/json')
          .send(JSON.stringify(order));
        expect([200, 201, 400, 409]).toContain(status);
        if (status === 201)
          expect((await client.get(`/v2/deliveries/${body.deliveryId}`)).body).toMatchObject({
            sellerOrderId: order.sellerOrderId,
            pickup: body.pickup,
          });
      }),
      { numRuns: 150 },
    );
  }, 60_000);
});
