/**
 * A worker or connection that dies during a transaction leaves no trace, and the repeat commits exactly once.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import type { IncomingEvent } from '../../domain/delivery/events';
import type { EventResult } from '../../services/deliveries/deliveryEvents';
import { createDispatchWorld, type DispatchWorld } from '../support/dispatchWorld';
import { eventually } from '../support/eventually';
import { brokenInvariants } from '../support/invariants';

const OPS = { kind: 'ops', id: 'olga' } as const;

let world: DispatchWorld;
/** A second connection that locks the rows a transaction needs and kills the service's connection. */
let outsider: Client;
beforeAll(async () => {
  world = await createDispatchWorld();
  outsider = new Client({ connectionString: world.ownerUrl });
  await outsider.connect();
});
afterAll(async () => {
  await outsider.end();
  await world.close();
});

const tell = (deliveryId: string, event: IncomingEvent): Promise<EventResult> =>
  world.activities[event.kind]({ deliveryId, correlationId: 'test', at: Date.now(), event });

async function everything(): Promise<unknown> {
  const { db } = world;
  return Promise.all([
    db.delivery.findMany({ orderBy: { id: 'asc' } }),
    db.driver.findMany({ orderBy: { id: 'asc' } }),
    db.offer.findMany({ orderBy: { id: 'asc' } }),
    db.assignment.findMany({ orderBy: { id: 'asc' } }),
    db.auditEntry.count(),
    db.outboxMessage.count(),
  ]);
}

/**
 * Waits until a transaction of the service stands before a lock, and kills its connection, as the end of its
 * process would.
 */
async function killTheBlocked(): Promise<void> {
  const pid = await eventually('a transaction waits for our lock', async () => {
    const { rows } = await outsider.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
        AND pid <> pg_backend_pid()`,
    );
    return rows[0]?.pid;
  });
  await outsider.query('SELECT pg_terminate_backend($1)', [pid]);
}

/** When the transaction dies: before its first write, between writes, or before its last. */
const MOMENTS = {
  'while it waits for the delivery': (deliveryId: string) =>
    `SELECT FROM deliveries WHERE id = '${deliveryId}' FOR UPDATE`,
  'after its rows were changed, before the new ones': () =>
    'LOCK TABLE assignments, offers IN SHARE ROW EXCLUSIVE MODE',
  'before its messages are in the outbox': () => 'LOCK TABLE outbox IN SHARE ROW EXCLUSIVE MODE',
  'before its entries are in the trail': () => 'LOCK TABLE audit_entries IN SHARE ROW EXCLUSIVE MODE',
} as const;

/** Events with many writes, and their preconditions. */
const EVENTS: Readonly<Record<string, (deliveryId: string, driverId: string) => Promise<IncomingEvent>>> = {
  'making an offer': async () => ({ kind: 'lookForDriver', freed: null }),
  'an accept': async (deliveryId, driverId) => ({
    kind: 'acceptOffer',
    driverId,
    offerId: await offered(deliveryId),
  }),
  'a cancel with an offer out': async (deliveryId) => {
    await offered(deliveryId);
    return { kind: 'cancelDelivery', by: OPS, reason: 'OPS_CANCELLED' };
  },
  'an assignment by hand': async (deliveryId, driverId) => {
    await offered(deliveryId);
    return { kind: 'assignDriver', driverId, by: OPS, override: false, why: 'test' };
  },
};

async function offered(deliveryId: string): Promise<string> {
  const {
    known: {
      offers: [offer],
    },
  } = await tell(deliveryId, { kind: 'lookForDriver', freed: null });
  if (!offer) throw new Error('nobody was asked');
  return offer.offerId;
}

const CASES = Object.keys(EVENTS).flatMap((event) =>
  Object.keys(MOMENTS).map((moment) => [event, moment] as const),
);

describe('an aborted transaction', () => {
  test.each(CASES)('%s, %s', async (eventName, moment) => {
    const cityId = await world.addCity();
    const driverId = await world.addDriver({ cityId });
    const { deliveryId } = await world.addDelivery({ cityId });
    const event = await EVENTS[eventName]?.(deliveryId, driverId);
    if (!event) throw new Error('no such event');
    const before = await everything();

    await outsider.query('BEGIN');
    await outsider.query(MOMENTS[moment as keyof typeof MOMENTS](deliveryId));
    const dying = tell(deliveryId, event).then(
      () => 'went through',
      () => 'died',
    );
    await killTheBlocked();
    expect(await dying).toBe('died');
    await outsider.query('ROLLBACK');
    expect(await everything()).toEqual(before);

    const first = await tell(deliveryId, event);
    const after = await everything();
    expect(after).not.toEqual(before);
    expect(await tell(deliveryId, event)).toEqual(first);
    expect(await everything()).toEqual(after);
    expect(await brokenInvariants(world.db)).toEqual([]);
  });
});
