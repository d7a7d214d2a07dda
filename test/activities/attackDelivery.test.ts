/**
 * What a delivery's transaction must bear: parts that are away, attempts that come too late, events that
 * cannot be, and cities full of held drivers.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { createDeliveryActivities } from '../../activities/delivery';
import type { IncomingEvent } from '../../domain/delivery/events';
import type { DeliveryDeps, EventResult } from '../../services/deliveries/deliveryEvents';
import { ImpossibleEvent } from '../../services/impossibleEvent';
import { createDispatchWorld, type DispatchWorld, PICKUP } from '../support/dispatchWorld';
import { brokenInvariants } from '../support/invariants';

const OPS = { kind: 'ops', id: 'olga' } as const;
const LOOK: IncomingEvent = { kind: 'lookForDriver', freed: null };
const CANCEL: IncomingEvent = { kind: 'cancelDelivery', by: OPS, reason: 'OPS_CANCELLED' };
const byHand = (driverId: string, why = 'test'): IncomingEvent => ({
  kind: 'assignDriver',
  driverId,
  by: OPS,
  override: false,
  why,
});

let world: DispatchWorld;
beforeAll(async () => {
  world = await createDispatchWorld();
});
afterAll(() => world.close());

const tellBy =
  (deps: DeliveryDeps) =>
  (deliveryId: string, event: IncomingEvent): Promise<EventResult> =>
    createDeliveryActivities(deps)[event.kind]({ deliveryId, correlationId: 'test', at: Date.now(), event });
const tell = (deliveryId: string, event: IncomingEvent): Promise<EventResult> =>
  tellBy(world.deps)(deliveryId, event);
const row = (id: string) => world.db.delivery.findUniqueOrThrow({ where: { id } });
const driverRow = (id: string) => world.db.driver.findUniqueOrThrow({ where: { id } });

async function scene(): Promise<{ cityId: string; driverId: string; deliveryId: string }> {
  const cityId = await world.addCity();
  return {
    cityId,
    driverId: await world.addDriver({ cityId }),
    deliveryId: (await world.addDelivery({ cityId })).deliveryId,
  };
}

async function accepted(): Promise<{ driverId: string; deliveryId: string; offerId: string }> {
  const { driverId, deliveryId } = await scene();
  const {
    known: {
      offers: [offer],
    },
  } = await tell(deliveryId, LOOK);
  const offerId = offer?.offerId ?? '';
  await tell(deliveryId, { kind: 'acceptOffer', offerId, driverId });
  return { driverId, deliveryId, offerId };
}

describe('while the live map is down', () => {
  const blind = (): DeliveryDeps => ({
    ...world.deps,
    map: { ...world.map, near: () => Promise.reject(new Error('Redis is away')) },
  });

  test('a search finds no driver, is not counted as a round and is repeated in 5 s', async () => {
    const { deliveryId } = await scene();
    const { known } = await tellBy(blind())(deliveryId, LOOK);
    expect(known).toMatchObject({ status: 'SEARCHING', searchRound: 0 });
    expect((known.searchAgainAt ?? 0) - Date.now()).toBeGreaterThan(3_000);
    expect((await tell(deliveryId, LOOK)).known.status).toBe('OFFERED');
  });

  test('a search ends, so that a queued cancel is answered', async () => {
    const { deliveryId } = await scene();
    await tellBy(blind())(deliveryId, LOOK);
    expect((await tellBy(blind())(deliveryId, CANCEL)).answer).toMatchObject({ status: 'CANCELLED' });
  });
});

describe('an attempt after its time-out', () => {
  test.each([
    ['a search', LOOK],
    ['a cancel', CANCEL],
  ] as const)('writes nothing: %s', async (_name, event) => {
    const { deliveryId, driverId } = await scene();
    const before = [await row(deliveryId), await driverRow(driverId)];
    await expect(
      tellBy({ ...world.deps, beginAttempt: () => () => true })(deliveryId, event),
    ).rejects.toThrow('too late');
    expect([await row(deliveryId), await driverRow(driverId)]).toEqual(before);
    expect(
      (await tellBy({ ...world.deps, beginAttempt: () => () => false })(deliveryId, event)).known.status,
    ).not.toBe('PENDING');
  });
});

describe('an impossible event', () => {
  test.each([
    ['a driver who has no id', () => byHand('not-an-id')],
    ['a reason with what text cannot hold', async () => byHand(await world.addDriver(), 'x\u0000')],
    ['a reason with half a character', async () => byHand(await world.addDriver(), 'x\ud800')],
    [
      'a step at no time',
      () => ({ kind: 'takeStep', step: 'arriveAtPickup', by: OPS, deviceAt: 1e20 }) as const,
    ],
  ] as const)('is called so, and leaves no trace: %s', async (name, make) => {
    const { deliveryId } =
      name === 'a step at no time'
        ? await accepted()
        : { deliveryId: (await world.addDelivery()).deliveryId };
    const before = await row(deliveryId);
    await expect(tell(deliveryId, await make())).rejects.toThrow(ImpossibleEvent);
    expect(await row(deliveryId)).toEqual(before);
    expect((await tell(deliveryId, CANCEL)).answer).toMatchObject({ status: 'CANCELLED' });
  });

  test('is reported for contradictory or missing rows', async () => {
    const { deliveryId, offerId, driverId } = await accepted();
    await world.db.assignment.updateMany({ where: { deliveryId }, data: { offerId: null } });
    await expect(tell(deliveryId, { kind: 'acceptOffer', offerId, driverId })).rejects.toThrow(
      ImpossibleEvent,
    );
    await world.db.assignment.updateMany({ where: { deliveryId }, data: { offerId } });
    await expect(tell(newId(), LOOK)).rejects.toThrow(ImpossibleEvent);
    await expect(tell(newId(), CANCEL)).rejects.toThrow(ImpossibleEvent);
  });

  test('is not reported for a slow database', async () => {
    const { deliveryId } = await scene();
    const slow = {
      ...world.deps,
      store: {
        ...world.deps.store,
        change: () => Promise.reject(new Error('canceling statement due to statement timeout')),
      },
    };
    const failure = await tellBy(slow)(deliveryId, CANCEL).catch((error: unknown) => error);
    expect(failure).not.toBeInstanceOf(ImpossibleEvent);
  });
});

describe('the driver row', () => {
  test('has no planned shift end once the shift ends with the work', async () => {
    const { driverId, deliveryId } = await accepted();
    const evening = new Date(Date.now() + 4 * 3_600_000);
    await world.db.driver.update({
      where: { id: driverId },
      data: { pending: { kind: 'SHIFT_END' }, shiftEndsAt: evening },
    });
    const by = { kind: 'driver', id: driverId } as const;
    for (const step of ['arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver'] as const)
      await tell(deliveryId, { kind: 'takeStep', step, by, deviceAt: null });
    expect(await driverRow(driverId)).toMatchObject({
      availability: 'SHIFT_ENDED',
      pending: null,
      shiftEndsAt: null,
    });
  });

  test('keeps the planned shift end while the driver works', async () => {
    const { driverId, deliveryId } = await scene();
    const evening = new Date(Date.now() + 4 * 3_600_000);
    await world.db.driver.update({ where: { id: driverId }, data: { shiftEndsAt: evening } });
    await tell(deliveryId, LOOK);
    expect(await driverRow(driverId)).toMatchObject({ liveOffers: 1, shiftEndsAt: evening });
  });
});

test('a search goes beyond the nearest fifty if all of them are held', async () => {
  const cityId = await world.addCity();
  const held = await Promise.all(Array.from({ length: 60 }, () => world.addDriver({ cityId })));
  const free = await world.addDriver({ cityId, at: { lat: PICKUP.lat + 0.01, lng: PICKUP.lng } });
  // the map has not heard of it
  await world.db.driver.updateMany({ where: { id: { in: held } }, data: { availability: 'PAUSED' } });
  const { deliveryId } = await world.addDelivery({ cityId });
  expect((await tell(deliveryId, LOOK)).known.offers).toMatchObject([{ driverId: free }]);
});

test('an offer’s expiry equals the workflow’s deadline at any time scale', async () => {
  const { cityId, deliveryId } = await scene();
  await world.db.zone.create({
    data: { id: cityId, cityId, name: 'all', polygon: {}, offerTtlSeconds: 100 },
  });
  await world.db.delivery.update({ where: { id: deliveryId }, data: { zoneId: cityId } });
  const {
    known: {
      offers: [offer],
    },
  } = await tellBy({ ...world.deps, timeScale: 7 })(deliveryId, LOOK);
  expect(offer?.expiresAt).toBe(
    (await world.db.offer.findFirstOrThrow({ where: { deliveryId } })).expiresAt.getTime(),
  );
});

test('every invariant holds at the end', async () => {
  await world.db.driver.updateMany({ where: { availability: 'PAUSED' }, data: { availability: 'OFFLINE' } });
  expect(await brokenInvariants(world.db)).toEqual([]);
});
