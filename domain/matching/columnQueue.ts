/** Columns by their distance, nearest first; of equally near ones, the one with the lowest index. */

import { valueAt } from './valueAt';

const NOT_REACHED = -1;
const TAKEN = -2;

/** A binary heap in which a column's distance may still shrink. A column that was taken does not come back. */
export class ColumnQueue {
  private readonly distances: Float64Array;
  /** The heap, and where in it each column is. */
  private readonly heap: Int32Array;
  private readonly positions: Int32Array;
  private size = 0;

  constructor(columnCount: number) {
    this.distances = new Float64Array(columnCount);
    this.heap = new Int32Array(columnCount);
    this.positions = new Int32Array(columnCount);
    this.clear();
  }

  /** Forgets all distances. */
  clear(): void {
    this.distances.fill(Infinity);
    this.positions.fill(NOT_REACHED);
    this.size = 0;
  }

  /** The shortest distance so far; Infinity = not reached. */
  distanceOf(column: number): number {
    return valueAt(this.distances, column);
  }

  /** Puts the column in, or brings it nearer; false if that brings nothing. */
  bringNearer(column: number, distance: number): boolean {
    const position = valueAt(this.positions, column);
    if (position === TAKEN || distance >= this.distanceOf(column)) return false;
    this.distances[column] = distance;
    this.rise(column, position === NOT_REACHED ? this.size++ : position);
    return true;
  }

  /** Takes the nearest column; null if none is left. */
  take(): number | null {
    if (this.size === 0) return null;
    const nearest = valueAt(this.heap, 0);
    this.positions[nearest] = TAKEN;
    this.size--;
    if (this.size > 0) this.sink(valueAt(this.heap, this.size), 0);
    return nearest;
  }

  private rise(column: number, from: number): void {
    let position = from;
    while (position > 0) {
      const above = (position - 1) >> 1;
      const parent = valueAt(this.heap, above);
      if (!this.isBefore(column, parent)) break;
      this.put(parent, position);
      position = above;
    }
    this.put(column, position);
  }

  private sink(column: number, from: number): void {
    let position = from;
    for (let below = 1; below < this.size; below = 2 * position + 1) {
      const nearer = this.nearerChild(below);
      const child = valueAt(this.heap, nearer);
      if (!this.isBefore(child, column)) break;
      this.put(child, position);
      position = nearer;
    }
    this.put(column, position);
  }

  /** The position of the nearer of the two columns at `left` and, where there is one, beside it. */
  private nearerChild(left: number): number {
    const right = left + 1;
    if (right >= this.size) return left;
    return this.isBefore(valueAt(this.heap, right), valueAt(this.heap, left)) ? right : left;
  }

  private put(column: number, position: number): void {
    this.heap[position] = column;
    this.positions[column] = position;
  }

  private isBefore(a: number, b: number): boolean {
    const difference = this.distanceOf(a) - this.distanceOf(b);
    return difference < 0 || (difference === 0 && a < b);
  }
}
