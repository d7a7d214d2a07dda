import { describe, expect, test } from '@jest/globals';
import { planFacts, type PlanNode } from '../../bench/plans/planFacts';

const SIZES = new Map([
  ['deliveries', 1_000_000],
  ['offers', 1_200_000],
  ['drivers', 500],
]);
const node = (type: string, rest: Partial<PlanNode> = {}): PlanNode => ({
  'Node Type': type,
  'Actual Rows': 10,
  'Actual Loops': 1,
  ...rest,
});
const wholeOf = (plan: PlanNode): string[] => planFacts(plan, SIZES).whole.map(({ table }) => table);

describe('a full scan of a growing table is found', () => {
  test('for a sequential scan at any depth of the plan', () => {
    expect(
      wholeOf(
        node('Limit', {
          Plans: [
            node('Sort', {
              Plans: [node('Seq Scan', { 'Relation Name': 'deliveries', 'Rows Removed by Filter': 999_990 })],
            }),
          ],
        }),
      ),
    ).toEqual(['deliveries']);
  });

  test('for a parallel scan', () => {
    expect(
      wholeOf(
        node('Parallel Seq Scan', {
          'Relation Name': 'deliveries',
          'Actual Loops': 3,
          'Rows Removed by Filter': 333_323,
        }),
      ),
    ).toEqual(['deliveries']);
  });

  test('for a scan of a whole index', () => {
    expect(
      wholeOf(
        node('Index Scan', {
          'Relation Name': 'offers',
          'Index Name': 'offers_pkey',
          'Rows Removed by Filter': 1_199_990,
        }),
      ),
    ).toEqual(['offers']);
  });

  test('but not for a scan cut short by a limit, a small table, or many look-ups', () => {
    expect(wholeOf(node('Limit', { Plans: [node('Seq Scan', { 'Relation Name': 'deliveries' })] }))).toEqual(
      [],
    );
    expect(wholeOf(node('Seq Scan', { 'Relation Name': 'drivers', 'Actual Rows': 500 }))).toEqual([]);
    expect(
      wholeOf(
        node('Nested Loop', {
          Plans: [
            node('Index Scan', { 'Relation Name': 'offers', 'Actual Rows': 1, 'Actual Loops': 1_200_000 }),
          ],
        }),
      ),
    ).toEqual([]);
  });

  test('but not for a table that does not grow', () => {
    expect(wholeOf(node('Seq Scan', { 'Relation Name': 'cities', 'Actual Rows': 5_000 }))).toEqual([]);
  });
});

describe('a wasteful node is found', () => {
  test('where its filter discards a thousand rows and ten times what it returns', () => {
    expect(
      planFacts(node('Index Scan', { 'Relation Name': 'deliveries', 'Rows Removed by Filter': 5_000 }), SIZES)
        .wasteful,
    ).toEqual(['Index Scan of deliveries throws away 5000 rows for 10']);
    expect(
      planFacts(node('Index Scan', { 'Relation Name': 'deliveries', 'Rows Removed by Filter': 900 }), SIZES)
        .wasteful,
    ).toEqual([]);
    expect(
      planFacts(
        node('Index Scan', {
          'Relation Name': 'deliveries',
          'Actual Rows': 4_000,
          'Rows Removed by Filter': 5_000,
        }),
        SIZES,
      ).wasteful,
    ).toEqual([]);
  });

  test('where it sorts far more than is taken', () => {
    expect(
      planFacts(node('Sort', { Plans: [node('Index Scan', { 'Actual Rows': 20_000 })] }), SIZES).wasteful,
    ).toEqual(['Sort throws away 19990 rows for 10']);
  });

  test('where a join discards what it produced', () => {
    expect(planFacts(node('Nested Loop', { 'Rows Removed by Join Filter': 8_000 }), SIZES).wasteful).toEqual([
      'Nested Loop throws away 8000 rows for 10',
    ]);
  });
});
