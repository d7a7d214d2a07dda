import { z } from 'zod';

/** One step of a plan as EXPLAIN (ANALYZE, FORMAT JSON) says it; what is not read here is left out. */
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

/** @param result what pg gives for EXPLAIN (FORMAT JSON). @throws ZodError where it is no plan */
export function readPlan(result: unknown): PlanNode {
  return explained.parse(result).rows[0]['QUERY PLAN'][0].Plan;
}

/**
 * What is wrong with a plan, in words. `whole`: readings of a table that grows from end to end. `wasteful`:
 * steps that threw away far more than they gave.
 */
export type PlanFacts = { whole: WholeRead[]; wasteful: string[] };
export type WholeRead = { table: string; words: string };

/** How many rows each table has that grows with the work; a partition counts as a table. */
export type TableSizes = ReadonlyMap<string, number>;

/** As much of a table as this is taken for all of it, whatever way it was read. */
const WHOLE_SHARE = 0.5;
/** In a table of fewer rows it does not matter how it is read: PostgreSQL rightly reads it all. */
const SMALL_ROWS = 2_000;
/** A step that threw away fewer rows than this is cheap, whatever it gave. */
const WASTED_ROWS = 1_000;
const WASTED_RATIO = 10;

/**
 * Looks at each step: one that reads half of a growing table or more, be it by an index, and steps that throw
 * away a thousand rows and ten times what they give, be it by a filter or by a sort of which only the first
 * rows are taken. Rows are counted over all loops.
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
/** Workers share one reading of a table: each is a loop of it. */
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
