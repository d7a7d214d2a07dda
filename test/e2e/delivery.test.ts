/**
 * One delivery end to end: HTTP and sockets, worker and API as processes, PostgreSQL, Redis, and a real
 * Temporal.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ScheduleOverlapPolicy, type WorkflowHandle } from '@temporalio/client';
import { v7 as newId } from 'uuid';
import { deliveryWorkflowId } from '../../workflows/contract';
import type { AsyncApiDocument } from '../../api/realtime/asyncapi';
import { type Audience, AUDIENCES } from '../../domain/notices/realtimeEvents';
import { createOverdueStages } from '../../services/overdueStages';
import { payloadsOf } from '../replay/historyFiles';
import { toRecorded } from '../../worker/replayCheck/historyJson';
import { EventContract } from '../support/eventContract';
import { eventually } from '../support/eventually';
import { brokenInvariants } from '../support/invariants';
import { readmeExamples, runExample } from '../support/readmeExamples';
import { type LiveCity, LiveSystem, northOf } from '../support/liveSystem';

const TO_THE_DOOR = ['arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver'] as const;

let system: LiveSystem;
beforeAll(async () => {
  system = await LiveSystem.start();
}, 120_000);
afterAll(() => system.close(), 60_000);

async function inCity<T>(
  options: Parameters<LiveSystem['openCity']>[0],
  act: (city: LiveCity) => Promise<T>,
): Promise<T> {
  const city = await system.openCity(options);
  try {
    return await act(city);
  } finally {
    city.close();
  }
}

const handleOf = ({ merchantId }: LiveCity, { sellerOrderId }: { sellerOrderId: string }): WorkflowHandle =>
  system.parts.temporal.client.workflow.getHandle(deliveryWorkflowId(merchantId, sellerOrderId));
const row = (deliveryId: string) =>
  system.parts.db.delivery.findUniqueOrThrow({
    where: { id: deliveryId },
    include: { offers: { orderBy: { createdAt: 'asc' } }, assignments: true },
  });
const is = (deliveryId: string, status: string): Promise<true> =>
  eventually(`the delivery is ${status}`, async () => (await row(deliveryId)).status === status);

describe('a delivery', () => {
  test('is delivered by the first driver, who accepts', () =>
    inCity({}, async (city) => {
      const driver = await city.addDriver();
      const order = await city.order();
      const offer = await driver.hears('DELIVERY_OFFERED_V2', { deliveryId: order.deliveryId });
      expect(offer).toMatchObject({
        driverId: driver.driverId,
        offerPayload: {
          pickup: { address: 'Secret Square 2' },
          dropoff: expect.anything(),
          payCents: expect.any(Number),
          readyAt: expect.any(String),
        },
      });
      expect(Date.parse(String(offer.expiresAt)) - Date.now()).toBeGreaterThan(20_000);
      const accepted = await driver.accept(String(offer.offerId));
      expect(accepted).toMatchObject({ ok: true });
      expect(await driver.hears('DELIVERY_ASSIGNED', { deliveryId: order.deliveryId })).toEqual({
        deliveryId: order.deliveryId,
        driverId: driver.driverId,
      });
      await driver.go(order.deliveryId, ...TO_THE_DOOR);
      expect(await handleOf(city, order).result()).toBe('DELIVERED');
      expect(await row(order.deliveryId)).toMatchObject({
        status: 'DELIVERED',
        driverId: driver.driverId,
        assignments: [{ state: 'COMPLETED' }],
      });
      expect(await driver.client.view()).toMatchObject({
        ok: true,
        availability: 'AVAILABLE',
        offers: [],
        deliveryIds: [],
      });
    }));

  test('costs at most 42 events if the first driver accepts', () =>
    inCity({}, async (city) => {
      const driver = await city.addDriver();
      const counts: number[] = [];
      for (let turn = 0; turn < 3; turn += 1) {
        const order = await city.order();
        await driver.accept(await driver.asked(order.deliveryId));
        await driver.go(order.deliveryId, ...TO_THE_DOOR);
        await handleOf(city, order).result();
        counts.push((await handleOf(city, order).fetchHistory()).events?.length ?? 0);
      }
      // If the machine stalls for seconds, a task is repeated, which costs three more events.
      const [, median] = counts.sort((a, b) => a - b);
      expect(median).toBeLessThanOrEqual(42);
    }));

  test('that is rejected and then expires goes to the third driver, and each gets correct events', () =>
    inCity({ offerTtlSeconds: 2 }, async (city) => {
      const [first, second, third] = [
        await city.addDriver(),
        await city.addDriver({ at: northOf(400) }),
        await city.addDriver({ at: northOf(900) }),
      ];
      const { deliveryId } = await city.order();
      const offers = { first: await first.asked(deliveryId), second: '', third: '' };
      expect(await first.client.reject(offers.first, 'TOO_FAR')).toMatchObject({ ok: true });
      offers.second = await second.asked(deliveryId);
      await second.hears('OFFER_EXPIRED', { offerId: offers.second });
      offers.third = await third.asked(deliveryId);
      const [late, twice, wrong, taken] = await Promise.all([
        second.accept(offers.second),
        first.accept(offers.first),
        second.accept(offers.third),
        third.accept(offers.third),
      ]);
      expect(late).toMatchObject({ ok: false, status: 409, code: 'OFFER_EXPIRED' });
      expect(twice).toMatchObject({ ok: false, status: 409, code: 'ALREADY_ANSWERED' });
      expect(wrong).toMatchObject({ ok: false, status: 404 });
      expect(taken).toMatchObject({ ok: true });
      expect(await third.accept(offers.third)).toEqual(taken);
      expect((await row(deliveryId)).offers.map(({ state, driverId }) => [state, driverId])).toEqual([
        ['REJECTED', first.driverId],
        ['EXPIRED', second.driverId],
        ['ACCEPTED', third.driverId],
      ]);
      await third.go(deliveryId, ...TO_THE_DOOR);
      await is(deliveryId, 'DELIVERED');
    }));

  test('is assigned to a driver with the v1 app at once, with v1 events', () =>
    inCity({}, async (city) => {
      const driver = await city.addDriver({ offerVersion: null });
      const { deliveryId } = await city.order();
      expect(await driver.hears('DELIVERY_ASSIGNED', { deliveryId })).toEqual({
        deliveryId,
        driverId: driver.driverId,
      });
      expect(driver.heard.filter(({ event }) => event === 'DELIVERY_OFFERED_V2')).toEqual([]);
      expect(await row(deliveryId)).toMatchObject({
        status: 'ASSIGNED',
        offers: [],
        assignments: [{ way: 'V1' }],
      });
      await driver.go(deliveryId, ...TO_THE_DOOR);
      await is(deliveryId, 'DELIVERED');
    }));

  test('that is cancelled withdraws its offer at once, and releases the driver who was on the way', () =>
    inCity({}, async (city) => {
      const driver = await city.addDriver();
      const offered = await city.order();
      const offerId = await driver.asked(offered.deliveryId);
      expect(await city.ops.cancel(offered.deliveryId, 'OPS_CANCELLED')).toMatchObject({
        ok: true,
        status: 'CANCELLED',
      });
      await driver.hears('OFFER_WITHDRAWN', { offerId });
      expect(await driver.accept(offerId)).toMatchObject({ ok: false, status: 409, code: 'OFFER_WITHDRAWN' });
      expect(await city.ops.cancel(offered.deliveryId, 'OPS_CANCELLED')).toMatchObject({
        ok: true,
        status: 'CANCELLED',
      });
      const carried = await city.order();
      expect(await driver.accept(await driver.asked(carried.deliveryId))).toMatchObject({ ok: true });
      expect(await city.ops.cancel(carried.deliveryId, 'CUSTOMER_CANCELLED')).toMatchObject({ ok: true });
      await driver.hears('DELIVERY_CANCELLED', { deliveryId: carried.deliveryId });
      expect(await driver.client.view()).toMatchObject({ availability: 'AVAILABLE', deliveryIds: [] });
      expect(await handleOf(city, carried).result()).toBe('CANCELLED');
    }));

  test('goes to the next driver when its driver goes offline, during the offer and before pickup', () =>
    inCity({}, async (city) => {
      const [first, second] = [await city.addDriver(), await city.addDriver({ at: northOf(400) })];
      const { deliveryId } = await city.order();
      const offerId = await first.asked(deliveryId);
      expect(await first.client.goOffline()).toMatchObject({ ok: true });
      await first.hears('OFFER_WITHDRAWN', { offerId });
      expect(await second.accept(await second.asked(deliveryId))).toMatchObject({ ok: true });
      expect(await first.client.startShift(null)).toMatchObject({ ok: true });
      await first.sendPlace();
      first.forget();
      expect(await second.client.goOffline()).toMatchObject({ ok: true });
      await second.hears('DELIVERY_UNASSIGNED', { deliveryId });
      expect(await first.accept(await first.asked(deliveryId))).toMatchObject({ ok: true });
      expect((await row(deliveryId)).assignments.map(({ state }) => state).sort()).toEqual([
        'ACTIVE',
        'LOST',
      ]);
      await first.go(deliveryId, ...TO_THE_DOOR);
      await is(deliveryId, 'DELIVERED');
    }));

  test('without a driver is offered to the next driver who comes on duty', () =>
    inCity({}, async (city) => {
      const { deliveryId } = await city.order();
      await is(deliveryId, 'SEARCHING');
      const driver = await city.addDriver();
      // before the next search, five seconds after the first
      expect(await driver.accept(await driver.asked(deliveryId, 4_000))).toMatchObject({ ok: true });
      await city.ops.cancel(deliveryId, 'OPS_CANCELLED');
    }));

  test('is created once although its order is posted several times at once', () =>
    inCity({}, async (city) => {
      const posted = await Promise.all(
        Array.from({ length: 8 }, () => city.order({ sellerOrderId: 'the-same' })),
      );
      expect(new Set(posted.map(({ deliveryId }) => deliveryId)).size).toBe(1);
      expect(await system.parts.db.delivery.count({ where: { merchantId: city.merchantId } })).toBe(1);
      await city.ops.cancel(posted[0]?.deliveryId ?? '', 'OPS_CANCELLED');
    }));
});

describe('ops in the Temporal UI', () => {
  test('find a delivery by state, city, merchant and driver, and see what it waits for', () =>
    inCity({}, async (city) => {
      const { temporal } = system.parts;
      const driver = await city.addDriver();
      const order = await city.order();
      await driver.asked(order.deliveryId);
      const workflowId = deliveryWorkflowId(city.merchantId, order.sellerOrderId);
      const finds = (query: string): Promise<true> =>
        eventually(`it is found by ${query}`, async () => {
          for await (const found of temporal.client.workflow.list({ query }))
            if (found.workflowId === workflowId) return true;
          return undefined;
        });
      const running = `ExecutionStatus = 'Running' AND City = '${city.cityId}'`;
      await finds(`${running} AND DeliveryStatus = 'OFFERED'`);
      await finds(`${running} AND DriverId = '${driver.driverId}'`);
      await finds(
        `${running} AND MerchantId = '${city.merchantId}' AND EscalationLevel = 0 AND Zone = 'zone-${city.cityId}'`,
      );
      await finds(`${running} AND OfferExpiresAt > '${new Date().toISOString()}'`);

      const handle = handleOf(city, order);
      const described = await handle.describe();
      expect(await described.staticSummary()).toBe(`delivery ${order.deliveryId} in ${city.cityId}`);
      expect(await described.staticDetails()).toContain(`GET /v2/deliveries/${order.deliveryId}`);
      const { currentDetails } = await handle.query<{ currentDetails: string }>(
        '__temporal_workflow_metadata',
      );
      expect(currentDetails).toMatch(
        new RegExp(
          `^OFFERED: waiting for an answer or until 20.+Z, then: offer to driver ${driver.driverId} lapses$`,
        ),
      );
      const history = toRecorded(await handle.fetchHistory());
      const said = JSON.stringify(payloadsOf(history));
      expect(said).toContain(`"offer to driver ${driver.driverId} lapses"`);
      for (const shown of [
        said,
        JSON.stringify(history),
        currentDetails,
        await described.staticSummary(),
        await described.staticDetails(),
      ])
        expect(shown).not.toMatch(/secret|samantha|kim/i);

      await driver.accept(await driver.asked(order.deliveryId));
      await finds(`${running} AND DeliveryStatus = 'ASSIGNED' AND DriverId = '${driver.driverId}'`);
      expect(await handle.query('__temporal_workflow_metadata')).toMatchObject({
        currentDetails: `ASSIGNED: waiting for driver ${driver.driverId} to take the next step`,
      });
      await city.ops.cancel(order.deliveryId, 'OPS_CANCELLED');
    }));
});

describe('the examples of the client’s README', () => {
  const examples = readmeExamples();
  const example = (heading: string): string => examples.get(heading) ?? '';

  test('are all covered by these tests', () => {
    expect([...examples.keys()]).toEqual(['Requests', 'Refusals', 'Retries and time-outs', 'Events']);
  });

  test('post and cancel orders as a shop, and show the reason for a refusal', () =>
    inCity({}, async (city) => {
      const merchant = { role: 'merchant', merchantId: city.merchantId } as const;
      const environment = {
        API_URL: system.parts.apiUrl,
        MERCHANT_TOKEN: await system.connections.login(merchant),
        CITY_ID: city.cityId,
        DELIVERY_ID: (await city.order()).deliveryId,
      };
      const [posted, refused, cancelled] = await Promise.all(
        ['Requests', 'Refusals', 'Retries and time-outs'].map((heading) =>
          runExample(example(heading), environment),
        ),
      );
      expect(posted).toEqual([expect.stringMatching(/^delivery .+ is (PENDING|SEARCHING)$/)]);
      expect(refused).toEqual([expect.stringMatching(/^\/problems\/not-found: /)]);
      expect(cancelled?.[0]).toMatch(/^cancelled {/);
      await is(environment.DELIVERY_ID, 'CANCELLED');
    }));

  test('accept an offer as a driver', () =>
    inCity({}, async (city) => {
      const { driverId } = await city.addDriver();
      const environment = {
        API_URL: system.parts.apiUrl,
        DRIVER_TOKEN: await system.connections.login({ role: 'driver', driverId }),
      };
      let order: Promise<{ deliveryId: string }> | undefined;
      const lines = await runExample(example('Events'), environment, (line) => {
        if (line === 'I am AVAILABLE') order = city.order();
      });
      expect(lines).toEqual([
        'I am AVAILABLE',
        expect.stringMatching(/^\d+ cents, to Secret Lane 1$/),
        'accepted',
      ]);
      await is((await order)?.deliveryId ?? '', 'ASSIGNED');
    }));
});

describe('realtime events', () => {
  test('report manual actions of ops and deliveries that wait too long', () =>
    inCity({}, async (city) => {
      const desk = await system.connections.support('olga');
      const [first, second] = [await city.addDriver(), await city.addDriver({ at: northOf(400) })];
      const { deliveryId } = await city.order();
      const offerId = await first.asked(deliveryId);
      expect(await first.shows(offerId)).toEqual({ noted: true });
      await first.accept(offerId);
      expect(await desk.raisePay(deliveryId, 300, 'rain')).toMatchObject({ ok: true });
      await first.hears('PAY_RAISED', { deliveryId });
      await changeNotes(city.merchantId, deliveryId);
      await first.hears('ORDER_CHANGED', { deliveryId });
      await remind(deliveryId, first.driverId);
      await first.hears('STEP_OVERDUE', { deliveryId });
      await first.go(deliveryId, 'arriveAtPickup', 'pickUp');
      const to = { driverId: second.driverId, meeting: northOf(100) };
      expect(await desk.handOver(deliveryId, to, 'a flat tyre')).toMatchObject({ ok: true });
      await second.hears('DELIVERY_ASSIGNED_V2', { deliveryId, way: 'HANDOVER' });
      expect(await desk.putFeature('escalation', true, 'for all')).toMatchObject({ ok: true });
      await second.client.goOffline();

      const late = await city.order({ sellerOrderId: 'late' });
      const followers = [
        await system.follow(late.deliveryId),
        ...(await system.followBriefly(first.driverId, late.deliveryId)),
      ];
      await first.client.goOffline();
      await is(late.deliveryId, 'SEARCHING');
      await system.parts.db.$executeRaw`
        UPDATE deliveries SET unassigned_ms = 31 * 60000 WHERE id = ${late.deliveryId}::uuid`;
      const { schedule } = system.parts.temporal.client;
      for (const id of ['escalation-sweep', 'zone-health-sweep'])
        await schedule.getHandle(id).trigger(ScheduleOverlapPolicy.BUFFER_ONE);
      await heard('merchant', 'delivery_delayed', late.deliveryId);
      await heard('ops', 'escalation_changed', late.deliveryId);
      await heard('ops', 'zone_health_changed', city.cityId);
      await heard('ops', 'FEATURE_CHANGED', 'escalation');
      await heard('tracking', 'delivery_delayed', late.deliveryId);
      await city.ops.cancel(late.deliveryId, 'OPS_CANCELLED');
      await heard('tracking', 'tracking_changed', '"status":"CANCELLED"');
      await stopOrders(city.cityId);
      await heard('merchant', 'orders_stop_changed', city.cityId);
      await heard('ops', 'orders_stop_changed', city.cityId);
      for (const audience of AUDIENCES) await heard(audience, 'SESSION_EXPIRING', 'expiresAt');
      followers.forEach((socket) => void socket.disconnect());
    }));

  async function changeNotes(merchantId: string, deliveryId: string): Promise<void> {
    const { status } = await fetch(`${system.parts.apiUrl}/v2/deliveries/${deliveryId}`, {
      method: 'PATCH',
      headers: {
        authorization: `Bearer ${await system.connections.login({ role: 'merchant', merchantId })}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ dropoff: { notes: 'ring twice' } }),
    });
    expect(status).toBe(200);
  }

  async function stopOrders(cityId: string): Promise<void> {
    const { status } = await fetch(`${system.parts.apiUrl}/v2/ops/cities/${cityId}/stop-orders`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await system.connections.login({ role: 'ops', name: 'olga', cities: [cityId] })}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ minutes: 5, reason: 'WEATHER', why: 'a storm' }),
    });
    expect(status).toBe(200);
  }

  /** As the sweep does where a driver takes too long to the shop. Here nobody waits for that. */
  async function remind(deliveryId: string, driverId: string): Promise<void> {
    const { db } = system.parts;
    const { id: assignmentId } = await db.assignment.findFirstOrThrow({ where: { deliveryId, driverId } });
    const dueAt = Date.now() - 60_000;
    const data = { stage: 'ASSIGNED', stageDueAt: new Date(dueAt) };
    await db.assignment.update({ where: { id: assignmentId }, data });
    const overdueStages = createOverdueStages({
      db,
      clock: Date.now,
      newId,
      pushes: false,
      notifyRelay: () => {},
    });
    const stage = { tell: 'driver', deliveryId, assignmentId, driverId, stage: 'ASSIGNED', dueAt } as const;
    expect(await overdueStages.tell(stage, 'e2e')).toBe(true);
  }

  const heard = (audience: Audience, event: string, about: string): Promise<true> =>
    eventually(`${audience} hear ${event}`, async () =>
      system.heard[audience].some(
        (each) => each.event === event && JSON.stringify(each.body).includes(about),
      ),
    );

  test('match /asyncapi.json, and these tests receive every one of them', async () => {
    const answer = await fetch(`${system.parts.apiUrl}/asyncapi.json`);
    const contract = new EventContract((await answer.json()) as AsyncApiDocument);
    for (const audience of AUDIENCES) {
      expect(contract.violations(audience, system.heard[audience])).toEqual([]);
      const events = new Set(system.heard[audience].map(({ event }) => event));
      expect(contract.events(audience).filter((event) => !events.has(event))).toEqual([]);
    }
  });
});

test('every invariant holds at the end', async () => {
  expect(await brokenInvariants(system.parts.db)).toEqual([]);
});
