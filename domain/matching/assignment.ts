/**
 * Which row gets which column so that the total cost is least: the linear assignment problem, with forbidden
 * pairs, more rows than columns or fewer, and rows that may stay unassigned.
 *
 * Rows and columns have prices. An assignment is the best if no pair costs less than the prices of its row and its
 * column together, each pair that is made costs exactly that, and whoever is left alone has the price 0. An auction
 * brings the prices near to that, so that the exact exchanges after it have short ways, also where many pairs cost
 * the same or all rows want the same columns.
 */

import { auctionSteps } from './auction';
import { chainSteps, firstServedSteps } from './chains';
import { NOBODY, otherSideOf, Pace, type Side, sideOf } from './pairTable';
import { tightenSteps } from './tightening';
import { valueAt } from './valueAt';

/** A row, such as a waiting delivery, and the columns that it may take, such as the drivers in reach. */
export type AssignmentRow = {
  /** What it costs that the row stays unassigned. */
  unassignedCost: number;
  /** The possible columns, each once, in any order. The row takes no other. */
  columns: ArrayLike<number>;
  /** What each of these columns costs, in the same order. Negative costs are fine. */
  costs: ArrayLike<number>;
};

/** The assignment of least total cost. */
export type Assignment = {
  /** The column of each row; null = it stays unassigned. */
  columnOfRow: readonly (number | null)[];
  /** The costs of all rows, those of unassigned ones too. */
  totalCost: number;
  /**
   * The proof that no total is less: no row's price is above what it costs unassigned, no column's above 0, no pair
   * costs less than its two prices together, and all prices together are the total.
   */
  prices: { rows: Float64Array; columns: Float64Array };
};

/**
 * Assigns in one go. See `assignmentSteps`.
 */
export function assign(rows: readonly AssignmentRow[], columnCount: number): Assignment {
  const steps = assignmentSteps(rows, columnCount);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/**
 * Assigns in short steps, between which the caller may let others run. Each looks at about the same number of pairs, so
 * that the number of steps measures the work.
 *
 * The total is exact where costs have up to 40 binary digits, such as whole numbers to 10^12; else it is the least
 * but for 2^-40 of the greatest cost a row. The same rows always get the same columns, of several assignments with the
 * same total too. Of rows that are alike, the first gets a column first.
 * @throws RangeError if a cost is not a number up to `Number.MAX_SAFE_INTEGER` either way, or a column is not
 *   one of `columnCount`, or comes twice in a row
 */
export function* assignmentSteps(
  rows: readonly AssignmentRow[],
  columnCount: number,
): Generator<void, Assignment, void> {
  const pace = new Pace();
  const { side, greatestCost } = yield* readSteps(rows, columnCount, pace);
  const others = yield* otherSideOf(side, columnCount, pace);
  if (greatestCost > 0) {
    yield* auctionSteps(side, others, greatestCost, pace);
    yield* tightenSteps(side, others, pace);
  }
  yield* chainSteps(side, others, pace);
  yield* chainSteps(others, side, pace);
  yield* firstServedSteps(side, others, pace);
  yield* firstServedSteps(others, side, pace);
  return yield* assignmentOf(rows, side, others, pace);
}

/** Binary digits of costs, counted from the greatest. All sums of so short numbers are exact. */
const DIGITS = 40;

/** The pairs as they are worth to each row beside staying unassigned. Pairs that cost more are never made. */
function* readSteps(
  rows: readonly AssignmentRow[],
  columnCount: number,
  pace: Pace,
): Generator<void, { side: Side; greatestCost: number }> {
  const starts = new Int32Array(rows.length + 1);
  const lastRowOf = new Int32Array(columnCount).fill(-1);
  let greatest = 0;
  for (const [index, row] of rows.entries()) {
    const { count, least } = checkedRow(row, index, lastRowOf);
    starts[index + 1] = valueAt(starts, index) + count;
    greatest = Math.max(greatest, -least);
    if (pace.isDue(row.columns.length)) yield;
  }
  const greatestCost = greatest === 0 ? 0 : 2 ** Math.ceil(Math.log2(greatest));
  const side = sideOf(starts, new Int32Array(starts.at(-1) ?? 0), new Float64Array(starts.at(-1) ?? 0));
  for (const [index, row] of rows.entries()) {
    fillIn(row, valueAt(starts, index), side, greatestCost * 2 ** -DIGITS);
    if (pace.isDue(row.columns.length)) yield;
  }
  return { side, greatestCost };
}

/** How many pairs of the row are worth making, and the least that one costs. */
function checkedRow(
  { unassignedCost, columns, costs }: AssignmentRow,
  index: number,
  lastRowOf: Int32Array,
): { count: number; least: number } {
  if (columns.length !== costs.length) {
    throw new RangeError(`row ${index}: ${columns.length} columns, but ${costs.length} costs`);
  }
  const unassigned = checkedCost(unassignedCost, index);
  let [count, least] = [0, 0];
  for (let at = 0; at < columns.length; at++) {
    const column = columns[at] ?? -1;
    if (!(column in lastRowOf)) throw new RangeError(`row ${index}: no column ${column}`);
    if (lastRowOf[column] === index) throw new RangeError(`row ${index}: column ${column} comes twice`);
    lastRowOf[column] = index;
    const cost = checkedCost(costs[at], index) - unassigned;
    if (cost > 0) continue;
    count++;
    least = Math.min(least, cost);
  }
  return { count, least };
}

function checkedCost(cost: number | undefined, row: number): number {
  if (cost !== undefined && Math.abs(cost) <= Number.MAX_SAFE_INTEGER) return cost;
  throw new RangeError(`row ${row}: ${cost} is no cost`);
}

/** Writes the row's pairs from `start` on, columns ascending, costs in whole `unit`s. */
function fillIn(
  { unassignedCost, columns, costs }: AssignmentRow,
  start: number,
  side: Side,
  unit: number,
): void {
  let to = start;
  let last = -1;
  let isAscending = true;
  for (let at = 0; at < columns.length; at++) {
    const cost = (costs[at] ?? 0) - unassignedCost;
    if (cost > 0) continue;
    const column = columns[at] ?? -1;
    isAscending &&= column > last;
    last = column;
    side.partners[to] = column;
    side.costs[to++] = unit === 0 ? 0 : Math.round(cost / unit) * unit;
  }
  if (isAscending) return;
  const sorted = Array.from(side.partners.subarray(start, to), (column, at) => ({
    column,
    cost: valueAt(side.costs, start + at),
  })).sort((a, b) => a.column - b.column);
  side.partners.set(
    sorted.map(({ column }) => column),
    start,
  );
  side.costs.set(
    sorted.map(({ cost }) => cost),
    start,
  );
}

function* assignmentOf(
  rows: readonly AssignmentRow[],
  { partnerOf, prices }: Side,
  columns: Side,
  pace: Pace,
): Generator<void, Assignment> {
  const columnOfRow = Array.from(partnerOf, (column) => (column === NOBODY ? null : column));
  let totalCost = 0;
  for (const [index, row] of rows.entries()) {
    totalCost += costOf(row, columnOfRow[index] ?? null);
    if (pace.isDue(row.columns.length)) yield;
  }
  return {
    columnOfRow,
    totalCost,
    prices: {
      rows: prices.map((price, index) => price + (rows[index]?.unassignedCost ?? 0)),
      columns: columns.prices,
    },
  };
}

function costOf({ columns, costs, unassignedCost }: AssignmentRow, column: number | null): number {
  if (column === null) return unassignedCost;
  for (let at = 0; at < columns.length; at++) if (columns[at] === column) return costs[at] ?? 0;
  throw new Error(`no column ${column}`);
}
