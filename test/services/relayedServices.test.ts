/** What the services of a process hand to its own relay, as both main.ts compose them. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { ORDER_LIMITS } from '../../domain/orders/orderLimits';
import { composeRelayedServices } from '../../services/compose';
import type { Dispatcher, NewOrder, Notifier } from '../../services/ports';
import { CITY, createDispatchWorld, type DispatchWorld, MERCHANT, PICKUP } from '../support/dispatchWorld';
import { eventually } from '../support/eventually';
import { IDLE_DISPATCHER } from '../support/idleDispatcher';

let world: DispatchWorld;
beforeAll(async () => {
  world = await createDispatchWorld();
});
afterAll(() => world.close());

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const nobody: Notifier = { channel: 'log', notify: async () => 'not_needed' };

test('a workflow is started with what the process that took its order knows', async () => {
  const started: (NewOrder | undefined)[] = [];
  const dispatcher: Dispatcher = {
    ...IDLE_DISPATCHER,
    startDelivery: async (_deliveryId, _correlationId, order) => void started.push(order),
  };
  const { postgres, map, deps } = world;
  const { services, relay } = composeRelayedServices({
    postgres,
    map,
    features: deps.features,
    dispatcher,
    emitter: { emit: async () => {} },
    notifiers: { support: nobody, pager: nobody, driver: nobody },
    settings: {
      ...deps.limits,
      orders: ORDER_LIMITS,
      noticeGroupUpdateMs: 60_000,
      zoneActs: { deliveriesPerSecond: 1_000, widenMaxMeters: 50_000 },
      database: { statementTimeoutMs: 5_000 },
      notices: { maxAgeMs: 60_000 },
    },
    clock: Date.now,
    newId,
    log: quiet,
  });
  const sellerOrderId = newId();
  const stop = { contactName: null, contactPhone: null, notes: null };
  await services.orders.takeOrder(
    {
      merchantId: MERCHANT,
      sellerOrderId,
      cityId: CITY,
      pickup: { ...stop, address: 'Baker Street 1', point: PICKUP },
      dropoff: { ...stop, address: 'Home Lane 2', point: { lat: 52.38, lng: 4.91 } },
      readyAt: null,
      windowFrom: null,
      windowTo: null,
      parcelSize: 'SMALL',
      feeCents: 590,
      payCents: null,
      currency: null,
      by: { kind: 'merchant', id: MERCHANT },
    },
    { fingerprint: '2:00', requestHash: '00', fields: [] },
    'correlation',
    Date.now(),
  );
  const order = await eventually('the workflow is started', async () => started[0]);
  expect(order).toMatchObject({ merchantId: MERCHANT, sellerOrderId, cityId: CITY, zoneId: null });
  await relay.stop();
});
