/** Money of a city without cents, from its registration to the driver's push (docs/behaviour.md#money). */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { createDeliveryActivities } from '../../activities/delivery';
import type { Notice } from '../../domain/notices/notice';
import { type ApiWorld, createApiWorld, merchant, ops } from '../support/apiWorld';
import { DeliveryScene } from '../support/deliveryScene';
import { MERCHANT, PICKUP, TEST_LIMITS } from '../support/dispatchWorld';

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
});
afterAll(() => world.close());

const PAY = {
  baseCents: 450,
  centsPerKm: 90,
  centsPerMinute: 15,
  escalationBonusCents: 250,
  maxCents: 1_000,
};
const TOKYO = {
  name: 'Tokyo',
  timezone: 'Europe/Amsterdam',
  currency: 'JPY',
  center: PICKUP,
  locale: 'ja-JP',
  pay: PAY,
};
const MINUTE = 60_000;

async function tokyo(change: object = {}): Promise<string> {
  const cityId = newId();
  await world
    .as(ops())
    .put(`/v2/cities/${cityId}`, { ...TOKYO, ...change })
    .expect(201);
  return cityId;
}

const order = (cityId: string, change: object = {}) => ({
  merchantId: MERCHANT,
  sellerOrderId: newId(),
  cityId,
  parcelSize: 'SMALL',
  feeCents: 590,
  pickup: { address: 'Start 1', point: PICKUP },
  dropoff: { address: 'End 2', point: { lat: 52.38, lng: 4.91 } },
  ...change,
});

describe('a city', () => {
  it.each(['XYZ', 'XAU', 'XXX', 'DEM'])('is not created with %s', async (currency) => {
    const id = newId();
    const { body } = await world
      .as(ops())
      .put(`/v2/cities/${id}`, { ...TOKYO, currency })
      .expect(422);
    expect(body).toMatchObject({ type: '/problems/unknown-currency', code: 'UNKNOWN_CURRENCY' });
    expect(await world.db.city.count({ where: { id } })).toBe(0);
  });

  it('from before codes were checked can still be changed', async () => {
    const id = newId();
    const { lat: centerLat, lng: centerLng } = PICKUP;
    await world.db.city.create({
      data: { id, name: 'Old', timezone: 'UTC', currency: 'DEM', centerLat, centerLng },
    });
    await world
      .as(ops())
      .put(`/v2/cities/${id}`, { ...TOKYO, currency: 'DEM', name: 'New' })
      .expect(200);
  });

  it('keeps locale and pay where an older client leaves them out, and drops them by null', async () => {
    const cityId = await tokyo();
    const { name, timezone, currency, center } = TOKYO;
    const older = { name, timezone, currency, center };
    const kept = await world.as(ops()).put(`/v2/cities/${cityId}`, older).expect(200);
    expect(kept.body).toMatchObject({ locale: 'ja-JP', pay: PAY });
    const none = { ...older, locale: null, pay: null };
    const dropped = await world.as(ops()).put(`/v2/cities/${cityId}`, none).expect(200);
    expect(dropped.body).toMatchObject({ locale: null, pay: null });
  });

  it.each([
    { locale: 'nl_NL' },
    { locale: 'no tag' },
    { pay: { ...PAY, maxCents: -1 } },
    { pay: { baseCents: 1 } },
  ])('is not created with %p', async (change) => {
    await world
      .as(ops())
      .put(`/v2/cities/${newId()}`, { ...TOKYO, ...change })
      .expect(400);
  });
});

describe('an order in yen', () => {
  it('is paid by the tariff of its city, and shown without cents', async () => {
    const cityId = await tokyo();
    const { body } = await world.as(ops()).post('/v2/deliveries', order(cityId)).expect(201);
    // 1,756 m and 5 minutes 43 seconds by car
    expect(body).toMatchObject({
      currency: 'JPY',
      payCents: 450 + 158 + 86,
      feeText: '￥590',
      payText: '￥694',
    });
    const { body: read } = await world.as(ops()).get(`/v2/deliveries/${body.deliveryId}`).expect(200);
    expect(read).toMatchObject({ feeText: '￥590', payText: '￥694' });
    const { body: list } = await world
      .as(merchant(MERCHANT))
      .get(`/v2/deliveries?cityId=${cityId}`)
      .expect(200);
    expect(list.deliveries).toMatchObject([{ feeText: '￥590', payText: null }]);
    const { text } = await world.as(ops()).get(`/v2/ops/deliveries/${body.deliveryId}/case.csv`).expect(200);
    expect(text).toContain('￥694');
  });

  it('is paid at most the cap of its city', async () => {
    const cityId = await tokyo();
    const { body } = await world
      .as(ops())
      .post('/v2/deliveries', order(cityId, { payCents: 1_001 }))
      .expect(422);
    expect(body).toMatchObject({ code: 'PAY_NOT_ALLOWED', detail: 'the pay is at most ￥1,000' });
    await world
      .as(ops())
      .post('/v2/deliveries', order(cityId, { payCents: 1_000 }))
      .expect(201);
  });
});

describe('a driver in a city with yen', () => {
  const scene = async (): Promise<DeliveryScene> => {
    const activities = createDeliveryActivities({
      ...world.deps,
      limits: { ...TEST_LIMITS, pushesOffers: true },
    });
    const made = await DeliveryScene.set({ ...world, activities }, [{}]);
    const { currency, locale, pay } = TOKYO;
    await world.db.city.update({ where: { id: made.cityId }, data: { currency, locale, pay } });
    await world.db.delivery.update({ where: { id: made.deliveryId }, data: { currency } });
    return made;
  };

  it('reads the pay without cents in the push and in the offer', async () => {
    const tokyoScene = await scene();
    const { driverId } = await tokyoScene.offered();
    const pushed = await world.db.outboxMessage.findMany({
      where: { kind: 'notify', key: { startsWith: `driver/` } },
    });
    const texts = pushed
      .map(({ payload }) => (payload as { notice: Notice }).notice)
      .filter(({ to }) => to.kind === 'driver' && to.driverId === driverId)
      .map(({ text }) => text);
    expect(texts).toEqual(['Pay: ￥700']);
    expect(await tokyoScene.offers()).toMatchObject([{ payload: { payCents: 700, payText: '￥700' } }]);
  });

  it('gets the bonus of the city at level 2, up to its cap', async () => {
    const tokyoScene = await scene();
    await world.db.driver.update({ where: { id: tokyoScene.driver() }, data: { availability: 'OFFLINE' } });
    await tokyoScene.search();
    const since = (await tokyoScene.row()).unassignedSince?.getTime() ?? 0;
    await tokyoScene.search(since + 15 * MINUTE);
    expect(await tokyoScene.row()).toMatchObject({ escalationLevel: 2, bonusCents: 250 });
    const raise = { kind: 'raisePay', by: { kind: 'ops', id: 'olga' }, why: 'rain' } as const;
    expect(await tokyoScene.answer({ ...raise, bonusCents: 301 })).toEqual({
      refused: 'PAY_NOT_ALLOWED',
      detail: 'the pay with its bonus is at most ￥1,000',
    });
    expect(await tokyoScene.answer({ ...raise, bonusCents: 200 })).toEqual({
      refused: 'PAY_NOT_RAISED',
      detail: 'the bonus is already ￥250',
    });
  });
});
