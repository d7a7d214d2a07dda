/**
 * Which row gets which column so that the total cost is least: the linear assignment problem, with forbidden
 * pairs, more rows than columns or fewer, and rows that may stay unassigned.
 *
 * Rows are placed one after the other. Each takes the cheapest chain of exchanges: it takes a column, the row
 * that had it takes another, and so on, until one takes a free column or stays unassigned. Prices of rows and
 * columns make every step of a chain cost nothing or more, so that the shortest path is found as on a road map
 * (Jonker and Volgenant, Computing 38, 1987).
 */

import { ColumnQueue } from './columnQueue';
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
};

/** A row as it is placed. */
type PlacedRow = {
  index: number;
  unassignedCost: number;
  columns: Int32Array;
  costs: Float64Array;
  column: number | null;
  price: number;
};

/**
 * Who has what so far. No pair costs less than the prices of its row and its column together, and a pair that
 * is assigned costs exactly that. A free column has the price 0, and others less or the same. No row's price
 * is above the cost of leaving it unassigned.
 */
type Board = {
  ownerOf: (PlacedRow | undefined)[];
  prices: Float64Array;
  /** Of the search for a chain: the columns in reach, those taken from it, and through which row. */
  queue: ColumnQueue;
  taken: number[];
  reachedBy: (PlacedRow | undefined)[];
};

/** Where a chain of exchanges ends: a free column that it takes, or a row that stays unassigned; and its cost. */
type ChainEnd = { cost: number; freeColumn: number | null; unassigned: PlacedRow };

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
 * Assigns in short steps, between which the caller may let others run. A step takes time at most in proportion
 * to all pairs. Rows and costs are read first, a row a step.
 *
 * The same rows always get the same columns, of several assignments with the same total too. Of rows that are
 * alike, the first gets a column first.
 * @throws RangeError if a cost is not a number up to `Number.MAX_SAFE_INTEGER` either way, or a column is not
 *   one of `columnCount`, or comes twice in a row
 */
export function* assignmentSteps(
  rows: readonly AssignmentRow[],
  columnCount: number,
): Generator<void, Assignment, void> {
  const placed: PlacedRow[] = [];
  const lastRowOf = new Int32Array(columnCount).fill(-1);
  for (const row of rows) {
    placed.push(readRow(row, placed.length, lastRowOf));
    yield;
  }
  const board = emptyBoard(columnCount);
  for (const row of placed) {
    place(row, board);
    yield;
  }
  return {
    columnOfRow: placed.map(({ column }) => column),
    totalCost: placed.reduce((total, row) => total + costOf(row), 0),
  };
}

function readRow(
  { unassignedCost, columns, costs }: AssignmentRow,
  index: number,
  lastRowOf: Int32Array,
): PlacedRow {
  if (columns.length !== costs.length) {
    throw new RangeError(`row ${index}: ${columns.length} columns, but ${costs.length} costs`);
  }
  const row: PlacedRow = {
    index,
    unassignedCost: checkedCost(unassignedCost, index),
    columns: new Int32Array(columns.length),
    costs: new Float64Array(columns.length),
    column: null,
    price: 0,
  };
  for (let at = 0; at < columns.length; at++) {
    const column = columns[at] ?? -1;
    if (!(column in lastRowOf)) throw new RangeError(`row ${index}: no column ${column}`);
    if (lastRowOf[column] === index) throw new RangeError(`row ${index}: column ${column} comes twice`);
    lastRowOf[column] = index;
    row.columns[at] = column;
    row.costs[at] = checkedCost(costs[at], index);
  }
  return row;
}

function checkedCost(cost: number | undefined, row: number): number {
  if (cost !== undefined && Math.abs(cost) <= Number.MAX_SAFE_INTEGER) return cost;
  throw new RangeError(`row ${row}: ${cost} is no cost`);
}

function emptyBoard(columnCount: number): Board {
  return {
    ownerOf: new Array<PlacedRow | undefined>(columnCount).fill(undefined),
    prices: new Float64Array(columnCount),
    queue: new ColumnQueue(columnCount),
    taken: [],
    reachedBy: new Array<PlacedRow | undefined>(columnCount).fill(undefined),
  };
}

/** Places one more row by the cheapest chain of exchanges. */
function place(row: PlacedRow, board: Board): void {
  const end = findChain(row, board);
  adjustPrices(row, end.cost, board);
  if (end.freeColumn !== null) return moveAlong(row, end.freeColumn, board);
  const left = end.unassigned.column;
  end.unassigned.column = null;
  if (left !== null) moveAlong(row, left, board);
}

/** Looks for the cheapest chain from `first`: Dijkstra's algorithm over the costs less the prices. */
function findChain(first: PlacedRow, board: Board): ChainEnd {
  board.queue.clear();
  board.taken.length = 0;
  const end: ChainEnd = { cost: first.unassignedCost, freeColumn: null, unassigned: first };
  reachColumns(first, 0, end, board);
  for (;;) {
    const column = board.queue.take();
    const owner = column === null ? undefined : board.ownerOf[column];
    if (column === null || owner === undefined) return end;
    const distance = board.queue.distanceOf(column);
    if (!mayImprove(distance, end)) return end;
    board.taken.push(column);
    considerUnassigned(owner, distance, first, end);
    reachColumns(owner, distance, end, board);
  }
}

/** Whether a chain of this cost may be better: of equal ones a free column is best, then see `considerUnassigned`. */
function mayImprove(cost: number, end: ChainEnd): boolean {
  return end.freeColumn === null ? cost <= end.cost : cost < end.cost;
}

/** Of rows that could as well stay unassigned, the one that is placed now does, else the last. */
function considerUnassigned(row: PlacedRow, distance: number, first: PlacedRow, end: ChainEnd): void {
  const cost = distance + (row.unassignedCost - row.price);
  if (!mayImprove(cost, end)) return;
  if (cost === end.cost && (end.unassigned === first || row.index < end.unassigned.index)) return;
  end.cost = cost;
  end.freeColumn = null;
  end.unassigned = row;
}

/** Follows a row to its columns: the chain may end at a free one, or go on through one that is not. */
function reachColumns(row: PlacedRow, distance: number, end: ChainEnd, board: Board): void {
  const { columns, costs } = row;
  const { prices, queue, reachedBy, ownerOf } = board;
  const start = distance - row.price;
  for (let at = 0; at < columns.length; at++) {
    const column = valueAt(columns, at);
    const there = start + (valueAt(costs, at) - valueAt(prices, column));
    if (there > end.cost) continue;
    if (ownerOf[column] !== undefined) {
      if (mayImprove(there, end) && queue.bringNearer(column, there)) reachedBy[column] = row;
    } else if (mayImprove(there, end) || column < (end.freeColumn ?? 0)) {
      end.cost = there;
      end.freeColumn = column;
      reachedBy[column] = row;
    }
  }
}

/** What is nearer than the end of the chain becomes dearer by the difference, so that prices stay true. */
function adjustPrices(first: PlacedRow, cost: number, { taken, ownerOf, prices, queue }: Board): void {
  first.price = cost;
  for (const column of taken) {
    const difference = cost - queue.distanceOf(column);
    const owner = ownerOf[column];
    if (owner === undefined || difference <= 0) continue;
    owner.price += difference;
    prices[column] = valueAt(prices, column) - difference;
  }
}

/** Moves each row of the chain that ends at `end` to its new column, up to `first`. */
function moveAlong(first: PlacedRow, end: number, { ownerOf, reachedBy }: Board): void {
  let column: number | null = end;
  while (column !== null) {
    const row: PlacedRow | undefined = reachedBy[column];
    if (row === undefined) throw new Error(`column ${column} was not reached`);
    const left: number | null = row.column;
    ownerOf[column] = row;
    row.column = column;
    column = row === first ? null : left;
  }
}

function costOf({ column, columns, costs, unassignedCost }: PlacedRow): number {
  return column === null ? unassignedCost : valueAt(costs, columns.indexOf(column));
}
