import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { createOrderStore } from '../../adapters/postgres/orderStore';
import { freshDatabase, type FreshDatabase } from '../support/database';

let database: FreshDatabase;
let cityId: string;
beforeAll(async () => {
  database = await freshDatabase({ poolSize: 4 });
});
afterAll(() => database.close());
beforeEach(async () => {
  cityId = `city-${newId()}`;
  await addCity(cityId);
});

const CENTER = { lat: 52.37, lng: 4.89 };

async function addCity(id: string): Promise<void> {
  const city = {
    id,
    name: id,
    timezone: 'UTC',
    currency: 'EUR',
    centerLat: CENTER.lat,
    centerLng: CENTER.lng,
  };
  await database.db.city.create({ data: city });
}

/** A square of so many degrees around the centre. */
const square = (half: number) => {
  const [w, e, s, n] = [CENTER.lng - half, CENTER.lng + half, CENTER.lat - half, CENTER.lat + half];
  const ring = [
    [w, s],
    [e, s],
    [e, n],
    [w, n],
    [w, s],
  ];
  return { type: 'Polygon', coordinates: [ring] };
};
const addZone = (id: string, half = 0.1, city = cityId) =>
  database.db.zone.create({ data: { id, cityId: city, name: id, polygon: square(half) } });

/** A store, the zone that an order at the centre gets, and how often polygons were read. */
function openStore() {
  let polygons = 0;
  const counted = new Proxy(database.db, {
    get(target, name, receiver) {
      const value: unknown = Reflect.get(target, name, receiver);
      if (name !== '$queryRaw' && name !== '$queryRawUnsafe') return value;
      return (...args: unknown[]) => {
        if (JSON.stringify(args).includes('polygon')) polygons++;
        return (value as (...all: unknown[]) => unknown).apply(target, args);
      };
    },
  });
  const store = createOrderStore(counted);
  const zone = async (city = cityId, point = CENTER): Promise<string | null | undefined> => {
    const order = { merchantId: 'm', sellerOrderId: newId(), cityId: city };
    const context = await store.context(order, 1, Date.now());
    return context.city?.zoneAt(point);
  };
  return { zone, polygonReads: () => polygons };
}

test('orders of a city read its polygons once', async () => {
  await addZone(`a-${cityId}`);
  const { zone, polygonReads } = openStore();
  const found = await Promise.all(Array.from({ length: 20 }, () => zone()));
  expect(new Set(found)).toEqual(new Set([`a-${cityId}`]));
  for (let order = 0; order < 10; order++) expect(await zone()).toBe(`a-${cityId}`);
  expect(await zone(cityId, { lat: 0, lng: 0 })).toBeNull();
  expect(polygonReads()).toBe(1);
});

test('a change of any zone by anybody holds for the next order', async () => {
  const { zone } = openStore();
  expect(await zone()).toBeNull();
  await addZone(`a-${cityId}`);
  expect(await zone()).toBe(`a-${cityId}`);
  await addZone(`b-${cityId}`, 0.05);
  expect(await zone()).toBe(`b-${cityId}`); // the smaller one
  await database.db.zone.update({ where: { id: `a-${cityId}` }, data: { priority: 1 } });
  expect(await zone()).toBe(`a-${cityId}`);
  await database.db.$executeRaw`UPDATE zones SET polygon = ${JSON.stringify({
    type: 'Polygon',
    coordinates: [
      [
        [0, 0],
        [1, 0],
        [1, 1],
        [0, 0],
      ],
    ],
  })}::jsonb WHERE id = ${`a-${cityId}`}`;
  expect(await zone()).toBe(`b-${cityId}`);
});

test('cities do not see the zones of each other, and a city without zones reads none', async () => {
  const other = `city-${newId()}`;
  await addCity(other);
  await addZone(`a-${cityId}`);
  const { zone, polygonReads } = openStore();
  expect([await zone(), await zone(other), await zone()]).toEqual([`a-${cityId}`, null, `a-${cityId}`]);
  expect(polygonReads()).toBe(1);
});
