/** Policies decide on a real Temporal, and the one that hurts is switched off (docs/operations.md#ramp). */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { WeightChanges } from '../../domain/matching/policies';
import { createGuardRails } from '../../services/matching/guardRails';
import { createMatchPolicies } from '../../services/matching/policies';
import { createZoneHealth } from '../../services/zones/zoneHealth';
import { COMMANDS } from '../../workflows/contract';
import { TEST_LIMITS } from '../support/dispatchWorld';
import { eventually } from '../support/eventually';
import { createRealTemporalWorld, type RealTemporalWorld } from '../support/realTemporalWorld';
import type { RunningDelivery } from '../support/temporalWorld';

const MINUTE = 60_000;
const DELIVERIES = 12;

let world: RealTemporalWorld;
beforeAll(async () => {
  world = await createRealTemporalWorld();
}, 60_000);
afterEach(() => {
  world.switches.batchMatching = false;
});
afterAll(() => world.close());

const liveOffers = (cityId: string) =>
  world.db.offer.count({ where: { state: 'LIVE', delivery: { cityId } } });

/** A city with such a policy, whose deliveries wait while more drivers come free. */
async function cityWith(name: string, weights: WeightChanges) {
  const { db, map } = world;
  const clock = Date.now;
  const notifyRelay = (): void => {};
  const policies = createMatchPolicies({ db, clock, notifyRelay });
  const by = { by: { kind: 'ops', id: 'olga' }, why: 'a try', correlationId: 'test' } as const;
  const cityId = await world.addCity();
  await policies.write(name, weights, by);
  await policies.choose(cityId, { live: { name, version: null }, livePercent: 100, shadow: null }, by);
  const deliveries: RunningDelivery[] = [];
  for (let index = 0; index < DELIVERIES; index++) deliveries.push(await world.dispatch({ cityId }));
  await eventually('all wait for a round', async () => {
    const waiting = { cityId, status: 'SEARCHING', searchRound: { gt: 0 } };
    return (await db.delivery.count({ where: waiting })) === DELIVERIES;
  });
  for (let index = 0; index < 2 * DELIVERIES; index++) {
    const driverId = await world.addDriver({ cityId });
    await db.outboxMessage.create({
      data: { kind: 'driverFree', key: driverId, payload: { driverId, passed: [] }, correlationId: 'test' },
    });
  }
  const health = createZoneHealth({
    db,
    map,
    clock,
    freshPositionMs: TEST_LIMITS.ranking.freshPositionMs,
    waiting: TEST_LIMITS.escalation.thresholds,
    timeScale: 1,
    notifyRelay,
  });
  const rails = createGuardRails({
    db,
    registry: {
      environment: () => ({ feature: 'batch_matching', state: 'ON', rolloutPercent: 100, cities: [cityId] }),
      isOn: () => true,
    },
    features: { put: () => Promise.reject(new Error('the feature does no harm')) },
    policies,
    clock,
    settings: { windowMs: 10 * MINUTE, minSample: 10, unassignedMs: 3_000 },
    timeScale: 1,
    log: { warn: () => {} },
  });
  const check = async () => {
    await health.compute(cityId);
    return rails.check();
  };
  return { cityId, deliveries, policies, check };
}

const cancelAll = (deliveries: readonly RunningDelivery[]) =>
  Promise.all(
    deliveries.map(({ handle }) =>
      handle.executeUpdate(COMMANDS.cancelDelivery.update, {
        args: [{ by: { kind: 'ops', id: 'olga' }, reason: 'OPS_CANCELLED', correlationId: 'test' }],
      }),
    ),
  );

test('a policy that asks nobody is switched off by itself, and then drivers are asked', async () => {
  world.switches.batchMatching = true;
  const refusing = { unmatchedMs: 0, goodsWait: 0, waiting: 0, lateness: 0, levelMs: 0 };
  const { cityId, deliveries, policies, check } = await cityWith('asks-nobody', refusing);
  const checked = await eventually('it is switched off', async () => {
    const report = await check();
    return report.switchedOff > 0 ? report : undefined;
  });
  expect(checked).toEqual({ cities: 1, switchedOff: 1 });
  expect(await policies.of(cityId)).toMatchObject({
    live: { name: 'standard' },
    last: { who: 'guard-rail' },
  });
  await world.db.outboxMessage.create({
    data: { kind: 'roundDue', key: cityId, payload: { cityId }, correlationId: 'test' },
  });
  await eventually('drivers are asked', async () => (await liveOffers(cityId)) >= DELIVERIES / 2);
  await cancelAll(deliveries);
}, 90_000);

test('a policy that does no harm stays', async () => {
  world.switches.batchMatching = true;
  const { cityId, deliveries, policies, check } = await cityWith('a-little-fairer', { fairnessMsPerCent: 7 });
  await eventually('drivers are asked', async () => (await liveOffers(cityId)) >= DELIVERIES / 2);
  expect(await check()).toEqual({ cities: 1, switchedOff: 0 });
  expect(await policies.of(cityId)).toMatchObject({ live: { name: 'a-little-fairer' } });
  await cancelAll(deliveries);
}, 90_000);
