/** The times and the number of a merchant's orders (docs/behaviour.md#deliveries). */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { createOrderStore } from '../../adapters/postgres/orderStore';
import { ORDER_LIMITS } from '../../domain/orders/orderLimits';
import { createOrders } from '../../services/orders';
import { type ApiWorld, createApiWorld, merchant, ops } from '../support/apiWorld';
import { CITY, MERCHANT } from '../support/dispatchWorld';

const MINUTE = 60_000;
const DAY = 86_400_000;
const QUOTA = 5;

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld((_deps, { db, deps: { travel, timeScale, notifyRelay } }) => ({
    orders: createOrders({
      store: createOrderStore(db),
      newId,
      searchLeadMs: 10 * MINUTE,
      limits: { ...ORDER_LIMITS, openDeliveriesMax: QUOTA },
      travel,
      timeScale,
      notifyRelay,
    }),
  }));
});
afterAll(() => world.close());

const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();
/** 1,756 m apart: 5 min 42 s by car, 9 min 8 s by bicycle. */
const order = (change: object = {}) => ({
  sellerOrderId: newId(),
  cityId: CITY,
  parcelSize: 'SMALL',
  feeCents: 590,
  pickup: { address: 'Baker Street 1', point: { lat: 52.37, lng: 4.89 } },
  dropoff: { address: 'Home Lane 2', point: { lat: 52.38, lng: 4.91 } },
  ...change,
});
const shop = async (): Promise<string> => {
  const id = newId();
  await world.db.merchant.create({ data: { id, name: 'A shop' } });
  return id;
};

describe('an order at an impossible time', () => {
  it.each<[string, () => object, string]>([
    ['ready in 2001', () => ({ readyAt: '2001-01-01T00:00:00Z' }), 'readyAt'],
    ['ready in 2099', () => ({ readyAt: '2099-01-01T00:00:00Z' }), 'readyAt'],
    ['ready in 31 days', () => ({ readyAt: inMs(31 * DAY) }), 'readyAt'],
    ['a window that begins in 2099', () => ({ windowFrom: '2099-01-01T00:00:00Z' }), 'windowFrom'],
    ['a window that was over yesterday', () => ({ windowTo: inMs(-DAY) }), 'windowTo'],
    ['an inverted window', () => ({ windowFrom: inMs(2 * DAY), windowTo: inMs(DAY) }), 'windowTo'],
    ['an end before it is ready', () => ({ readyAt: inMs(2 * DAY), windowTo: inMs(DAY) }), 'windowTo'],
  ])('is refused, naming the field and the bound: %s', async (_what, times, path) => {
    const { body } = await world.as(merchant(MERCHANT)).post('/v2/deliveries', order(times())).expect(422);
    expect(body).toMatchObject({
      type: '/problems/time-not-possible',
      code: 'TIME_NOT_POSSIBLE',
      errors: [{ path, message: expect.stringMatching(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) }],
      detail: expect.stringContaining(`${path} must be`),
    });
    expect(await world.db.delivery.count({ where: { merchantId: MERCHANT } })).toBe(0);
  });

  it('that was taken when the time was possible is still the same delivery', async () => {
    const merchantId = await shop();
    const body = order({ windowTo: inMs(800) });
    const made = await world.as(merchant(merchantId)).post('/v2/deliveries', body).expect(201);
    const isOver = (): boolean => Date.now() > Date.parse(String(made.body.windowTo));
    while (!isOver()) await new Promise((resolve) => setTimeout(resolve, 50));
    const again = await world.as(merchant(merchantId)).post('/v2/deliveries', body).expect(200);
    expect(again.body.deliveryId).toBe(made.body.deliveryId);
  });
});

describe('the search for the driver of a window', () => {
  const searchIn = async (times: object): Promise<number> => {
    const { body } = await world
      .as(merchant(await shop()))
      .post('/v2/deliveries', order(times))
      .expect(201);
    return (Date.parse(String(body.searchAt)) - Date.now()) / MINUTE;
  };

  it('begins at once where the window has begun', async () => {
    expect(await searchIn({ windowFrom: inMs(-MINUTE), windowTo: inMs(60 * MINUTE) })).toBeLessThanOrEqual(0);
  });

  it('waits until the fastest driver would not stand before a closed door', async () => {
    const before = await searchIn({ windowFrom: inMs(120 * MINUTE), windowTo: inMs(180 * MINUTE) });
    expect(before).toBeGreaterThan(120 - 5.8 - 10 - 1);
    expect(before).toBeLessThanOrEqual(120 - 5.7 - 10);
  });

  it('begins in time for the slowest driver where the window is narrow', async () => {
    const before = await searchIn({ windowFrom: inMs(120 * MINUTE), windowTo: inMs(121 * MINUTE) });
    expect(before).toBeGreaterThan(121 - 9.2 - 10 - 1);
    expect(before).toBeLessThanOrEqual(121 - 9.1 - 10);
  });
});

describe('the quota of open deliveries', () => {
  it('refuses one more order, takes a repeat of any, and is free again after a closing', async () => {
    const merchantId = await shop();
    const client = world.as(merchant(merchantId));
    const orders = Array.from({ length: QUOTA }, () => order());
    for (const body of orders) await client.post('/v2/deliveries', body).expect(201);
    const late = order();
    const { body: problem } = await client.post('/v2/deliveries', late).expect(409);
    expect(problem).toMatchObject({
      type: '/problems/too-many-open-deliveries',
      code: 'TOO_MANY_OPEN_DELIVERIES',
      detail: expect.stringContaining(`${QUOTA} open deliveries`),
    });
    for (const body of orders) await client.post('/v2/deliveries', body).expect(200);
    await world.as(ops()).post('/v2/deliveries', order({ merchantId })).expect(409);
    const { body: first } = await client.post('/v2/deliveries', orders[0]).expect(200);
    await client.post(`/v2/deliveries/${first.deliveryId}/cancel`, {}).expect(200);
    await client.post('/v2/deliveries', late).expect(201);
  });

  it('holds for orders that come at the same moment, and repeats of them', async () => {
    const merchantId = await shop();
    const orders = Array.from({ length: 12 }, () => order());
    const answers = await Promise.all(
      [...orders, ...orders].map((body) => world.as(merchant(merchantId)).post('/v2/deliveries', body)),
    );
    expect(await world.db.delivery.count({ where: { merchantId } })).toBe(QUOTA);
    const taken = answers.filter(({ status }) => status === 201 || status === 200);
    expect(new Set(taken.map(({ body }) => String(body.deliveryId))).size).toBe(QUOTA);
    expect(taken.filter(({ status }) => status === 201)).toHaveLength(QUOTA);
    for (const { status, body } of answers)
      if (status !== 201 && status !== 200) expect(body.code).toBe('TOO_MANY_OPEN_DELIVERIES');
  });

  it('is each merchant’s own', async () => {
    const [full, other] = [await shop(), await shop()];
    for (let open = 0; open < QUOTA; open++)
      await world.as(merchant(full)).post('/v2/deliveries', order()).expect(201);
    await world.as(merchant(other)).post('/v2/deliveries', order()).expect(201);
  });
});
