/** What an order may say: places, phones, empty texts, pay; and how a retry is told from another order. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { canonicalJson } from '../../domain/audit/canonicalJson';
import { dayIn } from '../../domain/money/workday';
import { type ApiWorld, type Claims, createApiWorld, driver, merchant, ops } from '../support/apiWorld';
import { DeliveryScene } from '../support/deliveryScene';
import { CITY, MERCHANT } from '../support/dispatchWorld';

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
});
afterAll(() => world.close());

const OPS = ops('*');
const SWAPPED = { lat: 4.9, lng: 52.37 };
const PICKUP = { address: 'Baker Street 1', point: { lat: 52.37, lng: 4.89 } };
const DROPOFF = { address: 'Home Lane 2', point: { lat: 52.38, lng: 4.91 } };
const order = (change: object = {}) => ({
  sellerOrderId: newId(),
  cityId: CITY,
  parcelSize: 'SMALL',
  feeCents: 590,
  pickup: PICKUP,
  dropoff: DROPOFF,
  ...change,
});
const send = (body: object, by: Claims = merchant(MERCHANT)) => world.as(by).post('/v2/deliveries', body);
const city = (change: object = {}) => ({
  name: 'Amsterdam',
  timezone: 'Europe/Amsterdam',
  currency: 'EUR',
  center: { lat: 52.37, lng: 4.89 },
  ...change,
});

describe('the reply to a new order', () => {
  it('is what reading the delivery says, to all who may order', async () => {
    const cityId = await world.addCity();
    await world
      .as(OPS)
      .put(`/v2/cities/${cityId}`, city({ locale: 'nl-NL' }))
      .expect(200);
    const inHours = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toISOString();
    const full = {
      cityId,
      merchantId: MERCHANT,
      readyAt: inHours(1),
      windowFrom: inHours(2),
      windowTo: inHours(3),
      pickup: { ...PICKUP, contactName: 'Ada', contactPhone: '020 123 4567', notes: 'ring twice' },
    };
    for (const by of [merchant(MERCHANT), OPS])
      for (const change of [{ cityId, merchantId: MERCHANT }, full]) {
        const taken = await send(order(change), by).expect(201);
        const read = await world
          .as(by)
          .get(taken.headers.location ?? '')
          .expect(200);
        expect(read.body).toEqual({ ...read.body, ...taken.body });
      }
  });
});

describe('the stops of an order', () => {
  it('lie where the city delivers, and swapped coordinates are asked about', async () => {
    const { body } = await send(order({ dropoff: { ...DROPOFF, point: SWAPPED } })).expect(422);
    expect(body).toMatchObject({
      code: 'STOP_OUT_OF_AREA',
      detail: expect.stringMatching(/^the dropoff is 6,8\d\d(\.\d)? km from .* are lat and lng swapped\?$/),
      errors: [{ path: 'dropoff.point' }],
      stops: [{ stop: 'dropoff', distanceMeters: expect.any(Number), radiusMeters: 60_000, isSwapped: true }],
    });
    expect(body.stops[0].distanceMeters).toBeGreaterThan(6_800_000);
  });

  it('are both named where both are outside', async () => {
    const outside = { address: 'x', point: { lat: 53.2, lng: 6.57 } };
    const { body } = await send(order({ pickup: outside, dropoff: outside })).expect(422);
    expect(body.stops).toMatchObject([
      { stop: 'pickup', isSwapped: false },
      { stop: 'dropoff', isSwapped: false },
    ]);
  });

  it('may be as far out as the city says', async () => {
    const cityId = await world.addCity();
    const utrecht = { address: 'Domplein 1', point: { lat: 52.0907, lng: 5.1214 } };
    await send(order({ cityId, dropoff: utrecht })).expect(201);
    await world
      .as(OPS)
      .put(`/v2/cities/${cityId}`, city({ serviceRadiusMeters: 20_000 }))
      .expect(200);
    expect((await send(order({ cityId, dropoff: utrecht })).expect(422)).body.code).toBe('STOP_OUT_OF_AREA');
    await world
      .as(OPS)
      .put(`/v2/cities/${cityId}`, city({ serviceRadiusMeters: null }))
      .expect(200);
    await send(order({ cityId, dropoff: utrecht })).expect(201);
  });

  it('of an order that was taken before are not judged again', async () => {
    const cityId = await world.addCity();
    const body = order({ cityId, dropoff: { ...DROPOFF, point: { lat: 52.09, lng: 5.12 } } });
    const { body: first } = await send(body).expect(201);
    await world
      .as(OPS)
      .put(`/v2/cities/${cityId}`, city({ serviceRadiusMeters: 5_000 }))
      .expect(200);
    expect((await send(body).expect(200)).body.deliveryId).toBe(first.deliveryId);
  });
});

describe('the places of a city', () => {
  const square = ({ lat, lng }: { lat: number; lng: number }) => ({
    name: 'Square',
    area: {
      type: 'Polygon',
      coordinates: [
        [
          [lng, lat],
          [lng + 0.1, lat],
          [lng, lat + 0.1],
          [lng, lat],
        ],
      ],
    },
  });

  it('include no zone outside its area', async () => {
    const cityId = await world.addCity();
    const put = (at: { lat: number; lng: number }) =>
      world.as(OPS).put(`/v2/cities/${cityId}/zones/z-${cityId}`, square(at));
    const { body } = await put(SWAPPED).expect(422);
    expect(body).toMatchObject({ code: 'INVALID_AREA', detail: expect.stringContaining('swapped?') });
    await put({ lat: 52.3, lng: 4.8 }).expect(201);
  });

  it('keep the zones inside where the centre or the radius changes', async () => {
    const cityId = await world.addCity();
    const put = (change: object) => world.as(OPS).put(`/v2/cities/${cityId}`, city(change));
    await world
      .as(OPS)
      .put(`/v2/cities/${cityId}/zones/zone-${cityId}`, square({ lat: 52.2, lng: 4.8 }))
      .expect(201);
    for (const change of [{ center: { lat: 48.1, lng: 11.6 } }, { serviceRadiusMeters: 5_000 }])
      expect((await put(change).expect(422)).body).toMatchObject({
        code: 'INVALID_CENTER',
        detail: expect.stringContaining(`zone zone-${cityId}`),
      });
    await put({ name: 'Renamed' }).expect(200);
  });

  it('include no swapped centre', async () => {
    const { body } = await world
      .as(OPS)
      .put('/v2/cities/swapped', city({ center: SWAPPED }))
      .expect(422);
    expect(body).toMatchObject({ code: 'INVALID_CENTER', detail: expect.stringContaining('swapped') });
  });

  it('keep country and radius where an older client sends neither', async () => {
    const cityId = `kept-${newId()}`;
    const put = async (change: object) =>
      (await world.as(OPS).put(`/v2/cities/${cityId}`, city(change))).body as unknown;
    const set = { country: 'NL', serviceRadiusMeters: 30_000 };
    expect(await put(set)).toMatchObject(set);
    expect(await put({})).toMatchObject(set);
    const none = { country: null, serviceRadiusMeters: null };
    expect(await put(none)).toMatchObject(none);
  });

  it.each([{ country: 'Holland' }, { country: 'nl' }, { country: 'XX' }, { serviceRadiusMeters: 0 }])(
    'are refused with %p',
    async (change) => {
      await world.as(OPS).put('/v2/cities/nowhere', city(change)).expect(400);
    },
  );
});

describe('a meeting point', () => {
  it('lies where the city delivers', async () => {
    const scene = await DeliveryScene.set(world, [{}, {}]);
    await scene.accepted();
    await scene.steps('arriveAtPickup', 'pickUp');
    const handOver = (point: object) =>
      world.as(OPS).post(`/v2/deliveries/${scene.deliveryId}/hand-over`, {
        driverId: scene.driver(1),
        meeting: { point, address: '' },
        why: 'flat tyre',
      });
    expect((await handOver(SWAPPED).expect(422)).body).toMatchObject({
      code: 'STOP_OUT_OF_AREA',
      stops: [{ stop: 'meeting', isSwapped: true }],
    });
    await handOver({ lat: 52.375, lng: 4.9 }).expect(200);
    expect(await world.db.meetingPoint.findFirst({ where: { deliveryId: scene.deliveryId } })).toMatchObject({
      address: null,
    });
  });
});

describe('the phone of a contact', () => {
  it.each([
    ['020 123 4567 x5', '+31201234567'],
    ['(+49) 151 2345678', '+491512345678'],
    ['+31 (0)20 123 4567', '+31201234567'],
    ['bel Jan: 06-12345678', '+31612345678'],
    ['----', null],
    ['ask the concierge', null],
    ['9'.repeat(40), null],
  ])('%p is kept as given, and can be called as %p', async (contactPhone, contactPhoneE164) => {
    const { body } = await send(order({ dropoff: { ...DROPOFF, contactPhone } })).expect(201);
    expect(body.dropoff).toMatchObject({ contactPhone, contactPhoneE164 });
  });

  it.each([
    ['a number', 31201234567, '31201234567'],
    ['characters that cannot be stored', '020\u0000123\n4567\ud800', '020 123 4567 '],
    ['more than anybody reads', 'x'.repeat(5_000), 'x'.repeat(200)],
    ['nothing', ' ', null],
  ])('costs no order as %s', async (_what, contactPhone, kept) => {
    const { body } = await send(order({ dropoff: { ...DROPOFF, contactPhone } })).expect(201);
    expect(body.dropoff.contactPhone).toBe(kept);
  });

  it('is local to the country of the city', async () => {
    const cityId = `local-${newId()}`;
    await world
      .as(OPS)
      .put(`/v2/cities/${cityId}`, city({ timezone: 'UTC' }))
      .expect(201);
    const pickup = { ...PICKUP, contactPhone: '020 123 4567' };
    expect((await send(order({ cityId, pickup })).expect(201)).body.pickup.contactPhoneE164).toBeNull();
    await world
      .as(OPS)
      .put(`/v2/cities/${cityId}`, city({ timezone: 'UTC', country: 'NL' }))
      .expect(200);
    expect((await send(order({ cityId, pickup })).expect(201)).body.pickup.contactPhoneE164).toBe(
      '+31201234567',
    );
  });

  it('is shown to the driver who carries it in both forms', async () => {
    const scene = await DeliveryScene.set(world);
    const { driverId } = await scene.accepted();
    await world.db.stop.updateMany({
      where: { deliveryId: scene.deliveryId, kind: 'DROPOFF' },
      data: { contactPhone: '020 123 4567', contactPhoneE164: '+31201234567' },
    });
    const { body } = await world.as(driver(driverId)).get('/v2/me').expect(200);
    expect(body.deliveries[0].stops).toContainEqual(
      expect.objectContaining({ contactPhone: '020 123 4567', contactPhoneE164: '+31201234567' }),
    );
  });
});

describe('the phone of a driver', () => {
  const register = (change: object) =>
    world.as(OPS).post('/v2/drivers', { cityId: CITY, name: 'Kim', vehicleKind: 'CAR', ...change });

  it('is kept as given, with the form that can be called', async () => {
    const driverId = newId();
    const { body } = await register({ driverId, phone: '(0)6 12345678' }).expect(201);
    expect(body).toMatchObject({ phone: '(0)6 12345678', phoneE164: '+31612345678' });
    expect((await register({ driverId, phone: '(0)6 12345678' }).expect(200)).body).toEqual(body);
  });

  it.each([
    ['', null],
    ['ask Sam', 'ask Sam'],
  ])('%p is kept as %p', async (phone, kept) => {
    expect((await register({ phone }).expect(201)).body).toMatchObject({ phone: kept, phoneE164: null });
  });
});

describe('an empty text', () => {
  it('counts as left out in an order', async () => {
    const empty = { contactName: '', contactPhone: '', notes: ' ' };
    const { body } = await send(
      order({
        pickup: { ...PICKUP, ...empty },
        dropoff: { ...DROPOFF, ...empty },
        readyAt: '',
        windowFrom: '',
        windowTo: '',
        currency: '',
      }),
    ).expect(201);
    const none = { contactName: null, contactPhone: null, contactPhoneE164: null, notes: null };
    expect(body).toMatchObject({ pickup: none, dropoff: none, windowFrom: null, windowTo: null });
  });

  it('counts as no reason of a rest', async () => {
    for (const [path, more] of [
      ['break', { minutes: 15 }],
      ['pause', { minutes: 15 }],
    ] as const) {
      const driverId = await world.addDriver({ availability: 'AVAILABLE' });
      const { body } = await world
        .as(driver(driverId))
        .post(`/drivers/${driverId}/availability/${path}`, { ...more, reason: '' })
        .expect(200);
      expect(body.reason).toBeNull();
    }
  });

  it('counts as no filter of a list', async () => {
    const { deliveryId } = await world.addDelivery();
    const { body } = await world.as(OPS).get('/v2/deliveries?sellerOrderId=').expect(200);
    expect(body.deliveries[0].deliveryId).toBe(deliveryId);
    await world.as(OPS).get('/v2/ops/audit?actorId=&sellerOrderId=').expect(200);
  });

  it('is refused where a text is needed', async () => {
    await send(order({ pickup: { ...PICKUP, address: ' ' } })).expect(400);
  });
});

describe('the pay of a driver', () => {
  it.each([0, 700, 100_000_000])('of %p is not set by a merchant', async (payCents) => {
    const { body } = await send(order({ payCents })).expect(422);
    expect(body).toMatchObject({ code: 'PAY_NOT_ALLOWED', errors: [{ path: 'payCents' }] });
  });

  it('is set by ops within the cap', async () => {
    const byOps = (payCents: number | null) => send(order({ merchantId: MERCHANT, payCents }), OPS);
    expect((await byOps(100_000).expect(201)).body.payCents).toBe(100_000);
    expect((await byOps(100_001).expect(422)).body.code).toBe('PAY_NOT_ALLOWED');
    expect((await byOps(null).expect(201)).body.payCents).toBeGreaterThan(300);
  });

  it('is raised by ops up to the cap', async () => {
    const scene = await DeliveryScene.set(world, [{}], { payCents: 99_500 });
    const raise = (bonusCents: number) =>
      world.as(OPS).post(`/v2/deliveries/${scene.deliveryId}/raise-pay`, { bonusCents, why: 'rain' });
    expect((await raise(501).expect(422)).body.code).toBe('PAY_NOT_ALLOWED');
    expect((await raise(500).expect(200)).body.payCents).toBe(100_000);
  });

  it('is raised by escalation up to the cap', async () => {
    const scene = await DeliveryScene.set(world, [], { payCents: 99_900 });
    await scene.search();
    await scene.send({ kind: 'escalate' }, Date.now() + 16 * 60_000);
    expect(await scene.row()).toMatchObject({ escalationLevel: 2, bonusCents: 100 });
  });

  it('adds up beyond what four bytes hold', async () => {
    const scene = await DeliveryScene.set(world);
    const { driverId } = await scene.accepted();
    const { timezone } = await world.db.city.findUniqueOrThrow({ where: { id: scene.cityId } });
    await world.db.driver.update({
      where: { id: driverId },
      data: { earnedTodayCents: 2_147_483_600, earnedOn: new Date(dayIn(timezone, Date.now())) },
    });
    await scene.steps('arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver');
    expect(await scene.driverRow()).toMatchObject({ earnedTodayCents: 2_147_483_647 });
  });
});

describe('a second order under a key', () => {
  /** As releases up to 2.1.0 made the hash of an order, with all their defaults. */
  const hashOfV1 = (body: object): string => {
    const stop = { contactName: null, contactPhone: null, notes: null };
    const { pickup, dropoff } = order();
    const none = { readyAt: null, windowFrom: null, windowTo: null, payCents: null, currency: null };
    const whole = { ...none, ...body, pickup: { ...stop, ...pickup }, dropoff: { ...stop, ...dropoff } };
    return createHash('sha256')
      .update(canonicalJson({ ...whole, merchantId: MERCHANT }))
      .digest('hex');
  };

  it('is a retry where it says the same in other words', async () => {
    const at = Date.now() + 7_200_000;
    const body = order({ windowTo: new Date(at).toISOString() });
    const { body: first } = await send(body).expect(201);
    const inRome = new Date(at + 3_600_000).toISOString().replace('Z', '+01:00');
    const again = { ...body, windowTo: inRome, readyAt: null, currency: '' };
    expect((await send(again).expect(200)).body.deliveryId).toBe(first.deliveryId);
  });

  it('is told which fields differ from the first', async () => {
    const body = order({ dropoff: { ...DROPOFF, contactPhone: '020 123 4567' } });
    await send(body).expect(201);
    const { body: problem } = await send({
      ...body,
      feeCents: 591,
      readyAt: '2030-01-01T11:00:00Z',
      dropoff: { ...DROPOFF, notes: 'ring' },
    }).expect(409);
    const paths = ['feeCents', 'readyAt', 'dropoff.contactPhone', 'dropoff.notes'];
    expect(problem.code).toBe('IDEMPOTENCY_CONFLICT');
    expect((problem.errors as { path: string }[]).map(({ path }) => path).sort()).toEqual(paths.sort());
    for (const path of paths) expect(problem.detail).toContain(path);
    expect(JSON.stringify(problem)).not.toContain('020 123');
  });

  it('of an older release is understood by its hash', async () => {
    const body = order();
    const { body: made } = await send(body).expect(201);
    const where = { id: made.deliveryId as string };
    const row = await world.db.delivery.findUniqueOrThrow({ where });
    expect(row.requestHash).toBe(hashOfV1(body)); // so a process of that release understands new orders too
    await world.db.delivery.update({ where, data: { requestFingerprint: null, requestFields: [] } });
    expect((await send(body).expect(200)).body.deliveryId).toBe(made.deliveryId);
    const { body: problem } = await send({ ...body, feeCents: 1 }).expect(409);
    expect(problem.errors).toEqual([{ path: 'feeCents', message: 'differs from the first order' }]);
  });

  it('is a retry after a release that knows one more optional field', async () => {
    const body = order();
    const { body: made } = await send(body).expect(201);
    // A later release would store another hash of its defaults, and the same of what was sent.
    await world.db.delivery.update({
      where: { id: made.deliveryId as string },
      data: { requestHash: 'of one more field' },
    });
    await send(body).expect(200);
  });
});
