/** Who could take which trip at what cost. docs/behaviour.md#matching. */

import type { PairCosts } from './costTerms';
import type { MatchDriver } from './round';
import type { Trip } from './trips';
import { valueAt } from './valueAt';

/** A driver, by their place in the round's list, and what the pair costs in ms. */
export type Option = { driver: number; cost: number };

/** All who could take a trip, by their places in the round’s list, ascending, and what each pair costs in ms. */
export type Options = { drivers: Int32Array; costs: Float64Array };

/** What an ms of being free is worth, in ms: so little that it decides only between equals. */
const IDLE_SHARE = 1e-6;

/** The drivers who could take the trip. Of equal ones, who has been free the longest costs a little less. */
export function optionsOf<Place>(
  trip: Trip<Place>,
  drivers: readonly MatchDriver<Place>[],
  costs: PairCosts<Place>,
): Options {
  const found = { drivers: new Int32Array(drivers.length), costs: new Float64Array(drivers.length) };
  let count = 0;
  for (const [driver, facts] of drivers.entries()) {
    const cost = costs.costOf(trip, facts);
    if (cost >= 0) continue;
    found.drivers[count] = driver;
    found.costs[count++] = cost - IDLE_SHARE * (costs.scene.now - (facts.idleSince ?? facts.freeAt));
  }
  return { drivers: found.drivers.slice(0, count), costs: found.costs.slice(0, count) };
}

/** The option of this driver; null = none. */
export function optionWith({ drivers, costs }: Options, driver: number): Option | null {
  const at = drivers.indexOf(driver);
  return at < 0 ? null : { driver, cost: valueAt(costs, at) };
}

/** The cheapest drivers, at most `count`, cheapest first; of equal ones, the first in the round's list. */
export function cheapestOf({ drivers, costs }: Options, count: number): number[] {
  const places: number[] = [];
  for (let place = 0; place < costs.length; place += 1) {
    const cost = valueAt(costs, place);
    if (places.length >= count && cost >= valueAt(costs, places.at(-1) ?? 0)) continue;
    let at = places.length;
    while (at > 0 && cost < valueAt(costs, places[at - 1] ?? 0)) at -= 1;
    places.splice(at, 0, place);
    if (places.length > count) places.pop();
  }
  return places.map((place) => valueAt(drivers, place));
}
