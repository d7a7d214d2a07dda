/** What hurts switches itself off in its city, on a real database; what does not, stays. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { createFeatureClient } from '../../adapters/openfeature/featureClient';
import { readFeatureRows } from '../../adapters/postgres/featureRows';
import { noteRound } from '../../adapters/postgres/guardRailRows';
import { readerOf } from '../../adapters/postgres/database';
import type { FeatureSetting } from '../../domain/features/rollout';
import { isInRollout } from '../../domain/features/rollout';
import { createFeatureRegistry, type FeatureRegistry } from '../../services/features/featureRegistry';
import { createFeatureService, type FeatureService } from '../../services/features/featureService';
import { createGuardRails, type GuardRails } from '../../services/matching/guardRails';
import { createMatchPolicies, type MatchPolicies } from '../../services/matching/policies';
import { asOwner } from '../support/database';
import { createDispatchWorld, type DispatchWorld } from '../support/dispatchWorld';

const MINUTE = 60_000;
const ENVIRONMENT: readonly FeatureSetting[] = [
  { feature: 'driver_offers', state: 'ON', rolloutPercent: 100, cities: null },
  { feature: 'batch_matching', state: 'OFF', rolloutPercent: 100, cities: null },
];

let world: DispatchWorld;
let registry: FeatureRegistry;
let features: FeatureService;
let policies: MatchPolicies;
let rails: GuardRails;
const time = { aheadMs: 0 };
const clock = (): number => Date.now() + time.aheadMs;
beforeAll(async () => {
  world = await createDispatchWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  time.aheadMs = 0;
  await asOwner(world, 'DELETE FROM feature_settings');
  await asOwner(world, 'DELETE FROM outbox');
  const { db } = world;
  const changeChannel = { listen: () => {}, publish: async () => {}, stop: async () => {} };
  const log = { info: () => {}, warn: () => {} };
  const names = ENVIRONMENT.map(({ feature }) => feature);
  registry = createFeatureRegistry({
    environment: ENVIRONMENT,
    readRows: () => readFeatureRows(db, names, 1),
    changeChannel,
    clock,
    log,
  });
  const notifyRelay = (): void => {};
  const client = createFeatureClient(registry, newId());
  features = createFeatureService({ db, registry, changeChannel, client, clock, log, notifyRelay });
  policies = createMatchPolicies({ db, clock, notifyRelay });
  rails = createGuardRails({
    db,
    registry,
    features,
    policies,
    clock,
    settings: { windowMs: 60 * MINUTE, minSample: 30, unassignedMs: 10 * MINUTE },
    timeScale: 1,
    log,
  });
});

const BY = { who: 'olga', why: 'a try' };
const ops = { by: { kind: 'ops', id: 'olga' }, why: 'a try', correlationId: 'test' } as const;
const switchOn = (cities: string[], percent: number) =>
  features.put('batch_matching', { enabled: true, percent, cities, plan: null }, BY, 'test');

/** Deliveries of a city that have searched for some minutes; those that are drawn found nobody where `isStuck`. */
async function searched(
  cityId: string,
  {
    percent,
    isStuck,
    count = 120,
    minutes = 12,
  }: { percent: number; isStuck: boolean; count?: number; minutes?: number },
): Promise<void> {
  time.aheadMs = minutes * MINUTE;
  const driverId = await world.addDriver({ cityId });
  for (let index = 0; index < count; index++) {
    const { deliveryId } = await world.addDelivery({ cityId });
    if (isStuck && isInRollout('batch_matching', deliveryId, percent)) continue;
    await world.db.assignment.create({
      data: {
        id: newId(),
        deliveryId,
        driverId,
        offerId: await offer(deliveryId, driverId),
        way: 'OFFER',
        state: 'COMPLETED',
        payCents: 700,
        startedAt: new Date(Date.now() + MINUTE),
        endedAt: new Date(Date.now() + 2 * MINUTE),
      },
    });
  }
}

async function offer(deliveryId: string, driverId: string): Promise<string> {
  const id = newId();
  const at = new Date();
  await world.db.offer.create({
    data: {
      id,
      deliveryId,
      driverId,
      state: 'ACCEPTED',
      round: 1,
      payCents: 700,
      payload: {},
      choice: {},
      createdAt: at,
      expiresAt: new Date(at.getTime() + MINUTE),
      endedAt: at,
    },
  });
  return id;
}

/** Zone health as of now: drivers are free, and nobody else waits. */
const plenty = (cityId: string) =>
  world.db.zoneHealth.create({
    data: {
      cityId,
      at: new Date(clock() - MINUTE),
      state: 'OK',
      reasons: [],
      figures: { searching: 5, freeDrivers: 50 },
    },
  });

const listed = async (): Promise<FeatureSetting | undefined> =>
  (await features.list()).find(({ environment }) => environment.feature === 'batch_matching')?.effective;
const notices = async () =>
  (await world.db.outboxMessage.findMany({ where: { kind: 'notify' } })).map(({ payload }) => payload);

describe('batch_matching for half of the deliveries', () => {
  test('that finds nobody for them switches itself off in that city, as a person would', async () => {
    const [hurt, other] = [await world.addCity(), await world.addCity()];
    await switchOn([hurt, other], 50);
    await searched(hurt, { percent: 50, isStuck: true });
    expect(await rails.check()).toMatchObject({ switchedOff: 1 });
    expect(await listed()).toMatchObject({ state: 'ON', rolloutPercent: 50, cities: [other] });
    const trail = await world.db.auditEntry.findMany({
      where: { chain: 'feature/batch_matching' },
      orderBy: { at: 'asc' },
    });
    expect(trail.at(-1)).toMatchObject({
      kind: 'feature_changed',
      actorKind: 'system',
      actorId: 'guard-rail',
      why: expect.stringMatching(/^deliveries that found nobody in time: 100 % of \d+; 0 % for \d+ others/),
      detail: { changes: { cities: { from: [hurt, other].sort(), to: [other] } } },
    });
    expect(await notices()).toMatchObject([
      { notice: { to: { kind: 'support' }, about: `guard-rail/${hurt}`, severity: 'error', cityId: hurt } },
    ]);
    // Off, it is not judged again, and nobody is told twice.
    expect(await rails.check()).toEqual({ cities: 1, switchedOff: 0 });
    expect(await notices()).toHaveLength(1);
  });

  test('that does them good stays on', async () => {
    const cityId = await world.addCity();
    await switchOn([cityId], 50);
    await searched(cityId, { percent: 50, isStuck: false });
    await plenty(cityId);
    expect(await rails.check()).toEqual({ cities: 1, switchedOff: 0 });
    expect(await listed()).toMatchObject({ state: 'ON', cities: [cityId] });
  });

  test('that a person switches on again is judged by what came after', async () => {
    const cityId = await world.addCity();
    await switchOn([cityId], 50);
    await searched(cityId, { percent: 50, isStuck: true });
    await rails.check();
    expect(await listed()).toMatchObject({ state: 'OFF' });
    await switchOn([cityId], 50);
    time.aheadMs += 12 * MINUTE;
    expect(await rails.check()).toEqual({ cities: 1, switchedOff: 0 });
    expect(await listed()).toMatchObject({ state: 'ON' });
  });
});

describe('batch_matching for all', () => {
  test('that finds nobody is off only if drivers are free', async () => {
    const cityId = await world.addCity();
    await switchOn([cityId], 100);
    await searched(cityId, { percent: 100, isStuck: true, count: 40 });
    expect(await rails.check()).toEqual({ cities: 1, switchedOff: 0 });
    await plenty(cityId);
    expect(await rails.check()).toEqual({ cities: 1, switchedOff: 1 });
    expect(await listed()).toMatchObject({ state: 'OFF' });
  });

  test('whose rounds fail is off', async () => {
    const cityId = await world.addCity();
    await switchOn([cityId], 100);
    for (let round = 0; round < 30; round++)
      await noteRound(readerOf(world.db), cityId, {
        at: Date.now() + MINUTE,
        end: round % 3 === 0 ? 'ended' : round % 3 === 1 ? 'slow' : 'failed',
      });
    time.aheadMs = 2 * MINUTE;
    expect(await rails.check()).toEqual({ cities: 1, switchedOff: 1 });
    const [row] = await readFeatureRows(world.db, ['batch_matching'], 1);
    expect(row).toMatchObject({ who: 'guard-rail', enabled: false });
    expect(row?.why).toBe('rounds that failed or were slow: 67 % of 30; at most 50 % is in order');
  });
});

describe('a policy', () => {
  test('that hurts gives way to the standard one, and the feature stays', async () => {
    const cityId = await world.addCity();
    await switchOn([cityId], 100);
    await policies.write('picky', { unmatchedMs: 0 }, ops);
    const picky = { name: 'picky', version: null };
    await policies.choose(cityId, { live: picky, livePercent: 100, shadow: null }, ops);
    await searched(cityId, { percent: 100, isStuck: true, count: 40 });
    await plenty(cityId);
    expect(await rails.check()).toEqual({ cities: 1, switchedOff: 1 });
    expect(await policies.of(cityId)).toMatchObject({
      live: { name: 'standard' },
      livePercent: 100,
      last: { who: 'guard-rail' },
    });
    expect(await listed()).toMatchObject({ state: 'ON', cities: [cityId] });
    const entry = await world.db.auditEntry.findFirst({
      where: { chain: `city/${cityId}` },
      orderBy: { at: 'desc' },
    });
    expect(entry).toMatchObject({
      actorKind: 'system',
      actorId: 'guard-rail',
      kind: 'city_matching_changed',
    });
    expect(await notices()).toMatchObject([
      { notice: { title: `policy picky has switched itself off in ${cityId}` } },
    ]);
    expect(await rails.check()).toEqual({ cities: 1, switchedOff: 0 }); // the feature has a window of its own
  });
});
