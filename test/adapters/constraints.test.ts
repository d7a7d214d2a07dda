/**
 * The database enforces the invariants, not the code's good will: each is tried to be broken past all code
 * (docs/behaviour.md#offers, invariant 1).
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { createDispatchWorld, type DispatchWorld } from '../support/dispatchWorld';

let world: DispatchWorld;
beforeAll(async () => {
  world = await createDispatchWorld();
});
afterAll(() => world.close());

const OFFER = { kind: 'SINGLE', state: 'LIVE', round: 0, payCents: 700, payload: {}, choice: {} } as const;

function offer(
  deliveryId: string,
  driverId: string,
  set: {
    kind?: string;
    state?: string;
    endedAt?: Date;
    createdAt?: Date;
    expiresAt?: Date;
    tripId?: string | null;
    tripSeat?: number;
  } = {},
) {
  const createdAt = new Date();
  return world.db.offer.create({
    data: {
      ...OFFER,
      id: newId(),
      deliveryId,
      driverId,
      createdAt,
      expiresAt: new Date(createdAt.getTime() + 30_000),
      ...set,
    },
  });
}

function assignment(deliveryId: string, driverId: string, set: { state?: string; endedAt?: Date } = {}) {
  return world.db.assignment.create({
    data: {
      id: newId(),
      deliveryId,
      driverId,
      way: 'V1',
      state: 'ACTIVE',
      payCents: 700,
      startedAt: new Date(),
      ...set,
    },
  });
}

async function two(): Promise<{ deliveries: [string, string]; drivers: [string, string] }> {
  const [first, second] = [await world.addDelivery(), await world.addDelivery()];
  return {
    deliveries: [first.deliveryId, second.deliveryId],
    drivers: [await world.addDriver(), await world.addDriver()],
  };
}

const UNIQUE = /Unique constraint/;

describe('PostgreSQL refuses', () => {
  test('a second live offer to a driver', async () => {
    const {
      deliveries,
      drivers: [driver],
    } = await two();
    await offer(deliveries[0], driver);
    await expect(offer(deliveries[1], driver)).rejects.toThrow(UNIQUE);
    // one that is over takes no place
    await offer(deliveries[1], driver, { state: 'EXPIRED', endedAt: new Date() });
  });

  test('a second live offer in the same seat of a trip, a seat without a trip, and a fourth seat', async () => {
    const {
      deliveries,
      drivers: [driver],
    } = await two();
    const tripId = newId();
    await offer(deliveries[0], driver, { tripId });
    await expect(offer(deliveries[1], driver, { tripId: newId() })).rejects.toThrow(UNIQUE);
    await expect(offer(deliveries[1], driver, { tripSeat: 1 })).rejects.toThrow(/offer_trip_seat/);
    await expect(offer(deliveries[1], driver, { tripId, tripSeat: 3 })).rejects.toThrow(/offer_trip_seat/);
    await offer(deliveries[1], driver, { tripId, tripSeat: 1 });
    // the seat of a trip is taken for ever
    const { drivers } = await two();
    const third = (await world.addDelivery()).deliveryId;
    await expect(offer(third, drivers[0], { tripId, tripSeat: 1 })).rejects.toThrow(UNIQUE);
  });

  test('a second live single offer of a delivery, while a broadcast may have many', async () => {
    const {
      deliveries: [delivery, broadcast],
      drivers,
    } = await two();
    await offer(delivery, drivers[0]);
    await expect(offer(delivery, drivers[1])).rejects.toThrow(UNIQUE);
    const [third, fourth] = [await world.addDriver(), await world.addDriver()];
    await offer(broadcast, third, { kind: 'BROADCAST' });
    await offer(broadcast, fourth, { kind: 'BROADCAST' });
  });

  test('a second active assignment of a delivery', async () => {
    const {
      deliveries: [delivery],
      drivers,
    } = await two();
    await assignment(delivery, drivers[0]);
    await expect(assignment(delivery, drivers[1])).rejects.toThrow(UNIQUE);
    await assignment(delivery, drivers[1], { state: 'LOST', endedAt: new Date() });
  });

  test('the second of two concurrent inserts for one place', async () => {
    const {
      deliveries,
      drivers: [driver],
    } = await two();
    const raced = await Promise.allSettled([offer(deliveries[0], driver), offer(deliveries[1], driver)]);
    expect(raced.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test.each([
    ['work above capacity', { liveOffers: 1, activeAssignments: 1 }],
    ['two next jobs', { nextSlots: 1, liveOffers: 1, activeAssignments: 2 }],
    ['a second next slot', { nextSlots: 2 }],
    ['negative counters', { liveOffers: -1 }],
    ['a capacity of 0', { capacity: 0 }],
    ['an unknown availability', { availability: 'ASLEEP' }],
    ['an unknown vehicle', { vehicleKind: 'ROCKET' }],
    ['a place off the globe', { lastLat: 91, lastLng: 0 }],
  ])('a driver with %s', async (_what, data) => {
    const id = await world.addDriver();
    await expect(world.db.driver.update({ where: { id }, data })).rejects.toThrow(/check constraint/i);
  });

  test.each([
    ['of an unknown state', { status: 'LOST_IN_SPACE' }],
    ['that is closed without an end time', { status: 'CANCELLED' }],
    ['that has an end time and is not closed', { closedAt: new Date() }],
    ['that is carried without a driver', { status: 'ASSIGNED' }],
    ['with negative pay', { payCents: -1 }],
    ['with an unknown parcel', { parcelSize: 'HUGE' }],
    ['whose window ends before it begins', { windowFrom: new Date(2_000), windowTo: new Date(1_000) }],
    ['at a fourth escalation level', { escalationLevel: 4 }],
    ['with a negative unassigned time', { unassignedMs: -1 }],
  ])('a delivery %s', async (_what, data) => {
    const { deliveryId } = await world.addDelivery();
    await expect(world.db.delivery.update({ where: { id: deliveryId }, data })).rejects.toThrow(
      /check constraint/i,
    );
  });

  test('a delivery that is SEARCHING and has a driver', async () => {
    const [{ deliveryId }, driverId] = [await world.addDelivery(), await world.addDriver()];
    await expect(world.db.delivery.update({ where: { id: deliveryId }, data: { driverId } })).rejects.toThrow(
      /check constraint/i,
    );
  });

  test('an ended offer without an end time, a live offer with one, and an expiry before the creation', async () => {
    const {
      deliveries: [delivery],
      drivers: [driver],
    } = await two();
    await expect(offer(delivery, driver, { state: 'REJECTED' })).rejects.toThrow(/check constraint/i);
    await expect(offer(delivery, driver, { endedAt: new Date() })).rejects.toThrow(/check constraint/i);
    await expect(offer(delivery, driver, { expiresAt: new Date(0) })).rejects.toThrow(/check constraint/i);
    await expect(offer(delivery, driver, { state: 'MAYBE', endedAt: new Date() })).rejects.toThrow(
      /check constraint/i,
    );
  });

  test('an ended assignment without an end time, and an active one with one', async () => {
    const {
      deliveries: [delivery],
      drivers: [driver],
    } = await two();
    await expect(assignment(delivery, driver, { state: 'COMPLETED' })).rejects.toThrow(/check constraint/i);
    await expect(assignment(delivery, driver, { endedAt: new Date() })).rejects.toThrow(/check constraint/i);
  });

  test('a second delivery for one merchant and order id', async () => {
    const { sellerOrderId } = await world.addDelivery();
    await expect(world.addDelivery({ sellerOrderId })).rejects.toThrow(UNIQUE);
  });

  test('rows with dangling references, and deletes of referenced rows', async () => {
    const {
      deliveries: [delivery],
      drivers: [driver],
    } = await two();
    await expect(offer(newId(), driver)).rejects.toThrow(/Foreign key/i);
    await assignment(delivery, driver);
    await expect(world.db.delivery.delete({ where: { id: delivery } })).rejects.toThrow(
      /Foreign key|restrict/i,
    );
    await expect(world.db.driver.delete({ where: { id: driver } })).rejects.toThrow(/Foreign key|restrict/i);
  });
});
