/** Commands of ops, and giving up by a driver: effect, repeat, refused states and refused roles. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { type ApiWorld, type Claims, createApiWorld, driver, merchant, ops } from '../support/apiWorld';
import { DeliveryScene as Scene } from '../support/deliveryScene';
import { MERCHANT } from '../support/dispatchWorld';
import { brokenInvariants } from '../support/invariants';

let world: ApiWorld;
const asked: { updateId: string }[] = [];
beforeAll(async () => {
  world = await createApiWorld(({ commands }) => ({
    commands: {
      send: (sending) => {
        asked.push(sending);
        return commands.send(sending);
      },
    },
  }));
});
afterAll(() => world.close());
beforeEach(() => void asked.splice(0));
afterEach(async () => {
  Object.assign(world.switches, { autoReassignment: true });
  expect(await brokenInvariants(world.db)).toEqual([]);
});

const POINT = { lat: 52.375, lng: 4.9 };
const ACTS = ['assign', 'hand-over', 'raise-pay', 'search', 'leave'] as const;
type Act = (typeof ACTS)[number];

const act = (scene: Pick<Scene, 'deliveryId'>, name: Act, body: object, by: Claims = ops()) =>
  world.as(by).post(`/v2/deliveries/${scene.deliveryId}/${name}`, body);

/** A delivery whose goods the first of two drivers has picked up. */
async function pickedUp(): Promise<Scene> {
  const scene = await Scene.set(world, [{}, {}]);
  await scene.accepted();
  await scene.steps('arriveAtPickup', 'pickUp');
  return scene;
}

/** A search that waits for ops. */
async function held(): Promise<Scene> {
  world.switches.autoReassignment = false;
  const scene = await Scene.set(world, [{}, {}]);
  const { driverId } = await scene.accepted();
  await act(scene, 'leave', { reason: 'OTHER' }, driver(driverId)).expect(200);
  return scene;
}

type Whole = { timeline: { kind: string; to: string | null; why: string | null }[]; [more: string]: unknown };

async function whole(claims: Claims, { deliveryId }: Scene): Promise<Whole> {
  return (await world.as(claims).get(`/v2/deliveries/${deliveryId}`).expect(200)).body as Whole;
}

describe('every command', () => {
  const bodyOf = (name: Act, driverId: string): object => {
    switch (name) {
      case 'assign':
      case 'hand-over':
        return { driverId, why: 'a test' };
      case 'raise-pay':
        return { bonusCents: 300, why: 'a test' };
      case 'search':
        return { why: 'a test' };
      case 'leave':
        return { reason: 'OTHER' };
    }
  };

  it.each(ACTS)('%s is limited to its role, within its cities and deliveries', async (name) => {
    const scene = await pickedUp();
    const before = await scene.traces();
    const body = bodyOf(name, scene.driver(1));
    const [wrong, strange] =
      name === 'leave' ? [ops(), driver(scene.driver(1))] : [driver(scene.driver()), ops(['elsewhere'])];
    await act(scene, name, body, wrong).expect(403);
    await act(scene, name, body, merchant(MERCHANT)).expect(403);
    expect((await act(scene, name, body, strange).expect(404)).body.code).toBe('NOT_FOUND');
    await act({ deliveryId: newId() }, name, body, name === 'leave' ? driver(scene.driver()) : ops()).expect(
      404,
    );
    expect(await scene.traces()).toEqual(before);
  });

  it.each(ACTS)('%s refuses unknown fields', async (name) => {
    const scene = await pickedUp();
    const by = name === 'leave' ? driver(scene.driver()) : ops();
    await act(scene, name, { ...bodyOf(name, scene.driver(1)), colour: 'red' }, by).expect(400);
    await act(scene, name, {}, by).expect(400);
  });
});

describe('a delivery', () => {
  it('is assigned manually by ops of its city to a driver on duty there', async () => {
    const cityId = await world.addCity();
    const { deliveryId } = await world.addDelivery({ cityId });
    const [free, resting, away] = [
      await world.addDriver({ cityId }),
      await world.addDriver({ cityId, availability: 'ON_BREAK' }),
      await world.addDriver({ cityId, availability: 'OFFLINE' }),
    ];
    const path = `/v2/deliveries/${deliveryId}/assign`;
    const assign = (driverId: string, change: object = {}, by = ops([cityId])) =>
      world.as(by).post(path, { driverId, why: 'asked for', ...change });
    expect((await assign(away).expect(409)).body.code).toBe('DRIVER_OFF_DUTY');
    expect((await assign(resting).expect(409)).body.code).toBe('DRIVER_ON_BREAK');
    expect((await assign(newId()).expect(404)).body.code).toBe('NOT_FOUND');
    expect((await assign(await world.addDriver()).expect(404)).body.code).toBe('NOT_FOUND');
    expect((await assign(await world.addDriver(), {}, ops()).expect(409)).body.code).toBe(
      'DRIVER_IN_OTHER_CITY',
    );
    expect((await assign(resting, { override: true }).expect(200)).body).toMatchObject({
      outcome: 'assigned',
      driverId: resting,
    });
    expect((await assign(free).expect(200)).body).toMatchObject({ outcome: 'assigned', driverId: free });
    const { body } = await world.as(merchant(MERCHANT)).get(`/v2/deliveries/${deliveryId}`).expect(200);
    expect(JSON.stringify(body.timeline)).not.toContain('asked for');
  });
});

describe('a hand-over', () => {
  it('passes the goods to another driver, who sees the meeting point until then', async () => {
    const scene = await pickedUp();
    const meeting = { point: POINT, address: 'the bridge' };
    const hand = () =>
      act(
        scene,
        'hand-over',
        { driverId: scene.driver(1), meeting, why: 'flat tyre' },
        ops([scene.cityId]),
      ).expect(200);
    const { body: first } = await hand();
    expect(first).toMatchObject({ outcome: 'assigned', driverId: scene.driver(1) });
    expect((await hand()).body).toEqual(first);
    const mine = async () =>
      (
        await world
          .as(driver(scene.driver(1)))
          .get('/v2/me')
          .expect(200)
      ).body.deliveries[0] as { stops: unknown };
    expect(await mine()).toMatchObject({
      way: 'HANDOVER',
      status: 'PICKED_UP',
      stops: [{ kind: 'HANDOVER', ...meeting }, { kind: 'PICKUP' }, { kind: 'DROPOFF' }],
    });
    await world
      .as(driver(scene.driver(1)))
      .post(`/v2/deliveries/${scene.deliveryId}/steps`, { step: 'pickUp' })
      .expect(200);
    expect((await mine()).stops).toMatchObject([{ kind: 'PICKUP' }, { kind: 'DROPOFF' }]);
    const { assignments } = await whole(ops(), scene);
    expect(assignments).toMatchObject([
      { state: 'HANDED_OVER', meeting: null },
      { state: 'ACTIVE', way: 'HANDOVER', meeting, endReason: null },
    ]);
    await world.as(driver(scene.driver())).get(`/v2/deliveries/${scene.deliveryId}`).expect(404);
  });

  it('needs no meeting point: the default is the position of the goods', async () => {
    const scene = await pickedUp();
    await act(scene, 'hand-over', { driverId: scene.driver(1), why: 'flat tyre' }).expect(200);
    const { body } = await world
      .as(driver(scene.driver(1)))
      .get('/v2/me')
      .expect(200);
    expect(body.deliveries).toMatchObject([
      { way: 'HANDOVER', stops: [{ kind: 'PICKUP' }, { kind: 'DROPOFF' }] },
    ]);
  });

  it('is refused before the pickup, after closing, and for an unavailable driver', async () => {
    const scene = await Scene.set(world, [{}, {}, { availability: 'OFFLINE' }, { availability: 'ON_BREAK' }]);
    const codeFor = async (driverId: string) =>
      (await act(scene, 'hand-over', { driverId, why: 'a test' }).expect(409)).body.code as string;
    await scene.accepted();
    expect(await codeFor(scene.driver(1))).toBe('NOT_PICKED_UP');
    await scene.steps('arriveAtPickup', 'pickUp');
    expect(await codeFor(scene.driver())).toBe('DRIVER_HAS_NO_ROOM');
    expect(await codeFor(scene.driver(2))).toBe('DRIVER_OFF_DUTY');
    expect(await codeFor(scene.driver(3))).toBe('DRIVER_ON_BREAK');
    expect(await codeFor(await world.addDriver())).toBe('DRIVER_IN_OTHER_CITY');
    await act(
      scene,
      'hand-over',
      { driverId: await world.addDriver(), why: 'a test' },
      ops([scene.cityId]),
    ).expect(404);
    await act(scene, 'hand-over', { driverId: newId(), why: 'a test' }).expect(404);
    await scene.steps('arriveAtDropoff', 'deliver');
    expect(await codeFor(scene.driver(1))).toBe('ILLEGAL_TRANSITION');
  });
});

describe('giving up a delivery', () => {
  it('before the pickup releases the driver; a repeat gets the same answer', async () => {
    const scene = await Scene.set(world, [{}, {}]);
    const { driverId, assignmentId } = await scene.accepted();
    const leave = (reason = 'TOO_FAR') => act(scene, 'leave', { reason }, driver(driverId)).expect(200);
    const { body: first } = await leave();
    expect(first).toEqual({ outcome: 'released', deliveryId: scene.deliveryId, at: expect.any(String) });
    expect(await scene.row()).toMatchObject({ status: 'SEARCHING', driverId: null, losses: 1 });
    expect((await leave()).body).toEqual(first);
    await scene.accepted(1);
    expect((await leave('OTHER')).body).toEqual(first);
    expect(new Set(asked.map(({ updateId }) => updateId))).toEqual(new Set([`leave/${assignmentId}`]));
    expect(await scene.row()).toMatchObject({ driverId: scene.driver(1), losses: 1 });
  });

  it('after the pickup asks ops to decide, for each report', async () => {
    const scene = await pickedUp();
    const leave = (key: string) =>
      act(scene, 'leave', { reason: 'VEHICLE_BREAKDOWN' }, driver(scene.driver()))
        .set('idempotency-key', key)
        .expect(200);
    const { body: first } = await leave('one');
    expect(first).toMatchObject({ outcome: 'escalated', deliveryId: scene.deliveryId });
    expect((await leave('one')).body).toEqual(first);
    await leave('two');
    const [one, again, two] = asked.map(({ updateId }) => updateId);
    expect([one === again, one === two]).toEqual([true, false]);
    expect(await scene.cases()).toMatchObject([
      { reason: 'CARRIER_BROKE_DOWN', state: 'OPEN', driverId: scene.driver() },
    ]);
    expect(await scene.row()).toMatchObject({ status: 'PICKED_UP', driverId: scene.driver() });
  });

  it('after the delivery is refused', async () => {
    const scene = await pickedUp();
    await scene.steps('arriveAtDropoff', 'deliver');
    expect(
      (await act(scene, 'leave', { reason: 'OTHER' }, driver(scene.driver())).expect(409)).body,
    ).toMatchObject({ code: 'ILLEGAL_TRANSITION', delivery: { status: 'DELIVERED' } });
  });
});

describe('raising the pay', () => {
  it('sets the total bonus, so that a repeat raises nothing', async () => {
    const scene = await Scene.set(world);
    const raise = (bonusCents: number) => act(scene, 'raise-pay', { bonusCents, why: 'rain' });
    expect((await raise(300).expect(200)).body).toEqual({
      outcome: 'payRaised',
      deliveryId: scene.deliveryId,
      payCents: 1_000,
    });
    expect((await raise(300).expect(200)).body).toEqual({
      outcome: 'payRaised',
      deliveryId: scene.deliveryId,
      payCents: 1_000,
    });
    expect((await scene.entries()).filter((kind) => kind === 'pay_raised')).toHaveLength(1);
    expect((await raise(299).expect(409)).body.code).toBe('PAY_NOT_RAISED');
    expect(await whole(ops(), scene)).toMatchObject({ bonusCents: 300, payCents: 1_000 });
    for (const bonusCents of [0, -1, 100_001, 1.5]) await raise(bonusCents).expect(400);
  });

  it('is refused after the pickup', async () => {
    const { body } = await act(await pickedUp(), 'raise-pay', { bonusCents: 300, why: 'rain' }).expect(409);
    expect(body).toMatchObject({ code: 'ILLEGAL_TRANSITION', delivery: { status: 'PICKED_UP' } });
  });
});

describe('resuming the search', () => {
  it('searches again and resolves the case', async () => {
    const scene = await held();
    expect(await whole(ops(), scene)).toMatchObject({
      status: 'SEARCHING',
      heldReason: 'REASSIGNMENT_OFF',
      losses: 1,
    });
    const search = () => act(scene, 'search', { why: 'go on' }).expect(200);
    const { body: first } = await search();
    expect(first).toEqual({ outcome: 'searching', deliveryId: scene.deliveryId });
    expect((await search()).body).toEqual(first);
    expect(await whole(ops(), scene)).toMatchObject({ heldReason: null });
    expect(await scene.cases()).toMatchObject([{ state: 'RESOLVED', resolution: 'SEARCH_RESUMED' }]);
  });

  it('is refused while a driver has the delivery', async () => {
    expect((await act(await pickedUp(), 'search', { why: 'go on' }).expect(409)).body.code).toBe(
      'ILLEGAL_TRANSITION',
    );
  });
});

describe('visibility', () => {
  const HIDDEN =
    /EMERGENCY|lost|offer made|rejected|rain|flat tyre|knows the way|case_|escalat|pay_raised|offer_/;

  /** Asked in vain, taken, lost, escalated, paid more, assigned by hand, handed over. */
  async function eventful(): Promise<Scene> {
    const scene = await Scene.set(world, [{}, {}, {}, {}]);
    const { offerId, driverId } = await scene.offered();
    await scene.send({ kind: 'rejectOffer', offerId, driverId, reason: 'TOO_FAR' });
    await scene.accepted(1);
    await act(scene, 'leave', { reason: 'EMERGENCY' }, driver(scene.driver(1))).expect(200);
    await act(scene, 'raise-pay', { bonusCents: 300, why: 'rain' }).expect(200);
    await scene.send({ kind: 'escalate' }, Date.now() + 35 * 60_000);
    await act(scene, 'assign', { driverId: scene.driver(2), why: 'knows the way' }).expect(200);
    await scene.step('arriveAtPickup', scene.driver(2));
    await scene.step('pickUp', scene.driver(2));
    await act(scene, 'hand-over', {
      driverId: scene.driver(3),
      meeting: { point: POINT, address: 'the bridge' },
      why: 'flat tyre',
    }).expect(200);
    return scene;
  }

  it('merchants see the driver and the delay, but no offers, losses and pay', async () => {
    const scene = await eventful();
    const seen = await whole(merchant(MERCHANT), scene);
    expect(seen).toMatchObject({
      status: 'PICKED_UP',
      driverId: scene.driver(3),
      offers: [],
      delayedSince: expect.any(String),
      payCents: null,
      bonusCents: null,
      heldReason: null,
      losses: null,
      escalatedAt: null,
      broadcastSince: null,
      assignments: [
        { driverId: scene.driver(3), state: 'ACTIVE', endReason: null, meeting: null, choice: null },
      ],
    });
    expect(JSON.stringify(seen.timeline)).not.toMatch(HIDDEN);
    expect(seen.timeline.map(({ kind, to }) => (kind === 'delivery_moved' ? to : kind))).toEqual([
      'SEARCHING',
      'ASSIGNED',
      'SEARCHING',
      'ASSIGNED',
      'AT_PICKUP',
      'PICKED_UP',
      'delivery_handed_over',
    ]);
  });

  it('merchants do not see a lost driver during the next search', async () => {
    const scene = await Scene.set(world);
    await scene.accepted();
    await act(scene, 'leave', { reason: 'OTHER' }, driver(scene.driver())).expect(200);
    expect(await whole(merchant(MERCHANT), scene)).toMatchObject({
      status: 'SEARCHING',
      driver: null,
      assignments: [],
    });
  });

  it('drivers see only their own part, without the notes of ops', async () => {
    const scene = await eventful();
    const seen = await whole(driver(scene.driver(3)), scene);
    expect(seen).toMatchObject({
      offers: [],
      assignments: [{ driverId: scene.driver(3), meeting: { point: POINT } }],
      bonusCents: null,
      losses: null,
      delayedSince: null,
      feeCents: null,
    });
    for (const other of [0, 1, 2]) expect(JSON.stringify(seen)).not.toContain(scene.driver(other));
    expect(JSON.stringify(seen.timeline)).not.toMatch(HIDDEN);
  });

  it('ops see everything', async () => {
    const scene = await eventful();
    const seen = await whole(ops(), scene);
    expect(seen).toMatchObject({
      losses: 1,
      bonusCents: expect.any(Number),
      escalatedAt: expect.any(String),
      delayedSince: expect.any(String),
      assignments: [{}, {}, {}],
    });
    const kinds = seen.timeline.map(({ kind }) => kind);
    expect(kinds).toEqual(
      expect.arrayContaining([
        'offer_rejected',
        'escalated',
        'case_opened',
        'case_resolved',
        'pay_raised',
        'delivery_handed_over',
      ]),
    );
  });
});
