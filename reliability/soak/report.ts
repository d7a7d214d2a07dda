import { writeFileSync } from 'node:fs';
import { stringify } from 'csv-stringify/sync';
import type { Judgement } from './leaks';
import { namesOf, type Sample } from './sample';

/** The order of the table: leaks come first. */
const ORDER: Readonly<Record<Judgement['verdict'], number>> = {
  leaks: 0,
  'too few readings': 1,
  steady: 2,
  shown: 3,
};

/** One line for each resource. */
export function tableOf(judged: ReadonlyMap<string, Judgement>): string {
  const row = (cells: readonly string[]): string =>
    cells.map((cell, at) => (at === 0 ? cell.padEnd(36) : cell.padStart(13))).join('');
  const lines = [...judged]
    .sort(([, a], [, b]) => ORDER[a.verdict] - ORDER[b.verdict])
    .map(([name, { kind, first, last, perHour, allowed, verdict }]) =>
      row([
        name,
        kind,
        short(first),
        short(last),
        short(perHour),
        allowed === null ? '-' : short(allowed),
        verdict,
      ]),
    );
  return [
    '',
    row(['resource', 'kind', 'first', 'last', 'per hour', 'allowed', 'verdict']),
    ...lines,
    '',
  ].join('\n');
}

/** The same as JSON. */
export function resourcesOf(judged: ReadonlyMap<string, Judgement>): Record<string, object> {
  const rounded = (value: number | null): number | null =>
    value === null || !Number.isFinite(value) ? null : Number(value.toPrecision(4));
  return Object.fromEntries(
    [...judged].map(([name, { kind, first, last, perHour, allowed, verdict }]) => [
      name,
      {
        kind,
        first: rounded(first),
        last: rounded(last),
        perHour: rounded(perHour),
        mayGrow: rounded(allowed),
        verdict,
      },
    ]),
  );
}

/** One line for each sample, one column for each resource. */
export function writeCsv(file: string, samples: readonly Sample[]): void {
  const names = namesOf(samples);
  const rows = samples.map(({ at, values }) => [at.toFixed(1), ...names.map((name) => values[name] ?? '')]);
  writeFileSync(file, stringify([['seconds', ...names], ...rows]));
}

function short(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return Math.abs(value) >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString();
}
