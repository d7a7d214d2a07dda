import type { Floor } from '../floor/floor';
import { BARE_STEPS } from '../floor/contract';
import type { LoadCity } from '../load/city';
import { deliveryWorkflowId } from '../../workflows/contract';
import type { Side } from './blocks';

/** A side that lists its runs. */
export type KnownSide = Side & { workflowIds: string[] };

const TO_THE_DOOR = ['arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver'] as const;

/**
 * Our side: through API and sockets, as merchants and drivers do, without think or travel time.
 * @param deliveryIds receives the ids of all deliveries
 */
export function ourSide(city: LoadCity, deliveryIds: string[]): KnownSide {
  const workflowIds: string[] = [];
  return {
    name: 'ours',
    workflowIds,
    prepare: () => city.sendPlaces(),
    deliver: async () => {
      const { deliveryId, sellerOrderId } = await city.post();
      deliveryIds.push(deliveryId);
      const { driver, offerId } = await city.offerOf(deliveryId);
      await driver.accept(offerId);
      for (const step of TO_THE_DOOR) await driver.step(deliveryId, step);
      workflowIds.push(deliveryWorkflowId(city.merchantId, sellerOrderId));
    },
  };
}

/** The bare workflow, with the same number of updates. */
export function bareSide(floor: Floor, name: string): KnownSide {
  const workflowIds: string[] = [];
  let count = 0;
  return {
    name: 'bare',
    workflowIds,
    prepare: () => Promise.resolve(),
    deliver: async () => {
      const workflowId = `bare/${name}/${(count += 1)}`;
      const run = await floor.start(workflowId);
      await run.noted;
      for (const step of BARE_STEPS) await run.take(step);
      workflowIds.push(workflowId);
    },
  };
}
