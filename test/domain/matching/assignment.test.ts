/** The assignment of least cost, against brute force on small problems and by a certificate on large ones. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  assign,
  type Assignment,
  assignmentSteps,
  type AssignmentRow,
} from '../../../domain/matching/assignment';
import { randomFrom } from '../../../simulator/kit/random';

type Problem = { rows: AssignmentRow[]; columnCount: number };
type Pair = readonly [column: number, cost: number];

const row = (unassignedCost: number, ...pairs: Pair[]): AssignmentRow => ({
  unassignedCost,
  columns: pairs.map(([column]) => column),
  costs: pairs.map(([, cost]) => cost),
});
const pairsOf = ({ columns, costs }: AssignmentRow): Pair[] =>
  Array.from(columns, (column, at) => [column, costs[at]!]);
const costIn = (given: AssignmentRow, wanted: number | null): number | undefined =>
  wanted === null ? given.unassignedCost : pairsOf(given).find(([column]) => column === wanted)?.[1];

const problems = (cost: fc.Arbitrary<number>, size = 5): fc.Arbitrary<Problem> =>
  fc
    .nat(size)
    .chain((columnCount) =>
      fc.record({
        columnCount: fc.constant(columnCount),
        rows: fc.array(
          fc.record({
            unassignedCost: cost,
            pairs: fc.uniqueArray(fc.tuple(fc.nat(Math.max(0, columnCount - 1)), cost), {
              selector: ([column]) => column,
              maxLength: columnCount,
            }),
          }),
          { maxLength: size },
        ),
      }),
    )
    .map(({ columnCount, rows }) => ({
      columnCount,
      rows: rows.map(({ unassignedCost, pairs }) => row(unassignedCost, ...pairs)),
    }));
/** Few values, so that many totals are equal. */
const fewCosts = fc.integer({ min: -3, max: 6 });
/** Rows that want the same columns in the same order, as deliveries of one shop do, with some pairs forbidden. */
const alikeProblems = fc
  .record({
    ofRows: fc.array(fewCosts, { maxLength: 8 }),
    ofColumns: fc.array(fewCosts, { maxLength: 8 }),
    forbidden: fc.array(fc.tuple(fc.nat(7), fc.nat(7)), { maxLength: 12 }),
  })
  .map(({ ofRows, ofColumns, forbidden }): Problem => ({
    columnCount: ofColumns.length,
    rows: ofRows.map((ofRow, at) =>
      row(
        3,
        ...ofColumns.flatMap((ofColumn, column): Pair[] =>
          forbidden.some(([r, c]) => r === at && c === column) ? [] : [[column, ofRow + ofColumn]],
        ),
      ),
    ),
  }));
const anyProblem = fc.oneof(
  problems(fewCosts, 8),
  alikeProblems,
  problems(fc.integer({ min: -100_000, max: 3_600_000 }), 7),
);

/** The least total cost, by trying everything: the best of each set of columns that the rows so far may have used. */
function leastCost(rows: readonly AssignmentRow[]): number {
  let best = new Map([[0, 0]]);
  for (const each of rows) {
    const next = new Map<number, number>();
    const offer = (used: number, cost: number) => next.set(used, Math.min(next.get(used) ?? Infinity, cost));
    for (const [used, cost] of best) {
      offer(used, cost + each.unassignedCost);
      for (const [column, more] of pairsOf(each))
        if ((used & (1 << column)) === 0) offer(used | (1 << column), cost + more);
    }
    best = next;
  }
  return Math.min(...best.values());
}

/** Each column at most once, possible pairs only, and the total is that of the rows. */
function expectSound({ rows, columnCount }: Problem, { columnOfRow, totalCost }: Assignment): void {
  expect(columnOfRow).toHaveLength(rows.length);
  const taken = columnOfRow.filter((column) => column !== null);
  expect(new Set(taken).size).toBe(taken.length);
  expect(taken.every((column) => column >= 0 && column < columnCount)).toBe(true);
  const costs = rows.map((each, at) => costIn(each, columnOfRow[at]!));
  expect(costs).not.toContain(undefined);
  expect(totalCost).toBeCloseTo(
    costs.reduce<number>((sum, cost) => sum + (cost ?? 0), 0),
    6,
  );
}

/**
 * Whether rows could exchange columns and pay less. Without such an exchange an assignment is optimal: the
 * graph of what each row would pay more for another's place has no cycle of negative length (Klein 1967).
 */
function canImprove(
  { rows, columnCount }: Problem,
  { columnOfRow }: Pick<Assignment, 'columnOfRow'>,
): boolean {
  const owner = new Array<number>(columnCount).fill(rows.length);
  columnOfRow.forEach((column, at) => column !== null && (owner[column] = at));
  // A last node stands for all that is free: free columns, and staying unassigned.
  const edges = rows.flatMap((each, from) => {
    const now = costIn(each, columnOfRow[from]!)!;
    return [
      { from, to: rows.length, cost: each.unassignedCost - now },
      { from: rows.length, to: from, cost: 0 },
      ...pairsOf(each).map(([column, cost]) => ({ from, to: owner[column]!, cost: cost - now })),
    ];
  });
  const distance = new Array<number>(rows.length + 1).fill(0);
  for (let round = 0; round <= rows.length; round++) {
    let nearer = false;
    for (const { from, to, cost } of edges) {
      if (distance[from]! + cost >= distance[to]!) continue;
      distance[to] = distance[from]! + cost;
      nearer = true;
    }
    if (!nearer) return false;
  }
  return true;
}

/** A city in minutes of way, in ms: each row reaches the nearest columns. */
function city(seed: string, rowCount: number, columnCount: number, reach: number): Problem {
  const random = randomFrom(seed);
  const place = () => ({ x: random.between(0, 1_200_000), y: random.between(0, 1_200_000) });
  const columns = Array.from({ length: columnCount }, place);
  const rows = Array.from({ length: rowCount }, () => {
    const { x, y } = place();
    const all = columns.map((at, column): Pair => [column, Math.round(Math.hypot(at.x - x, at.y - y))]);
    return row(900_000, ...all.sort(([, a], [, b]) => a - b).slice(0, reach));
  });
  return { rows, columnCount };
}

/**
 * The prices prove that no total is less: each row pays its price at least, wherever it goes, if each column is paid
 * for; and the assignment pays no more than all prices together.
 */
function isProven({ rows, columnCount }: Problem, { totalCost, prices }: Assignment): boolean {
  expect(prices.rows).toHaveLength(rows.length);
  expect(prices.columns).toHaveLength(columnCount);
  const sum = (values: Float64Array): number => values.reduce((total, each) => total + each, 0);
  return (
    prices.columns.every((price) => price <= 0) &&
    rows.every((each, at) => {
      const price = prices.rows[at]!;
      if (price > each.unassignedCost) return false;
      for (let n = 0; n < each.columns.length; n++)
        if (price + prices.columns[each.columns[n]!]! > each.costs[n]!) return false;
      return true;
    }) &&
    sum(prices.rows) + sum(prices.columns) === totalCost
  );
}

/** All pairs possible but a few, with costs of a shape. */
const SHAPES = {
  'one pickup': (ofRow, ofColumn) => ofRow + ofColumn + Math.max(ofRow, ofColumn),
  'one place': () => 7,
  'few costs': (_ofRow, _ofColumn, any) => Math.floor(any * 4),
  'any cost': (_ofRow, _ofColumn, any) => Math.floor(any * 1e6),
} satisfies Record<string, (ofRow: number, ofColumn: number, any: number) => number>;
type ShapeName = keyof typeof SHAPES;

function dense(shape: ShapeName, rowCount: number, columnCount: number): Problem {
  const random = randomFrom(`${shape} ${rowCount} ${columnCount}`);
  const ofColumns = Array.from({ length: columnCount }, () => Math.floor(random.between(0, 1_000_000)));
  const costOf = SHAPES[shape];
  const rows = Array.from({ length: rowCount }, () => {
    const ofRow = Math.floor(random.between(0, 1_000_000));
    const columns = ofColumns.flatMap((_, column) => (random.chance(0.95) ? [column] : []));
    const costs = columns.map((column) => costOf(ofRow, ofColumns[column]!, random.next()));
    return { unassignedCost: 5_000_000, columns, costs };
  });
  return { rows, columnCount };
}
const SHAPE_NAMES: ShapeName[] = ['one pickup', 'one place', 'few costs', 'any cost'];

describe('assign', () => {
  it('finds the least total cost, as trying everything does', () => {
    fc.assert(
      fc.property(anyProblem, (problem) => {
        const found = assign(problem.rows, problem.columnCount);
        expectSound(problem, found);
        expect(found.totalCost).toBe(leastCost(problem.rows));
      }),
      { numRuns: 1_000 },
    );
  });

  it('finds it for fractions too, but for rounding', () => {
    fc.assert(
      fc.property(problems(fc.double({ min: -1e3, max: 1e3, noNaN: true })), (problem) => {
        const found = assign(problem.rows, problem.columnCount);
        expectSound(problem, found);
        expect(found.totalCost).toBeCloseTo(leastCost(problem.rows), 6);
      }),
    );
  });

  it.each([
    ['as many rows as columns', 150, 150, 150],
    ['more rows than columns', 200, 90, 90],
    ['fewer rows than columns', 90, 200, 200],
    ['only near pairs possible', 300, 250, 12],
    ['hardly a pair possible', 300, 300, 2],
  ])('leaves no exchange that pays, with %s', (name, rowCount, columnCount, reach) => {
    const problem = city(name, rowCount, columnCount, reach);
    const found = assign(problem.rows, problem.columnCount);
    expectSound(problem, found);
    expect(canImprove(problem, found)).toBe(false);
  });

  describe.each(SHAPE_NAMES)('of many rows with %s', (shape) => {
    it.each([
      [160, 160],
      [240, 100],
      [100, 240],
      [300, 20],
      [20, 300],
    ])('proves its total, %d rows and %d columns', (rowCount, columnCount) => {
      const problem = dense(shape, rowCount, columnCount);
      const found = assign(problem.rows, problem.columnCount);
      expectSound(problem, found);
      expect(isProven(problem, found)).toBe(true);
    });
  });

  it('proves its total whatever the problem', () => {
    fc.assert(
      fc.property(anyProblem, (problem) => {
        expect(isProven(problem, assign(problem.rows, problem.columnCount))).toBe(true);
      }),
    );
  });

  it('is held to that by a proof that fails for a greater total', () => {
    const problem = dense('any cost', 30, 20);
    const found = assign(problem.rows, problem.columnCount);
    expect(isProven(problem, { ...found, totalCost: found.totalCost + 1 })).toBe(false);
    const dearer = {
      ...found.prices,
      rows: found.prices.rows.map((price, at) => (at === 3 ? price + 1 : price)),
    };
    expect(isProven(problem, { ...found, totalCost: found.totalCost + 1, prices: dearer })).toBe(false);
  });

  it('is held to that by a check that sees a worse assignment', () => {
    fc.assert(
      fc.property(problems(fewCosts), (problem) => {
        const nobody = problem.rows.map(() => null);
        const total = problem.rows.reduce((sum, { unassignedCost }) => sum + unassignedCost, 0);
        expect(canImprove(problem, { columnOfRow: nobody })).toBe(total > leastCost(problem.rows));
      }),
    );
  });

  it('leaves a row unassigned when that costs less than any of its columns', () => {
    expect(assign([row(5, [0, 6], [1, 9])], 2)).toMatchObject({ columnOfRow: [null], totalCost: 5 });
  });

  it('lets a row wait for which another column is far dearer, and serves the other', () => {
    const rows = [row(100, [0, 10]), row(1_000, [0, 20])];
    expect(assign(rows, 1)).toMatchObject({ columnOfRow: [null, 0], totalCost: 120 });
  });

  it('has an answer without rows, and without columns', () => {
    expect(assign([], 3)).toMatchObject({ columnOfRow: [], totalCost: 0 });
    expect(assign([row(4), row(-1)], 0)).toMatchObject({ columnOfRow: [null, null], totalCost: 3 });
  });

  describe('when totals are equal', () => {
    it('takes the lower column, and rather a column than none', () => {
      expect(assign([row(7, [2, 7], [1, 7])], 3).columnOfRow).toEqual([1]);
    });

    it('serves the first of rows that are alike', () => {
      fc.assert(
        fc.property(anyProblem, fc.nat(4), fc.nat(4), ({ rows, columnCount }, first, between) => {
          const like = rows[first];
          if (!like) return;
          const second = Math.min(rows.length, first + 1 + between);
          const { columnOfRow } = assign(rows.toSpliced(second, 0, { ...like }), columnCount);
          if (columnOfRow[first] === null) expect(columnOfRow[second]).toBeNull();
        }),
      );
    });

    it('does not depend on the order in which a row names its columns', () => {
      fc.assert(
        fc.property(problems(fewCosts), ({ rows, columnCount }) => {
          const turned = rows.map((each) => row(each.unassignedCost, ...pairsOf(each).reverse()));
          expect(assign(turned, columnCount)).toEqual(assign(rows, columnCount));
        }),
      );
    });

    it('comes to the same again', () => {
      fc.assert(
        fc.property(anyProblem, ({ rows, columnCount }) =>
          expect(assign(rows, columnCount)).toEqual(assign(rows, columnCount)),
        ),
      );
    });

    it('pays the same in whatever order the rows come', () => {
      const shuffled = problems(fewCosts).chain((problem) =>
        fc.tuple(fc.constant(problem), fc.shuffledSubarray(problem.rows, { minLength: problem.rows.length })),
      );
      fc.assert(
        fc.property(shuffled, ([{ rows, columnCount }, mixed]) =>
          expect(assign(mixed, columnCount).totalCost).toBe(assign(rows, columnCount).totalCost),
        ),
      );
    });
  });

  it.each([
    ['a cost that is not a number', [row(1, [0, NaN])]],
    ['an infinite cost', [row(1, [0, Infinity])]],
    ['an infinite cost of staying unassigned', [row(Infinity, [0, 1])]],
    ['a cost too great to add up', [row(1, [0, -1e300])]],
    ['a column that is not there', [row(1, [2, 1])]],
    ['a column below the first', [row(1, [-1, 1])]],
    ['a column between two', [row(1, [0.5, 1])]],
    ['a column twice in a row', [row(1, [1, 1], [1, 2])]],
    ['a column without its cost', [{ unassignedCost: 1, columns: [0, 1], costs: [1] }]],
    ['a cost without its column', [{ unassignedCost: 1, columns: [0], costs: [1, 2] }]],
  ])('refuses %s', (_, rows) => {
    expect(() => assign(rows, 2)).toThrow(RangeError);
  });
});

/** So many pairs a step, about (pairTable.ts). */
const PAIRS_A_STEP = 50_000;

function stepsOf({ rows, columnCount }: Problem): { found: Assignment; count: number } {
  const steps = assignmentSteps(rows, columnCount);
  for (let count = 0; ; count++) {
    const step = steps.next();
    if (step.done) return { found: step.value, count };
  }
}

describe('assignmentSteps', () => {
  it('comes to the same assignment', () => {
    const problem = city('steps', 400, 300, 200);
    const { found, count } = stepsOf(problem);
    expect(found).toEqual(assign(problem.rows, problem.columnCount));
    expect(count).toBeGreaterThan(10);
  });

  /** Placing the rows one by one looks at each pair 280 times for one pickup, and more the more there are. */
  it.each([
    ['one pickup', 600, 600],
    ['one pickup', 600, 500],
    ['one pickup', 500, 600],
    ['one place', 600, 600],
    ['one place', 900, 300],
    ['few costs', 600, 600],
    ['any cost', 600, 600],
    ['any cost', 2_000, 50],
    ['any cost', 50, 2_000],
  ] as const)(
    'looks at no pair more than 150 times on average: %s, %d rows, %d columns',
    (shape, rowCount, columnCount) => {
      const problem = dense(shape, rowCount, columnCount);
      const pairs = problem.rows.reduce((sum, { columns }) => sum + columns.length, 0);
      expect((stepsOf(problem).count * PAIRS_A_STEP) / pairs).toBeLessThan(150);
    },
  );
});
