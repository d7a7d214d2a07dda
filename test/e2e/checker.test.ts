/** The checker on a service that stands still: what is broken on purpose in PostgreSQL, Redis or Temporal is named, with its invariant and whose it is. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import type { Broken } from '../../simulator/checker/broken';
import { openChecker } from '../../simulator/checker/checker';
import type { Told } from '../../simulator/checker/promiseRules';
import { deliveryWorkflowId } from '../../workflows/contract';
import { freshDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import type { LiveDriver } from '../support/liveDriver';
import { type LiveCity, LiveSystem, northOf } from '../support/liveSystem';

const TO_THE_DOOR = ['arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver'] as const;
const AN_HOUR_SECONDS = 3_600;

type Job = { deliveryId: string; sellerOrderId: string; offerId: string; assignmentId: string; driver: LiveDriver };

let system: LiveSystem;
let city: LiveCity;
/** One delivery in each state; each with a driver of its own but the one that is searched for. */
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
  await eventually('the workflow is closed', async () => (await workflow.getHandle(workflowIdOf(delivered)).describe()).status.name === 'COMPLETED');
  await db.$executeRaw`UPDATE deliveries SET search_again_at = now() + interval '2 minutes' WHERE id = ${searched.deliveryId}::uuid`;
  await db.$executeRaw`UPDATE outbox SET sent_at = now() WHERE sent_at IS NULL`;
  await db.$disconnect();
}, 120_000);
afterAll(async () => {
  city.close();
  await system.close();
}, 60_000);

const row = (deliveryId: string) => system.parts.db.delivery.findUniqueOrThrow({ where: { id: deliveryId } });
const workflowIdOf = ({ sellerOrderId }: { sellerOrderId: string }): string => deliveryWorkflowId(city.merchantId, sellerOrderId);

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

type Seen = {
  /** Broken at the first look. */
  atOnce: Broken[];
  /** Broken at a look two seconds later, if it stays so. */
  soon: Broken[];
  /** All of it, and what is read at the end. */
  final: Broken[];
};

/** Breaks a copy of what is there, as only the owner of the tables can, and looks at it. */
async function see(harm: string, { told = { acknowledged: [] }, faultEndedAt }: { told?: Told; faultEndedAt?: () => number } = {}): Promise<Seen> {
  const copy = await freshDatabase({ copyOf: system.parts.url });
  const owner = new Client({ connectionString: copy.ownerUrl });
  await owner.connect();
  const checker = await openChecker({ env: { ...system.parts.env, DATABASE_URL: copy.url }, faultEndedAt });
  try {
    await owner.query(harm);
    const at = Date.now();
    const atOnce = await checker.look(at);
    const soon = [...atOnce, ...(await checker.look(at + 2_000))];
    return { atOnce, soon, final: faultEndedAt ? soon : await checker.final(told) };
  } finally {
    await Promise.all([checker.close(), owner.end()]);
    await copy.close();
  }
}

const NOTHING = 'SELECT';

test('nothing is broken while nothing is', async () => {
  const told: Told = {
    acknowledged: [
      { kind: 'posted', ...delivered }, { kind: 'posted', ...searched }, { kind: 'accepted', driverId: delivered.driver.driverId, ...delivered },
      ...TO_THE_DOOR.map((step) => ({ kind: 'step', step, deliveryId: delivered.deliveryId, driverId: delivered.driver.driverId } as const)),
    ],
  };
  expect(await see(NOTHING, { told })).toEqual({ atOnce: [], soon: [], final: [] });
});
