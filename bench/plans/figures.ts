import { percentileOf } from '../../simulator/client/latencies';
import type { Call } from './calls';
import type { WholeRead } from './planFacts';
import type { StatementFigures, StatementWatch } from './statements';

/** The figures of the slowest kind of statement of a call, and the problems in the plans of all of them. */
export type CallFigures = {
  call: string;
  times: number;
  texts: string[];
  p50Ms: number;
  p99Ms: number;
  slowest: string;
  whole: string[];
  wasteful: string[];
  byDesign: string[];
};

type Measured = { statements: StatementFigures[]; times: number };

/**
 * How many times plans are inspected before and after the timing: with other ids, and once statements are
 * prepared, plans may differ. PostgreSQL switches to a generic plan at the sixth execution.
 */
const PLANS = 3;
const WARM = 6;

/**
 * Inspects the plans of a call, times it, and inspects the plans again.
 * @throws what the call throws
 */
export async function measure(watch: StatementWatch, call: Call, wanted: number): Promise<Measured> {
  const times = Math.min(wanted, call.most ?? wanted);
  const statements: StatementFigures[] = [];
  const look = async (): Promise<void> => {
    for (let plan = 0; plan < Math.min(PLANS, times); plan += 1)
      statements.push(
        ...(await watch.during('plan', await call.next())).map(({ text, facts }) => ({
          text,
          facts,
          tookMs: [],
        })),
      );
  };
  await look();
  for (let time = 0; time < times; time += 1)
    statements.push(...(await watch.during('time', await call.next())));
  if (times >= WARM) await look();
  return { statements, times };
}

export function figuresOf({ name: call, readsAll }: Call, { statements, times }: Measured): CallFigures {
  const byText = new Map<string, number[]>();
  for (const { text, tookMs } of statements) byText.set(text, [...(byText.get(text) ?? []), ...tookMs]);
  const at = (tookMs: readonly number[], percent: number): number =>
    Math.round((percentileOf(tookMs, percent) ?? 0) * 10) / 10;
  const kinds = [...byText]
    .map(([text, tookMs]) => ({ text, p50Ms: at(tookMs, 50), p99Ms: at(tookMs, 99) }))
    .sort((a, b) => b.p99Ms - a.p99Ms);
  const facts = statements.flatMap((each) => each.facts);
  const [slowest] = kinds;
  const whole = facts.flatMap((each) => each.whole);
  const isByDesign = (of: string): boolean =>
    readsAll !== undefined && readsAll.tables.some((table) => of.startsWith(table));
  const wordsOf = (reads: readonly WholeRead[]): string[] => [...new Set(reads.map(({ words }) => words))];
  return {
    call,
    times,
    texts: kinds.map(({ text }) => text),
    p50Ms: slowest?.p50Ms ?? 0,
    p99Ms: slowest?.p99Ms ?? 0,
    slowest: slowest?.text.slice(0, 200) ?? '',
    whole: wordsOf(whole.filter(({ table }) => !isByDesign(table))),
    byDesign: wordsOf(whole.filter(({ table }) => isByDesign(table))).map(
      (each) => `${each}: ${readsAll?.why ?? ''}`,
    ),
    wasteful: [...new Set(facts.flatMap(({ wasteful }) => wasteful))],
  };
}

export function table(figures: readonly CallFigures[]): string {
  const row = (cells: readonly (string | number)[]): string =>
    cells.map((cell, at) => (at === 0 ? String(cell).padEnd(66) : String(cell).padStart(9))).join('');
  const found = (words: string, lines: readonly string[]): string[] =>
    lines.slice(0, 3).map((line) => `    ${words}: ${line}`);
  return [
    '',
    row(['call', 'kinds', 'p50 ms', 'p99 ms']),
    ...figures.flatMap(({ call, texts, p50Ms, p99Ms, whole, byDesign, wasteful }) => [
      row([call, texts.length, p50Ms, p99Ms]),
      ...found('WHOLE', whole),
      ...found('whole by design', byDesign),
      ...found('wasteful', wasteful),
    ]),
    '',
  ].join('\n');
}
