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

describe('a growing table is read whole', () => {
  test('by a sequential scan, however deep it stands in the plan', () => {
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

  test('by workers who share it', () => {
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

  test('by an index that is walked from end to end', () => {
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

  test('but not where a limit ends the scan soon, the table is small, or many look-ups add up to it', () => {
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

  test('and what is no growing table may be', () => {
    expect(wholeOf(node('Seq Scan', { 'Relation Name': 'cities', 'Actual Rows': 5_000 }))).toEqual([]);
  });
});

describe('a step is wasteful', () => {
  test('where its filter throws away a thousand rows and ten times what it gives', () => {
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

  test('where a join throws away what it put together', () => {
    expect(planFacts(node('Nested Loop', { 'Rows Removed by Join Filter': 8_000 }), SIZES).wasteful).toEqual([
      'Nested Loop throws away 8000 rows for 10',
    ]);
  });
});
