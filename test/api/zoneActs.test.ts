/** Acts of ops on a whole zone or city: what merchants are answered, who may act, and what a repeat does. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { type ApiWorld, type Claims, createApiWorld, driver, merchant, ops } from '../support/apiWorld';
import { MERCHANT } from '../support/dispatchWorld';

const NORTH = { lat: 52.395, lng: 4.89 };
const SOUTH = { lat: 52.35, lng: 4.89 };
const box = (south: number, north: number) => ({
  type: 'Polygon',
  coordinates: [
    [
      [4.8, south],
      [5, south],
      [5, north],
      [4.8, north],
      [4.8, south],
    ],
  ],
});

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
});
afterAll(() => world.close());

/** A city of the test's own with a zone; the south of it lies in none. */
let city: string;
let zone: string;
beforeEach(async () => {
  city = await world.addCity();
  zone = `north-${newId()}`;
  await world.db.zone.create({ data: { id: zone, cityId: city, name: 'North', polygon: box(52.38, 52.41) } });
});

const order = (point = NORTH, change: object = {}) => ({
  sellerOrderId: newId(),
  cityId: city,
  pickup: { address: 'Street 1', point },
  dropoff: { address: 'Street 2', point: SOUTH },
  parcelSize: 'SMALL',
  feeCents: 500,
  ...change,
});
const send = (body: object) => world.as(merchant(MERCHANT)).post('/v2/deliveries', body);
const act = (path: string, body: object, claims: Claims = ops()) =>
  world.as(claims).post(`/v2/ops/${path}`, { why: 'storm', ...body });
const STOP = { reason: 'TOO_FEW_DRIVERS', minutes: 45 };

describe('a stop of orders', () => {
  it('refuses new orders of the zone with a reason and a time, and lets them in again', async () => {
    const { body: stop } = await act(`zones/${zone}/stop-orders`, STOP).expect(200);
    expect(stop).toMatchObject({ kind: 'STOP_ORDERS', cityId: city, zoneId: zone, by: 'olga', why: 'storm' });
    const refused = await send(order()).expect(503);
    expect(refused.body).toMatchObject({
      type: '/problems/orders-stopped',
      code: 'ORDERS_STOPPED',
      detail: `zone ${zone} takes no orders for a time: too few drivers`,
      zoneId: zone,
      reason: 'TOO_FEW_DRIVERS',
      until: stop.until,
    });
    const seconds = Number(refused.headers['retry-after']);
    expect(seconds).toBeGreaterThan(44 * 60);
    expect(seconds).toBeLessThanOrEqual(45 * 60);
    await send(order(SOUTH)).expect(201);
    const { body: state } = await act(`zones/${zone}/take-orders`, {}).expect(200);
    expect(state).toEqual({ cityId: city, zoneId: zone, ordersStopped: null });
    await send(order()).expect(201);
    const { body: read } = await world.as(ops()).get(`/v2/ops/acts/${stop.actId}`).expect(200);
    expect(read).toEqual({ ...stop, endedAt: expect.any(String) });
  });

  it('answers a repeat of an order that was taken before', async () => {
    const body = order();
    const { body: taken } = await send(body).expect(201);
    await act(`zones/${zone}/stop-orders`, STOP).expect(200);
    expect((await send(body).expect(200)).body.deliveryId).toBe(taken.deliveryId);
  });

  it('of the city holds everywhere in it, and outlives that of a zone', async () => {
    await act(`cities/${city}/stop-orders`, { ...STOP, reason: 'WEATHER' }).expect(200);
    for (const point of [NORTH, SOUTH])
      expect((await send(order(point)).expect(503)).body).toMatchObject({ zoneId: null, reason: 'WEATHER' });
    const { body } = await act(`zones/${zone}/take-orders`, {}).expect(200);
    expect(body.ordersStopped).toMatchObject({ zoneId: null, reason: 'WEATHER' });
    await act(`cities/${city}/take-orders`, {}).expect(200);
    await send(order()).expect(201);
  });

  it('ends by itself at its time', async () => {
    const untilAt = new Date(Date.now() + 60_000).toISOString();
    const { body } = await act(`zones/${zone}/stop-orders`, { reason: 'EVENT', untilAt }).expect(200);
    expect(body.until).toBe(untilAt);
    await send(order()).expect(503);
    const later = { ...world.apiDeps, clock: () => Date.now() + 60_000 };
    const { orders } = later;
    const { pickup, dropoff, ...rest } = order();
    const stop = { contactName: null, contactPhone: null, notes: null };
    const taken = await orders.takeOrder(
      {
        ...rest,
        parcelSize: 'SMALL',
        merchantId: MERCHANT,
        pickup: { ...pickup, ...stop },
        dropoff: { ...dropoff, ...stop },
        readyAt: null,
        windowFrom: null,
        windowTo: null,
        payCents: null,
        currency: null,
        by: { kind: 'merchant', id: MERCHANT },
      },
      { fingerprint: '2:x', requestHash: 'x', fields: [] },
      'test',
      later.clock(),
    );
    expect(taken).toMatchObject({ taken: 'new' });
  });

  it('replaces an earlier one of the same place', async () => {
    const { body: first } = await act(`zones/${zone}/stop-orders`, STOP).expect(200);
    await act(`zones/${zone}/stop-orders`, { reason: 'EVENT', minutes: 5 }).expect(200);
    expect((await send(order()).expect(503)).body.reason).toBe('EVENT');
    const { body } = await world.as(ops()).get(`/v2/ops/acts/${first.actId}`).expect(200);
    expect(body.endedAt).not.toBeNull();
  });

  it('is seen in the health of the zones', async () => {
    const { body: stop } = await act(`zones/${zone}/stop-orders`, STOP).expect(200);
    const { body } = await world.as(ops()).get(`/v2/ops/zones/health?cityId=${city}&fresh=true`).expect(200);
    const { zones } = body as { zones: { zoneId: string | null; ordersStopped: unknown }[] };
    expect(zones.find(({ zoneId }) => zoneId === zone)?.ordersStopped).toMatchObject({
      actId: stop.actId,
      until: stop.until,
      by: 'olga',
      why: 'storm',
    });
  });

  it('is told to all merchants and to ops of the city, and is in the trail of the city', async () => {
    const { body: stop } = await act(`zones/${zone}/stop-orders`, STOP).expect(200);
    await act(`zones/${zone}/take-orders`, { why: 'sun' }).expect(200);
    await act(`zones/${zone}/take-orders`, { why: 'again' }).expect(200);
    const told = await world.db.outboxMessage.findMany({
      where: { key: `orders/${city}/${zone}` },
      orderBy: { id: 'asc' },
    });
    const rooms = [`ops:${city}`, 'merchants'];
    expect(told.map(({ payload }) => payload)).toMatchObject([
      { emits: [{ rooms, event: 'orders_stop_changed', body: { stop: { until: stop.until } } }] },
      { emits: [{ rooms, event: 'orders_stop_changed', body: { zoneId: zone, stop: null } }] },
    ]);
    expect(JSON.stringify(told.map(({ payload }) => payload))).not.toMatch(/olga|storm/);
    const { body } = await world
      .as(ops([city]))
      .get(`/v2/ops/audit?cityId=${city}`)
      .expect(200);
    const entries = (body as { entries: { kind: string; why: string }[] }).entries.filter(({ kind }) =>
      kind.startsWith('zone_act'),
    );
    expect(entries.map(({ kind, why }) => [kind, why]).sort()).toEqual([
      ['zone_act_changed', 'sun'],
      ['zone_act_created', 'storm'],
    ]);
  });

  it('must end within a day', async () => {
    const at = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
    for (const untilAt of [at(-1), at(25)]) {
      const { body } = await act(`zones/${zone}/stop-orders`, { reason: 'EVENT', untilAt }).expect(422);
      expect(body.code).toBe('INVALID_DURATION');
    }
    await act(`zones/${zone}/stop-orders`, { reason: 'EVENT' }).expect(400);
    await act(`zones/${zone}/stop-orders`, { reason: 'EVENT', minutes: 5, untilAt: at(1) }).expect(400);
  });
});

describe('a wider search', () => {
  const healthOf = async (id: string | null): Promise<unknown> => {
    const { body } = await world.as(ops()).get(`/v2/ops/zones/health?cityId=${city}&fresh=true`).expect(200);
    const { zones } = body as { zones: { zoneId: string | null; searchWidened: unknown }[] };
    return zones.find(({ zoneId }) => zoneId === id)?.searchWidened;
  };

  it('is seen in the health of the zones until ops end it, the widest that holds', async () => {
    for (const point of [NORTH, SOUTH]) await send(order(point)).expect(201);
    const { body: all } = await act(`cities/${city}/widen`, { minutes: 60 }).expect(202);
    expect(all).toMatchObject({
      kind: 'WIDEN',
      zoneId: null,
      radiusMeters: 22_500,
      deliveries: { asked: 2 },
    });
    const { body: wider } = await act(`zones/${zone}/widen`, { minutes: 9, radiusMeters: 30_000 }).expect(
      202,
    );
    expect(await healthOf(zone)).toMatchObject({
      actId: wider.actId,
      radiusMeters: 30_000,
      until: wider.until,
      by: 'olga',
      why: 'storm',
    });
    expect(await healthOf(null)).toMatchObject({ actId: all.actId });
    const { body: left } = await act(`zones/${zone}/narrow`, {}).expect(200);
    expect(left).toMatchObject({ cityId: city, zoneId: zone, searchWidened: { actId: all.actId } });
    const { body: none } = await act(`cities/${city}/narrow`, {}).expect(200);
    expect(none).toEqual({ cityId: city, zoneId: null, searchWidened: null });
    expect(await healthOf(zone)).toBeNull();
    const { body: read } = await world.as(ops()).get(`/v2/ops/acts/${wider.actId}`).expect(200);
    expect(read.endedAt).not.toBeNull();
  });

  it('stands in the trail of the city, with who and why, and so does its end', async () => {
    await act(`zones/${zone}/widen`, { minutes: 9 }).expect(202);
    await act(`zones/${zone}/narrow`, { why: 'sun' }).expect(200);
    await act(`zones/${zone}/narrow`, { why: 'again' }).expect(200);
    const { body } = await world.as(ops()).get(`/v2/ops/audit?cityId=${city}`).expect(200);
    const entries = (body as { entries: { kind: string; why: string }[] }).entries.filter(({ kind }) =>
      kind.startsWith('zone_act'),
    );
    expect(entries.map(({ kind, why }) => [kind, why]).sort()).toEqual([
      ['zone_act_changed', 'sun'],
      ['zone_act_created', 'storm'],
    ]);
  });

  it('has bounds', async () => {
    const widen = (body: object) => act(`zones/${zone}/widen`, body);
    const { body } = await widen({ minutes: 9, radiusMeters: 50_001 }).expect(422);
    expect(body).toMatchObject({ code: 'RADIUS_NOT_ALLOWED', detail: 'searches may reach 50000 m at most' });
    await widen({ minutes: 9, radiusMeters: 10 }).expect(400);
    await widen({ minutes: 9, untilAt: new Date(Date.now() + 60_000).toISOString() }).expect(400);
    const untilAt = new Date(Date.now() - 60_000).toISOString();
    expect((await widen({ untilAt }).expect(422)).body.code).toBe('INVALID_DURATION');
  });
});

describe('a raise of a zone', () => {
  it('is taken with an id that says how far it is', async () => {
    await send(order()).expect(201);
    const { body } = await act(`zones/${zone}/raise-pay`, { bonusCents: 300 }).expect(202);
    expect(body).toMatchObject({
      kind: 'RAISE_PAY',
      bonusCents: 300,
      deliveries: { asked: 1, done: 0, open: 1, refused: [] },
    });
    expect((await world.as(ops()).get(`/v2/ops/acts/${body.actId}`).expect(200)).body).toEqual(body);
  });
});

describe('a cancel of what waits', () => {
  it('counts in a dry run, and changes nothing', async () => {
    const { body: taken } = await send(order()).expect(201);
    const searchAt = new Date(Date.now() - 31 * 60_000);
    await world.db.delivery.update({ where: { id: taken.deliveryId }, data: { searchAt } });
    const body = { waitingOverMinutes: 30, reason: 'NO_DRIVER' };
    const { body: dry } = await act(`zones/${zone}/cancel-waiting`, { ...body, dryRun: true }).expect(200);
    expect(dry).toEqual({ cityId: city, zoneId: zone, deliveries: 1 });
    const { body: wet } = await act(`zones/${zone}/cancel-waiting`, body).expect(202);
    expect(wet).toMatchObject({
      cancelReason: 'NO_DRIVER',
      waitingOverMinutes: 30,
      deliveries: { asked: 1 },
    });
  });
});

describe('an act on a zone or a city', () => {
  const PATHS: [string, object][] = [
    ['stop-orders', STOP],
    ['take-orders', {}],
    ['widen', { minutes: 5 }],
    ['narrow', {}],
    ['raise-pay', { bonusCents: 100 }],
    ['cancel-waiting', { waitingOverMinutes: 30, reason: 'NO_DRIVER', dryRun: true }],
  ];

  const reaches = ['widen', 'raise-pay'];

  it('is for ops of the city', async () => {
    for (const [verb, body] of PATHS)
      for (const place of [`zones/${zone}`, `cities/${city}`]) {
        await act(`${place}/${verb}`, body, ops(['paris'])).expect(404);
        await act(`${place}/${verb}`, body, driver(newId())).expect(403);
        await act(`${place}/${verb}`, body, merchant(MERCHANT)).expect(403);
        await act(`${place}/${verb}`, body, ops([city])).expect(reaches.includes(verb) ? 202 : 200);
        await act(`${place.split('/')[0]}/nowhere/${verb}`, body).expect(404);
      }
    const { body: made } = await act(`zones/${zone}/stop-orders`, STOP).expect(200);
    await world
      .as(ops(['paris']))
      .get(`/v2/ops/acts/${made.actId}`)
      .expect(404);
    await world.as(ops()).get(`/v2/ops/acts/${newId()}`).expect(404);
  });

  it('is done once, however often it is sent under its key', async () => {
    const key = newId();
    const again = () => act(`zones/${zone}/stop-orders`, STOP).set('idempotency-key', key).expect(200);
    const { body: first } = await again();
    await act(`zones/${zone}/take-orders`, {}).expect(200);
    const { body: repeat } = await again();
    expect(repeat).toEqual({ ...first, endedAt: expect.any(String) });
    await send(order()).expect(201);
  });
});
