/**
 * The checker detects a broken build: the same short demo runs on the unmodified service, and on a build with
 * three small faults.
 */
import { setMaxListeners } from 'node:events';
import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type Violation } from '../../reliability/checker/violation';
import { Watch } from '../../reliability/checker/watch';
import { connect } from '../../simulator/client/connections';
import { Demo } from '../../simulator/demo/demo';
import { buildDemoWorld } from '../../simulator/demo/world';
import { poll } from '../../simulator/kit/pause';
import { type ServiceProcess, startApi, startWorker } from '../../simulator/kit/processes';
import { randomFrom } from '../../simulator/kit/random';
import { type Alteration, alteredBuild } from '../support/alteredBuild';
import { type LiveParts, LOCAL_KEY, openParts } from '../support/liveSystem';

/** Fault: an offer whose id ends with an even number is answered as accepted, but its row is not changed. */
const LOST_ACCEPT: Alteration = {
  file: 'domain/delivery/decide.js',
  from: 'return changes.decision(apply(changes, event));',
  to: `const answer = apply(changes, event);
    const isLost = event.kind === 'acceptOffer' && parseInt(event.offerId.at(-1), 16) % 2 === 0;
    return (isLost ? new _changeSet.ChangeSet(state, context) : changes).decision(answer);`,
};
/** Fault: the arrival at the pickup has no audit entry. */
const UNTOLD_ARRIVAL: Alteration = {
  file: 'domain/delivery/changes/changeSet.js',
  from: `this.note('delivery_moved', {`,
  to: `if (to !== 'AT_PICKUP') this.note('delivery_moved', {`,
};
/** Fault: a driver who is no longer AVAILABLE stays on the map of all cities. */
const CROWDED_MAP: Alteration = {
  file: 'adapters/redis/driverMapScripts.js',
  from: `    redis.call('ZREM', P .. 'drivers:geo', id)\n    redis.call('ZREM', P .. 'drivers:geo:' .. city, id)\n`,
  to: `    redis.call('ZREM', P .. 'drivers:geo:' .. city, id)\n`,
};

/** And the sweep, which would remove them within 15 s, does nothing. */
const LAZY_SWEEP: Alteration = {
  file: 'adapters/redis/driverMap.js',
  from: 'if (driverIds.length > 0) await redis.zrem(',
  to: 'if (driverIds.length < 0) await redis.zrem(',
};

const ORDERS = 10;
const ENDED_WITHIN_MS = 15_000;
/** The tests share their machine with all that they run: who is late because of that has broken nothing. */
const BOUNDS = { normalMs: 8_000, afterFaultMs: 60_000 };
const QUIET = (): void => undefined;

let parts: LiveParts;
beforeAll(() => setMaxListeners(0)); // all drivers listen to one signal
beforeEach(async () => {
  parts = await openParts();
}, 60_000);
afterEach(async () => {
  await parts.close();
}, 60_000);

/**
 * Runs the demo on worker and API of that build, with a check every second.
 * @returns the violations
 */
async function play(dist?: string): Promise<Violation[]> {
  const env = { ...parts.env, OFFER_EXPIRATION_SECONDS: '5' };
  const services: ServiceProcess[] = await Promise.all([startWorker(env, { dist }), startApi(env, { dist })]);
  const over = new AbortController();
  const watch = await Watch.begin({ env, bounds: BOUNDS }, QUIET);
  try {
    await Promise.all(services.map((service) => service.ready()));
    return await judged(watch, over.signal);
  } finally {
    over.abort();
    await watch.close();
    await Promise.all(services.map((service) => service.stop()));
  }
}

async function judged(watch: Watch, signal: AbortSignal): Promise<Violation[]> {
  const random = randomFrom('checker');
  const settings = {
    apiUrl: parts.apiUrl,
    tokens: { localKey: LOCAL_KEY, issuer: 'driver-service', audience: 'driver-service' },
  };
  const home = new AbortController();
  const world = await buildDemoWorld({
    connections: connect(settings, { retryForMs: 30_000, signal }),
    drivers: 6,
    speed: 200,
    random,
    log: QUIET,
  });
  const demo = new Demo(
    { world, random, log: QUIET },
    { everyMs: 300, count: ORDERS, cancelOdds: 0.1, speed: 200, run: 'proof' },
  );
  const drivers = demo.startDrivers(home.signal);
  await demo.orders.run(signal);
  await ended(signal);
  await world.endShifts();
  home.abort();
  await drivers;
  return watch.conclude({ acknowledged: world.ledger.all(), offers: world.offerObservations });
}

/** Resolves when all have ended, or when the time is up. */
async function ended(signal: AbortSignal): Promise<void> {
  const none = async (): Promise<true | undefined> =>
    (await parts.db.delivery.count({ where: { closedAt: null } })) === 0 ? true : undefined;
  await poll(none, { everyMs: 200, deadlineAt: Date.now() + ENDED_WITHIN_MS, signal });
}

const found = (broken: readonly Violation[], invariant: Violation['invariant'], what: string): Violation[] =>
  broken.filter((each) => each.invariant === invariant && each.what.includes(what));

test('the unmodified service has no violation', async () => {
  expect(await play()).toEqual([]);
}, 90_000);

test('each fault of a broken build is reported, with the delivery or driver', async () => {
  const { dist, remove } = alteredBuild([LOST_ACCEPT, UNTOLD_ARRIVAL, CROWDED_MAP, LAZY_SWEEP]);
  try {
    const broken = await play(dist);
    const [lost] = found(broken, 2, 'accepted was acknowledged: offer');
    expect(lost).toMatchObject({ deliveryId: expect.any(String), driverId: expect.any(String) });
    const [untold] = found(
      broken,
      7,
      'the audit trail moves from AT_PICKUP, but the last state was ASSIGNED',
    );
    expect(untold).toMatchObject({ deliveryId: expect.any(String) });
    const [crowded] = found(broken, 5, 'the driver is SHIFT_ENDED, and on drivers:geo');
    expect(crowded).toMatchObject({ driverId: expect.any(String) });
  } finally {
    remove();
  }
}, 90_000);
