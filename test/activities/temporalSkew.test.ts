/** A delivery whose workflow's clock, Temporal's, differs from that of our processes. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createDeliveryActivities, type DeliveryActivities } from '../../activities/delivery';
import { createTemporalClock } from '../../adapters/temporal/temporalClock';
import { nextDeadline } from '../../domain/delivery/deadline';
import { DeliveryScene } from '../support/deliveryScene';
import { createDispatchWorld, type DispatchWorld, PICKUP, TEST_LIMITS } from '../support/dispatchWorld';
import { createMemoryDriverMap } from '../support/memoryDriverMap';

const MINUTE_MS = 60_000;
const FRESH_MS = 60_000;
/** What a transaction and its reading may take. */
const TIME_TAKEN_MS = 10_000;

let world: DispatchWorld;
beforeAll(async () => {
  world = await createDispatchWorld();
});
afterAll(() => world.close());

/** A city whose driver's place came just now, by our clock. */
async function sceneWithFreshDriver(): Promise<{ scene: DeliveryScene; activities: DeliveryActivities }> {
  const scene = await DeliveryScene.set(world, [{}]);
  const map = createMemoryDriverMap({ freshPositionMs: FRESH_MS });
  const now = Date.now();
  await map.sync(
    {
      driverId: scene.driver(),
      cityId: scene.cityId,
      availability: 'AVAILABLE',
      hasRoom: true,
      version: 0,
      lastFix: { point: PICKUP, at: now, receivedAt: now },
    },
    now,
  );
  const temporalClock = createTemporalClock(Date.now, () => performance.now());
  const activities = createDeliveryActivities({
    ...world.deps,
    map,
    limits: { ...TEST_LIMITS, ranking: { ...TEST_LIMITS.ranking, freshPositionMs: FRESH_MS } },
    temporalSkewAt: (at) => {
      for (let reading = 0; reading < 5; reading++) temporalClock.observe(at);
      return temporalClock.skewMs();
    },
  });
  return { scene, activities };
}

describe.each([
  ['ahead', 2 * MINUTE_MS],
  ['behind', -2 * MINUTE_MS],
])('while Temporal’s clock is two minutes %s', (_where, aheadMs) => {
  const searched = async () => {
    const { scene, activities } = await sceneWithFreshDriver();
    const send = (event: Parameters<DeliveryScene['send']>[0]) =>
      activities[event.kind]({
        deliveryId: scene.deliveryId,
        correlationId: 'test',
        at: Date.now() + aheadMs,
        event,
      });
    return { scene, send, found: await send({ kind: 'lookForDriver', freed: null }) };
  };

  test('a driver whose place is fresh is found', async () => {
    const { scene, found } = await searched();
    expect(found.known.offers.map(({ driverId }) => driverId)).toEqual([scene.driver()]);
  });

  test('the offer expires by our clock in the row, and by Temporal’s for the workflow', async () => {
    const { scene, found } = await searched();
    const [offer] = await scene.offers();
    const shownMs = (offer?.expiresAt.getTime() ?? 0) - Date.now();
    expect(shownMs).toBeGreaterThan(TEST_LIMITS.offerTtlMs - TIME_TAKEN_MS);
    expect(shownMs).toBeLessThanOrEqual(TEST_LIMITS.offerTtlMs);
    const waitMs = (nextDeadline(found.known)?.at ?? 0) - (Date.now() + aheadMs);
    expect(Math.abs(waitMs - shownMs)).toBeLessThan(TIME_TAKEN_MS);
  });

  test('a refused offer is followed by a search within seconds of Temporal’s time', async () => {
    const { scene, send, found } = await searched();
    const [offer] = found.known.offers;
    const { known } = await send({
      kind: 'rejectOffer',
      offerId: offer?.offerId ?? '',
      driverId: scene.driver(),
      reason: 'TOO_FAR',
    });
    const { known: next } =
      known.searchAgainAt === null ? { known } : await send({ kind: 'lookForDriver', freed: null });
    expect(Math.abs((next.searchAgainAt ?? 0) - (Date.now() + aheadMs))).toBeLessThan(TIME_TAKEN_MS);
    const row = await scene.row();
    expect(Math.abs((row.searchAgainAt?.getTime() ?? 0) - Date.now())).toBeLessThan(TIME_TAKEN_MS);
  });
});
