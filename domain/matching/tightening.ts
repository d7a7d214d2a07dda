/**
 * From prices that are nearly right to prices that are true: no pair costs less than its two prices together, and a
 * pair that is made costs exactly that. Where a row would rather have another column, that column gets dearer, and
 * its own row with it, who may then look elsewhere. Rows for which that goes on and on are left alone, for chains of
 * exchanges.
 */

import { leaveAlone, NOBODY, type Pace, pairCount, pairUp, type Side } from './pairTable';
import { valueAt } from './valueAt';

/** How often a row is looked at. */
const MOST_VISITS = 16;

/** Makes the prices true. It keeps the pairs that it can; some are left alone that should not be. */
export function* tightenSteps(rows: Side, columns: Side, pace: Pace): Generator<void, void> {
  const waiting = new Waiting(rows.count);
  for (let row = 0; row < rows.count; row++) {
    priceByPair(rows, columns, row);
    waiting.add(row);
    if (pace.isDue(pairCount(rows, row))) yield;
  }
  for (let row = waiting.next(); row !== NOBODY; row = waiting.next()) {
    if (waiting.visitsOf(row) > MOST_VISITS) leaveAlone(rows, columns, row);
    if (valueAt(rows.partnerOf, row) === NOBODY) priceAlone(rows, columns, row);
    else holdOn(rows, columns, row, waiting);
    if (pace.isDue(2 * pairCount(rows, row))) yield;
  }
}

/** The price of a row is what its pair costs less the price of its column. A row that would rather be alone is. */
function priceByPair(rows: Side, columns: Side, row: number): void {
  const { starts, partners, costs, partnerOf, prices } = rows;
  const column = valueAt(partnerOf, row);
  prices[row] = 0;
  if (column === NOBODY) return;
  let at = valueAt(starts, row);
  while (valueAt(partners, at) !== column) at++;
  prices[row] = valueAt(costs, at) - valueAt(columns.prices, column);
  capPrice(rows, columns, row);
}

function capPrice(rows: Side, columns: Side, row: number): void {
  if (valueAt(rows.prices, row) <= 0) return;
  rows.prices[row] = 0;
  leaveAlone(rows, columns, row);
}

/** The highest price that no pair of a row without a column contradicts. */
function priceAlone({ starts, partners, costs, prices }: Side, columns: Side, row: number): void {
  let price = 0;
  const end = valueAt(starts, row + 1);
  for (let at = valueAt(starts, row); at < end; at++) {
    const there = valueAt(costs, at) - valueAt(columns.prices, valueAt(partners, at));
    if (there < price) price = there;
  }
  prices[row] = price;
}

/** Moves a row to a better free column if there is one. Other columns that it would rather have get dearer. */
function holdOn(rows: Side, columns: Side, row: number, waiting: Waiting): void {
  const { starts, partners, costs, prices } = rows;
  const [start, end] = [valueAt(starts, row), valueAt(starts, row + 1)];
  let price = valueAt(prices, row);
  let free = NOBODY;
  let isEnvious = false;
  for (let at = start; at < end; at++) {
    const column = valueAt(partners, at);
    const there = valueAt(costs, at) - valueAt(columns.prices, column);
    if (there >= price) continue;
    isEnvious = true;
    if (valueAt(columns.partnerOf, column) !== NOBODY) continue;
    price = there;
    free = column;
  }
  if (!isEnvious) return;
  if (free !== NOBODY) pairUp(rows, columns, row, free);
  prices[row] = price;
  for (let at = start; at < end; at++) {
    const column = valueAt(partners, at);
    const tooCheap = price - (valueAt(costs, at) - valueAt(columns.prices, column));
    if (tooCheap > 0) makeDearer(rows, columns, column, tooCheap, waiting);
  }
}

/** A column gets dearer, and so does the row that has it, which may want another now. */
function makeDearer(rows: Side, columns: Side, column: number, by: number, waiting: Waiting): void {
  columns.prices[column] = valueAt(columns.prices, column) - by;
  const row = valueAt(columns.partnerOf, column);
  if (row === NOBODY) return;
  rows.prices[row] = valueAt(rows.prices, row) + by;
  capPrice(rows, columns, row);
  waiting.add(row);
}

/** Rows that are to be looked at, first come, first served, each once at a time. */
class Waiting {
  private readonly queue: Int32Array;
  private readonly isIn: Uint8Array;
  private readonly visits: Int32Array;
  private first = 0;
  private size = 0;

  constructor(rowCount: number) {
    this.queue = new Int32Array(rowCount);
    this.isIn = new Uint8Array(rowCount);
    this.visits = new Int32Array(rowCount);
  }

  add(row: number): void {
    if (this.isIn[row] === 1) return;
    this.isIn[row] = 1;
    this.queue[(this.first + this.size++) % this.queue.length] = row;
  }

  /** The next row; `NOBODY` = none waits. */
  next(): number {
    if (this.size === 0) return NOBODY;
    const row = valueAt(this.queue, this.first);
    this.first = (this.first + 1) % this.queue.length;
    this.size--;
    this.isIn[row] = 0;
    this.visits[row] = this.visitsOf(row) + 1;
    return row;
  }

  visitsOf(row: number): number {
    return valueAt(this.visits, row);
  }
}
