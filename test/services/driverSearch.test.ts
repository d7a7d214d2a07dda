import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import type { ParcelSize, VehicleKind } from '../../domain/driver/vehicles';
import type { CandidateFacts } from '../../services/deliveries/deliveryStore';
import { searchDrivers } from '../../services/deliveries/driverSearch';
import { createDispatchWorld, type DispatchWorld, CITY, PICKUP } from '../support/dispatchWorld';
import { createMemoryDriverMap } from '../support/memoryDriverMap';

let world: DispatchWorld;
beforeAll(async () => {
  world = await createDispatchWorld();
});
afterAll(() => world.close());

const NOW = Date.now();
const facts = (driverId: string, vehicle: VehicleKind): CandidateFacts => ({
  driverId,
  availability: 'AVAILABLE',
  leavesAfterWork: false,
  vehicle,
  room: 1,
  liveOffers: 0,
  hasWork: false,
  offerVersion: 2,
  shiftEndsAt: null,
  idleSince: NOW,
  earningsTodayCents: 0,
  recentRejections: 0,
  lastLapseAt: null,
  rejected: null,
  lost: false,
  askedByBroadcast: false,
});

test.each<[ParcelSize, VehicleKind]>([
  ['XLARGE', 'VAN'],
  ['LARGE', 'CAR'],
])('a parcel of size %s finds the %s behind more bicycles than a search reads', async (parcelSize, kind) => {
  const map = createMemoryDriverMap({ freshPositionMs: 60_000 });
  const vehicles = new Map<string, VehicleKind>();
  const add = async (vehicle: VehicleKind, steps: number): Promise<string> => {
    const driverId = newId();
    vehicles.set(driverId, vehicle);
    const point = { lat: PICKUP.lat + steps / 1e6, lng: PICKUP.lng };
    const lastFix = { point, at: NOW, receivedAt: NOW };
    await map.sync(
      { driverId, cityId: CITY, availability: 'AVAILABLE', hasRoom: true, vehicle, version: 1, lastFix },
      NOW,
    );
    return driverId;
  };
  for (let step = 0; step < 520; step++) await add('BICYCLE', step);
  const carrier = await add(kind, 600);
  const { deliveryId } = await world.addDelivery({ searchAt: new Date(NOW) });
  await world.db.delivery.update({ where: { id: deliveryId }, data: { parcelSize } });
  const result = await searchDrivers(
    {
      ...world.deps,
      map,
      store: {
        searchFacts: world.deps.store.searchFacts,
        workingDrivers: async () => [],
        othersWaiting: async () => 0,
        candidates: async ({ driverIds }) =>
          driverIds.map((driverId) => facts(driverId, vehicles.get(driverId) ?? 'BICYCLE')),
      },
    },
    deliveryId,
    NOW + 1_000,
  );
  expect(result?.ranking.ranked.map(({ driverId }) => driverId)).toEqual([carrier]);
});
