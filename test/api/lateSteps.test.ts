/** What a driver who lost a delivery is answered for a step that comes late. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type ApiWorld, createApiWorld, driver, ops } from '../support/apiWorld';
import { DeliveryScene } from '../support/deliveryScene';
import { brokenInvariants } from '../support/invariants';

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
});
afterAll(() => world.close());

/** The driver took the delivery a minute ago and was lost just now. */
async function lost(): Promise<{ scene: DeliveryScene; takenAt: string }> {
  const scene = await DeliveryScene.set(world, [{}, {}]);
  await scene.accepted();
  const { deliveryId } = scene;
  await world.db.assignment.updateMany({
    where: { deliveryId },
    data: { startedAt: new Date(Date.now() - 60_000) },
  });
  const [driverId, assignmentId] = [scene.driver(), await scene.jobOf(scene.driver())];
  await scene.send({ kind: 'releaseDriver', driverId, offerId: null, assignmentId, why: 'FELL_SILENT' });
  return { scene, takenAt: new Date(Date.now() - 30_000).toISOString() };
}

const step = ({ deliveryId }: DeliveryScene, driverId: string, deviceAt: string | null) =>
  world.as(driver(driverId)).post(`/v2/deliveries/${deliveryId}/steps`, { step: 'pickUp', deviceAt });

it('it is theirs again where they took the goods before they were lost', async () => {
  const { scene, takenAt } = await lost();
  await step(scene, scene.driver(), takenAt).expect(200);
  await step(scene, scene.driver(), takenAt).expect(200);
  const { body } = await world
    .as(driver(scene.driver()))
    .get(`/v2/deliveries/${scene.deliveryId}`)
    .expect(200);
  expect(body).toMatchObject({ status: 'PICKED_UP', driverId: scene.driver() });
  expect(await brokenInvariants(world.db)).toEqual([]);
});

it('they keep the goods and wait where another driver has it: ops see why', async () => {
  const { scene, takenAt } = await lost();
  await scene.accepted(1);
  const { body } = await step(scene, scene.driver(), takenAt).expect(409);
  expect(body).toMatchObject({ code: 'GOODS_IN_HAND', detail: expect.stringContaining('keep the goods') });
  const { body: queue } = await world
    .as(ops())
    .get(`/v2/ops/escalations?reason=GOODS_IN_HAND&cityId=${scene.cityId}`)
    .expect(200);
  expect(queue).toMatchObject({ escalations: [{ driverId: scene.driver(), state: 'OPEN' }] });
});

it('a search that waits for that reason says so to ops', async () => {
  const { scene } = await lost();
  await step(scene, scene.driver(), null).expect(409);
  const { body } = await world.as(ops()).get(`/v2/deliveries/${scene.deliveryId}`).expect(200);
  expect(body).toMatchObject({ status: 'SEARCHING', heldReason: 'GOODS_IN_HAND' });
});

it('they bring the goods back where it is over, and support hear of it once', async () => {
  const { scene, takenAt } = await lost();
  await world.as(ops()).post(`/v2/deliveries/${scene.deliveryId}/cancel`, {}).expect(200);
  for (let attempt = 1; attempt <= 2; attempt++) {
    const { body } = await step(scene, scene.driver(), takenAt).expect(409);
    expect(body).toMatchObject({ code: 'GOODS_NOT_NEEDED', detail: expect.stringContaining('CANCELLED') });
  }
  expect(await scene.notices()).toEqual([
    'support error: A driver still has the goods of a delivery that is CANCELLED',
  ]);
});

it('a driver who never had it finds nothing', async () => {
  const { scene, takenAt } = await lost();
  await step(scene, scene.driver(1), takenAt).expect(404);
});
