import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CsvError, parse } from 'csv-parse/sync';
import { z } from 'zod';
import { UsageError } from '../kit/arguments';

/** A place on the day's plane, in metres. */
export type Place = { x: number; y: number };

export type DayOrder = Place & {
  id: string;
  restaurantId: string;
  placementMinute: number;
  readyMinute: number;
};
export type DayCourier = Place & { id: string; onMinute: number; offMinute: number };
export type DayRestaurant = Place & { id: string };

/**
 * The rules of a day: speed in metres per minute, service times in minutes. Half of a service time comes
 * before the pickup or drop-off, and half after it.
 */
export type DayRules = {
  metersPerMinute: number;
  pickupServiceMinutes: number;
  dropoffServiceMinutes: number;
};

/** One day of the Meal Delivery Routing Problem set (Reyes et al., 2018). Times are minutes of the day. */
export type Day = {
  rules: DayRules;
  /** Sorted by placement, then by id. */
  orders: readonly DayOrder[];
  couriers: readonly DayCourier[];
  restaurants: ReadonlyMap<string, DayRestaurant>;
};

/**
 * A file of a day is missing or wrong. The message names the file, the line (1 = the header) and the problem.
 */
export class DayError extends UsageError {
  override name = 'DayError';

  constructor(
    readonly file: string,
    readonly line: number | null,
    readonly problem: string,
  ) {
    super(line === null ? `${file}: ${problem}` : `${file}, line ${line}: ${problem}`);
  }
}

/** The text of the four files of a day's folder. */
export type DayFiles = Readonly<Record<DayFileName, string>>;
export type DayFileName = 'instance_parameters.txt' | 'restaurants.txt' | 'couriers.txt' | 'orders.txt';

/**
 * Reads a day's folder.
 * @throws DayError
 */
export async function readDay(folder: string): Promise<Day> {
  const read = (name: DayFileName): Promise<string> => readText(folder, name);
  return parseDay({
    'instance_parameters.txt': await read('instance_parameters.txt'),
    'restaurants.txt': await read('restaurants.txt'),
    'couriers.txt': await read('couriers.txt'),
    'orders.txt': await read('orders.txt'),
  });
}

/**
 * Parses a day from the text of its files.
 * @throws DayError at the first problem
 */
export function parseDay(files: DayFiles): Day {
  const rules = parseRules(files['instance_parameters.txt']);
  const restaurants = byId(
    'restaurants.txt',
    parseRows('restaurants.txt', files['restaurants.txt'], RESTAURANT_COLUMNS).map(restaurantOf),
  );
  const couriers = [
    ...byId(
      'couriers.txt',
      parseRows('couriers.txt', files['couriers.txt'], COURIER_COLUMNS).map(courierOf),
    ).values(),
  ];
  const orders = [
    ...byId(
      'orders.txt',
      parseRows('orders.txt', files['orders.txt'], ORDER_COLUMNS).map((row) => orderOf(row, restaurants)),
    ).values(),
  ];
  return { rules, restaurants, couriers, orders: orders.sort(byPlacement) };
}

const PARAMETER_COLUMNS = ['meters_per_minute', 'pickup service minutes', 'dropoff service minutes'] as const;
const RESTAURANT_COLUMNS = ['restaurant', 'x', 'y'] as const;
const COURIER_COLUMNS = ['courier', 'x', 'y', 'on_time', 'off_time'] as const;
const ORDER_COLUMNS = ['order', 'x', 'y', 'placement_time', 'restaurant', 'ready_time'] as const;
const ID = /^[A-Za-z0-9_-]{1,40}$/;
const NUMBER = /^-?\d{1,9}(\.\d{1,9})?$/;

async function readText(folder: string, name: DayFileName): Promise<string> {
  try {
    return await readFile(join(folder, name), 'utf8');
  } catch (error) {
    const isMissing =
      typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT';
    throw new DayError(
      join(folder, name),
      null,
      isMissing ? 'there is no such file' : `cannot be read: ${String(error)}`,
    );
  }
}

/** One row of a file, with its line for error messages. */
class Row {
  constructor(
    readonly file: DayFileName,
    readonly line: number,
    private readonly cells: Readonly<Record<string, string>>,
  ) {}

  id(column: string): string {
    const text = this.cells[column] ?? '';
    return ID.test(text) ? text : this.refuse(column, text, 'letters, digits, _ and - only');
  }

  number(column: string, { min }: { min: number } = { min: -Infinity }): number {
    const text = this.cells[column] ?? '';
    if (!NUMBER.test(text)) return this.refuse(column, text, 'a number');
    return Number(text) >= min ? Number(text) : this.refuse(column, text, `at least ${min}`);
  }

  refuse(column: string, text: string, wanted: string): never {
    throw new DayError(
      this.file,
      this.line,
      `${column} is ${JSON.stringify(text.slice(0, 40))}; it must be ${wanted}`,
    );
  }

  wrong(problem: string): never {
    throw new DayError(this.file, this.line, problem);
  }
}

function parseRows(file: DayFileName, text: string, columns: readonly string[]): Row[] {
  const rows = parseCells(file, text);
  const header = rows[0];
  if (!header) throw new DayError(file, 1, 'the file is empty');
  const missing = columns.filter((column) => !header.cells.includes(column));
  if (missing.length > 0)
    throw new DayError(
      file,
      header.line,
      `no column ${missing.map((name) => JSON.stringify(name)).join(', ')}`,
    );
  if (rows.length === 1) throw new DayError(file, header.line, 'no row below the header');
  return rows
    .slice(1)
    .map(({ line, cells }) => new Row(file, line, namedCells(file, line, header.cells, cells)));
}

function namedCells(
  file: DayFileName,
  line: number,
  names: readonly string[],
  cells: readonly string[],
): Record<string, string> {
  if (cells.length !== names.length)
    throw new DayError(file, line, `${cells.length} columns; the header has ${names.length}`);
  return Object.fromEntries(names.map((name, at) => [name, cells[at] ?? '']));
}

/** A row with `info: true`. The types of csv-parse omit this form. */
const WITH_LINES = z.array(z.object({ record: z.array(z.string()), info: z.object({ lines: z.number() }) }));

type Cells = { line: number; cells: string[] };

/** Parses tab-separated rows, each with its line. */
function parseCells(file: DayFileName, text: string): Cells[] {
  try {
    const records = parse(text, {
      delimiter: '\t',
      bom: true,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
      quote: null,
    });
    return WITH_LINES.parse(records).map(({ record, info }) => ({ line: info.lines, cells: record }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new DayError(file, typeof error.lines === 'number' ? error.lines : null, error.message);
  }
}

function parseRules(text: string): DayRules {
  const rows = parseRows('instance_parameters.txt', text, PARAMETER_COLUMNS);
  const [row, second] = rows;
  if (!row || second)
    throw new DayError(
      'instance_parameters.txt',
      second?.line ?? 1,
      'exactly one row of parameters is wanted',
    );
  return {
    metersPerMinute: row.number('meters_per_minute', { min: 1 }),
    pickupServiceMinutes: row.number('pickup service minutes', { min: 0 }),
    dropoffServiceMinutes: row.number('dropoff service minutes', { min: 0 }),
  };
}

type Identified<T> = { row: Row; value: T };

function restaurantOf(row: Row): Identified<DayRestaurant> {
  return { row, value: { id: row.id('restaurant'), x: row.number('x'), y: row.number('y') } };
}

function courierOf(row: Row): Identified<DayCourier> {
  const value = {
    id: row.id('courier'),
    x: row.number('x'),
    y: row.number('y'),
    onMinute: row.number('on_time', { min: 0 }),
    offMinute: row.number('off_time', { min: 0 }),
  };
  if (value.offMinute <= value.onMinute)
    row.wrong(`off_time ${value.offMinute} is not after on_time ${value.onMinute}`);
  return { row, value };
}

function orderOf(row: Row, restaurants: ReadonlyMap<string, DayRestaurant>): Identified<DayOrder> {
  const value = {
    id: row.id('order'),
    x: row.number('x'),
    y: row.number('y'),
    restaurantId: row.id('restaurant'),
    placementMinute: row.number('placement_time', { min: 0 }),
    readyMinute: row.number('ready_time', { min: 0 }),
  };
  if (!restaurants.has(value.restaurantId))
    row.wrong(`restaurant ${value.restaurantId} is not in restaurants.txt`);
  if (value.readyMinute < value.placementMinute)
    row.wrong(`ready_time ${value.readyMinute} is before placement_time ${value.placementMinute}`);
  return { row, value };
}

function byId<T extends { id: string }>(
  file: DayFileName,
  identified: readonly Identified<T>[],
): Map<string, T> {
  const found = new Map<string, T>();
  for (const { row, value } of identified) {
    if (found.has(value.id)) throw new DayError(file, row.line, `${value.id} stands here a second time`);
    found.set(value.id, value);
  }
  return found;
}

function byPlacement(a: DayOrder, b: DayOrder): number {
  return a.placementMinute - b.placementMinute || (a.id < b.id ? -1 : 1);
}
