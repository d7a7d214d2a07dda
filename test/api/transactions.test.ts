/**
 * What a delivery costs PostgreSQL when nothing goes wrong, counted by the server: from the order to the door,
 * by the API, the transactions of the workflow, and the outbox. Only Temporal is not there, which has a database
 * of its own.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { v7 as newId } from 'uuid';
import { ORDER_LIMITS } from '../../domain/orders/orderLimits';
import { composeMessageHandler, composeServices } from '../../services/compose';
import type { MessageHandler } from '../../services/outbox/sending';
import type { Dispatcher } from '../../services/ports';
import { type ApiWorld, createApiWorld, driver, merchant } from '../support/apiWorld';
import { requiredVariable } from '../support/database';
import { CITY, MERCHANT, PICKUP } from '../support/dispatchWorld';
import { eventually } from '../support/eventually';
import { IDLE_DISPATCHER } from '../support/idleDispatcher';

/** `npm run bench -- lifecycle` counts the same under load, with what runs besides. */
const MOST_TRANSACTIONS = 18;
const MOST_ROWS = 54;
const POOL_SIZE = 10;
const STEPS = ['arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver'];
/** What stands for Temporal looks up the delivery of each update. */
const LOOKUPS = 1 + STEPS.length;

let world: ApiWorld;
/** The offers that reached an app. */
const offerIds: string[] = [];
/** On another database, so that it does not count itself. */
let server: Client;
beforeAll(async () => {
  world = await createApiWorld();
  server = new Client({ connectionString: requiredVariable('TEST_DATABASE_URL') });
  await server.connect();
});
afterAll(async () => {
  await server.end();
  await world.close();
});

type Counts = { transactions: number; rows: number };

/**
 * So far. Each connection reports what it has counted, in a transaction of its own, which reads a table: one that
 * read none reports nothing.
 */
async function counted(): Promise<Counts> {
  await Promise.all(
    Array.from({ length: POOL_SIZE }, () =>
      world.postgres.pool.query('SELECT count(*), pg_stat_force_next_flush(), pg_sleep(0.15) FROM merchants'),
    ),
  );
  const { rows } = await server.query<Record<keyof Counts, string>>(
    `SELECT xact_commit + xact_rollback AS transactions, tup_inserted + tup_updated + tup_deleted AS rows
     FROM pg_stat_database WHERE datname = $1`,
    [new URL(world.ownerUrl).pathname.slice(1)],
  );
  return { transactions: Number(rows[0]?.transactions), rows: Number(rows[0]?.rows) };
}

/** Every message goes where it would; a workflow's first search is run in place of its start. */
function receivers(): MessageHandler {
  const { postgres, map, deps, leasing } = world;
  const dispatcher: Dispatcher = {
    ...IDLE_DISPATCHER,
    startDelivery: async (deliveryId, correlationId) => {
      const event = { kind: 'lookForDriver', freed: null } as const;
      await world.activities.lookForDriver({ deliveryId, correlationId, at: Date.now(), event });
    },
  };
  const services = composeServices({
    postgres,
    map,
    features: deps.features,
    dispatcher,
    settings: {
      ...deps.limits,
      searchLeadMs: 600_000,
      orders: ORDER_LIMITS,
      noticeGroupUpdateMs: 60_000,
      zoneActs: { deliveriesPerSecond: 1_000, widenMaxMeters: 50_000 },
      database: { statementTimeoutMs: 5_000 },
    },
    clock: Date.now,
    newId,
    notifyRelay: deps.notifyRelay,
    leasing,
  });
  return composeMessageHandler(services, {
    dispatcher,
    emitter: {
      emit: async ({ event, body }) => {
        if (event === 'DELIVERY_OFFERED_V2') offerIds.push(body.offerId);
      },
    },
    notify: async () => {},
  });
}

/** As an app does that shows an offer, and a shop and a driver who lose no time. */
async function deliver(driverId: string): Promise<void> {
  const { body } = await world
    .as(merchant(MERCHANT))
    .post('/v2/deliveries', {
      sellerOrderId: newId(),
      cityId: CITY,
      parcelSize: 'SMALL',
      feeCents: 590,
      pickup: { address: 'Baker Street 1', point: PICKUP },
      dropoff: { address: 'Home Lane 2', point: { lat: 52.38, lng: 4.91 } },
    })
    .expect(201);
  const offerId = await eventually('an offer', async () => offerIds.shift());
  await world.apiDeps.driverStates.offerSeen(offerId, driverId);
  const app = world.as(driver(driverId));
  await app.post(`/v2/offers/${offerId}/accept`, {}).expect(200);
  for (const step of STEPS) await app.post(`/v2/deliveries/${body.deliveryId}/steps`, { step }).expect(200);
}

test('a plain delivery takes few transactions and writes few rows', async () => {
  const driverId = await world.addDriver();
  // The poll, and how many messages are marked together, are questions of time.
  const relay = world.relayTo(receivers(), { polls: false, gatheredMs: 60_000 });
  const before = await counted();
  await deliver(driverId);
  await relay.stop();
  const after = await counted();
  expect(await world.db.outboxMessage.count({ where: { sentAt: null } })).toBe(0);
  const transactions = after.transactions - before.transactions - POOL_SIZE - LOOKUPS;
  expect(transactions).toBeLessThanOrEqual(MOST_TRANSACTIONS);
  expect(after.rows - before.rows).toBeLessThanOrEqual(MOST_ROWS);
});
