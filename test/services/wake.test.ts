import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { createDeliveryStore } from '../../adapters/postgres/deliveryStore';
import { createZoneActs } from '../../services/zones/zoneActs';
import { createWake, MAX_HOPS, type Wake } from '../../services/wake';
import { TRAVEL_MODEL } from '../../domain/geo/places';
import { RANKING_LIMITS } from '../../domain/matching/candidate';
import { SEARCH_LIMITS } from '../../domain/matching/searchPlan';
import { CITY, createDriverWorld, type DriverWorld, MINUTE, PLACE, START } from '../support/driverWorld';

let world: DriverWorld;
let wake: Wake;
const switches = { driverOffers: true, batchMatching: false };
const woken: { deliveryId: string; driverId: string; passed: string[]; correlationId: string }[] = [];
beforeAll(async () => {
  world = await createDriverWorld();
  wake = createWake({
    db: world.db,
    map: world.map,
    store: createDeliveryStore(world.postgres),
    clock: () => world.time.now,
    search: SEARCH_LIMITS,
    ranking: RANKING_LIMITS,
    travel: TRAVEL_MODEL,
    timeScale: 1,
    notifyRelay: () => {},
    features: {
      isOn: (feature) => (feature === 'batch_matching' ? switches.batchMatching : switches.driverOffers),
    },
    dispatcher: { wake: async (deliveryId, news) => void woken.push({ deliveryId, ...news }) },
  });
});
afterAll(() => world.close());
beforeEach(() => {
  world.time.now = START;
  woken.length = 0;
  Object.assign(switches, { driverOffers: true, batchMatching: false });
});
afterEach(async () => {
  await world.redis.flush();
  await world.db.$executeRaw`
    UPDATE deliveries SET status = 'CANCELLED', closed_at = now(), driver_id = NULL, held_reason = NULL
    WHERE closed_at IS NULL`;
});

const free = (driverId: string, passed: string[] = []) =>
  wake.driverFree({ driverId, passed, correlationId: 'corr-1' });
/** A driver on the map; `km` east of the pickup. */
async function driverAt(km: number, driver: Parameters<DriverWorld['addDriver']>[0] = {}): Promise<string> {
  const driverId = await world.addDriver(driver);
  await world.ping(driverId, { lat: PLACE.lat, lng: PLACE.lng + km / 67.9 });
  return driverId;
}
async function offerOf(
  driverId: string,
  deliveryId: string,
  set: { state: string; endedAt: number; payCents?: number },
): Promise<void> {
  const { state, endedAt, payCents = 700 } = set;
  await world.db.offer.create({
    data: {
      id: newId(),
      deliveryId,
      driverId,
      state,
      payCents,
      round: 0,
      payload: {},
      choice: {},
      createdAt: new Date(endedAt - 1_000),
      expiresAt: new Date(endedAt + 1_000),
      endedAt: new Date(endedAt),
      endReason: 'OTHER',
    },
  });
}

describe('a driver who came free', () => {
  test('wakes the delivery of the highest escalation, then the one that searched longest', async () => {
    const [young, old, escalated] = [
      await world.addDelivery({ searchAt: START - MINUTE }),
      await world.addDelivery({ searchAt: START - 9 * MINUTE }),
      await world.addDelivery({ level: 1, searchAt: START }),
    ];
    const driverId = await driverAt(0.5);
    expect(await free(driverId)).toBe(escalated);
    expect(await free(driverId, [escalated])).toBe(old);
    expect(await free(driverId, [escalated, old])).toBe(young);
    expect(await free(driverId, [escalated, old, young])).toBeNull();
    expect(woken).toEqual([
      { deliveryId: escalated, driverId, passed: [escalated], correlationId: 'corr-1' },
      { deliveryId: old, driverId, passed: [escalated, old], correlationId: 'corr-1' },
      { deliveryId: young, driverId, passed: [escalated, old, young], correlationId: 'corr-1' },
    ]);
  });

  test('wakes deliveries that would take them now: broadcast and v1 flow lift earlier exclusions', async () => {
    const deliveryId = await world.addDelivery();
    const driverId = await driverAt(0.5);
    await offerOf(driverId, deliveryId, { state: 'REJECTED', endedAt: START - MINUTE });
    expect(await free(driverId)).toBeNull();
    switches.driverOffers = false;
    expect(await free(driverId)).toBe(deliveryId);
    switches.driverOffers = true;
    await world.db.delivery.update({ where: { id: deliveryId }, data: { broadcastSince: new Date(START) } });
    expect(await free(driverId)).toBe(deliveryId);
  });

  test('calls for a round in place of waking deliveries whose city is matched', async () => {
    const deliveryId = await world.addDelivery();
    const driverId = await driverAt(0.5);
    switches.batchMatching = true;
    await world.takeMessages();
    expect(await free(driverId)).toBeNull();
    expect(woken).toEqual([]);
    expect(await world.takeMessages()).toEqual([{ kind: 'roundDue', cityId: CITY }]);
    await world.db.delivery.update({ where: { id: deliveryId }, data: { heldReason: 'REASSIGNMENT_OFF' } });
    expect(await free(driverId)).toBeNull();
    expect(await world.takeMessages()).toEqual([]);
  });

  test('does not wake a delivery that waits for ops', async () => {
    const deliveryId = await world.addDelivery();
    await world.db.delivery.update({ where: { id: deliveryId }, data: { heldReason: 'REASSIGNMENT_OFF' } });
    expect(await free(await driverAt(0.5))).toBeNull();
  });

  test('is passed on a limited number of times', async () => {
    await world.addDelivery();
    const driverId = await driverAt(0.5);
    expect(
      await free(
        driverId,
        Array.from({ length: MAX_HOPS }, () => newId()),
      ),
    ).toBeNull();
  });

  test('wakes deliveries whose current radius, after rounds and escalation, reaches them', async () => {
    const near = await world.addDelivery({ round: 0 });
    const driverId = await driverAt(4);
    expect(await free(driverId)).toBeNull();
    const wider = await world.addDelivery({ round: 1 });
    expect(await free(driverId)).toBe(wider);
    const far = await driverAt(20);
    const escalated = await world.addDelivery({ level: 1 });
    expect(await free(far, [near])).toBe(escalated);
  });

  test('wakes a delivery that they are too far from, while ops have widened its search', async () => {
    const deliveryId = await world.addDelivery({ round: 0 });
    const driverId = await driverAt(20);
    const by = { kind: 'ops', id: 'olga' } as const;
    const acts = createZoneActs({
      db: world.db,
      clock: () => world.time.now,
      newId,
      timeScale: 1,
      deliveriesPerSecond: 1_000,
      widenMaxMeters: 50_000,
      escalatedRadiusMeters: 22_500,
      notifyRelay: () => {},
    });
    const terms = { radiusMeters: null, length: { minutes: 5, untilAt: null } };
    await acts.widen({ cityId: CITY, zoneId: null }, terms, {
      by,
      why: 'storm',
      correlationId: 'c',
      key: newId(),
    });
    expect(await free(driverId)).toBe(deliveryId);
    world.time.now += 5 * MINUTE;
    await world.ping(driverId, { lat: PLACE.lat, lng: PLACE.lng + 20 / 67.9 });
    expect(await free(driverId)).toBeNull();
  });

  test.each(['PENDING', 'OFFERED', 'CANCELLED'])('wakes none that is %s', async (status) => {
    await world.addDelivery({ status: status === 'CANCELLED' ? 'SEARCHING' : status });
    if (status === 'CANCELLED')
      await world.db.$executeRaw`UPDATE deliveries SET status = 'CANCELLED', closed_at = now()`;
    expect(await free(await driverAt(0.5))).toBeNull();
  });

  test('wakes none of another city', async () => {
    await world.addDelivery({ cityId: 'rtm' });
    expect(await free(await driverAt(0.5))).toBeNull();
  });

  test('looks past any number of parcels that do not fit the vehicle', async () => {
    for (let i = 0; i < 22; i++) await world.addDelivery({ parcelSize: 'XLARGE', level: 1 });
    const small = await world.addDelivery({});
    expect(await free(await driverAt(0.5, { vehicleKind: 'BICYCLE' }))).toBe(small);
  });

  test('wakes none whose parcel does not fit the vehicle', async () => {
    await world.addDelivery({ parcelSize: 'LARGE' });
    expect(await free(await driverAt(0.5, { vehicleKind: 'BICYCLE' }))).toBeNull();
    expect(await free(await driverAt(0.5, { vehicleKind: 'CAR' }))).not.toBeNull();
  });

  test('wakes none rejected at this pay, until the pay rises', async () => {
    const driverId = await driverAt(0.5);
    const deliveryId = await world.addDelivery();
    await offerOf(driverId, deliveryId, { state: 'REJECTED', endedAt: START - MINUTE });
    expect(await free(driverId)).toBeNull();
    await world.db.delivery.update({ where: { id: deliveryId }, data: { bonusCents: 100 } });
    expect(await free(driverId)).toBe(deliveryId);
  });

  test('wakes none whose offer to them expired in the last 5 minutes', async () => {
    const driverId = await driverAt(0.5);
    const deliveryId = await world.addDelivery();
    await offerOf(driverId, deliveryId, { state: 'EXPIRED', endedAt: START - 4 * MINUTE });
    expect(await free(driverId)).toBeNull();
    world.time.now = START + MINUTE;
    await world.ping(driverId, PLACE);
    expect(await free(driverId)).toBe(deliveryId);
  });

  test('wakes none that they lost before', async () => {
    const driverId = await driverAt(0.5);
    const deliveryId = await world.addDelivery();
    await world.db.assignment.create({
      data: {
        id: newId(),
        deliveryId,
        driverId,
        way: 'OFFER',
        state: 'LOST',
        payCents: 700,
        startedAt: new Date(START - MINUTE),
        endedAt: new Date(START),
        endReason: 'SHIFT_ENDED',
      },
    });
    expect(await free(driverId)).toBeNull();
    const other = await world.addDelivery();
    expect(await free(driverId)).toBe(other);
  });

  test('is put on the map first, so that the woken delivery finds them', async () => {
    const driverId = await driverAt(0.5, { availability: 'BUSY' });
    const deliveryId = await world.addDelivery();
    await world.db.driver.update({
      where: { id: driverId },
      data: { availability: 'AVAILABLE', availabilityVersion: 1 },
    });
    expect(await free(driverId)).toBe(deliveryId);
    expect((await world.map.readViews([driverId]))[0]?.on.city).toBe(true);
  });

  test.each([
    ['has no fresh place', async () => world.addDriver()],
    ['went OFFLINE meanwhile', async () => driverAt(0.5, { availability: 'OFFLINE' })],
    ['is not known', async () => newId()],
    [
      'holds an offer already',
      async () => {
        const driverId = await driverAt(0.5);
        await world.db.driver.update({
          where: { id: driverId },
          data: { liveOffers: 1, availabilityVersion: 1 },
        });
        return driverId;
      },
    ],
  ] as const)('wakes nothing where the driver %s', async (_why, make) => {
    await world.addDelivery();
    expect(await free(await make())).toBeNull();
    expect(woken).toEqual([]);
  });

  test('reads beyond a page of deliveries out of reach', async () => {
    const far = { lat: PLACE.lat + 0.3, lng: PLACE.lng };
    await Promise.all(
      Array.from({ length: 205 }, () => world.addDelivery({ pickup: far, searchAt: START - MINUTE })),
    );
    const reachable = await world.addDelivery();
    expect(await free(await driverAt(0.5))).toBe(reachable);
  });
});
