/** The possible pairs of an assignment, by row or by column, with the prices of both and who has whom. */

import { valueAt } from './valueAt';

/** No partner. */
export const NOBODY = -1;

/**
 * One side of an assignment: all rows with their possible columns, or all columns with their possible rows. The pairs
 * of item `n` stand from `starts[n]` up to `starts[n + 1]`, partners ascending. A cost is what the pair costs less
 * what it costs that the row stays unassigned; so no pair above 0 is worth making.
 */
export type Side = {
  count: number;
  starts: Int32Array;
  partners: Int32Array;
  costs: Float64Array;
  /** 0 or less. An item with a price below 0 must not stay alone. */
  prices: Float64Array;
  /** The partner of each item, or `NOBODY`. */
  partnerOf: Int32Array;
};

export function sideOf(starts: Int32Array, partners: Int32Array, costs: Float64Array): Side {
  const count = starts.length - 1;
  return {
    count,
    starts,
    partners,
    costs,
    prices: new Float64Array(count),
    partnerOf: new Int32Array(count).fill(NOBODY),
  };
}

/** The same pairs as the other side sees them, with `count` items. */
export function* otherSideOf(
  { starts, partners, costs }: Side,
  count: number,
  pace: Pace,
): Generator<void, Side> {
  const others = new Int32Array(count + 1);
  for (let item = 0; item + 1 < starts.length; item++) {
    const end = valueAt(starts, item + 1);
    for (let at = valueAt(starts, item); at < end; at++) {
      const after = valueAt(partners, at) + 1;
      others[after] = valueAt(others, after) + 1;
    }
    if (pace.isDue(end - valueAt(starts, item))) yield;
  }
  for (let n = 0; n < count; n++) others[n + 1] = valueAt(others, n + 1) + valueAt(others, n);
  const next = others.slice(0, count);
  const items = new Int32Array(partners.length);
  const itsCosts = new Float64Array(partners.length);
  for (let item = 0; item + 1 < starts.length; item++) {
    const end = valueAt(starts, item + 1);
    for (let at = valueAt(starts, item); at < end; at++) {
      const partner = valueAt(partners, at);
      const to = valueAt(next, partner);
      next[partner] = to + 1;
      items[to] = item;
      itsCosts[to] = valueAt(costs, at);
    }
    if (pace.isDue(end - valueAt(starts, item))) yield;
  }
  return sideOf(others, items, itsCosts);
}

/** How many pairs are possible with the item. */
export function pairCount({ starts }: Side, item: number): number {
  return valueAt(starts, item + 1) - valueAt(starts, item);
}

/** Makes a pair. Who had either of them before is left alone; returns whom `item`'s new partner had. */
export function pairUp(mine: Side, others: Side, item: number, partner: number): number {
  const rival = valueAt(others.partnerOf, partner);
  const left = valueAt(mine.partnerOf, item);
  if (rival !== NOBODY) mine.partnerOf[rival] = NOBODY;
  if (left !== NOBODY) others.partnerOf[left] = NOBODY;
  mine.partnerOf[item] = partner;
  others.partnerOf[partner] = item;
  return rival;
}

/** Leaves the item alone, and its partner. */
export function leaveAlone(mine: Side, others: Side, item: number): void {
  const partner = valueAt(mine.partnerOf, item);
  if (partner === NOBODY) return;
  mine.partnerOf[item] = NOBODY;
  others.partnerOf[partner] = NOBODY;
}

/** How much work a step may do: so many pairs looked at take a fraction of a millisecond. */
const PAIRS_A_STEP = 50_000;
/** Whatever is done for one item costs a little too, in pairs. */
const EACH = 10;

/** Counts work, so that all steps do about the same. */
export class Pace {
  private looked = 0;

  /** Whether a step is over, with these pairs. */
  isDue(pairs: number): boolean {
    this.looked += pairs + EACH;
    if (this.looked < PAIRS_A_STEP) return false;
    this.looked = 0;
    return true;
  }
}
