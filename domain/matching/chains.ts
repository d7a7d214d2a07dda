/**
 * Exact exchanges: whoever should not be alone takes the cheapest chain of exchanges. It takes a partner, who had
 * another, who takes another partner, and so on, until one takes somebody free or stays alone. Prices make every step
 * of a chain cost nothing or more, so that the shortest path is found as on a road map (Jonker and Volgenant,
 * Computing 38, 1987).
 */

import { ColumnQueue } from './columnQueue';
import { NOBODY, type Pace, pairCount, type Side } from './pairTable';
import { valueAt } from './valueAt';

/** A search for a chain: the partners in reach, those taken from it, and through whom they were reached. */
type Search = {
  mine: Side;
  others: Side;
  queue: ColumnQueue;
  taken: number[];
  reachedBy: Int32Array;
  distances: Float64Array;
};

/** Where a chain ends, and what it costs: at a free partner, or else with `left`, who stays alone. */
type ChainEnd = { cost: number; free: number; left: number };

/** Finds partners for all on `mine` who are alone and should not be; nobody on the other side is left alone for it. */
export function* chainSteps(mine: Side, others: Side, pace: Pace): Generator<void, void> {
  const search: Search = {
    mine,
    others,
    queue: new ColumnQueue(others.count),
    taken: [],
    reachedBy: new Int32Array(others.count),
    distances: new Float64Array(others.count),
  };
  for (let item = 0; item < mine.count; item++) {
    if (valueAt(mine.partnerOf, item) !== NOBODY) continue;
    const end = yield* findChain(item, search, pace);
    adjustPrices(item, end.cost, search);
    exchange(item, end, search);
  }
}

/** Looks for the cheapest chain from `first`: Dijkstra's algorithm over the costs less the prices. */
function* findChain(first: number, search: Search, pace: Pace): Generator<void, ChainEnd> {
  const { mine, others, queue, taken } = search;
  queue.clear();
  taken.length = 0;
  const end: ChainEnd = { cost: -valueAt(mine.prices, first), free: NOBODY, left: first };
  for (let [item, distance] = [first, 0]; ;) {
    reach(item, distance, end, search);
    if (pace.isDue(pairCount(mine, item))) yield;
    const partner = queue.take();
    if (partner === null) return end;
    distance = queue.distanceOf(partner);
    if (distance >= end.cost) return end;
    taken.push(partner);
    item = valueAt(others.partnerOf, partner);
    const alone = distance - valueAt(mine.prices, item);
    if (alone < end.cost) Object.assign(end, { cost: alone, free: NOBODY, left: item });
  }
}

/** Follows an item to its partners: the chain may end at a free one, or go on through one that is not. */
function reach(item: number, distance: number, end: ChainEnd, search: Search): void {
  const { mine, others, queue, reachedBy, distances } = search;
  const { partners, costs } = mine;
  const base = distance - valueAt(mine.prices, item);
  const [from, to] = [valueAt(mine.starts, item), valueAt(mine.starts, item + 1)];
  for (let at = from; at < to; at++) {
    const partner = valueAt(partners, at);
    const there = base + (valueAt(costs, at) - valueAt(others.prices, partner));
    distances[at - from] = there;
    if (there > end.cost || valueAt(others.partnerOf, partner) !== NOBODY) continue;
    if (there === end.cost && end.free !== NOBODY && end.free <= partner) continue;
    end.cost = there;
    end.free = partner;
    reachedBy[partner] = item;
  }
  for (let at = from; at < to; at++) {
    const there = valueAt(distances, at - from);
    if (there >= end.cost) continue;
    const partner = valueAt(partners, at);
    if (queue.bringNearer(partner, there)) reachedBy[partner] = item;
  }
}

/** What is nearer than the end of the chain becomes dearer by the difference, so that prices stay true. */
function adjustPrices(first: number, cost: number, { mine, others, taken, queue }: Search): void {
  mine.prices[first] = valueAt(mine.prices, first) + cost;
  for (const partner of taken) {
    const difference = cost - queue.distanceOf(partner);
    const item = valueAt(others.partnerOf, partner);
    mine.prices[item] = valueAt(mine.prices, item) + difference;
    others.prices[partner] = valueAt(others.prices, partner) - difference;
  }
}

/** Moves each item of the chain to its new partner, from its end up to `first`. */
function exchange(first: number, { free, left }: ChainEnd, { mine, others, reachedBy }: Search): void {
  let partner = free;
  if (free === NOBODY) {
    partner = valueAt(mine.partnerOf, left);
    mine.partnerOf[left] = NOBODY;
  }
  while (partner !== NOBODY) {
    const item = valueAt(reachedBy, partner);
    const before = valueAt(mine.partnerOf, item);
    mine.partnerOf[item] = partner;
    others.partnerOf[partner] = item;
    partner = item === first ? NOBODY : before;
  }
}

/**
 * Of items of which one stays alone at no cost, the first is served: one that is alone takes the partner of a later one
 * where both could as well be without.
 */
export function* firstServedSteps(mine: Side, others: Side, pace: Pace): Generator<void, void> {
  for (let item = 0; item < mine.count; item++) {
    if (valueAt(mine.partnerOf, item) !== NOBODY) continue;
    const later = partnerOfLast(mine, others, item);
    if (pace.isDue(pairCount(mine, item))) yield;
    if (later === NOBODY) continue;
    mine.partnerOf[valueAt(others.partnerOf, later)] = NOBODY;
    mine.partnerOf[item] = later;
    others.partnerOf[later] = item;
  }
}

/** The partner that costs this item nothing and belongs to the last item which could be without. */
function partnerOfLast(mine: Side, others: Side, item: number): number {
  let [found, last] = [NOBODY, item];
  const end = valueAt(mine.starts, item + 1);
  for (let at = valueAt(mine.starts, item); at < end; at++) {
    const partner = valueAt(mine.partners, at);
    if (valueAt(mine.costs, at) !== valueAt(others.prices, partner)) continue;
    const owner = valueAt(others.partnerOf, partner);
    if (owner <= last || valueAt(mine.prices, owner) < 0) continue;
    found = partner;
    last = owner;
  }
  return found;
}
