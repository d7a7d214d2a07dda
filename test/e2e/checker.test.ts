/**
 * The checker on a stopped service: it reports each violation injected into PostgreSQL, Redis or Temporal,
 * with its invariant and its delivery or driver.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Violation } from '../../reliability/checker/violation';
import { openChecker } from '../../reliability/checker/checker';
import type { ClientAnswers } from '../../reliability/checker/promiseRules';
import { deliveryWorkflowId } from '../../workflows/contract';
import { freshDatabase, connectForger } from '../support/database';
import { eventually } from '../support/eventually';
import type { LiveDriver } from '../support/liveDriver';
import { type LiveCity, LiveSystem, northOf } from '../support/liveSystem';

const TO_THE_DOOR = ['arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver'] as const;
const AN_HOUR_SECONDS = 3_600;

type Job = {
  deliveryId: string;
  sellerOrderId: string;
  offerId: string;
  assignmentId: string;
  driver: LiveDriver;
};

let system: LiveSystem;
let city: LiveCity;
/** One delivery in each state. Each has its own driver, except the one that is SEARCHING. */
let delivered: Job;
let carried: Job;
let offered: Omit<Job, 'assignmentId'>;
let searched: { deliveryId: string; sellerOrderId: string };
let resting: LiveDriver;

beforeAll(async () => {
  system = await LiveSystem.start();
  city = await system.openCity({ offerTtlSeconds: AN_HOUR_SECONDS });
  delivered = await accepted();
  await delivered.driver.go(delivered.deliveryId, ...TO_THE_DOOR);
  await delivered.driver.client.goOffline();
  carried = await accepted();
  await carried.driver.go(carried.deliveryId, 'arriveAtPickup');
  offered = await asked();
  searched = await city.order();
  await eventually('nobody is found', async () => (await row(searched.deliveryId)).searchRound > 0);
  resting = await city.addDriver({ at: northOf(90_000) });
  await system.stop(); // nothing is repaired any more
  const { db, temporal } = system.parts;
  const { workflow } = temporal.client;
  await eventually(
    'the workflow is closed',
    async () => (await workflow.getHandle(workflowIdOf(delivered)).describe()).status.name === 'COMPLETED',
  );
  await db.$executeRaw`UPDATE deliveries SET search_again_at = now() + interval '2 minutes'
    WHERE id = ${searched.deliveryId}::uuid`;
  await db.$executeRaw`UPDATE outbox SET sent_at = now() WHERE sent_at IS NULL`;
  await db.$disconnect();
}, 120_000);
afterAll(async () => {
  city.close();
  await system.close();
}, 60_000);

const row = (deliveryId: string) => system.parts.db.delivery.findUniqueOrThrow({ where: { id: deliveryId } });
const workflowIdOf = ({ sellerOrderId }: { sellerOrderId: string }): string =>
  deliveryWorkflowId(city.merchantId, sellerOrderId);

async function asked(): Promise<Omit<Job, 'assignmentId'>> {
  const driver = await city.addDriver();
  const order = await city.order();
  return { ...order, driver, offerId: await driver.asked(order.deliveryId) };
}

async function accepted(): Promise<Job> {
  const job = await asked();
  const answer = await job.driver.accept(job.offerId);
  if (!answer.ok) throw new Error(answer.code);
  return { ...job, assignmentId: answer.assignmentId };
}

/** `soon`: the second of two checks, two seconds apart. `final`: the final check. */
type When = 'atOnce' | 'soon' | 'final';
type Seeing = { told?: ClientAnswers; faultEndedAt?: () => number };

/**
 * Injects a violation into a copy of the data, as the owner of the tables, and checks the copy.
 * @returns all violations found so far
 */
async function see(
  harm: string,
  when: When,
  { told = { acknowledged: [] }, faultEndedAt }: Seeing = {},
): Promise<Violation[]> {
  const copy = await freshDatabase({ copyOf: system.parts.url });
  const owner = await connectForger(copy);
  const checker = await openChecker({ env: { ...system.parts.env, DATABASE_URL: copy.url }, faultEndedAt });
  try {
    await owner.query(harm);
    // Both were on the map when the service stopped, and nobody sends their positions any more.
    for (const { driverId } of [resting, offered.driver])
      await system.parts.redis.hset(`driver:${driverId}`, 'seen', Date.now());
    const at = Date.now();
    const atOnce = await checker.look(at);
    if (when === 'atOnce') return atOnce;
    return when === 'soon' ? [...atOnce, ...(await checker.look(at + 2_000))] : await checker.final(told);
  } finally {
    await Promise.all([checker.close(), owner.end()]);
    await copy.close();
  }
}

const NOTHING = 'SELECT';
const newOffer = (deliveryId: string, driverId: string): string => `
  INSERT INTO offers (id, delivery_id, driver_id, round, pay_cents, payload, choice, created_at, expires_at)
  VALUES (gen_random_uuid(), '${deliveryId}', '${driverId}', 0, 500, '{}', '{}', now(), now() + interval '1 hour');
  UPDATE drivers SET live_offers = live_offers + 1 WHERE id = '${driverId}'`;
const ofDelivery = (deliveryId: string, set: string): string =>
  `UPDATE deliveries SET ${set} WHERE id = '${deliveryId}'`;
const ofDriver = (driver: LiveDriver, set: string): string =>
  `UPDATE drivers SET ${set} WHERE id = '${driver.driverId}'`;

type Harm = {
  breaks: () => string;
  invariant: number;
  what: string;
  deliveryId?: () => string;
  driverId?: () => string;
};
const names = async ({ breaks, invariant, what, deliveryId, driverId }: Harm, when: When): Promise<void> => {
  const whose = {
    ...(deliveryId ? { deliveryId: deliveryId() } : {}),
    ...(driverId ? { driverId: driverId() } : {}),
  };
  expect(await see(breaks(), when)).toContainEqual(
    expect.objectContaining({ invariant, what: expect.stringContaining(what), ...whose }),
  );
};

describe('no violation is reported', () => {
  test('in normal operation', async () => {
    const told: ClientAnswers = {
      acknowledged: [
        { kind: 'posted', ...delivered },
        { kind: 'posted', ...searched },
        { kind: 'accepted', ...delivered, driverId: delivered.driver.driverId },
        ...TO_THE_DOOR.map(
          (step) =>
            ({
              kind: 'step',
              step,
              deliveryId: delivered.deliveryId,
              driverId: delivered.driver.driverId,
            }) as const,
        ),
      ],
      answers: [1, 2].map(() => ({
        request: 'accept',
        answer: 'accepted',
        deliveryId: delivered.deliveryId,
        driverId: null,
      })),
    };
    expect(await see(NOTHING, 'final', { told })).toEqual([]);
  });

  test('for a delay while a fault is active', async () => {
    expect(
      await see(ofDelivery(searched.deliveryId, `search_again_at = now() - interval '10 seconds'`), 'soon', {
        faultEndedAt: () => Infinity,
      }),
    ).toEqual([]);
  });

  test('while PostgreSQL is unavailable: the check is skipped and counted', async () => {
    const copy = await freshDatabase({ copyOf: system.parts.url });
    const checker = await openChecker({ env: { ...system.parts.env, DATABASE_URL: copy.url } });
    await copy.close();
    expect(await checker.look(Date.now())).toEqual([]);
    expect(checker.counts).toMatchObject({ checks: 1, withoutPostgres: 1 });
    await checker.close();
  });
});

describe('is reported at once, during faults as well', () => {
  test.each<[string, Harm]>([
    [
      'a second active assignment',
      {
        breaks: () => `DROP INDEX one_active_assignment_a_delivery;
        INSERT INTO assignments (id, delivery_id, driver_id, way, pay_cents, started_at)
          VALUES (gen_random_uuid(), '${carried.deliveryId}', '${resting.driverId}', 'MANUAL', 500, now())`,
        invariant: 1,
        what: '2 active assignments',
        deliveryId: () => carried.deliveryId,
      },
    ],
    [
      'a second live offer of a driver',
      {
        breaks: () =>
          `DROP INDEX one_live_offer_a_seat;
            ALTER TABLE drivers DROP CONSTRAINT driver_holds_no_more_than_capacity;
            ${newOffer(searched.deliveryId, offered.driver.driverId)}`,
        invariant: 1,
        what: 'has 2 live offers',
        driverId: () => offered.driver.driverId,
      },
    ],
    [
      'a second single offer of a delivery',
      {
        breaks: () =>
          `DROP INDEX one_live_single_offer_a_delivery; ${newOffer(offered.deliveryId, resting.driverId)}`,
        invariant: 1,
        what: '2 live offers that are not one broadcast',
        deliveryId: () => offered.deliveryId,
      },
    ],
    [
      'an offer of a delivery that is not OFFERED',
      {
        breaks: () => newOffer(searched.deliveryId, resting.driverId),
        invariant: 1,
        what: 'SEARCHING with 1 live offers',
        deliveryId: () => searched.deliveryId,
      },
    ],
    [
      'a driver above capacity',
      {
        breaks: () =>
          `ALTER TABLE drivers DROP CONSTRAINT driver_holds_no_more_than_capacity;
            ${newOffer(searched.deliveryId, carried.driver.driverId)}`,
        invariant: 1,
        what: 'exceeds their capacity of 1',
        driverId: () => carried.driver.driverId,
      },
    ],
    [
      'a counter off by one',
      {
        breaks: () => ofDriver(offered.driver, 'live_offers = 0'),
        invariant: 1,
        what: 'counts 0 live offers; the rows: 1',
        driverId: () => offered.driver.driverId,
      },
    ],
    [
      'a BUSY driver without work',
      {
        breaks: () => ofDriver(resting, `availability = 'BUSY'`),
        invariant: 1,
        what: 'is BUSY with 0 active assignments',
        driverId: () => resting.driverId,
      },
    ],
    [
      'a carried delivery without a driver',
      {
        breaks: () =>
          `UPDATE assignments SET state = 'LOST', ended_at = now() WHERE delivery_id = '${carried.deliveryId}';
            ${ofDriver(carried.driver, 'active_assignments = 0')}`,
        invariant: 1,
        what: 'AT_PICKUP with 0 active assignments',
        deliveryId: () => carried.deliveryId,
      },
    ],
    [
      'an accepted offer without its assignment',
      {
        breaks: () => `UPDATE assignments SET offer_id = NULL WHERE delivery_id = '${carried.deliveryId}'`,
        invariant: 2,
        what: 'is ACCEPTED with 0 assignments',
        deliveryId: () => carried.deliveryId,
      },
    ],
    [
      'an offer that expired before its time',
      {
        breaks: () => `UPDATE offers SET state = 'EXPIRED', ended_at = now() WHERE id = '${offered.offerId}'`,
        invariant: 6,
        what: 'ms before its time',
        deliveryId: () => offered.deliveryId,
      },
    ],
    [
      'an offer that ended twice',
      {
        breaks: () => `INSERT INTO audit_entries
            SELECT gen_random_uuid(), at, 'offer_expired', city_id, delivery_id, driver_id, merchant_id,
            seller_order_id, actor_kind, actor_id, from_state,
            to_state, why, correlation_id, device_at, detail, chain, prev_hash, hash
            FROM audit_entries WHERE chain = 'delivery/${carried.deliveryId}' AND kind = 'offer_accepted'`,
        invariant: 6,
        what: 'is ACCEPTED; its audit entries are [',
        deliveryId: () => carried.deliveryId,
      },
    ],
    [
      'a missing audit entry',
      {
        breaks: () =>
          `DELETE FROM audit_entries WHERE chain = 'delivery/${carried.deliveryId}' AND to_state = 'AT_PICKUP'`,
        invariant: 7,
        what: 'the audit trail ends with ASSIGNED, the delivery is AT_PICKUP',
        deliveryId: () => carried.deliveryId,
      },
    ],
    [
      'an audit entry that was altered',
      {
        breaks: () =>
          `UPDATE audit_entries SET why = 'something else'
            WHERE chain = 'delivery/${carried.deliveryId}' AND to_state = 'AT_PICKUP'`,
        invariant: 7,
        what: 'CONTENT_DIFFERS',
        deliveryId: () => carried.deliveryId,
      },
    ],
    [
      'a change without its entry',
      {
        breaks: () => ofDelivery(carried.deliveryId, `status = 'PICKED_UP'`),
        invariant: 7,
        what: 'the delivery is PICKED_UP',
        deliveryId: () => carried.deliveryId,
      },
    ],
  ])('%s', async (_, harm) => names(harm, 'atOnce'));
});

describe('is reported if it persists', () => {
  test.each<[string, Harm]>([
    [
      'a search that is overdue',
      {
        breaks: () => ofDelivery(searched.deliveryId, `search_again_at = now() - interval '5 seconds'`),
        invariant: 4,
        what: 'look for a driver again',
        deliveryId: () => searched.deliveryId,
      },
    ],
    [
      'a search that is scheduled too late',
      {
        breaks: () => ofDelivery(searched.deliveryId, `search_again_at = now() + interval '1 hour'`),
        invariant: 4,
        what: 'its next search is only at',
        deliveryId: () => searched.deliveryId,
      },
    ],
    [
      'a search that waits for ops without a case',
      {
        breaks: () =>
          ofDelivery(searched.deliveryId, `search_again_at = NULL, held_reason = 'PINNED_DRIVER_LOST'`),
        invariant: 4,
        what: 'ops (PINNED_DRIVER_LOST), but has no open case',
        deliveryId: () => searched.deliveryId,
      },
    ],
    [
      'an escalation that is overdue',
      {
        breaks: () => ofDelivery(searched.deliveryId, `unassigned_since = now() - interval '1 hour'`),
        invariant: 4,
        what: 'escalation to level 1',
        deliveryId: () => searched.deliveryId,
      },
    ],
    [
      'an OFFERED delivery without an offer',
      {
        breaks: () =>
          `UPDATE offers SET state = 'WITHDRAWN', ended_at = now() WHERE id = '${offered.offerId}';
            ${ofDriver(offered.driver, 'live_offers = 0')}`,
        invariant: 4,
        what: 'OFFERED with 0 live offers',
        deliveryId: () => offered.deliveryId,
      },
    ],
    [
      'an expired offer that is still live',
      {
        breaks: () =>
          `UPDATE offers SET created_at = now() - interval '1 minute', expires_at = now() - interval '5 seconds'
            WHERE id = '${offered.offerId}'`,
        invariant: 6,
        what: 'lapses',
        deliveryId: () => offered.deliveryId,
      },
    ],
    [
      'a driver who went off duty with a delivery',
      {
        breaks: () => ofDriver(carried.driver, `availability = 'OFFLINE'`),
        invariant: 4,
        what: 'who is OFFLINE',
        deliveryId: () => carried.deliveryId,
        driverId: () => carried.driver.driverId,
      },
    ],
    [
      'a driver on a break with a live offer',
      {
        breaks: () => ofDriver(offered.driver, `availability = 'ON_BREAK'`),
        invariant: 6,
        what: 'is LIVE, but its driver is ON_BREAK',
        deliveryId: () => offered.deliveryId,
      },
    ],
    [
      'an overdue message',
      {
        breaks: () =>
          `INSERT INTO outbox (kind, key, payload, correlation_id)
            VALUES ('startDelivery', '${searched.deliveryId}', '{}', 'test')`,
        invariant: 4,
        what: '(startDelivery of',
        deliveryId: () => searched.deliveryId,
      },
    ],
    [
      'a closed delivery whose workflow is still running',
      { breaks: () => closedBehindItsBack(), invariant: 3, what: 'without an open delivery' },
    ],
    [
      'an open delivery without a workflow',
      {
        breaks: () => ofDelivery(searched.deliveryId, `seller_order_id = 'another'`),
        invariant: 3,
        what: 'is open and has no workflow',
        deliveryId: () => searched.deliveryId,
      },
    ],
    [
      'a driver missing from the map',
      {
        breaks: () => ofDriver(delivered.driver, `availability = 'AVAILABLE', last_fix_at = now()`),
        invariant: 5,
        what: 'AVAILABLE, and not on drivers:geo',
        driverId: () => delivered.driver.driverId,
      },
    ],
    [
      'a driver wrongly on the map',
      {
        breaks: () => ofDriver(resting, `availability = 'OFFLINE'`),
        invariant: 5,
        what: 'OFFLINE, and on drivers:geo',
        driverId: () => resting.driverId,
      },
    ],
  ])('%s', async (_, harm) => names(harm, 'soon'));
});

const closedBehindItsBack = (): string =>
  ofDelivery(searched.deliveryId, `status = 'CANCELLED', closed_at = now(), search_again_at = NULL`);

describe('is reported at the end', () => {
  const finally_ = (harm: string, told?: ClientAnswers): Promise<Violation[]> => see(harm, 'final', { told });

  test('an acknowledged accept without a row', async () => {
    const {
      deliveryId,
      offerId,
      driver: { driverId },
    } = carried;
    const told: ClientAnswers = {
      acknowledged: [{ kind: 'accepted', deliveryId, offerId, driverId, assignmentId: searched.deliveryId }],
    };
    expect(await finally_(NOTHING, told)).toEqual([
      {
        invariant: 2,
        what: expect.stringContaining('accepted was acknowledged: assignment'),
        deliveryId,
        driverId,
      },
    ]);
  });

  test('an acknowledged order without a row', async () => {
    const deliveryId = resting.driverId; // no delivery's
    expect(
      await finally_(NOTHING, { acknowledged: [{ kind: 'posted', deliveryId, sellerOrderId: 'lost' }] }),
    ).toContainEqual(expect.objectContaining({ invariant: 2, deliveryId }));
  });

  test('a delivery that is no longer DELIVERED', async () => {
    const harm = `UPDATE assignments SET state = 'FAILED' WHERE delivery_id = '${delivered.deliveryId}';
      ${ofDelivery(delivered.deliveryId, `status = 'FAILED'`)}`;
    const {
      deliveryId,
      driver: { driverId },
    } = delivered;
    const broken = await finally_(harm, {
      acknowledged: [{ kind: 'step', step: 'deliver', deliveryId, driverId }],
    });
    expect(broken).toContainEqual({
      invariant: 2,
      what: expect.stringContaining('step was acknowledged: deliver'),
      deliveryId,
      driverId,
    });
    expect(broken).toContainEqual(
      expect.objectContaining({
        invariant: 7,
        what: 'the audit trail ends with DELIVERED, the delivery is FAILED',
        deliveryId,
      }),
    );
  });

  test('a missing entry in the middle of a driver’s audit trail', async () => {
    const { driverId } = carried.driver;
    const broken = await finally_(
      `DELETE FROM audit_entries WHERE chain = 'driver/${driverId}' AND to_state = 'AVAILABLE'`,
    );
    expect(broken).toContainEqual(
      expect.objectContaining({ invariant: 7, what: expect.stringContaining('LINK_MISSING'), driverId }),
    );
    expect(broken).toContainEqual(
      expect.objectContaining({
        invariant: 7,
        what: 'the audit trail changes from AVAILABLE, but the last state was OFFLINE',
        driverId,
      }),
    );
  });
});

describe('is reported for Temporal', () => {
  test('a terminated workflow', async () => {
    await system.parts.temporal.client.workflow.getHandle(workflowIdOf(searched)).terminate('for the test');
    expect(await see(NOTHING, 'soon')).toEqual([
      expect.objectContaining({
        invariant: 3,
        what: 'the delivery is open, but its workflow is TERMINATED',
        deliveryId: searched.deliveryId,
      }),
    ]);
  });
});
