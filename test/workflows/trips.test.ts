/** One offer for several deliveries, with rounds, outbox and workflows on a real Temporal (docs/behaviour.md#trips). */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { COMMANDS, getSnapshot } from '../../workflows/contract';
import { TEST_LIMITS } from '../support/dispatchWorld';
import { eventually } from '../support/eventually';
import { brokenInvariants } from '../support/invariants';
import { createRealTemporalWorld, type RealTemporalWorld } from '../support/realTemporalWorld';
import type { RunningDelivery } from '../support/temporalWorld';

const MINUTE = 60_000;
const correlationId = 'test';

let world: RealTemporalWorld;
beforeAll(async () => {
  world = await createRealTemporalWorld();
}, 60_000);
beforeEach(() => {
  world.switches.batchMatching = true;
});
afterEach(async () => {
  world.switches.batchMatching = false;
  world.deps.limits = TEST_LIMITS;
  world.outage.transactionsLeft = 0;
  expect(await brokenInvariants(world.db)).toEqual([]);
});
afterAll(() => world.close());

const rowOf = ({ deliveryId }: RunningDelivery) =>
  world.db.delivery.findUniqueOrThrow({ where: { id: deliveryId } });
const liveOffers = (cityId: string) =>
  world.db.offer.findMany({
    where: { state: 'LIVE', delivery: { cityId } },
    orderBy: [{ driverId: 'asc' }, { tripSeat: 'asc' }],
  });
const snapshot = ({ handle }: RunningDelivery) => handle.query(getSnapshot);
const cancel = ({ handle }: RunningDelivery) =>
  handle.executeUpdate(COMMANDS.cancelDelivery.update, {
    args: [{ by: { kind: 'ops', id: 'olga' }, reason: 'OPS_CANCELLED', correlationId }],
  });
const cancelAll = (deliveries: readonly RunningDelivery[]) =>
  Promise.all(deliveries.map((each) => cancel(each).catch(() => undefined)));

/** Deliveries of one shop that wait in a city without drivers. */
async function waiting(count: number): Promise<{ cityId: string; deliveries: RunningDelivery[] }> {
  const cityId = await world.addCity();
  const deliveries: RunningDelivery[] = [];
  for (let index = 0; index < count; index++)
    deliveries.push(await world.dispatch({ cityId, searchAt: new Date(Date.now() - MINUTE) }));
  await eventually('all wait for a round', async () => {
    const rows = await Promise.all(deliveries.map(rowOf));
    return rows.every(({ status, searchRound }) => status === 'SEARCHING' && searchRound > 0);
  });
  return { cityId, deliveries };
}

/** Drivers with room for two come on duty, and the outbox says so of the last. */
async function comeFree(cityId: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index++)
    ids.push(await world.addDriver({ cityId, offerVersion: 3, capacity: 2 }));
  const driverId = ids.at(-1) ?? '';
  await world.db.outboxMessage.create({
    data: { kind: 'driverFree', key: driverId, payload: { driverId, passed: [] }, correlationId },
  });
  return ids;
}

type Offered = {
  cityId: string;
  driverId: string;
  lead: RunningDelivery;
  along: RunningDelivery;
  offerId: string;
};

/** Two deliveries are offered to one driver. */
async function offered(): Promise<Offered> {
  const { cityId, deliveries } = await waiting(2);
  const [driverId = ''] = await comeFree(cityId, 1);
  const [first, second] = await eventually('the trip is offered', async () => {
    const live = await liveOffers(cityId);
    return live.length === 2 ? live : undefined;
  });
  expect(first).toMatchObject({ driverId, tripSeat: 0 });
  expect(second).toMatchObject({ driverId, tripSeat: 1, tripId: first?.tripId });
  const of = (id: string | undefined): RunningDelivery => {
    const found = deliveries.find(({ deliveryId }) => deliveryId === id);
    if (!found) throw new Error('an offer of another delivery');
    return found;
  };
  const [lead, along] = [of(first?.deliveryId), of(second?.deliveryId)];
  await eventually('both workflows wait for the answer', async () => {
    const known = await Promise.all([snapshot(lead), snapshot(along)]);
    return known.every(({ status, offers }) => status === 'OFFERED' && offers.length === 1);
  });
  return { cityId, driverId, lead, along, offerId: first?.id ?? '' };
}

const knowBoth = ({ lead, along }: Offered, status: string) =>
  eventually(`both workflows know ${status}`, async () => {
    const known = await Promise.all([snapshot(lead), snapshot(along)]);
    return known.every((each) => each.status === status);
  });

describe('a trip', () => {
  test('that is accepted is two deliveries, each carried to its end by its own workflow', async () => {
    const trip = await offered();
    const { lead, along, offerId, driverId } = trip;
    world.outage.transactionsLeft = 2; // its worker dies before the answer, twice
    const answer = await lead.handle.executeUpdate(COMMANDS.acceptOffer.update, {
      args: [{ offerId, driverId, correlationId }],
    });
    expect(answer).toMatchObject({ outcome: 'accepted', deliveryId: lead.deliveryId });
    await knowBoth(trip, 'ASSIGNED');
    for (const { handle } of [along, lead]) {
      for (const step of ['arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver'] as const)
        await handle.executeUpdate(COMMANDS.takeStep.update, {
          args: [{ step, by: { kind: 'driver', id: driverId }, deviceAt: null, correlationId }],
        });
      expect(await handle.result()).toBe('DELIVERED');
    }
  }, 60_000);

  test('that is rejected leaves both searching', async () => {
    const trip = await offered();
    const { lead, along, offerId, driverId } = trip;
    await lead.handle.executeUpdate(COMMANDS.rejectOffer.update, {
      args: [{ offerId, driverId, reason: 'TOO_FAR', correlationId }],
    });
    await knowBoth(trip, 'SEARCHING');
    await cancelAll([lead, along]);
  }, 60_000);

  test('that nobody answers lapses once, and both search again', async () => {
    world.deps.limits = { ...TEST_LIMITS, offerTtlMs: 2_500 };
    const trip = await offered();
    await knowBoth(trip, 'SEARCHING');
    const ended = await world.db.offer.findMany({ where: { driverId: trip.driverId } });
    expect(ended.map(({ state }) => state)).toEqual(['EXPIRED', 'EXPIRED']);
    await cancelAll([trip.lead, trip.along]);
  }, 60_000);

  test('of which one is cancelled is withdrawn, and the other is offered anew by itself', async () => {
    const { lead, along, cityId, offerId } = await offered();
    await cancel(along);
    const [alone] = await eventually('the other is offered', async () => {
      const live = await liveOffers(cityId);
      return live.length === 1 && live[0]?.id !== offerId ? live : undefined;
    });
    expect(alone).toMatchObject({ deliveryId: lead.deliveryId, tripId: null });
    expect(await along.handle.result()).toBe('CANCELLED');
    await cancelAll([lead]);
  }, 60_000);

  test('goes to each of two drivers, and both may answer at once', async () => {
    const { cityId, deliveries } = await waiting(4);
    await comeFree(cityId, 2);
    const live = await eventually('two trips are offered', async () => {
      const found = await liveOffers(cityId);
      return found.length === 4 ? found : undefined;
    });
    expect(new Set(live.map(({ tripId }) => tripId)).size).toBe(2);
    const leads = live.filter(({ tripSeat }) => tripSeat === 0);
    await Promise.all(
      leads.map(async ({ id: offerId, driverId, deliveryId }) => {
        const running = deliveries.find((each) => each.deliveryId === deliveryId);
        await running?.handle.executeUpdate(COMMANDS.acceptOffer.update, {
          args: [{ offerId, driverId, correlationId }],
        });
      }),
    );
    const rows = await Promise.all(deliveries.map(rowOf));
    expect(rows.map(({ status }) => status)).toEqual(Array(4).fill('ASSIGNED'));
    await cancelAll(deliveries);
  }, 60_000);
});
