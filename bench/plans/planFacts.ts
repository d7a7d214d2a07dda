import { z } from 'zod';

/** One node of a plan from EXPLAIN (ANALYZE, FORMAT JSON), reduced to the fields used here. */
export type PlanNode = {
  'Node Type': string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  'Rows Removed by Join Filter'?: number;
  Plans?: PlanNode[];
};

const node: z.ZodType<PlanNode> = z.lazy(() =>
  z.object({
    'Node Type': z.string(),
    'Actual Rows': z.number(),
    'Actual Loops': z.number(),
    'Relation Name': z.string().optional(),
    'Index Name': z.string().optional(),
    'Rows Removed by Filter': z.number().optional(),
    'Rows Removed by Index Recheck': z.number().optional(),
    'Rows Removed by Join Filter': z.number().optional(),
    Plans: z.array(node).optional(),
  }),
);
const explained = z.object({
  rows: z.tuple([z.object({ 'QUERY PLAN': z.tuple([z.object({ Plan: node })]) })]),
});

/**
 * @param result what pg returns for EXPLAIN (FORMAT JSON).
 * @throws ZodError where it is not a plan
 */
export function readPlan(result: unknown): PlanNode {
  return explained.parse(result).rows[0]['QUERY PLAN'][0].Plan;
}

/**
 * The problems of a plan, in words. `whole`: full scans of growing tables. `wasteful`: nodes that discard far
 * more rows than they return.
 */
export type PlanFacts = { whole: WholeRead[]; wasteful: string[] };
export type WholeRead = { table: string; words: string };

/** The row counts of tables that grow with the work; each partition counts as a table. */
export type TableSizes = ReadonlyMap<string, number>;

/** A read of at least this share of a table counts as a full scan, whatever the scan method. */
const WHOLE_SHARE = 0.5;
/** In smaller tables the scan method does not matter: PostgreSQL rightly scans them. */
const SMALL_ROWS = 2_000;
/** A node that discards fewer rows than this is cheap. */
const WASTED_ROWS = 1_000;
const WASTED_RATIO = 10;

/**
 * Inspects each node. Reports reads of at least half of a growing table, even through an index. Reports nodes
 * that discard a thousand rows and ten times what they return, by a filter or by a sort with a limit. Rows
 * are counted over all loops.
 */
export function planFacts(plan: PlanNode, sizes: TableSizes): PlanFacts {
  const facts: PlanFacts = { whole: [], wasteful: [] };
  visit(plan, (each) => {
    const table = each['Relation Name'];
    const size = sizes.get(table ?? '') ?? 0;
    const seen = givenBy(each) + removedBy(each);
    const isScan = each['Node Type'].endsWith('Seq Scan') || isIndexScan(each);
    if (
      table !== undefined &&
      size >= SMALL_ROWS &&
      isScan &&
      seen / Math.max(1, loopsOf(each)) >= size * WHOLE_SHARE
    )
      facts.whole.push({ table, words: `${words(each)} reads ${Math.round(seen)} of ${size} rows` });
    const wasted = wastedBy(each);
    if (wasted >= WASTED_ROWS && wasted >= WASTED_RATIO * givenBy(each))
      facts.wasteful.push(
        `${words(each)} throws away ${Math.round(wasted)} rows for ${Math.round(givenBy(each))}`,
      );
  });
  return facts;
}

function visit(plan: PlanNode, look: (node: PlanNode) => void): void {
  look(plan);
  for (const part of plan.Plans ?? []) visit(part, look);
}

const isIndexScan = (each: PlanNode): boolean =>
  ['Index Scan', 'Index Only Scan', 'Bitmap Heap Scan'].includes(each['Node Type']);
/** Parallel workers share one scan of a table: each is a loop of it. */
const loopsOf = (each: PlanNode): number =>
  each['Node Type'].startsWith('Parallel') ? 1 : each['Actual Loops'];
const givenBy = (each: PlanNode): number => each['Actual Rows'] * each['Actual Loops'];
const removedBy = (each: PlanNode): number =>
  ((each['Rows Removed by Filter'] ?? 0) + (each['Rows Removed by Index Recheck'] ?? 0)) *
  each['Actual Loops'];

function wastedBy(each: PlanNode): number {
  const isSort = each['Node Type'].endsWith('Sort');
  const sorted = isSort
    ? (each.Plans ?? []).reduce((sum, part) => sum + givenBy(part), 0) - givenBy(each)
    : 0;
  return (
    removedBy(each) + (each['Rows Removed by Join Filter'] ?? 0) * each['Actual Loops'] + Math.max(0, sorted)
  );
}

function words(each: PlanNode): string {
  const [table, index] = [each['Relation Name'], each['Index Name']];
  return `${each['Node Type']}${index === undefined ? '' : ` by ${index}`}${table === undefined ? '' : ` of ${table}`}`;
}
