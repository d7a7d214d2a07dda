/** A delivery whose city is matched: what it does itself, and what it leaves to rounds (docs/behaviour.md#matching). */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ownNetMs } from '../../domain/matching/waiting';
import { netSearches } from '../../services/deliveries/deliveryMetrics';
import { DeliveryScene } from '../support/deliveryScene';
import { createDispatchWorld, type DispatchWorld, type NewDriver, PICKUP } from '../support/dispatchWorld';

const MINUTE = 60_000;

let world: DispatchWorld;
beforeAll(async () => {
  world = await createDispatchWorld();
});
beforeEach(() => {
  world.switches.batchMatching = true;
});
afterEach(() => {
  world.switches.batchMatching = false;
});
afterAll(() => world.close());

/** Its city has one more delivery, which waits. */
async function besideAnother(drivers: readonly NewDriver[] = [{}]): Promise<DeliveryScene> {
  const scene = await DeliveryScene.set(world, drivers);
  const { deliveryId: id } = await world.addDelivery({ cityId: scene.cityId });
  await world.db.delivery.update({ where: { id }, data: { status: 'SEARCHING' } });
  return scene;
}

const propose = (scene: DeliveryScene, driverId = scene.driver()) =>
  scene.send({
    kind: 'lookForDriver',
    freed: null,
    proposal: { driverId, roundId: 'round-1', parts: [{ what: 'TIME_TO_PICKUP', costMs: MINUTE }] },
  });
const counted = async (reason: string): Promise<number> =>
  (await netSearches.get()).values.find(({ labels }) => labels.reason === reason)?.value ?? 0;
const calls = async (scene: DeliveryScene): Promise<number> =>
  (await scene.messages()).filter(({ kind }) => kind === 'roundDue').length;

describe('a delivery that begins to wait', () => {
  test('takes its best driver at once where more could be asked than others wait', async () => {
    const scene = await besideAnother([{}, {}]);
    await scene.offered(0);
    expect(await calls(scene)).toBe(0);
  });

  test('leaves the only driver to a round where another waits', async () => {
    const scene = await besideAnother();
    expect((await scene.search()).known).toMatchObject({ status: 'SEARCHING', offers: [], searchRound: 0 });
    expect(await calls(scene)).toBe(1);
  });
});

describe('a proposed driver', () => {
  test('is asked alone, and the offer keeps why', async () => {
    const scene = await besideAnother();
    await scene.search();
    expect((await propose(scene)).known.offers).toMatchObject([{ driverId: scene.driver() }]);
    const [offer] = await scene.offers();
    expect(offer).toMatchObject({ kind: 'SINGLE', round: 0 });
    expect(offer?.choice).toMatchObject({
      looked: 1,
      ranked: [{ driverId: scene.driver() }],
      proposal: {
        roundId: 'round-1',
        pair: {
          driverId: scene.driver(),
          deliveryIds: [scene.deliveryId],
          parts: [{ what: 'TIME_TO_PICKUP', costMs: MINUTE }],
        },
      },
    });
  });

  test.each([
    ['who holds another offer', { liveOffers: 1 }],
    ['who is on a break', { availability: 'ON_BREAK' }],
  ])('%s is not asked, nobody else is, and another round is called for', async (_, data) => {
    const scene = await besideAnother([{}, {}]);
    await world.db.driver.update({ where: { id: scene.driver() }, data });
    const { known } = await propose(scene);
    expect(known).toMatchObject({ status: 'SEARCHING', offers: [] });
    expect(await calls(scene)).toBe(1);
  });

  test('who let it lapse lately is not asked', async () => {
    const scene = await DeliveryScene.set(world);
    const { offerId, expiresAt } = await scene.offered();
    await scene.send({ kind: 'lapseOffer', offerId }, expiresAt);
    expect((await propose(scene)).known.offers).toEqual([]);
  });
});

describe('a delivery that waits for rounds', () => {
  test('waits on while they come, and searches by itself where none came', async () => {
    const scene = await besideAnother();
    const { known: first } = await scene.search();
    const netAt = first.searchAgainAt ?? 0;
    await world.db.city.update({
      where: { id: scene.cityId },
      data: { matchedAt: new Date(netAt - MINUTE / 2) },
    });
    const { known: second } = await scene.search(netAt);
    expect(second).toMatchObject({ status: 'SEARCHING', searchAgainAt: netAt + ownNetMs(MINUTE) });
    await scene.offered(0, netAt + MINUTE);
  });

  test.each([
    ['none ever came', null, 'no_round_ever'],
    ['they stopped', MINUTE * 2, 'rounds_stopped'],
  ])('is counted with the reason when %s', async (_, agoMs, reason) => {
    const scene = await besideAnother();
    const netAt = (await scene.search()).known.searchAgainAt ?? 0;
    await world.db.city.update({
      where: { id: scene.cityId },
      data: { matchedAt: agoMs === null ? null : new Date(netAt - agoMs) },
    });
    const before = await counted(reason);
    await scene.offered(0, netAt);
    expect((await counted(reason)) - before).toBe(1);
  });

  test('takes its best driver, not the one of a round, once matching is switched off', async () => {
    const scene = await besideAnother([{}, { at: { lat: PICKUP.lat + 0.01, lng: PICKUP.lng } }]);
    world.switches.batchMatching = false;
    expect((await propose(scene, scene.driver(1))).known.offers).toMatchObject([
      { driverId: scene.driver() },
    ]);
    expect((await scene.offers())[0]?.choice).not.toHaveProperty('proposal');
  });

  test('is matched no more once offers are off', async () => {
    const scene = await besideAnother();
    world.switches.driverOffers = false;
    expect((await scene.search()).known).toMatchObject({ status: 'ASSIGNED' });
    world.switches.driverOffers = true;
  });
});
