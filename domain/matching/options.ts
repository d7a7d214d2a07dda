/** Who could take which trip at what cost. docs/behaviour.md#matching. */

import type { PairCosts } from './costTerms';
import type { MatchDriver } from './round';
import type { Trip } from './trips';

/** A driver, by their place in the round's list, and what the pair costs in ms. */
export type Option = { driver: number; cost: number };

/**
 * The drivers who could take the trip, cheapest first, at most `kept`.
 * @param among places in the list of drivers; by default all of them
 */
export function optionsOf<Place>(
  trip: Trip<Place>,
  drivers: readonly MatchDriver<Place>[],
  costs: PairCosts<Place>,
  { among = drivers.keys(), kept }: { among?: Iterable<number>; kept: number },
): Option[] {
  const options: Option[] = [];
  for (const driver of among) {
    const facts = drivers[driver];
    if (!facts) continue;
    const cost = costs.costOf(trip, facts);
    if (cost < 0) options.push({ driver, cost });
  }
  return options.sort(byCost).slice(0, kept);
}

/** By cost, then by the driver's place in the list, which is in the order of ids. */
function byCost(a: Option, b: Option): number {
  return a.cost - b.cost || a.driver - b.driver;
}
