/** PATCH of an order before the pickup: what changes, who is told, and who may. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { type ApiWorld, type Claims, createApiWorld, driver, merchant, ops } from '../support/apiWorld';
import { DeliveryScene } from '../support/deliveryScene';
import { CITY, MERCHANT, type NewDelivery } from '../support/dispatchWorld';
import { brokenInvariants } from '../support/invariants';

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
  await world.db.merchant.create({ data: { id: 'florist', name: 'The Florist' } });
});
afterAll(() => world.close());
afterEach(async () => {
  expect(await brokenInvariants(world.db)).toEqual([]);
});

const SHOP = merchant(MERCHANT);
const OPS = ops('*');
const HOUR_MS = 3_600_000;
const inHours = (hours: number) => new Date(Date.now() + hours * HOUR_MS).toISOString();
const change = ({ deliveryId }: { deliveryId: string }, body: object, by: Claims = SHOP) =>
  world.as(by).patch(`/v2/deliveries/${deliveryId}`, body);
const scene = (delivery: NewDelivery = {}) => DeliveryScene.set(world, [{}], delivery);
const entryOf = async ({ deliveryId }: { deliveryId: string }) =>
  world.db.auditEntry.findFirst({ where: { deliveryId, kind: 'order_changed' }, orderBy: { id: 'desc' } });
const told = async (of: DeliveryScene, event: string) =>
  (await of.messages()).flatMap(({ payload }) =>
    ((payload as { emits?: { event: string; rooms: string[]; body: object }[] }).emits ?? []).filter(
      (each) => each.event === event,
    ),
  );

describe('a change of an order', () => {
  it('of contact, phone and notes is written, audited without them, and told to the driver', async () => {
    const carried = await scene();
    const { driverId } = await carried.accepted();
    const { body } = await change(carried, {
      dropoff: { contactName: 'Cleo', contactPhone: '020 123 4567 x5', notes: 'ring twice' },
    }).expect(200);
    expect(body).toMatchObject({
      status: 'ASSIGNED',
      dropoff: {
        address: 'DROPOFF street 1',
        contactName: 'Cleo',
        contactPhone: '020 123 4567 x5',
        contactPhoneE164: '+31201234567',
        notes: 'ring twice',
      },
    });
    const fields = ['dropoff.contactName', 'dropoff.contactPhone', 'dropoff.notes'];
    const entry = await entryOf(carried);
    expect(entry).toMatchObject({ actorKind: 'merchant', actorId: MERCHANT, driverId, detail: { fields } });
    expect(JSON.stringify(entry?.detail)).not.toMatch(/Cleo|020|ring/);
    expect(await told(carried, 'ORDER_CHANGED')).toEqual([
      {
        event: 'ORDER_CHANGED',
        rooms: [`driver:${driverId}`],
        body: { deliveryId: carried.deliveryId, driverId, fields, at: expect.any(String) },
      },
    ]);
    const { body: me } = await world.as(driver(driverId)).get('/v2/me').expect(200);
    expect(me.deliveries[0].stops[1]).toMatchObject({ contactName: 'Cleo', notes: 'ring twice' });
    expect(await world.db.orderChange.findMany({ where: { deliveryId: carried.deliveryId } })).toEqual([
      expect.objectContaining({ content: null, fields, appliedAt: expect.any(Date) }),
    ]);
  });

  it('leaves what it does not name, and empties what is null or empty', async () => {
    const searched = await scene();
    await change(searched, { dropoff: { contactName: 'Cleo', notes: 'ring' } }).expect(200);
    const { body } = await change(searched, { dropoff: { contactName: '', contactPhone: null } }).expect(200);
    expect(body.dropoff).toMatchObject({ contactName: null, notes: 'ring' });
    expect((await entryOf(searched))?.detail).toEqual({ fields: ['dropoff.contactName'] });
  });

  it('that changes nothing leaves no trace', async () => {
    const searched = await scene();
    await change(searched, { dropoff: { address: 'DROPOFF street 1' } }).expect(200);
    expect(await entryOf(searched)).toBeNull();
  });

  it('is shown to ops and merchant, who are told', async () => {
    const searched = await scene();
    await change(searched, { pickup: { notes: 'side door' } }, OPS).expect(200);
    expect((await told(searched, 'delivery_changed')).map(({ rooms }) => rooms)).toEqual([
      [`ops:${searched.cityId}`, `merchant:${MERCHANT}`],
    ]);
    const { body } = await world.as(SHOP).get(`/v2/deliveries/${searched.deliveryId}`).expect(200);
    expect((body.timeline as { kind: string }[]).map(({ kind }) => kind)).toContain('order_changed');
  });
});

describe('another door', () => {
  const FAR = { lat: 52.45, lng: 4.91 };

  it('within the same price changes the place only', async () => {
    const carried = await scene();
    await carried.accepted();
    const { body } = await change(carried, { dropoff: { address: 'Back door' } }).expect(200);
    expect(body.dropoff.address).toBe('Back door');
    expect(await carried.assignments()).toMatchObject([{ payCents: 700 }]);
  });

  it('farther away is paid by the tariff, and the carrier is told', async () => {
    const carried = await scene();
    const { driverId } = await carried.accepted();
    const { body } = await change(carried, { dropoff: { address: 'Far Lane 1', point: FAR }, feeCents: 900 });
    expect(body).toMatchObject({ feeCents: 900, distanceMeters: 8_998, dropoff: { point: FAR } });
    const { payCents } = await carried.row();
    expect(payCents).toBeGreaterThan(1_200);
    expect(await carried.assignments()).toMatchObject([{ payCents }]);
    expect(await told(carried, 'PAY_RAISED')).toMatchObject([{ body: { driverId, payCents } }]);
    expect((await entryOf(carried))?.detail).toMatchObject({
      fields: ['feeCents', 'dropoff.address', 'dropoff.point'],
      payCents: { from: 700, to: payCents },
      feeCents: { from: 500, to: 900 },
      distanceMeters: { from: 1_700, to: 8_998 },
    });
  });

  it('nearer takes nothing from what was promised', async () => {
    const carried = await scene();
    await carried.accepted();
    await change(carried, { dropoff: { point: { lat: 52.371, lng: 4.891 } } }).expect(200);
    expect(await carried.row()).toMatchObject({ payCents: 700, distanceMeters: 130 });
  });

  it('lies where the city delivers', async () => {
    const { body } = await change(await scene(), { dropoff: { point: { lat: 4.9, lng: 52.37 } } }).expect(
      422,
    );
    expect(body).toMatchObject({ code: 'STOP_OUT_OF_AREA', stops: [{ stop: 'dropoff', isSwapped: true }] });
  });

  it('for the pickup changes the zone, and the driver starts anew to come near', async () => {
    const carried = await scene();
    await carried.accepted();
    await world.db.assignment.updateMany({
      where: { deliveryId: carried.deliveryId },
      data: { nearestMeters: 50, progressAt: new Date(0) },
    });
    const square = [
      [4.8, 52.3],
      [4.81, 52.3],
      [4.81, 52.31],
      [4.8, 52.31],
      [4.8, 52.3],
    ];
    const zoneId = `zone-${carried.cityId}`;
    await world
      .as(OPS)
      .put(`/v2/cities/${carried.cityId}/zones/${zoneId}`, {
        name: 'South',
        area: { type: 'Polygon', coordinates: [square] },
      })
      .expect(201);
    const { body } = await change(carried, { pickup: { point: { lat: 52.305, lng: 4.805 } } }).expect(200);
    expect(body.zoneId).toBe(zoneId);
    const [assignment] = await carried.assignments();
    expect(assignment).toMatchObject({ nearestMeters: null });
    expect(assignment?.progressAt?.getTime()).toBeGreaterThan(Date.now() - 60_000);
  });

  it('withdraws an offer that shows the old one, and drivers are asked with the new one', async () => {
    const offered = await scene();
    const { offerId } = await offered.offered();
    await change(offered, { dropoff: { address: 'Far Lane 1', point: FAR } }).expect(200);
    expect(await offered.offers()).toMatchObject([
      { id: offerId, state: 'WITHDRAWN', endReason: 'ORDER_CHANGED' },
    ]);
    expect(await offered.row()).toMatchObject({ status: 'SEARCHING' });
    await offered.offered();
    const [, next] = await offered.offers();
    expect(next?.payload).toMatchObject({ dropoff: { address: 'Far Lane 1', point: FAR } });
  });

  it('leaves an offer alone that does not show what changed', async () => {
    const offered = await scene();
    await offered.offered();
    await change(offered, { dropoff: { notes: 'third floor', contactPhone: '----' } }).expect(200);
    expect(await offered.offers()).toMatchObject([{ state: 'LIVE' }]);
  });
});

describe('another ready time', () => {
  it('moves the begin of the search', async () => {
    const pending = await scene({ searchAt: new Date(Date.now() + 3 * HOUR_MS) });
    const readyAt = inHours(2);
    const { body } = await change(pending, { readyAt }).expect(200);
    expect(body).toMatchObject({
      status: 'PENDING',
      readyAt,
      searchAt: new Date(Date.parse(readyAt) - 600_000).toISOString(),
    });
    const { known } = await pending.send({ kind: 'readDelivery' });
    expect(known.searchAgainAt).toBe(Date.parse(readyAt) - 600_000);
  });

  it('that is near begins the search at once', async () => {
    const pending = await scene({ searchAt: new Date(Date.now() + 3 * HOUR_MS) });
    await change(pending, { readyAt: null }).expect(200);
    await pending.offered();
  });

  it('hours later ends the search, which begins again in time with its clock', async () => {
    const searched = await DeliveryScene.set(world, []);
    await searched.search();
    await world.db.delivery.update({
      where: { id: searched.deliveryId },
      data: { unassignedSince: new Date(Date.now() - 16 * 60_000) },
    });
    await searched.send({ kind: 'escalate' });
    expect(await searched.row()).toMatchObject({ status: 'SEARCHING', escalationLevel: 2 });
    const readyAt = inHours(3);
    await change(searched, { readyAt }).expect(200);
    expect(await searched.row()).toMatchObject({
      status: 'PENDING',
      unassignedSince: null,
      searchAgainAt: null,
      searchAt: new Date(Date.parse(readyAt) - 600_000),
    });
    expect(await searched.cases()).toMatchObject([{ state: 'RESOLVED', resolution: 'SEARCH_POSTPONED' }]);
    const { known } = await searched.send({ kind: 'readDelivery' });
    expect(known).toMatchObject({ giveUpAt: null, escalation: null });
    const { known: later } = await searched.search(Date.parse(readyAt) - 600_000);
    expect(later.status).toBe('SEARCHING');
    expect((await searched.row()).unassignedMs).toBeGreaterThanOrEqual(16n * 60_000n);
  });

  it.each([
    ['beyond the horizon', { readyAt: inHours(31 * 24) }, 'readyAt'],
    ['after the window', { readyAt: inHours(6) }, 'windowTo'],
  ])('%s is refused', async (_what, body, path) => {
    const pending = await scene();
    await world.db.delivery.update({
      where: { id: pending.deliveryId },
      data: { windowTo: new Date(Date.now() + 5 * HOUR_MS) },
    });
    expect((await change(pending, body).expect(422)).body).toMatchObject({
      code: 'TIME_NOT_POSSIBLE',
      errors: expect.arrayContaining([expect.objectContaining({ path })]),
    });
  });
});

describe('a change that is not possible', () => {
  it('after the pickup is refused with the state, and nothing of it is kept', async () => {
    const carried = await scene();
    await carried.accepted();
    await carried.steps('arriveAtPickup', 'pickUp');
    const before = await carried.traces();
    const { body } = await change(carried, { dropoff: { notes: 'too late' } }).expect(409);
    expect(body).toMatchObject({ code: 'ILLEGAL_TRANSITION', delivery: { status: 'PICKED_UP' } });
    expect(await carried.traces()).toEqual(before);
    expect(await world.db.orderChange.findMany({ where: { deliveryId: carried.deliveryId } })).toMatchObject([
      { content: null, appliedAt: null },
    ]);
  });

  it('of a closed delivery is refused with the state', async () => {
    const searched = await scene();
    await world.as(SHOP).post(`/v2/deliveries/${searched.deliveryId}/cancel`).expect(200);
    const { body } = await change(searched, { dropoff: { notes: 'too late' } }).expect(409);
    expect(body).toMatchObject({ code: 'ILLEGAL_TRANSITION', delivery: { status: 'CANCELLED' } });
  });

  it('of another merchant’s delivery, or another city’s, is not found', async () => {
    const searched = await scene();
    for (const stranger of [merchant('florist'), ops(['elsewhere'])])
      await change(searched, { dropoff: { notes: 'mine' } }, stranger).expect(404);
    await change(searched, { dropoff: { notes: 'mine' } }, driver(newId())).expect(403);
    await change({ deliveryId: newId() }, { dropoff: { notes: 'mine' } }).expect(404);
    expect(await world.db.orderChange.count({ where: { deliveryId: searched.deliveryId } })).toBe(0);
  });

  it.each([
    {},
    { pickup: {} },
    { cityId: CITY },
    { payCents: 1 },
    { dropoff: { address: '' } },
    { dropoff: { address: null } },
    { dropoff: { point: null } },
    { readyAt: 'soon' },
    { feeCents: -1 },
  ])('is refused with %p', async (body) => {
    await change(await scene(), body).expect(400);
  });
});

describe('a repeat', () => {
  it('under the same key is the same change, even after others', async () => {
    const searched = await scene();
    const send = (notes: string, key: string) =>
      change(searched, { dropoff: { notes } }).set('idempotency-key', key);
    await send('one', 'a').expect(200);
    await send('two', 'b').expect(200);
    const { body } = await send('one', 'a').expect(200);
    expect(body.dropoff.notes).toBe('two');
    expect((await searched.entries()).filter((kind) => kind === 'order_changed')).toHaveLength(2);
  });

  it('after the pickup gets its first answer', async () => {
    const carried = await scene();
    await carried.accepted();
    const send = () => change(carried, { dropoff: { notes: 'ring' } }).set('idempotency-key', 'late');
    await send().expect(200);
    await carried.steps('arriveAtPickup', 'pickUp');
    await send().expect(200);
  });

  it('of the order itself is still a retry, and a conflict does not name what was changed', async () => {
    const order = {
      sellerOrderId: newId(),
      cityId: CITY,
      parcelSize: 'SMALL',
      feeCents: 590,
      pickup: { address: 'Baker Street 1', point: { lat: 52.37, lng: 4.89 } },
      dropoff: { address: 'Home Lane 2', point: { lat: 52.38, lng: 4.91 }, notes: 'ring' },
    };
    const post = (body: object) => world.as(SHOP).post('/v2/deliveries', body);
    const { body: made } = await post(order).expect(201);
    await change(made as { deliveryId: string }, { dropoff: { notes: 'by the gate' } }).expect(200);
    expect((await post(order).expect(200)).body.dropoff.notes).toBe('by the gate');
    const { body: problem } = await post({ ...order, parcelSize: 'MEDIUM' }).expect(409);
    expect(problem.errors).toEqual([{ path: 'parcelSize', message: 'differs from the first order' }]);
  });
});

describe('twenty changes at once', () => {
  it('are all applied, one after another, each with its entry', async () => {
    const searched = await scene();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => change(searched, { dropoff: { notes: `note ${n}` } })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    expect((await searched.entries()).filter((kind) => kind === 'order_changed')).toHaveLength(20);
  });
});
