/**
 * Prices close to those of the best assignment, found by bidding: whoever is alone bids for the partner that is best
 * at present prices, as much as makes it no better than the second best, and a little more. The little is large at
 * first, so that prices come near fast, and then ever smaller (Bertsekas and Castañon, Computational Optimization and
 * Applications 1, 1992: forward and reverse auction).
 */

import { NOBODY, type Pace, pairCount, pairUp, type Side } from './pairTable';
import { valueAt } from './valueAt';

/** What a bid adds: this share of the greatest cost at first, then less by `FINER` each time. */
const FIRST_SHARE = 1 / 16;
const FINER = 1 / 4;
const PHASES = 8;
/** Bids in a phase, for each item of both sides. What is left after them is for exact exchanges. */
const MOST_BIDS = 50;

/** Bids until the assignment is nearly the best. @param greatestCost a power of two, and no cost is greater */
export function* auctionSteps(
  rows: Side,
  columns: Side,
  greatestCost: number,
  pace: Pace,
): Generator<void, void> {
  for (let phase = 0; phase < PHASES; phase++) {
    const increment = greatestCost * FIRST_SHARE * FINER ** phase;
    rows.partnerOf.fill(NOBODY);
    columns.partnerOf.fill(NOBODY);
    rows.prices.fill(-greatestCost);
    yield* bidSteps(rows, columns, increment, pace);
    yield* bidSteps(columns, rows, increment, pace);
  }
}

/** Bids of all who must not stay alone, and of those whom they displace, until each has a partner or wants none. */
function* bidSteps(mine: Side, others: Side, increment: number, pace: Pace): Generator<void, void> {
  const alone = new Int32Array(mine.count);
  let count = 0;
  for (let item = mine.count - 1; item >= 0; item--)
    if (valueAt(mine.partnerOf, item) === NOBODY && valueAt(mine.prices, item) < 0) alone[count++] = item;
  for (let left = MOST_BIDS * (mine.count + others.count); count > 0 && left > 0; left--) {
    const item = valueAt(alone, --count);
    const displaced = bid(mine, others, item, increment);
    if (displaced !== NOBODY) alone[count++] = displaced;
    if (pace.isDue(pairCount(mine, item))) yield;
  }
}

/** Takes the best partner, if one is better than none; returns whom that partner had. */
function bid(mine: Side, others: Side, item: number, increment: number): number {
  const { starts, partners, costs } = mine;
  let [best, second, partner] = [Infinity, Infinity, NOBODY];
  const end = valueAt(starts, item + 1);
  for (let at = valueAt(starts, item); at < end; at++) {
    const candidate = valueAt(partners, at);
    const cost = valueAt(costs, at) - valueAt(others.prices, candidate);
    if (cost >= second) continue;
    if (cost >= best) second = cost;
    else {
      second = best;
      best = cost;
      partner = candidate;
    }
  }
  mine.prices[item] = 0;
  if (best >= 0) return NOBODY;
  const otherwise = Math.min(second, 0);
  mine.prices[item] = Math.min(otherwise + increment, 0);
  others.prices[partner] = valueAt(others.prices, partner) - (otherwise - best) - increment;
  return pairUp(mine, others, item, partner);
}
