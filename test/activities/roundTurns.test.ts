/** A round of a city's matching lets the rest of its worker go on while it decides. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { poolReader } from '../../adapters/postgres/database';
import { createCityRounds } from '../../services/matching/cityRounds';
import { createDispatchWorld, type DispatchWorld, TEST_LIMITS } from '../support/dispatchWorld';

let world: DispatchWorld;
beforeAll(async () => {
  world = await createDispatchWorld();
});
afterAll(() => world.close());

function busyFor(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test('other work has its turn after each long step of a decision', async () => {
  const cityId = await world.addCity();
  await world.addDriver({ cityId });
  const { deliveryId: id } = await world.addDelivery({ cityId });
  await world.db.delivery.update({ where: { id }, data: { status: 'SEARCHING' } });
  let turns = 0;
  let isOver = false;
  const others = () => {
    turns++;
    if (!isOver) setImmediate(others);
  };
  const turnsAtStep: number[] = [];
  const rounds = createCityRounds({
    read: poolReader(world.postgres),
    map: world.map,
    dispatcher: { propose: async () => {} },
    features: { isOn: () => true },
    shadow: { consider: () => {} },
    decide: function* () {
      for (let step = 0; step < 6; step++) {
        turnsAtStep.push(turns);
        busyFor(12);
        yield;
      }
      return { offers: [], held: [], unmatched: [], comeBackAt: null };
    },
    clock: Date.now,
    newId: () => 'round',
    limits: TEST_LIMITS,
    travel: TEST_LIMITS.travel,
    timeScale: 1,
    log: { warn: () => {} },
  });
  setImmediate(others);
  expect(await rounds.runRound({ cityId, correlationId: 'turns' })).toMatchObject({ waiting: 1, free: 1 });
  isOver = true;
  expect(turnsAtStep).toHaveLength(6);
  expect(new Set(turnsAtStep).size).toBe(6);
});
